"""The trace: every number of one prediction, from the raw cell to the answer, with its formula.

It is recomputed in float64 from the stored numbers, and compared with the engine's answer.  It is
not a proof: verify.py computes how much of the difference rounding explains.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vetro.errors import Notice, counted, error
from vetro.glass.names import value_names
from vetro.glass.plain import Floats, forward
from vetro.glass.rows import Rows, answers, cell, part_inputs, reading_asked, rows_of
from vetro.glass.subject import Part, Subject, subject_of
from vetro.glass.trace.trace_cells import Cell, cells_of, ending_of
from vetro.glass.trace.trace_steps import Stage, Step, stages_of
from vetro.model.odd_rows import Unknown
from vetro.notebook import ShownAsText
from vetro.tables.options import ReadOptions
from vetro.visible import visible_lines


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
        return {
            "member": self.part.name,
            "fold": self.part.fold,
            "cells": [found.to_json() for found in self.cells],
            "stages": [stage.to_json() for stage in self.stages],
            "ending": [step.to_json() for step in self.ending],
        }


@dataclass(frozen=True, eq=False)
class Trace(ShownAsText):
    """One prediction.  place: the row's position, "" if the row came without a table.

    chains: one for each member, or the module's.  answers: name -> value, for targets, P(class) of
    each class, or a module's y0, ...: the mean over the chains.  units: name -> unit.  engine: the
    engine's answers.  actual: the table's value of each target that it holds.  chosen: the number
    of the chain nearest to the answers, from 0.
    """

    subject: Subject
    place: str
    chains: tuple[Chain, ...]
    answers: dict[str, float]
    units: dict[str, str]
    engine: dict[str, float]
    actual: dict[str, str]
    chosen: int
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
            "row": self.place,
            "kind": self.subject.kind,
            "answers": self.answers,
            "units": self.units,
            "class": self.label,
            "actual": self.actual,
            "engine": self.engine,
            "deviation": self.deviation,
            "members": [
                {"member": chain.part.name, "answers": self._named(chain)} for chain in self.chains
            ],
            "chains": [chain.to_json() for chain in chains],
        }

    def _named(self, chain: Chain) -> dict[str, float]:
        return dict(zip(self.answers, chain.answers.tolist(), strict=True))

    def __str__(self) -> str:
        from vetro.glass.trace.trace_text import lines

        return visible_lines(lines(self))


def _are(count: int, noun: str) -> str:
    return f"{'is' if count == 1 else 'are'} {counted(count, noun)}"


def trace(
    module_or_model: Any,
    row: Any,
    place: str = "",
    *,
    unknown: Unknown = "refuse",
    options: ReadOptions | None = None,
    **reading: Any,
) -> Trace:
    """Every intermediate value of one prediction, named, with the formula that made it.

    module_or_model: a Model, or an nn.Module, traced as in eval mode.  row: a mapping of column to
    value, a table with one row, or the numbers (inputs,).  place: the name of the row in texts.
    unknown, options and reading (decimal=",", missing=("?",)): as in Model.predict.
    Raises E701 for a module that is not understood, E401, E402 and E702 for a row that does not
    fit.
    """
    subject = subject_of(module_or_model)
    how = reading_asked(subject, options, reading)
    rows = rows_of(subject, row, how, unknown, only=range(2))
    if len(rows) != 1:
        what = "a trace follows one row, but several rows are given"
        raise error("E702", what=what, fix="Give a single row.")
    names = value_names(subject)
    symbols = _output_symbols(subject)
    chains = []
    with np.errstate(over="ignore", invalid="ignore"):
        for number, part in enumerate(subject.parts, start=1):
            features = part_inputs(part, rows)
            values = forward(part, features)
            outputs = values[-1][0]
            ending = ending_of(subject, part, outputs)
            found = np.array([step.value for step in ending]) if ending else outputs
            cells = cells_of(subject, part, rows.raw[0], values[0][0])
            stages = stages_of(part, values, names, symbols)
            chains.append(Chain(part, number, cells, values[0][0], stages, ending, found))
    means = np.mean([chain.answers for chain in chains], axis=0)
    labels = _labels(subject)
    return Trace(
        subject,
        place,
        tuple(chains),
        dict(zip(labels, means.tolist(), strict=True)),
        dict(zip(labels, subject.answer_units, strict=True)),
        dict(zip(labels, answers(subject, rows)[0].tolist(), strict=True)),
        _actual(subject, rows),
        _nearest(chains, means),
        rows.notices,
    )


def _labels(subject: Subject) -> tuple[str, ...]:
    if subject.kind == "classification":
        return tuple(f"P({label})" for label in subject.answers)
    return subject.answers


def _output_symbols(subject: Subject) -> tuple[str, ...]:
    if subject.kind == "module":
        return subject.outputs
    form = "score of {}" if subject.kind == "classification" else "{} (scaled)"
    return tuple(form.format(name) for name in subject.outputs)


def _nearest(chains: list[Chain], means: Floats) -> int:
    """The chain nearest to the means; each answer is scaled by the spread of the chains."""
    distances = np.abs([chain.answers - means for chain in chains])
    spread = distances.mean(axis=0)
    shares = np.divide(distances, spread, out=np.zeros_like(distances), where=spread > 0)
    return int(np.argmin(np.nan_to_num(shares, nan=np.inf).sum(axis=1)))


def _actual(subject: Subject, rows: Rows) -> dict[str, str]:
    """The table's values of the targets, where they are not empty."""
    if subject.model is None or rows.table is None:
        return {}
    found = {}
    for column in subject.model.schema.targets:
        if column.name in rows.table.values:
            text = cell(column, float(rows.table.values[column.name][0]))
            if text not in ("missing", "unseen"):
                found[column.name] = text
    return found
