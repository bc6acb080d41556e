"""The options that several commands share, declared once: reading, roles and recipe.

Each option is parsed here into the value that ReadOptions, FitRequest or Recipe hold;
what is not given on the command line is left out, so that a recipe file can supply it.
The defaults stand in Recipe: "{name}" in a help text is filled in when it is shown.
"""

from __future__ import annotations

import csv
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from vetro.errors import Words, error
from vetro.settings import option_name

Given = dict[str, Any]  # field -> value, of what the command line gave


@dataclass(frozen=True)
class Choice:
    """One option: the field it fills, and how its text becomes the value.

    type: str, list[str] (repeatable) or bool (given or not).  parse: (option, raw) -> value.
    short: another way to write the option.  either: whether a switch may also be turned off.
    """

    field: str
    help: str
    parse: Callable[[str, Any], Any] = lambda option, raw: raw
    type: Any = str
    metavar: str = "TEXT"
    short: str = ""
    either: bool = False

    @property
    def option(self) -> str:
        """How it is written: the setting's name, but for a switch that turns one off."""
        return "--no-header" if self.field == "header" else option_name(self.field)


def number(option: str, raw: str) -> float:
    """A finite number; E601."""
    try:
        return float(raw)
    except ValueError:
        raise _refused(option, raw, "a number is needed") from None


def whole(option: str, raw: str) -> int:
    """A whole number; E601."""
    try:
        return int(raw)
    except ValueError:
        raise _refused(option, raw, "a whole number is needed") from None


SafeOption = Annotated[
    bool,
    typer.Option(
        "--spreadsheet-safe",
        help="In CSV, put an apostrophe before texts that a spreadsheet would run as a formula.",
    ),
]
ENGINES = ("auto", "native", "torch")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(option: str, raw: str) -> float:
    """Seconds of "30", "30s", "5m", "1.5h" or "1h30m"; E601."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh]?)", raw)
    if not parts or "".join(count + unit for count, unit in parts) != raw.strip():
        raise _refused(option, raw, "a time is needed", "Use for example 30s, 5m or 1h30m.")
    return sum(float(count) * _SECONDS[unit] for count, unit in parts)


def layers(option: str, raw: str) -> tuple[int, ...]:
    """Units of each hidden layer of "64,64"; "none" for a linear network; E601."""
    if raw.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(int(part) for part in raw.split(","))
    except ValueError:
        fix = "Use for example 64,64, or none for a linear network."
        raise _refused(option, raw, "whole numbers are needed", fix) from None


def names(option: str, raw: Sequence[str]) -> tuple[str, ...]:
    """Column names of one or more comma lists; quotes keep a comma: '"a,b",c'."""
    rows = (row for text in raw for row in csv.reader([text], skipinitialspace=True))
    return tuple(dict.fromkeys(name for row in rows for name in row if name))


def _engine(option: str, raw: str) -> str:
    """The name of an engine; E601."""
    if raw not in ENGINES:
        raise _refused(option, raw, "it is unknown", f"Use one of: {', '.join(ENGINES)}.")
    return raw


def _separator(option: str, raw: str) -> str:
    return {"\\t": "\t", "tab": "\t"}.get(raw, raw)


def _refused(option: str, raw: str, reason: str, fix: str | Words = "Correct it.") -> Exception:
    return error("E601", argument=option, value=raw, reason=reason, fix=fix)


def _columns(field: str, help: str) -> Choice:
    return Choice(field, help, names, list[str], "COL[,COL...]")


READING = (
    Choice("sep", "Separator of the fields (found if not given).", _separator),
    Choice("decimal", "Decimal mark: . or , (found if not given)."),
    Choice("thousands", "Separator of thousands (none if not given)."),
    Choice("encoding", "Encoding of the text, for example cp1252."),
    Choice("date_format", 'Form of dates, for example "%d/%m/%Y".'),
    Choice(
        "header",
        "The first line is data; columns are named c1, c2, ...",
        lambda option, raw: False,
        bool,
    ),
    Choice(
        "missing",
        "A further text that means missing; repeatable.",
        lambda option, raw: tuple(raw),
        list[str],
    ),
    Choice(
        "bad_rows",
        "Rows with a wrong number of fields: refuse or skip.",
        metavar="refuse|skip",
    ),
    Choice(
        "skip_rows",
        "Lines at the top to leave out; the header is below (titles are found if not given).",
        whole,
        metavar="N",
    ),
    Choice("comment", "Leave out lines that begin with this text, for example #."),
    Choice(
        "units_row",
        "Whether the line below the header holds units (found if not given).",
        type=bool,
        either=True,
    ),
    Choice(
        "skip_footer",
        "Lines at the end to leave out, blank ones not counted (found if not given).",
        whole,
        metavar="N",
    ),
    _columns("number", "Read these columns as numbers."),
    _columns("category", "Read these columns as categories."),
    _columns("date", "Read these columns as dates."),
    _columns("flag", "Read these columns as flags (two values)."),
    Choice("query", "SQL to run; a file is the view data.", metavar="SQL"),
    Choice("sheet", "Sheet of a spreadsheet (the first if not given)."),
)

ROLES = (
    _columns("targets", "What to predict: one column or several."),
    _columns(
        "inputs",
        "Predict from these columns only; naming only an identifier keeps it beside the others.",
    ),
    _columns("drop", "Leave these columns out."),
    Choice("weight", "Column with the weight of each row.", metavar="COL"),
    Choice("group", "Rows with the same value stay together.", metavar="COL"),
    Choice(
        "drop_missing_target",
        "Leave out rows whose target is empty.",
        lambda option, raw: True,
        bool,
    ),
)

RECIPE = (
    Choice("hidden", "Units of the hidden layers [{hidden}].", layers, metavar="N,N..."),
    Choice(
        "activation",
        "Between layers [{activation}].",
        metavar="relu|tanh|gelu|silu|leaky_relu|sigmoid|identity",
    ),
    Choice(
        "loss",
        "What training minimises [{loss}].",
        metavar="auto|mse|l1|smooth_l1|huber|cross_entropy|bce",
    ),
    Choice("optimizer", "How it steps [{optimizer}].", metavar="sgd|adam|adamw|rmsprop"),
    Choice(
        "learning_rate",
        "Learning rate at its highest [{learning_rate}].",
        number,
        metavar="X",
        short="--lr",
    ),
    Choice("momentum", "Momentum of sgd and rmsprop [{momentum}].", number, metavar="X"),
    Choice(
        "schedule",
        "How the learning rate moves [{schedule}].",
        metavar="constant|cosine|one_cycle|step|exponential|plateau",
    ),
    Choice(
        "batch_size", "Batch size; 0: chosen from the table [{batch_size}].", whole, metavar="N"
    ),
    Choice("epochs", "Epochs at most [{epochs}].", whole, metavar="N"),
    Choice(
        "patience",
        "Epochs without improvement before stopping; 0 for never [{patience}].",
        whole,
        metavar="N",
    ),
    Choice(
        "weight_decay",
        "Weight decay [{weight_decay}].",
        number,
        metavar="X",
    ),
    Choice("dropout", "Share of hidden values dropped [{dropout}].", number, metavar="X"),
    Choice("clip_norm", "Largest gradient norm; 0 for none [{clip_norm}].", number, metavar="X"),
    Choice("seed", "Seed of every random choice [{seed}].", whole, metavar="N"),
    Choice(
        "time",
        "Time for the whole fit, as 30s, 5m, 1h [no limit].",
        duration,
        metavar="TIME",
    ),
    Choice("members", "Networks for each fold [{members}].", whole, metavar="N"),
    Choice("folds", "Folds [5; above 100,000 rows a held-out tenth].", whole, metavar="N"),
    Choice("holdout", "Hold out this share instead of folds.", number, metavar="X"),
    Choice(
        "class_weight",
        "Weight of classes [{class_weight}].",
        metavar="none|balanced",
    ),
    Choice("device", "Where to compute [{device}].", metavar="auto|cpu|cuda"),
    Choice("engine", "What trains [auto].", _engine, metavar="auto|native|torch"),
)

PANELS = {"roles": "Columns", "recipe": "Training", "reading": "Reading"}


def taking(**groups: tuple[Choice, ...]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add groups of options to a command.

    The command gets, under each group's name, a dict of the fields that were given.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [entry for name, entry in signature.parameters.items() if name not in groups]
        added = [
            _parameter(choice, PANELS.get(group, ""))
            for group, choices in groups.items()
            for choice in choices
        ]

        @functools.wraps(command)
        def wrapped(**values: Any) -> None:
            for group, choices in groups.items():
                values[group] = _given(choices, values)
            command(**values)

        wrapped.__dict__["__signature__"] = signature.replace(
            parameters=sorted([*own, *added], key=lambda entry: entry.kind)
        )
        wrapped.__annotations__ = {entry.name: entry.annotation for entry in [*own, *added]}
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


def _given(choices: tuple[Choice, ...], values: dict[str, Any]) -> Given:
    found = {}
    for choice in choices:
        raw = values.pop(f"option_{choice.field}")
        if choice.either and raw is not None:
            found[choice.field] = raw
        elif raw is not None and raw is not False and raw != []:
            found[choice.field] = choice.parse(choice.option, raw)
    return found


def recipe_defaults() -> dict[str, str]:
    """field -> default of Recipe, as --help shows it."""
    from vetro.training.recipe import Recipe

    return {name: value_text(value) for name, value in Recipe().to_json().items()}


def value_text(value: Any) -> str:
    """An entry of a recipe for people: 64,64 for a list, 0 for 0.0, none for nothing."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"
