"""The trace: every number of one prediction, from the raw cell to the answer, with its formula.

It is recomputed in float64 from the stored numbers, and compared with the engine's answer.  It is
not a proof: verify.py computes how much of the difference rounding explains.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vetro.errors import error
from vetro.glass.names import value_names
from vetro.glass.plain import Floats, forward
from vetro.glass.rows import Rows, answers, cell, part_inputs, reading_asked, rows_of
from vetro.glass.subject import Subject, subject_of
from vetro.glass.trace.slopes import slopes_of
from vetro.glass.trace.trace_cells import cells_of, ending_of
from vetro.glass.trace.trace_record import Chain, TraceRecord
from vetro.glass.trace.trace_steps import stages_of
from vetro.glass.trace.trace_text import lines
from vetro.model.odd_rows import Unknown
from vetro.notebook import ShownAsText
from vetro.tables.options import ReadOptions
from vetro.visible import visible_lines


class Trace(TraceRecord, ShownAsText):
    """One prediction: str() gives the text, to_json() all numbers."""

    def __str__(self) -> str:
        return visible_lines(lines(self))


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
    chains, through = [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for number, part in enumerate(subject.parts, start=1):
            features = part_inputs(part, rows)
            values = forward(part, features)
            outputs = values[-1][0]
            ending = ending_of(subject, part, outputs)
            found = np.array([step.value for step in ending]) if ending else outputs
            cells = cells_of(subject, part, rows.raw[0], values[0][0])
            stages = stages_of(part, values, names, symbols)
            through.append(values)
            chains.append(Chain(part, number, cells, values[0][0], stages, ending, found))
    means = np.mean([chain.answers for chain in chains], axis=0)
    labels = _labels(subject)
    told = list(enumerate(labels))
    if subject.kind == "classification":
        told = [told[int(np.argmax(means))]]
    with np.errstate(over="ignore", invalid="ignore"):
        slopes = slopes_of(subject, rows.raw[0], told, through, chains[0].cells)
    return Trace(
        subject=subject,
        place=place,
        chains=tuple(chains),
        answers=dict(zip(labels, means.tolist(), strict=True)),
        units=dict(zip(labels, subject.answer_units, strict=True)),
        engine=dict(zip(labels, answers(subject, rows)[0].tolist(), strict=True)),
        actual=_actual(subject, rows),
        chosen=_nearest(chains, means),
        slopes=slopes,
        notices=rows.notices,
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
