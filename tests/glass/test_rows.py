"""Rows for the glass: read as predicting reads them, by the options that a caller names."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import vetro
from vetro.errors import UsageError, VetroError
from vetro.tables.options import ReadOptions

LOOKS: dict[str, Callable[..., Any]] = {
    "trace": vetro.trace,
    "formula": vetro.formula,
    "diagnose": vetro.diagnose,
    "verify": vetro.verify,
    "backprop": vetro.backprop,
    "contains": lambda model, row, **named: vetro.formula(model, {"a": 1.5, "b": 3}).contains(
        row, **named
    ),
}
every_look = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)


@cache
def model() -> vetro.Model:
    rows = range(40)
    table = {
        "a": [i * 37 % 101 / 10 for i in rows],
        "b": [i * 53 % 89 for i in rows],
        "y": [i * 41 % 97 for i in rows],
    }
    return vetro.fit(table, target="y", hidden=(3,), epochs=2, folds=2)


@every_look
def test_reading_options_are_given_by_name(look: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "row.csv"
    path.write_text("a;b;y\n1,250;?;50\n", encoding="utf-8")
    with pytest.raises(VetroError) as caught:
        look(model(), path)
    assert caught.value.code == "E106"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # W406: column "b" is empty
        look(model(), path, decimal=",", missing=("?",))
        look(model(), path, decimal=",", missing="?")
        look(model(), path, options=ReadOptions(missing=("?",)), decimal=",")


@every_look
def test_an_unknown_entry_is_named(look: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r'unknown entry "decimals".*Did you mean "decimal"'):
        look(model(), {"a": 1, "b": 2, "y": 3}, decimals=",")


@pytest.mark.parametrize("name", ["trace", "formula", "diagnose", "verify", "backprop"])
def test_a_module_reads_no_table(name: str) -> None:
    with pytest.raises(UsageError, match=r"decimal.*a module reads no table"):
        LOOKS[name](nn.Linear(2, 1), [[1.0, 2.0]], decimal=",")
