"""The recipe file: a FitRequest and its source as TOML, read and written.

    [table]   source, targets, inputs, drop, weight, group, and how the table is read
    [recipe]  the entries of Recipe, and engine
    [output]  spreadsheet_safe

Every entry may be left out.  A file written from a request gives an equal one when read
back; a password in the source's address is not written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from vetro.addresses import kept
from vetro.atomic import write_whole
from vetro.entries import float_of
from vetro.errors import Setting, UsageError, Words, error, nearest
from vetro.model.request import READING, ROLES, FitRequest
from vetro.settings import option_name
from vetro.training.recipe import Recipe

SECTIONS = {
    "table": ("source", *ROLES, *READING),
    "recipe": (*(entry.name for entry in fields(Recipe)), "engine"),
    "output": ("spreadsheet_safe",),
}


@dataclass(frozen=True)
class RecipeFile:
    """The content of a recipe file: a source, or "", and the request (targets may be empty).

    spreadsheet_safe: how held-out.csv is written.
    """

    source: str = field(default="", repr=False)  # it may hold a password
    request: FitRequest = field(default_factory=lambda: FitRequest(targets=()))
    spreadsheet_safe: bool = False


def read_recipe(path: Path) -> RecipeFile:
    """The file's content; E507 no such file, E603 not TOML, E602 and E601 for wrong entries."""
    name = str(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"), parse_float=float_of)
    except FileNotFoundError:
        raise error("E507", path=name, hint="Check --recipe.") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise error("E508", path=name, reason=_reason(fault), fix="Check --recipe.") from None
    except tomllib.TOMLDecodeError as fault:
        raise _not_toml(name, str(fault), path) from None
    except ValueError:  # int() of Python refuses more than 4300 digits
        raise _not_toml(name, "a number has too many digits", path, r"\d[\d_]{4300}") from None
    except OverflowError as fault:
        reason = "a number is too large for 64 bits"
        raise _not_toml(name, reason, path, re.escape(str(fault))) from None
    except RecursionError:
        raise _not_toml(name, "its values are nested too deeply", path) from None
    _known(name, data, tuple(SECTIONS))
    for section, entries in data.items():
        if not isinstance(entries, dict):
            raise _refused(name, section, entries, f"a section is needed, as [{section}]")
    table = dict(data.get("table", {}))
    for section, known in SECTIONS.items():
        _known(f"{name} [{section}]", data.get(section, {}), known)
    source = table.pop("source", "")
    if not isinstance(source, str):
        raise _refused(name, "[table] source", source, "a text is needed")
    output = data.get("output", {})
    safe = output.get("spreadsheet_safe", False)
    if not isinstance(safe, bool):
        raise _refused(name, "[output] spreadsheet_safe", safe, "true or false is needed")
    with _in_file(f"{name} [recipe]"):
        request = FitRequest(()).with_settings(data.get("recipe", {}))
    with _in_file(f"{name} [table]"):
        request = request.with_settings(table)
    return RecipeFile(source, request, safe)


def write_recipe(
    path: Path, source: str, request: FitRequest, *, spreadsheet_safe: bool = False
) -> None:
    """Write a recipe file; entries of [table] and [output] that hold their default are left out."""
    import tomli_w

    table: dict[str, Any] = {"source": kept(source)} if source else {}
    entries, usual = request.entries, FitRequest(()).entries
    changed = {name: value for name, value in entries.items() if value != usual[name]}
    table |= {name: changed[name] for name in (*ROLES, *READING) if name in changed}
    recipe = request.recipe.to_json()
    if request.engine != "auto":
        recipe["engine"] = request.engine
    output = {"output": {"spreadsheet_safe": True}} if spreadsheet_safe else {}
    text = _compact(tomli_w.dumps({"table": table, "recipe": recipe, **output}))
    write_whole(path, text.encode(), "the recipe")


LINE = 100


def _compact(text: str) -> str:
    """Put arrays on one line if they fit; the texts of this TOML hold no line breaks."""

    def joined(found: re.Match[str]) -> str:
        items = [item[4:].removesuffix(",") for item in found[2][:-1].split("\n")]
        line = f"{found[1]}[{', '.join(items)}]"
        return line if len(line) <= LINE else found[0]

    return re.sub(r"^(\w+ = )\[\n((?: {4}.*\n)+)\]$", joined, text, flags=re.MULTILINE)


def merged(base: FitRequest, given: Mapping[str, Any]) -> FitRequest:
    """The request of the file, overridden by the options of the command line."""
    other: dict[str, float] = {}  # of folds and holdout, the one that the given one replaces
    if given.get("holdout", 0) > 0:
        other = {"folds": 0}
    elif given.get("folds", 0) > 0:
        other = {"holdout": 0.0}
    return base.with_settings({**other, **given})


@contextmanager
def _in_file(section: str) -> Iterator[None]:
    """Within this context, the E601 of an entry names the file and its section."""
    try:
        yield
    except UsageError as fault:
        argument = fault.values.get("argument")
        if not isinstance(argument, Setting):
            raise
        values = {**fault.values, "argument": f"{section} {argument.name}"}
        raise error(fault.code, **values) from None


def _known(source: str, entries: dict[str, Any], known: tuple[str, ...]) -> None:
    for entry in entries:
        if entry not in known:
            hint = _home(entry) or nearest(entry, known)
            raise error("E602", source=source, name=entry, hint=hint, entries=", ".join(known))


def _home(entry: str) -> str:
    """The section that an entry, or the option of its name, belongs to; "" if there is none."""
    for section, known in SECTIONS.items():
        for own in known:
            if entry.replace("-", "_") == own or option_name(entry) == option_name(own):
                return f"Write it as {own} in [{section}]. "
    return ""


def _refused(
    name: str, entry: str, value: Any, reason: str, fix: str | Words = "Correct it."
) -> Exception:
    return error("E601", argument=f"{name} {entry}", value=value, reason=reason, fix=fix)


def _reason(fault: OSError | UnicodeDecodeError) -> str:
    return (fault.strerror or str(fault)) if isinstance(fault, OSError) else "it is not UTF-8 text"


def _not_toml(name: str, reason: str, path: Path, pattern: str = r"\Z") -> Exception:
    """E603; the parser's text ends with "(at line 3, column 5)" or "(at end of document)".

    If it does not, the line is that of the first match of the pattern.
    """
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", reason)
    if place and place[1]:
        line = int(place[1])
    else:
        content = path.read_text(encoding="utf-8-sig")
        found = re.search(pattern, content)
        line = content.count("\n", 0, found.start() if found else None) + 1
    text = reason[: place.start()] if place else reason
    return error("E603", source=name, line=line, reason=text[:1].lower() + text[1:])
