"""The report's section "Look inside": one prediction as a drawing, a trace, a formula and checks.

Static: no script.  The numbers come from the glass: trace, verify and formula at one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vetro.figures import figure
from vetro.glass.formula.formula import formula
from vetro.glass.plain import Floats
from vetro.glass.trace.slopes_text import ABOUT, slope_rows
from vetro.glass.trace.trace import Trace, trace
from vetro.glass.trace.trace_record import Chain
from vetro.glass.trace.trace_text import engine, in_short, sentence
from vetro.glass.verify.verify import verify
from vetro.report.markup import captioned, note, section, table, text
from vetro.report.network_drawing import caption, drawing_of, network_svg

if TYPE_CHECKING:
    from vetro.model.model import Model

_MOST_CELLS, _MOST_ANSWERS = 16, 3


def look_inside(model: Model) -> str:
    """The section at the model's median row; an empty text if its evidence holds none."""
    if not model.evidence.median_row:
        return ""
    return at_row(model, np.array(model.evidence.median_row), "the median row")


def at_row(model: Model, row: Floats, place: str) -> str:
    """The section for a raw row (inputs,), as Encoder.raw gives it.  place: what to call it."""
    found = trace(model, row, place)
    chain, drawing = found.chain, drawing_of(found, found.chain)
    several = len(found.chains) > 1
    lead = f"{sentence(found)}. " + (
        f"It is the mean of {len(found.chains)} networks. The drawing shows number {chain.number}, "
        "whose answer is nearest to the mean."
        if several
        else "The network with the values of this prediction:"
    )
    picture = captioned(f'<div class="drawing">{network_svg(drawing)}</div>', caption(drawing))
    steps = table(("number", "how it is computed", "value"), _rows(found, chain), "dense", (2,))
    return section(
        "inside",
        "Look inside",
        picture,
        f"<h3>One prediction, step by step</h3>{steps}",
        note(engine(found)),
        _slopes(found),
        f"<details><summary>The trace in full</summary><pre>{text(found)}</pre></details>",
        _formula(model, row),
        _checks(model, row),
        lead=lead,
    )


def _slopes(found: Trace) -> str:
    """How the answer changes with each column; an empty text if no range is known."""
    if not found.slopes:
        return ""
    heads, *rows = (list(map(text, row)) for row in slope_rows(found))
    shown = table(heads, rows, "dense", tuple(range(1, len(heads))))
    about = note(text(f"{ABOUT[0].upper()}{ABOUT[1:]}."))
    return f"<h3>How the answer changes with each column</h3>{shown}{about}"


def _formula(model: Model, row: Floats) -> str:
    """The formula that holds around the row, or its tangent."""
    shown = formula(model, row).text()
    return f'<h3>As a formula</h3><pre class="formula">{text(shown)}</pre>'


def _checks(model: Model, row: Floats) -> str:
    """The engine's answers, recomputed in exact arithmetic, with the margins."""
    found = verify(model, row)
    rows = [
        (
            text(check.name) + f"<small>{text(check.detail)}</small>",
            f'<span class="{check.verdict}">{text(check.verdict)}</span>',
            "" if np.isnan(check.deviation) else text(figure(check.deviation, 3)),
            "" if np.isnan(check.bound) else text(figure(check.bound, 3)),
            "" if np.isnan(check.share) else text(f"{check.share:.1%}"),
        )
        for check in found.checks
    ]
    heads = ("check", "verdict", "off by at most", "proven bound", "share of the bound")
    how = (
        "Every number is recomputed in fractions, and the difference is compared with what "
        "rounding can explain. vetro verify does the same for rows of the table, with gradients, "
        "updates and the evidence of this page."
    )
    return f"<h3>Checks</h3>{table(heads, rows, 'dense', (2, 3, 4))}{note(how)}"


def _rows(found: Trace, chain: Chain) -> Iterator[tuple[str, str, str]]:
    """The cells, the largest unit of each layer, and the answer."""
    steps = [(cell, step) for cell in chain.cells for step in cell.telling]
    for cell, step in steps[:_MOST_CELLS]:
        made = step.working or step.formula.partition(" = ")[2]
        told = cell.note
        if cell.bin is not None and step is cell.features[cell.bin.number]:
            told = cell.bin.text
        yield text(step.name), f"{text(made)}<small>{text(told)}</small>", text(figure(step.value))
    if len(steps) > _MOST_CELLS:
        yield text(f"and {len(steps) - _MOST_CELLS} more"), "", ""
    for stages in chain.layers:
        last = stages[-1]
        off = np.any([stage.off for stage in stages], axis=0)
        unit = int(np.argmax(np.where(off, -1.0, np.abs(last.values))))
        symbol, shown, made = in_short(stages, unit)
        which = f", the largest of {len(last)}" if len(last) > 1 else ""
        where = f"<small>{text(stages[0].where + which)}</small>"
        yield text(symbol) + where, text(made), text(shown)
    ranked = sorted(chain.ending, key=lambda step: -step.value) if found.label else chain.ending
    text_of = found.subject.answer_text
    for place, step in enumerate(ranked[:_MOST_ANSWERS]):
        yield text(step.name), text(step.working), _value(text_of(place, step.value), step.unit)
    if len(found.chains) > 1:
        for place, (name, mean) in enumerate(found.answers.items()):
            if name == f"P({found.label})" or (not found.label and place < _MOST_ANSWERS):
                made = ", ".join(text_of(place, c.answers[place], 4) for c in found.chains)
                value = _value(text_of(place, mean), found.units[name])
                yield text(name), f"the mean of {text(made)}", value


def _value(value: str, unit: str) -> str:
    return text(f"{value} {unit}".rstrip())
