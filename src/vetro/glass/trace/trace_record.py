"""The content of a trace: the chains of the members, from the cells to the answers.

trace_text.py words it; trace.py computes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vetro.errors import Notice, counted, error
from vetro.glass.as_json import as_json
from vetro.glass.plain import Floats
from vetro.glass.subject import Part, Subject
from vetro.glass.trace.slopes import Slope
from vetro.glass.trace.trace_cells import Cell
from vetro.glass.trace.trace_steps import Stage, Step


@dataclass(frozen=True, eq=False)
class Chain:
    """One network's path from the cells to its answers.

    number: the member's, from 1.  features: (features,) as the network reads them.  stages: the
    network's operations in order.  ending: the steps from outputs to answers, () for a module.
    answers: (answers,).
    """

    part: Part
    number: int
    cells: tuple[Cell, ...]
    features: Floats
    stages: tuple[Stage, ...]
    ending: tuple[Step, ...]
    answers: Floats

    @property
    def layers(self) -> tuple[tuple[Stage, ...], ...]:
        """The stages in groups: a sum and what follows unit by unit, up to the next sum."""
        groups: list[list[Stage]] = []
        for stage in self.stages:
            if stage.kind == "affine" or not groups:
                groups.append([])
            groups[-1].append(stage)
        return tuple(map(tuple, groups))

    def to_json(self) -> dict[str, Any]:
        """A plain dict, complete."""
        return as_json(self, "member=part.name fold=part.fold cells stages ending")


@dataclass(frozen=True, eq=False)
class TraceRecord:
    """One prediction.  place: the row's position, "" if the row came without a table.

    chains: one for each member, or the module's.  answers: name -> value, for targets, P(class) of
    each class, or a module's y0, ...: the mean over the chains.  units: name -> unit.  engine: the
    engine's answers.  actual: the table's value of each target that it holds.  chosen: the number
    of the chain nearest to the answers, from 0.  slopes: how the answers change with each number.
    """

    subject: Subject
    place: str
    chains: tuple[Chain, ...]
    answers: dict[str, float]
    units: dict[str, str]
    engine: dict[str, float]
    actual: dict[str, str]
    chosen: int
    slopes: tuple[Slope, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def label(self) -> str:
        """The class with the largest probability, "" if the answers are numbers."""
        if self.subject.kind != "classification":
            return ""
        return self.subject.answers[int(np.argmax(list(self.answers.values())))]

    @property
    def deviation(self) -> float:
        """The largest difference between an answer and the engine's."""
        pairs = zip(self.answers.values(), self.engine.values(), strict=True)
        return max((abs(own - other) for own, other in pairs if own != other), default=0.0)

    @cached_property
    def chain(self) -> Chain:
        """The chain to look at first."""
        return self.chains[self.chosen]

    def member(self, number: int) -> Chain:
        """The chain of a member, from 1; E702 if there is none."""
        if not 1 <= number <= len(self.chains):
            what = f"member {number} not found: there {_are(len(self.chains), 'member')}"
            raise error("E702", what=what, fix="Members are counted from 1.")
        return self.chains[number - 1]

    def to_json(self, member: int | None = None) -> dict[str, Any]:
        """A plain dict: every number with its formula, of all members or of one."""
        chains = self.chains if member is None else (self.member(member),)
        return {
            **as_json(
                self,
                "row=place kind=subject.kind answers units class=label actual engine deviation",
            ),
            "members": [
                {"member": chain.part.name, "answers": self._named(chain)} for chain in self.chains
            ],
            "chains": [chain.to_json() for chain in chains],
            "slopes": [slope.to_json() for slope in self.slopes],
        }

    def _named(self, chain: Chain) -> dict[str, float]:
        return dict(zip(self.answers, chain.answers.tolist(), strict=True))


def _are(count: int, noun: str) -> str:
    return f"{'is' if count == 1 else 'are'} {counted(count, noun)}"
