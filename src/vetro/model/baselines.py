"""Baselines: what the mean, a linear model and boosted trees reach on the same rows.

They are scikit-learn's, with its defaults.  They are trained and measured on exactly the rows on
which the network's members are trained and measured.  They are not tuned: a network must beat them
to be useful.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.tables.encoder import Encoder
from vetro.tables.table import Table
from vetro.training.plan import balanced_weights

Floats = NDArray[np.float64]

# scikit-learn's histogram trees take at most this many levels as categories
_MOST_LEVELS = 255
# a baseline trained on this many rows is as good as one on more, and takes seconds
_MOST_ROWS = 200_000
# trees of all classes together; with more, a fit would take minutes
_MOST_TREES = 2_000
_ITERATIONS = 100
# below this, threads cost more time than they save, and far more on a busy machine
_THREADS_FROM = 50_000


@dataclass(frozen=True, eq=False)
class BaselineJob:
    """The data of the baselines: inputs and targets.

    fold (rows,): the fold in which a row is held out, -1 for rows that never are.  weights:
    (rows,).  balanced: all classes have the same total weight, as with class_weight "balanced".
    """

    table: Table
    task: str
    fold: NDArray[np.integer[Any]]
    weights: NDArray[Any] | None = None
    seed: int = 0
    balanced: bool = False

    @property
    def rows(self) -> NDArray[np.intp]:
        """The rows that are held out, in the table's order."""
        return np.flatnonzero(self.fold >= 0)


def baselines(job: BaselineJob) -> dict[str, Floats]:
    """Each baseline's predictions of job.rows: (n, targets), or (n, classes) probabilities.

    For each fold, a baseline learns from the rows of all other folds, including rows of fold -1,
    and predicts the rows of this fold.

    "mean" or "majority": the mean of each target, or the classes' shares.  "linear":
    ridge regression, its penalty chosen by leave-one-out, or logistic regression, on the
    encoded inputs.  "boosted trees": histogram gradient boosting on the raw inputs.
    Above 200,000 training rows the last two learn from as many drawn rows.
    """
    table, fold = job.table, job.fold
    generator = np.random.Generator(np.random.PCG64(job.seed))
    classification = job.task == "classification"
    layout = Encoder.fit(table)
    raw, actual = layout.raw(table), layout.actual(table)
    classes = len(layout.output_names) if classification else 0
    predictions: dict[str, Floats] = {}
    for number in (int(item) for item in np.unique(fold) if item >= 0):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        encoder = Encoder.fit(table, train)
        kind = "majority" if classification else "mean"
        weight = None if job.weights is None else job.weights[train]
        constant = _constant(actual[train], weight, classes)
        found = {kind: np.tile(constant, (len(test), 1))}
        if len(train) > _MOST_ROWS:
            train = np.sort(generator.choice(train, _MOST_ROWS, replace=False))
        truth, weight = actual[train], _weights(job, actual, train, classes)
        with warnings.catch_warnings():
            # a baseline that has not converged is still judged by its figures
            warnings.simplefilter("ignore")
            inputs = encoder.encode(table, train, np.float64)
            wanted = encoder.encode(table, test, np.float64)
            found["linear"] = _linear(inputs, truth, weight, classes, wanted)
            found["boosted trees"] = _trees(
                raw[train], truth, weight, classes, _categories(table), raw[test], job.seed
            )
        for name, values in found.items():
            whole = predictions.setdefault(name, np.empty((len(fold), values.shape[1])))
            whole[test] = values
    return {name: values[job.rows] for name, values in predictions.items()}


def _weights(
    job: BaselineJob, actual: NDArray[Any], train: NDArray[np.intp], classes: int
) -> NDArray[Any] | None:
    """The weights of the training rows, balanced by class if the job asks for it."""
    weight = None if job.weights is None else job.weights[train]
    if not (job.balanced and classes):
        return weight
    of_class = balanced_weights(actual[train], classes, weight).astype(np.float64)
    balanced: Floats = of_class[actual[train]]
    return balanced if weight is None else balanced * weight


def _threads(rows: int) -> AbstractContextManager[object]:
    """One thread for tables that are not large; the libraries must have been loaded."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1) if rows < _THREADS_FROM else nullcontext()


def _categories(table: Table) -> list[bool]:
    """Which inputs the trees take as categories; the others' codes count as numbers."""
    return [
        column.kind == "category" and len(column.levels) <= _MOST_LEVELS
        for column in table.schema.inputs
    ]


def _constant(actual: NDArray[Any], weight: NDArray[Any] | None, classes: int) -> Floats:
    """The mean of each target (targets,), or the share of each class (classes,)."""
    if not classes:
        return np.asarray(np.average(actual, axis=0, weights=weight), dtype=np.float64)
    counts = np.bincount(actual, weights=weight, minlength=classes).astype(np.float64)
    shares: Floats = counts / counts.sum()
    return shares


def _linear(
    inputs: NDArray[Any],
    actual: NDArray[Any],
    weight: NDArray[Any] | None,
    classes: int,
    wanted: NDArray[Any],
) -> Floats:
    from sklearn.linear_model import LogisticRegression, RidgeCV

    with _threads(len(inputs)):
        if classes:
            model = LogisticRegression(max_iter=300)
            model.fit(inputs, actual, sample_weight=weight)
            return _all_classes(model.predict_proba(wanted), model.classes_, classes)
        # a separate penalty for each target: a target of noise must not decide that of the others
        several = actual.shape[1] > 1
        ridge = RidgeCV(alphas=np.logspace(-3, 4, 15), alpha_per_target=several)
        ridge.fit(inputs, actual, sample_weight=weight)
        predicted: Floats = ridge.predict(wanted)
    return predicted.reshape(len(wanted), -1)


def _trees(
    inputs: Floats,
    actual: NDArray[Any],
    weight: NDArray[Any] | None,
    classes: int,
    categories: list[bool],
    wanted: Floats,
    seed: int,
) -> Floats:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    options = {"categorical_features": categories, "random_state": seed % 2**32}
    with _threads(len(inputs)):
        if classes:
            iterations = min(_ITERATIONS, max(5, _MOST_TREES // classes))
            model = HistGradientBoostingClassifier(max_iter=iterations, **options)
            model.fit(inputs, actual, sample_weight=weight)
            return _all_classes(model.predict_proba(wanted), model.classes_, classes)
        columns = [
            HistGradientBoostingRegressor(max_iter=_ITERATIONS, **options)
            .fit(inputs, actual[:, target], sample_weight=weight)
            .predict(wanted)
            for target in range(actual.shape[1])
        ]
    return np.column_stack(columns)


def _all_classes(probabilities: Floats, known: NDArray[Any], classes: int) -> Floats:
    """Probabilities (rows, classes), 0 for classes that the training rows lacked."""
    full = np.zeros((len(probabilities), classes))
    full[:, known] = probabilities
    return full
