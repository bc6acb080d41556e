"""The names of months and weekdays in English, French, German, Italian and Spanish.

Long and short names, in any letter case, with or without accents and a dot at the end.  No name
means different months, or different weekdays, in two of these languages.
"""

from __future__ import annotations

import unicodedata

_MONTHS = (
    "january jan januar jänner jän janvier janv gennaio gen enero ene",
    "february feb februar febr février févr fév febbraio febb febrero",
    "march mar märz mär mrz mars marzo",
    "april apr avril avr aprile abril abr",
    "may mai maggio mag mayo",
    "june jun juni juin giugno giu junio",
    "july jul juli juillet juil luglio lug julio",
    "august aug août agosto ago",
    "september sep sept septembre settembre set sett septiembre setiembre",
    "october oct oktober okt octobre ottobre ott octubre",
    "november nov novembre noviembre",
    "december dec dezember dez décembre déc dicembre dic diciembre",
)
_WEEKDAYS = (
    "monday mon montag mo lundi lun lunedì lunes",
    "tuesday tue tues dienstag di mardi mar martedì martes",
    "wednesday wed mittwoch mi mercredi mer mercoledì miércoles mié",
    "thursday thu thur thurs donnerstag do jeudi jeu giovedì gio jueves jue",
    "friday fri freitag fr vendredi ven venerdì viernes vie",
    "saturday sat samstag sonnabend sa samedi sam sabato sab sábado",
    "sunday sun sonntag so dimanche dim domenica dom domingo",
)
MONTHS_LONG = tuple(names.split()[0].capitalize() for names in _MONTHS)
MONTHS_SHORT = tuple(name[:3] for name in MONTHS_LONG)
WEEKDAYS_LONG = tuple(names.split()[0].capitalize() for names in _WEEKDAYS)
WEEKDAYS_SHORT = tuple(name[:3] for name in WEEKDAYS_LONG)


def _folded(name: str) -> str:
    """Without letter case, accents and a dot at the end."""
    plain = unicodedata.normalize("NFD", name.rstrip(".").casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _table(names: tuple[str, ...]) -> dict[str, int]:
    return {_folded(name): place for place, each in enumerate(names) for name in each.split()}


# "Maerz" and "Jaenner": how German is written without umlauts.
_MONTH = {**_table(_MONTHS), "maerz": 2, "jaenner": 0}
_WEEKDAY = _table(_WEEKDAYS)


def month_of(name: str) -> int | None:
    """The month, 1 to 12, of a name; None if it is not a month."""
    place = _MONTH.get(_folded(name))
    return None if place is None else place + 1


def weekday_of(name: str) -> int | None:
    """The weekday, 0 for Monday, of a name; None if it is not a weekday."""
    return _WEEKDAY.get(_folded(name))
