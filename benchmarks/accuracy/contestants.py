"""The contestants by name: each fits a table's rows to fit and answers its rows to test.

A contestant is a function of a Split, its settings and a seed.  Its defaults are used unless the
settings say otherwise.  Its library is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from benchmarks.accuracy.scores import Answers
from benchmarks.accuracy.tables import Split

Fit = Callable[[Split, Mapping[str, Any], int], Answers]


@dataclass(frozen=True)
class Contestant:
    """label: in tables.  module: of benchmarks.accuracy; it has a function `fit`.
    libraries: whose versions are kept with the results."""

    label: str
    module: str
    libraries: tuple[str, ...]

    def fit(self, split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
        fit: Fit = import_module(f"benchmarks.accuracy.{self.module}").fit
        return fit(split, settings, seed)


REFERENCE = "trees"
"""Errors are divided by those of this contestant."""

CONTESTANTS = {
    "vetro": Contestant("Vetro", "with_vetro", ("vetro",)),
    REFERENCE: Contestant("HistGradientBoosting", "with_trees", ("scikit-learn",)),
}
