"""The sums of a layer as a picture shows them: all bins of a number are one term.

A number in its 12th bin fills 11 bins and a part of one.  Its bins add the weights of the full ones
and a share of the next one: that sum is one line of the drawing.  The trace as text has them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vetro.glass.plain import Floats
from vetro.glass.trace.trace_record import Chain
from vetro.glass.trace.trace_steps import Stage


@dataclass(frozen=True, eq=False)
class Terms:
    """The terms of every unit of a sum.

    sources: for each term the unit that it comes from; of bins the one that the number is in.
    names: of the terms.  weights: (units, terms); values: (terms,): of bins, what they add, and 1.
    bins: for each term how many bins it stands for, 0 if it is none.
    """

    sources: tuple[int, ...]
    names: tuple[str, ...]
    weights: Floats
    values: Floats
    bins: tuple[int, ...]

    @property
    def products(self) -> Floats:
        """(units, terms)."""
        return self.weights * self.values


def terms_of(chain: Chain, stage: Stage) -> Terms:
    """The terms of an affine stage; those of bins are one for each number."""
    assert stage.weight is not None
    values, names = stage.read[0], stage.symbols_read[0]
    count = len(values)
    weights, read, labels = stage.weight.copy(), values.copy(), list(names)
    bins, kept = np.zeros(count, np.intp), np.ones(count, np.bool_)
    for cell in chain.cells if stage.bins else ():
        if cell.bin is None:
            continue
        first, own = cell.first + 1, cell.first + cell.bin.number
        weights[:, own] = stage.weight[:, first : own + 1] @ values[first : own + 1]
        read[own], bins[own] = 1.0, cell.bin.number
        labels[own] = f"{cell.column} bins 1 to {cell.bin.number}" if own > first else names[own]
        kept[first : first + cell.bin.of] = False
        kept[own] = True
    chosen = np.flatnonzero(kept).tolist()
    return Terms(
        tuple(chosen),
        tuple(labels[source] for source in chosen),
        weights[:, chosen],
        read[chosen],
        tuple(bins[chosen].tolist()),
    )
