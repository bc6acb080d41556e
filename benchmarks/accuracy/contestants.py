"""The contestants by name: each fits a table's rows to fit and answers its rows to test.

A contestant is a function of a Split, its settings and a seed.  Its defaults are used unless the
settings say otherwise.  Its library is imported in its own processes only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from benchmarks.accuracy.scores import Answers
from benchmarks.accuracy.tables import Split

Fit = Callable[[Split, Mapping[str, Any], int], Answers]


@dataclass(frozen=True)
class Contestant:
    """label: in tables.  place: "module.function" of this folder.
    libraries: whose versions are kept with the results.  settings: other than its defaults."""

    label: str
    place: str
    libraries: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module's full name; importing it imports the contestant's library."""
        return f"{__package__}.{self.place.split('.')[0]}"

    @property
    def fit(self) -> Fit:
        """The function, imported."""
        function: Fit = getattr(import_module(self.module), self.place.split(".")[1])
        return function


_SKLEARN = ("scikit-learn",)

CONTESTANTS = {
    "vetro": Contestant("Vetro", "with_vetro.fit", ("vetro",)),
    "vetro-quick": Contestant(
        "Vetro, effort quick", "with_vetro.fit", ("vetro",), {"effort": "quick"}
    ),
    "vetro-best": Contestant(
        "Vetro, effort best", "with_vetro.fit", ("vetro",), {"effort": "best"}
    ),
    "linear": Contestant("linear model", "with_scikit_learn.linear", _SKLEARN),
    "mlp": Contestant("scikit-learn MLP", "with_scikit_learn.network", _SKLEARN),
    "trees": Contestant("HistGradientBoosting", "with_scikit_learn.trees", _SKLEARN),
    "lightgbm": Contestant("LightGBM", "with_boosting.lightgbm", ("lightgbm",)),
    "catboost": Contestant("CatBoost", "with_boosting.catboost", ("catboost",)),
    "realmlp": Contestant("RealMLP-TD", "with_pytabkit.realmlp", ("pytabkit", "torch")),
    "tabm": Contestant("TabM-D", "with_pytabkit.tabm", ("pytabkit", "torch")),
}
OURS = "vetro"
"""Vetro with its defaults; the names of its other settings begin with it."""
REFERENCE = "trees"
"""Errors are divided by those of this contestant."""
