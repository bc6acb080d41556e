"""Rows made from a model's schema, where no table is at hand: anything that training saw may stand.

For recomputing a network at places that are like its data; there are no targets.
"""

from __future__ import annotations

import numpy as np

from vetro.glass.rows import Rows
from vetro.glass.subject import Subject

SEED = 0


def made_rows(subject: Subject, count: int) -> Rows:
    """`count` rows, each column drawn evenly from what training saw; always the same ones."""
    assert subject.model is not None
    generator = np.random.Generator(np.random.PCG64(SEED))
    raw = np.empty((count, len(subject.inputs)))
    for place, column in enumerate(subject.model.schema.inputs):
        if column.kind == "category":
            raw[:, place] = generator.integers(0, max(len(column.levels), 1), count)
        elif column.kind == "flag":
            raw[:, place] = generator.integers(0, 2, count)
        else:
            low, high = column.minimum or 0.0, column.maximum or 0.0
            raw[:, place] = low + generator.random(count) * (high - low)
        if column.missing:
            raw[generator.random(count) < 0.1, place] = np.nan
    return Rows(raw, tuple(f"made row {number}" for number in range(1, count + 1)))
