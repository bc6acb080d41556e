"""Options: texts of the command line become the values of requests and recipes."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import get_args

import pytest
from told import told

from vetro.apps.options import (
    HELP,
    READING,
    RECIPE,
    ROLES,
    duration,
    layers,
    names,
    number,
    value_text,
    whole,
)
from vetro.engines.names import EngineName
from vetro.errors import UsageError, shown
from vetro.model.request import FitRequest
from vetro.tables.options import ReadOptions
from vetro.training import recipe as recipes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("0.5m", 30)],
)
def test_time(text: str, seconds: float) -> None:
    assert duration("--time", text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-3", "3x", "3 4", "1h 2", "nan", "1e3"])
def test_time_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="a time is needed") as refused:
        duration("--time", text)
    assert refused.value.code == "E601"


@pytest.mark.parametrize(
    ("text", "hidden"), [("64,64", (64, 64)), ("8", (8,)), ("none", ()), ("3, 4", (3, 4))]
)
def test_layers(text: str, hidden: tuple[int, ...]) -> None:
    assert layers("--hidden", text) == hidden


@pytest.mark.parametrize("text", ["8,", "a", "8;8", "8.5"])
def test_layers_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--hidden"):
        layers("--hidden", text)


LONG = "7" * 5000


@pytest.mark.parametrize("text", [LONG, "1e999", f"-{LONG}.5"])
def test_numbers_that_no_float_holds_are_shown_as_typed(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        number("--learning-rate", text)
    assert told(refused.value) == (
        f'E601 --learning-rate "{shown(text)}" is not valid: it is too large for a 64-bit number. '
        "Correct it."
    )


@pytest.mark.parametrize("text", [LONG, LONG + "m", "7" * 307 + "h"])
def test_times_that_no_float_holds_are_shown_as_typed(text: str) -> None:
    with pytest.raises(UsageError, match=r'--time "7{39}…" is not valid: it is too large'):
        duration("--time", text)


def test_infinity_is_what_was_typed() -> None:
    assert number("--learning-rate", "-inf") == -math.inf


@pytest.mark.parametrize("parse", [whole, layers])
def test_whole_numbers_with_too_many_digits(parse) -> None:
    with pytest.raises(UsageError, match=r"7{39}…. is not valid: a number has too many digits"):
        parse("--hidden", LONG)


@pytest.mark.parametrize(
    ("texts", "columns"),
    [
        (["a,b", "c"], ("a", "b", "c")),
        (["a, b"], ("a", "b")),
        (['"a,b",c'], ("a,b", "c")),
        (["a", "a"], ("a",)),
        (["length of stay"], ("length of stay",)),
        (['"open', "b"], ("open", "b")),
    ],
)
def test_columns(texts: list[str], columns: tuple[str, ...]) -> None:
    assert names("--drop", texts) == columns


def test_every_entry_has_an_option_and_every_option_an_entry() -> None:
    assert {choice.field for choice in RECIPE} == {"engine"} | {
        entry.name for entry in fields(recipes.Recipe)
    }
    assert {choice.field for choice in READING} | {"keep"} == {
        entry.name for entry in fields(ReadOptions)
    }
    assert {choice.field for choice in ROLES} | {"options", "recipe", "engine"} == {
        entry.name for entry in fields(FitRequest)
    }


def test_help_names_every_choice() -> None:
    shown = {choice.field: choice.metavar.split("|") for choice in RECIPE}
    for field, allowed in {
        "engine": get_args(EngineName),
        "activation": get_args(recipes.Activation)[:1]
        and ["auto", *get_args(recipes.ActivationName)],
        "loss": get_args(recipes.Loss),
        "optimizer": ("auto", *get_args(recipes.UpdateKind), *recipes.SOLVERS),
        "schedule": get_args(recipes.Schedule),
        "class_weight": get_args(recipes.ClassWeight),
        "device": get_args(recipes.Device),
    }.items():
        assert shown[field] == list(allowed)


def test_help_shows_the_defaults(vetro) -> None:
    ended = vetro("fit", "--help")
    text = " ".join(ended.out.split())
    assert ended.status == 0
    assert "{" not in text
    assert "Units of the hidden layers [auto]." in text
    assert "Batch size; 0: chosen from the table [0]." in text
    for entry in fields(recipes.Recipe):
        if "[{}]" in HELP[entry.name]:
            usual = "auto" if entry.name in recipes.AUTO else value_text(entry.default)
            assert f"{HELP[entry.name].format(usual)}" in text, entry.name
    without = {entry.name for entry in fields(recipes.Recipe) if "{}" not in HELP[entry.name]}
    assert without == {"time", "folds", "holdout"}  # their help says what the default means
