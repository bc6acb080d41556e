"""A check: a claim with a proof, its verdict and its margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from vetro.glass.as_json import as_json

Verdict = Literal["passed", "failed", "undecided"]


@dataclass(frozen=True)
class Check:
    """name: the claim, in a few words.  deviation: the largest one, NaN if nothing was compared.
    bound: the proven bound of that deviation.  detail: a sentence."""

    name: str
    verdict: Verdict
    deviation: float = math.nan
    bound: float = math.nan
    detail: str = ""

    def __bool__(self) -> bool:
        return self.verdict == "passed"

    @property
    def share(self) -> float:
        """The deviation as a share of its bound: at most 1 where the check passed."""
        if math.isnan(self.deviation) or math.isnan(self.bound):
            return math.nan
        if self.deviation == 0:
            return 0.0
        return self.deviation / self.bound if self.bound > 0 else math.inf

    def to_json(self) -> dict[str, Any]:
        """A plain dict; values that were not computed are None."""
        return as_json(self, "name verdict deviation bound share detail")
