"""The names of months and weekdays in 26 languages (date_names.toml).

Long and short names, in any letter case, with or without accents and a dot at the end.  No name
means different months in two of these languages.  Croatian is missing: some of its names are other
months in Polish and Czech (croatian).
"""

from __future__ import annotations

import tomllib
import unicodedata
from functools import cache
from importlib.resources import files

_COMMON = ("English", "German", "French", "Italian", "Spanish", "Portuguese")
_CROATIAN = {"listopad": 10, "listopada": 10, "lis": 10, "lip": 6, "srp": 7}
_LETTERS = str.maketrans("øłı", "oli")


@cache
def _languages() -> dict[str, dict[str, tuple[tuple[str, ...], ...]]]:
    """language -> "months" and "weekdays" -> the names of each, long ones first."""
    text = files("vetro.tables").joinpath("date_names.toml").read_text(encoding="utf-8")
    return {
        language: {
            kind: tuple(tuple(each.split()) for each in names.split(","))
            for kind, names in entry.items()
        }
        for language, entry in tomllib.loads(text).items()
    }


def english(kind: str, *, long: bool) -> tuple[str, ...]:
    """The names of "months" or "weekdays" as strptime knows them: September, or Sep."""
    names = (each[0].capitalize() for each in _languages()["English"][kind])
    return tuple(name if long else name[:3] for name in names)


def _folded(name: str) -> str:
    """Without letter case, accents and a dot at the end."""
    plain = unicodedata.normalize("NFD", name.rstrip(".").casefold().translate(_LETTERS))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


@cache
def _table(kind: str) -> dict[str, tuple[int, ...]]:
    """A folded name -> the places that it may have, from 0."""
    found: dict[str, tuple[int, ...]] = {}
    for entry in _languages().values():
        for place, names in enumerate(entry[kind]):
            for name in map(_folded, names):
                found[name] = tuple(sorted({*found.get(name, ()), place}))
    return found


@cache
def _sure() -> frozenset[str]:
    """The months of the common languages, and all long names."""
    common = {
        _folded(name)
        for language in _COMMON
        for names in _languages()[language]["months"]
        for name in names
    }
    return frozenset(common | {name for name in _table("months") if len(name) > 3})


def month_of(name: str, *, alone: bool = False) -> int | None:
    """The month, 1 to 12, of a name; None if it is not a month.

    alone: without a day beside it; then "pro" and "led" are words, not the Czech short names.
    """
    folded = _folded(name)
    places = _table("months").get(folded)
    return None if places is None or (alone and folded not in _sure()) else places[0] + 1


def croatian(name: str) -> str:
    """The Croatian month of a name that is another month in Polish or Czech; "" for others."""
    month = _CROATIAN.get(_folded(name))
    return "" if month is None else english("months", long=True)[month - 1]


def weekdays_of(name: str) -> tuple[int, ...]:
    """The weekdays, 0 for Monday, that a name may mean; () if it is not a weekday.

    Some short names mean two: "so" is a Sunday in German and a Saturday in Czech.
    """
    return _table("weekdays").get(_folded(name), ())
