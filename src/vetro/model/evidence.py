"""Evidence: what supports trust in a model, as plain data with a JSON form.

It computes nothing: metrics.py, baselines.py and fit.py do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice
from vetro.networks.solvers import Regularisation
from vetro.training.history import EpochRecord
from vetro.training.recipe import Recipe


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% bootstrap interval over rows, or over groups if the fit had groups
    (low = high = value if not computed)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Coverage:
    """How often the intervals of a target held the truth, or its sets the class.

    level: of the intervals.  rows: measured.  covered: the share, with its 95% interval.  thirds:
    the share among the third of the rows with the smallest predictions, the middle and the largest
    (classes: by the probability of the most likely class); borders: between them.  width: the
    mean, in the target's unit (classes: the number of classes in a set).  classes: label -> the
    share among its rows.
    """

    level: float
    rows: int
    covered: Interval
    thirds: tuple[float, ...]
    borders: tuple[float, ...]
    width: float
    classes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Tried:
    """A recipe that a fit tried, and its error on held-out rows.

    error: the root mean square of the scaled targets' errors, or the log loss; NaN if unknown.
    """

    recipe: Recipe
    error: float


@dataclass(frozen=True)
class Evidence:
    """The measurements on rows that the predicting member never saw.

    task: "regression" or "classification". split: {"kind": "folds" or "holdout", "folds": k,
    "holdout": share, "held_out_rows": n, "training_rows": n, "grouped_by": column or ""}. metrics:
    name -> Interval over all held-out rows (regression: rmse, mae, r2, over all targets; the first
    target's figures alone when there is one; classification: accuracy, balanced_accuracy,
    log_loss, auc, f1). per_target: target -> the same for each, when there are several. baselines:
    name ("mean" or "majority", "linear", "boosted trees") -> metric -> figure on the same held-out
    rows. baselines_per_target: target -> the same, when there are several. comparisons: baseline
    -> metric -> the network's figure minus the baseline's, with the interval of a paired bootstrap
    on the same rows; comparisons_per_target: target -> the same. judged_by: the metric of the
    verdict: rmse, r2 (of several targets), accuracy, or balanced_accuracy with balanced class
    weights. training_metrics: the members on their own training rows. importance: input
    column -> rise of the main error (rmse or log loss) when its values are permuted among held-out
    rows, largest first. actual, predicted: held-out targets and their predictions, (n, outputs) for
    regression; (n,) class codes and (n, classes) probabilities for classification; at most 20,000
    rows are kept. fold: (n,) fold of each kept row. coverage: target -> of the intervals on the
    held-out rows, each around the answer of the members that never saw the row and from the errors
    of the other folds; its width is that of the model's own intervals. tried: the
    recipes that were compared, the chosen one first; () for a single one. optimism: how much larger
    the error is if each fold's recipe is chosen by the other folds, as a share of the error: what
    the choice alone makes look better. history: every epoch.
    notices: every W and I message. data: name, sha256, rows, columns of the source. median_row:
    (input columns,) as Encoder.raw gives a row: the median of each number, the most frequent level,
    flag or date; () if unknown. regularisation: of each member that estimated it (optimizer br).
    fingerprints: SHA-256 of each member's parameters as training left them; () if unknown.
    engine, engine_reason: which engine trained, and why. versions: of the packages.
    seconds: for each step of the fit.
    """

    task: str
    data: dict[str, Any]
    split: dict[str, Any]
    metrics: dict[str, Interval]
    per_target: dict[str, dict[str, Interval]]
    baselines: dict[str, dict[str, float]]
    training_metrics: dict[str, float]
    importance: dict[str, float]
    notices: tuple[Notice, ...]
    engine: str
    versions: dict[str, str]
    seconds: dict[str, float]
    created: str
    engine_reason: str = ""
    judged_by: str = ""
    baselines_per_target: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    comparisons: dict[str, dict[str, Interval]] = field(default_factory=dict)
    comparisons_per_target: dict[str, dict[str, dict[str, Interval]]] = field(default_factory=dict)
    coverage: dict[str, Coverage] = field(default_factory=dict)
    stopped: dict[str, int] = field(default_factory=dict)
    median_row: tuple[float, ...] = ()
    fingerprints: tuple[str, ...] = ()
    regularisation: tuple[Regularisation, ...] = ()
    actual: NDArray[Any] = field(default_factory=lambda: np.zeros((0, 1)))
    predicted: NDArray[Any] = field(default_factory=lambda: np.zeros((0, 1)))
    fold: NDArray[Any] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    tried: tuple[Tried, ...] = ()
    optimism: float = 0.0
    history: tuple[EpochRecord, ...] = ()

    @staticmethod
    def empty(task: str, engine: str, reason: str = "") -> Evidence:
        """Evidence before anything was measured."""
        return Evidence(
            task=task,
            data={},
            split={},
            metrics={},
            per_target={},
            baselines={},
            training_metrics={},
            importance={},
            notices=(),
            engine=engine,
            versions={},
            seconds={},
            created="",
            engine_reason=reason,
        )

    @property
    def main_metric(self) -> str:
        """The metric of the model's quality in short: r2, or for classes the verdict's metric."""
        return "r2" if self.task == "regression" else self.judged_by or "accuracy"
