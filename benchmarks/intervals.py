"""Coverage and width of 90% intervals on 20 real tables, compared with conformalized boosted trees.

    python -m benchmarks.intervals [TABLE ...] [--settings '{"numbers": "raw"}']

Vetro with its defaults, or with settings of vetro.fit, and CQR (Romano et al. 2019): the quantiles
0.05 and 0.95 by scikit-learn's HistGradientBoostingRegressor, fitted to three quarters of the rows,
widened by the others.  The same rows for both, of each table 5,000 at most to fit; one thread.
Each table is a line when it is done, and the means follow.  The last seven tables are not in the
accuracy bench.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
os.environ.update(dict.fromkeys(ONE_THREAD, "1"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: E402

import vetro  # noqa: E402
from benchmarks.accuracy.tables import Split, Table, declared, load, seed_of  # noqa: E402

LEVEL = 0.9
MOST_ROWS = 5_000
OTHERS = (
    Table("ISLR/Auto", "mpg", drop=("name",)),
    Table("ISLR/College", "Apps"),
    Table("MASS/Boston", "medv"),
    Table("AER/CPS1988", "wage"),
    Table("AER/HousePrices", "price"),
    Table("carData/Salaries", "salary"),
    Table("modeldata/Sacramento", "price"),
)


@dataclass(frozen=True)
class Bounds:
    """low, high (n,) of the rows to test."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def covered(self, truth: NDArray[np.float64]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = (self.low <= truth) & (truth <= self.high)
        return inside

    @property
    def width(self) -> float:
        return float(np.maximum(self.high - self.low, 0).mean())


def tables() -> list[Table]:
    """The numbers of the accuracy bench's tuning half, and seven more."""
    tuning = [one for one in declared().values() if one.half == "tuning" and not one.classes]
    return [*tuning, *OTHERS]


def by_vetro(split: Split, settings: Mapping[str, Any]) -> Bounds:
    target = split.table.target
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", vetro.errors.VetroWarning)
        model = vetro.fit(split.train, target, **settings)
        found = model.predict(split.test.drop(columns=target), interval=LEVEL)
    return Bounds(*(found[f"{end}({target})"].to_numpy(float) for end in ("low", "high")))


def by_trees(split: Split) -> Bounds:
    """Conformalized quantile regression."""
    target = split.table.target
    train, test = (part.drop(columns=target).copy() for part in (split.train, split.test))
    for name in train.select_dtypes(object):
        train[name] = train[name].astype("category")
        known = test[name].where(test[name].isin(train[name].cat.categories))
        test[name] = pd.Categorical(known, categories=train[name].cat.categories)
        if len(train[name].cat.categories) > 255:  # more than the trees take
            train, test = train.drop(columns=name), test.drop(columns=name)
    truth = split.answers.to_numpy(float)
    order = np.random.default_rng(seed_of(split.table.name)).permutation(len(truth))
    apart, fitted = np.split(order, [len(order) // 4])
    ends = []
    for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2):
        trees = HistGradientBoostingRegressor(
            loss="quantile", quantile=share, categorical_features="from_dtype", random_state=0
        ).fit(train.iloc[fitted], truth[fitted])
        ends.append((trees.predict(train.iloc[apart]), trees.predict(test)))
    (low, test_low), (high, test_high) = ends
    scores = np.sort(np.maximum(low - truth[apart], truth[apart] - high))
    wider = scores[min(int(np.ceil(LEVEL * (len(scores) + 1))), len(scores)) - 1]
    return Bounds(test_low - wider, test_high + wider)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="TABLE")
    parser.add_argument("--settings", type=json.loads, default={})
    options = parser.parse_args()
    wanted = [one for one in tables() if not options.names or one.name in options.names]
    print("| table | rows | covered | by thirds | CQR covered | width, of CQR's |")
    print("|---|---|---|---|---|---|")
    shares, ratios, thirds = [], [], []
    for table in wanted:
        split = load(table)
        if len(split.train) > MOST_ROWS:
            some = split.train.sample(MOST_ROWS, random_state=seed_of(table.name) % 2**32)
            split = Split(table, some.reset_index(drop=True), split.test)
        own = by_vetro(split, options.settings)
        rival = by_trees(split)
        truth = split.test[table.target].to_numpy(float)
        inside = own.covered(truth)
        order = np.argsort(own.low + own.high, kind="stable")
        thirds.append([inside[part].mean() for part in np.array_split(order, 3)])
        shares.append((inside.mean(), rival.covered(truth).mean()))
        ratios.append(own.width / rival.width)
        by = ", ".join(f"{100 * third:.0f}" for third in thirds[-1])
        print(
            f"| {table.name} | {len(split.train):,} | {shares[-1][0]:.1%} | {by} | "
            f"{shares[-1][1]:.1%} | {ratios[-1]:.2f} |",
            flush=True,
        )
    own_share, rival_share = np.mean(shares, axis=0)
    each = ", ".join(f"{100 * third:.1f}" for third in np.mean(thirds, axis=0))
    ratio = float(np.exp(np.log(ratios).mean()))
    print(f"| **mean** (of widths: geometric) | | {own_share:.1%} | {each} | "
          f"{rival_share:.1%} | {ratio:.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
