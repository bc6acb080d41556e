"""NIST's nonlinear regression problems (StRD) that are small networks, as torch modules.

Each: its model, the rows, two starts, the certified parameters and the certified sum of squares.
 https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Problem:
    """model(parameters, x) -> y."""

    model: Callable[[Tensor, Tensor], Tensor]
    x: list[float]
    y: list[float]
    starts: tuple[list[float], list[float]]
    certified: list[float]
    squares: float


class Model(nn.Module):
    """A problem's model with its parameters."""

    def __init__(self, problem: Problem, start: list[float]) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.tensor(start, dtype=torch.float64))
        self.model = problem.model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(self.b, x)


def exponentials(b: Tensor, x: Tensor) -> Tensor:
    """b1 exp(-b2 x) + b3 exp(-b4 x) + ..."""
    total = torch.zeros_like(x)
    for number in range(0, len(b), 2):
        total = total + b[number] * torch.exp(-b[number + 1] * x)
    return total


RAT42 = Problem(
    model=lambda b, x: b[0] / (1 + torch.exp(b[1] - b[2] * x)),
    x=[9, 14, 21, 28, 42, 57, 63, 70, 79],
    y=[8.93, 10.8, 18.59, 22.33, 39.35, 56.11, 61.73, 64.62, 67.08],
    starts=([100, 1, 0.1], [75, 2.5, 0.07]),
    certified=[7.2462237576e01, 2.6180768402, 6.7359200066e-02],
    squares=8.0565229338,
)

MGH17 = Problem(
    model=lambda b, x: b[0] + b[1] * torch.exp(-x * b[3]) + b[2] * torch.exp(-x * b[4]),
    x=[10.0 * number for number in range(33)],
    y=[
        8.44e-1, 9.08e-1, 9.32e-1, 9.36e-1, 9.25e-1, 9.08e-1, 8.81e-1, 8.5e-1, 8.18e-1, 7.84e-1,
        7.51e-1, 7.18e-1, 6.85e-1, 6.58e-1, 6.28e-1, 6.03e-1, 5.8e-1, 5.58e-1, 5.38e-1, 5.22e-1,
        5.06e-1, 4.9e-1, 4.78e-1, 4.67e-1, 4.57e-1, 4.48e-1, 4.38e-1, 4.31e-1, 4.24e-1, 4.2e-1,
        4.14e-1, 4.11e-1, 4.06e-1,
    ],
    starts=([50, 150, -100, 1, 2], [0.5, 1.5, -1, 0.01, 0.02]),
    certified=[3.7541005211e-1, 1.9358469127, -1.4646871366, 1.2867534640e-2, 2.2122699662e-2],
    squares=5.4648946975e-05,
)  # fmt: skip

_LANCZOS_X = [0.05 * number for number in range(24)]
_LANCZOS_STARTS = ([1.2, 0.3, 5.6, 5.5, 6.5, 7.6], [0.5, 0.7, 3.6, 4.2, 4.0, 6.3])

LANCZOS1 = Problem(
    model=exponentials,
    x=_LANCZOS_X,
    y=[
        2.513400000000e00, 2.044333373291e00, 1.668404436564e00, 1.366418021208e00,
        1.123232487372e00, 9.268897180037e-01, 7.679338563728e-01, 6.388775523106e-01,
        5.337835317402e-01, 4.479363617347e-01, 3.775847884350e-01, 3.197393199326e-01,
        2.720130773746e-01, 2.324965529032e-01, 1.996589546065e-01, 1.722704126914e-01,
        1.493405660168e-01, 1.300700206922e-01, 1.138119324644e-01, 1.000415587559e-01,
        8.833209084540e-02, 7.833544019350e-02, 6.976693743449e-02, 6.239312536719e-02,
    ],
    starts=_LANCZOS_STARTS,
    certified=[9.5100000027e-02, 1.0000000001, 8.6070000013e-01, 3.0000000002, 1.5575999998, 5.0],
    squares=1.4307867721e-25,
)  # fmt: skip

LANCZOS2 = Problem(
    model=exponentials,
    x=_LANCZOS_X,
    y=[
        2.51340, 2.04433, 1.66840, 1.36642, 1.12323, 9.26890e-1, 7.67934e-1, 6.38878e-1, 5.33784e-1,
        4.47936e-1, 3.77585e-1, 3.19739e-1, 2.72013e-1, 2.32497e-1, 1.99659e-1, 1.72270e-1,
        1.49341e-1, 1.30070e-1, 1.13812e-1, 1.00042e-1, 8.83321e-2, 7.83354e-2, 6.97669e-2,
        6.23931e-2,
    ],
    starts=_LANCZOS_STARTS,
    certified=[
        9.6251029939e-2, 1.0057332849, 8.6424689056e-1, 3.0078283915, 1.5529016879, 5.0028798100,
    ],
    squares=2.2299428125e-11,
)  # fmt: skip

LANCZOS3 = Problem(
    model=exponentials,
    x=_LANCZOS_X,
    y=[
        2.5134, 2.0443, 1.6684, 1.3664, 1.1232, 0.9269, 0.7679, 0.6389, 0.5338, 0.4479, 0.3776,
        0.3197, 0.2720, 0.2325, 0.1997, 0.1723, 0.1493, 0.1301, 0.1138, 0.1000, 0.0883, 0.0783,
        0.0698, 0.0624,
    ],
    starts=_LANCZOS_STARTS,
    certified=[
        8.6816414977e-2, 9.5498101505e-1, 8.4400777463e-1, 2.9515951832, 1.5825685901, 4.9863565084,
    ],
    squares=1.6117193594e-8,
)  # fmt: skip

PROBLEMS = {
    "Rat42": RAT42,
    "MGH17": MGH17,
    "Lanczos1": LANCZOS1,
    "Lanczos2": LANCZOS2,
    "Lanczos3": LANCZOS3,
}
