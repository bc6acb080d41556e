"""The options that several commands share, declared once: reading, roles and recipe.

Each option is parsed here into the value that ReadOptions, FitRequest or Recipe hold.
Options not given on the command line are left out, so that a recipe file can supply them.
"""

from __future__ import annotations

import csv
import functools
import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

from vetro.entries import TOO_LARGE, float_of
from vetro.errors import Words, error
from vetro.model.request import FitRequest
from vetro.settings import option_name
from vetro.tables.options import ReadOptions
from vetro.training.recipe import AUTO, Recipe

Given = dict[str, Any]  # field -> value, for the options given on the command line


@dataclass(frozen=True)
class Choice:
    """One option: the field it fills, and how its text becomes the value.

    type: str, list[str] (repeatable) or bool (given or not).  parse: (option, raw) -> value.
    short: another way to write the option.  either: whether a switch may also be turned off.
    empty: whether an empty text is a value.
    """

    field: str
    help: str
    parse: Callable[[str, Any], Any] = lambda option, raw: raw
    type: Any = str
    metavar: str = "TEXT"
    short: str = ""
    either: bool = False
    empty: bool = False

    @property
    def option(self) -> str:
        """Its name on the command line: the setting's, except for a switch that turns it off."""
        return "--no-header" if self.field == "header" else option_name(self.field)


def valued(
    name: str,
    metavar: str,
    help: str,
    parse: Callable[[str, Any], Any] | None = None,
    *,
    short: str = "",
) -> Any:
    """The option of one command that takes a value; its help says what holds without it."""

    def parsed(raw: Any) -> Any:  # a default is a value already
        return parse(name, raw) if parse and isinstance(raw, str) else raw

    return typer.Option(
        *filter(None, (short, name)),
        metavar=metavar,
        show_default=False,
        help=help,
        parser=parsed if parse else None,
    )


def number(option: str, raw: str) -> float:
    """A number; E601."""
    try:
        return float_of(raw)
    except ValueError:
        raise refused(option, raw, "a number is needed") from None
    except OverflowError:
        raise refused(option, raw, TOO_LARGE) from None


def whole(option: str, raw: str) -> int:
    """A whole number; E601."""
    try:
        return int(raw)
    except ValueError:
        reason = TOO_LONG if _MANY_DIGITS.search(raw) else "a whole number is needed"
        raise refused(option, raw, reason) from None


def at_least_one(option: str, raw: str) -> int:
    """A whole number of at least 1; E601."""
    count = whole(option, raw)
    if count < 1:
        raise refused(option, raw, "at least 1 is needed")
    return count


def one_of(known: Sequence[str]) -> Callable[[str, str], str]:
    """The parser of an option with these values; E601."""

    def parse(option: str, raw: str) -> str:
        if raw not in known:
            raise refused(option, raw, "it is unknown", f"Use one of: {', '.join(known)}.")
        return raw

    return parse


TOO_LONG = "a number has too many digits"
_MANY_DIGITS = re.compile(r"\d{4301}")  # int() of Python refuses them


ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model.safetensors, or the folder of a run.")
]


def _unknown(usual: str) -> Any:
    help = "Texts not seen in training: ignore reads them as an unknown level, and warns; or refuse"
    return valued("--unknown", "ignore|refuse", f"{help} [{usual}].", one_of(("ignore", "refuse")))


UnknownOption = Annotated[Any, _unknown("ignore")]
UnknownInRowOption = Annotated[Any, _unknown("refuse")]
"""The same for a command that looks at one row: there a new text is rather a mistake of writing."""
MemberOption = Annotated[
    int | None,
    valued(
        "--member",
        "N",
        "Member to show, counted from 1 [the one whose answer is nearest to the mean].",
        whole,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
CompleteJsonOption = Annotated[
    bool, typer.Option("--json", help="Print one complete JSON object instead.")
]
SafeOption = Annotated[
    bool,
    typer.Option(
        "--spreadsheet-safe",
        help="In CSV, put an apostrophe before texts that a spreadsheet would run as a formula.",
    ),
]
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(option: str, raw: str) -> float:
    """Seconds of "30", "30s", "5m", "1.5h" or "1h30m"; E601."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh]?)", raw)
    if not parts or "".join(count + unit for count, unit in parts) != raw.strip():
        raise refused(option, raw, "a time is needed", "Use for example 30s, 5m or 1h30m.")
    seconds = sum(float(count) * _SECONDS[unit] for count, unit in parts)
    if math.isinf(seconds):
        raise refused(option, raw, TOO_LARGE)
    return seconds


def layers(option: str, raw: str) -> tuple[int, ...]:
    """Units of each hidden layer of "64,64"; "none" for a linear network; E601."""
    if raw.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(int(part) for part in raw.split(","))
    except ValueError:
        fix = "Use for example 64,64, or none for a linear network."
        reason = TOO_LONG if _MANY_DIGITS.search(raw) else "whole numbers are needed"
        raise refused(option, raw, reason, fix) from None


def names(option: str, raw: Sequence[str]) -> tuple[str, ...]:
    """Column names from one or more comma-separated lists; quotes protect a comma: '"a,b",c'."""
    rows = (row for text in raw for row in csv.reader([text], skipinitialspace=True))
    return tuple(dict.fromkeys(name for row in rows for name in row if name))


def _separator(option: str, raw: str) -> str:
    return {"\\t": "\t", "tab": "\t"}.get(raw, raw)


def refused(option: str, raw: str, reason: str, fix: str | Words = "Correct it.") -> Exception:
    """The E601 of a text that is not valid for an option, to be raised."""
    return error("E601", argument=option, value=raw, reason=reason, fix=fix)


def value_text(value: Any) -> str:
    """An entry of a recipe for people: 64,64 for a list, 0 for 0.0, none for nothing."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


HELP = {
    "targets": "Column or columns to predict.",
    "inputs": "Predict from these columns only. Naming only columns that would be ignored adds "
    "them to the others.",
    "drop": "Leave these columns out.",
    "weight": "Column with the weight of each row.",
    "group": "Rows with the same value stay in the same fold.",
    "drop_missing_target": "Leave out rows whose target is empty.",
    "ordered": "The order of a column's texts, the lowest first; repeatable.",
    "unordered": "Read these columns' texts without an order, whatever their words.",
    "engine": "Engine that trains [{}].",
    # how the source is read
    "sep": "Field separator (detected if not given).",
    "decimal": "Decimal mark: . or , (detected if not given).",
    "thousands": "Thousands separator (none if not given).",
    "encoding": "Text encoding, for example cp1252.",
    "date_format": 'Format of dates, for example "%d/%m/%Y".',
    "header": "The first line is data; columns are named c1, c2, ...",
    "missing": "Another text that means missing; repeatable.",
    "bad_rows": "Rows with a wrong number of fields: refuse or skip.",
    "skip_rows": "Lines to skip at the top; the header follows (titles are detected if not given).",
    "comment": "Skip lines that begin with this text, for example #.",
    "units_row": "Whether the line below the header holds units (detected if not given).",
    "skip_footer": "Lines to skip at the end, not counting blank ones (detected if not given).",
    "number": "Read these columns as numbers.",
    "category": "Read these columns as categories.",
    "date": "Read these columns as dates.",
    "flag": "Read these columns as flags (two values).",
    "query": "SQL query to run; in it, a file is the view data.",
    "sheet": "Sheet of a workbook (the first if not given).",
    # how the networks are trained
    "numbers": "How numbers enter the network: piecewise adds the shares of quantile bins [{}].",
    "effort": "How many recipes are tried: quick, one; normal, some; best, more [{}].",
    "bins": "Quantile bins of each number, with piecewise [{}].",
    "hidden": "Units of the hidden layers [{}].",
    "activation": "Activation between layers [{}].",
    "loss": "Loss to minimise [{}].",
    "optimizer": "Optimizer [{}].",
    "learning_rate": "Highest learning rate of the schedule [{}].",
    "momentum": "Momentum of sgd and rmsprop [{}].",
    "schedule": "How the learning rate changes [{}].",
    "batch_size": "Batch size; 0: chosen from the table [{}].",
    "epochs": "Largest number of epochs [{}].",
    "patience": "Stop after this many epochs without improvement; 0: never [{}].",
    "weight_decay": "Weight decay [{}].",
    "dropout": "Share of hidden values dropped during training [{}].",
    "clip_norm": "Largest gradient norm; 0: no limit [{}].",
    "seed": "Seed of every random choice [{}].",
    "time": "Time limit for the whole fit, such as 30s, 5m or 1h [no limit].",
    "members": "Number of networks per fold [{}].",
    "folds": "Number of folds [5; above 100,000 rows, one held-out tenth].",
    "holdout": "Hold out this share of the rows, without folds.",
    "validation": "Share of a network's rows that choose its best epoch; 0: the last one [{}].",
    "class_weight": "Class weights [{}].",
    "device": "Device to compute on [{}].",
}
"""The help of every entry of FitRequest, Recipe and ReadOptions that has an option; {} is its
default.  The rest of an option follows from the entry's declared type."""

_OF_TYPE: dict[Any, dict[str, Any]] = {
    int: {"parse": whole, "metavar": "N"},
    int | None: {"parse": whole, "metavar": "N"},
    float: {"parse": number, "metavar": "X"},
    tuple[int, ...]: {"parse": layers, "metavar": "N,N...", "empty": True},
    tuple[str, ...]: {"parse": names, "type": list[str], "metavar": "COL[,COL...]"},
    bool | None: {"type": bool, "either": True},
}
_OF_ENTRY: dict[str, dict[str, Any]] = {
    "sep": {"parse": _separator},
    "missing": {"parse": lambda option, raw: tuple(raw), "metavar": "TEXT"},
    "ordered": {"parse": lambda option, raw: tuple(raw), "metavar": "COL=a<b<c"},
    "weight": {"metavar": "COL"},
    "group": {"metavar": "COL"},
    "query": {"metavar": "SQL"},
    "learning_rate": {"short": "--lr"},
    "time": {"parse": duration, "metavar": "TIME"},
}
"""The entries whose options differ from those of their type."""


def _choices(record: type) -> tuple[Choice, ...]:
    """The options of a record's entries, in its order."""
    kinds = get_type_hints(record)
    return tuple(
        Choice(
            entry.name,
            HELP[entry.name].format("auto" if entry.name in AUTO else value_text(entry.default)),
            **_or_auto(
                entry.name,
                _of_type(kinds[entry.name], entry.default) | _OF_ENTRY.get(entry.name, {}),
            ),
        )
        for entry in fields(record)
        if entry.name in HELP
    )


def _or_auto(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The text "auto" leaves an entry to the table."""
    parse = options.get("parse")
    if name not in AUTO or parse is None:
        return options
    return {**options, "parse": lambda option, raw: raw if raw == "auto" else parse(option, raw)}


def _of_type(kind: Any, default: Any) -> dict[str, Any]:
    if kind is bool:
        return {"type": bool, "parse": lambda option, raw: not default}
    if get_origin(kind) is Literal:
        return {"metavar": "|".join(get_args(kind))}
    return _OF_TYPE.get(kind, {})


READING = _choices(ReadOptions)
*ROLES, _ENGINE = _choices(FitRequest)
RECIPE = (*_choices(Recipe), _ENGINE)
PANELS = {"roles": "Columns", "recipe": "Training", "reading": "Reading"}


def taking(**groups: Sequence[Choice]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add groups of options to a command, each in the place of its parameter.

    The command gets, under each group's name, a dict of the fields that were given.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for name, entry in signature.parameters.items():
            panel = PANELS.get(name, "")
            added = [_parameter(choice, panel) for choice in groups.get(name, ())]
            parameters += added or [entry]

        @functools.wraps(command)
        def wrapped(**values: Any) -> None:
            for group, choices in groups.items():
                values[group] = _given(choices, values)
            command(**values)

        wrapped.__dict__["__signature__"] = signature.replace(parameters=parameters)
        wrapped.__annotations__ = {entry.name: entry.annotation for entry in parameters}
        return wrapped

    return decorate


def _parameter(choice: Choice, panel: str) -> inspect.Parameter:
    metavar = None if choice.type is bool else choice.metavar
    written = choice.option
    if choice.either:
        written += "/--no-" + written.removeprefix("--")
    option = typer.Option(
        *filter(None, (written, choice.short)),
        help=choice.help,
        metavar=metavar,
        rich_help_panel=panel,
        show_default=False,
    )
    return inspect.Parameter(
        f"option_{choice.field}",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[choice.type | None, option],
    )


def _given(choices: Sequence[Choice], values: dict[str, Any]) -> Given:
    found = {}
    for choice in choices:
        raw = values.pop(f"option_{choice.field}")
        if choice.either and raw is not None:
            found[choice.field] = raw
        elif raw == "" and not choice.empty:
            raise refused(choice.option, raw, "it is empty", "Leave it out.")
        elif raw is not None and raw is not False and raw != []:
            found[choice.field] = choice.parse(choice.option, raw)
    return found
