"""The results of the searches of this room: certain ranges, proofs, and the directions of columns.

bounds_text.py words them; bounds.py, prove.py and monotonicity.py compute them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vetro.errors import Notice
from vetro.glass.as_json import as_json
from vetro.glass.bounds.narrowing import Narrowing

Verdict = Literal["proved", "refuted", "undecided"]
Direction = Literal["rises", "falls", "constant", "neither", "undecided"]


@dataclass(frozen=True, eq=False, kw_only=True)
class SearchRecord:
    """What every search reports.

    over, box: column -> its allowed values, as text and as data.  units: column -> unit, for the
    columns that have one.  seconds: how long it took.  interrupted: whether Ctrl-C ended it.
    """

    over: dict[str, str]
    box: dict[str, Any]
    seconds: float
    interrupted: bool = False
    notices: tuple[Notice, ...] = ()
    units: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """Two rows that differ only in one column, the lower value first, and the answers to them."""

    first: dict[str, Any]
    second: dict[str, Any]
    first_answer: float
    second_answer: float


@dataclass(frozen=True, eq=False)
class AnswerRange:
    """The certain range of one answer over the box.

    low, high: no answer of the engine lies outside.  lowest, highest: its answers to the two rows
    that the search found, lowest_row and highest_row (column -> value as in the table).
    plain: the range by intervals alone.  relaxed: the range by the linear relaxation of the whole
    box, before any cut.
    """

    name: str
    unit: str
    low: float
    high: float
    lowest: float
    highest: float
    lowest_row: dict[str, Any]
    highest_row: dict[str, Any]
    plain: tuple[float, float]
    relaxed: tuple[float, float]

    @property
    def width(self) -> float:
        return self.high - self.low

    @property
    def loose(self) -> float:
        """The certain range's extra width, as a share of the range between the rows found."""
        found = self.highest - self.lowest
        return (self.width - found) / found if found > 0 else math.inf if self.width else 0.0

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return as_json(
            self,
            "low high unit lowest_found=lowest highest_found=highest lowest_row highest_row "
            "plain_intervals=plain linear_relaxation=relaxed",
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class BoundsRecord(SearchRecord, Mapping[str, tuple[float, float]]):
    """answer -> (low, high), certain for every row of the box; `.ranges` has more about each.

    boxes: how many were bounded.  tight: whether `tightness` was reached in time.  late: the
    largest share by which the second half of the boxes narrowed a range; NaN for too few boxes.
    narrowings: if not tight, the columns whose narrower ranges would help most.
    """

    ranges: dict[str, AnswerRange]
    tightness: float
    tight: bool
    boxes: int
    late: float
    narrowings: tuple[Narrowing, ...]

    def __getitem__(self, name: str) -> tuple[float, float]:
        found = self.ranges[name]
        return found.low, found.high

    def __iter__(self) -> Iterator[str]:
        return iter(self.ranges)

    def __len__(self) -> int:
        return len(self.ranges)

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {
            **as_json(self, "ranges over=box tightness tight boxes"),
            "narrower_ranges_help": {item.column: item.gain for item in self.narrowings},
            **as_json(self, "seconds interrupted"),
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class ProofRecord(SearchRecord):
    """The result of a claim; bool() is true only if it is proved.

    counterexample: a row that breaks the claim, column -> value, and `answer`, the engine's answer
    to it.  pair: for rises and falls, two rows between which the answer moves the other way.
    certain: the proved range of the answer (for rises and falls, of its slope); an end that the
    claim does not limit is infinite.  margin: if proved, the distance between the certain range and
    the claim's limit; if refuted, by how much the claim is broken; if undecided, how far the range
    reaches beyond the claim.  interrupted: whether it stayed undecided because of Ctrl-C.
    """

    claim: str
    verdict: Verdict
    margin: float
    certain: tuple[float, float]
    counterexample: dict[str, Any] | None = None
    answer: float | None = None
    pair: Pair | None = None
    about: str
    unit: str

    def __bool__(self) -> bool:
        return self.verdict == "proved"

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return as_json(
            self,
            "claim verdict margin certain counterexample answer pair over=box seconds interrupted",
        )


@dataclass(frozen=True)
class Trend:
    """How one answer moves with one column over the box.

    slope: the certain range of its derivative, in the answer's unit per unit of the column.
    up: a pair of rows between which it rises; down: a pair between which it falls; None if the
    search has no such pair.
    """

    answer: str
    column: str
    direction: Direction
    slope: tuple[float, float]
    up: Pair | None
    down: Pair | None

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return as_json(self)


@dataclass(frozen=True, eq=False, kw_only=True)
class MonotonicityRecord(SearchRecord, Mapping[tuple[str, str], Trend]):
    """(answer, column) -> Trend for every column of numbers, dates or flags.

    interrupted: the columns that were not reached are left out.
    """

    trends: dict[tuple[str, str], Trend]

    def __getitem__(self, key: tuple[str, str]) -> Trend:
        return self.trends[key]

    def __iter__(self) -> Any:
        return iter(self.trends)

    def __len__(self) -> int:
        return len(self.trends)

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {
            "trends": [trend.to_json() for trend in self.trends.values()],
            **as_json(self, "over=box seconds interrupted"),
        }
