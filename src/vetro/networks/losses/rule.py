"""A loss with its options: the one record that both doors, the engines and the glass use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # the command line reads the names, and starts without NumPy
    import numpy as np
    from numpy.typing import NDArray

LossKind = Literal["mse", "l1", "smooth_l1", "huber", "cross_entropy", "bce"]
"""Each is the LOSS of the file of that name."""
Reduction = Literal["mean", "sum"]


@dataclass(frozen=True, eq=False)
class LossRule:
    """kind: the loss, as in the core.  table.py has what is true of each.

    a: beta of smooth_l1, delta of huber, label smoothing of cross_entropy.  ignored: the class
    that does not count.  class_weights: (outputs,), for cross_entropy's classes or bce's outputs.
    positive_weights: (outputs,), for bce.
    """

    kind: LossKind
    reduction: Reduction = "mean"
    a: float = 0.0
    ignored: int = -100
    class_weights: NDArray[np.floating] | None = None
    positive_weights: NDArray[np.floating] | None = None
