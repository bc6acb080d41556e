"""The report's section "What the units do": activity by layer, members' disagreement, rows' pull.

Fragments of HTML; the page's style sets their colours.  The numbers come from glass/diagnose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vetro.errors import counted
from vetro.glass.diagnose.diagnose import MOST_ROWS, diagnose_rows
from vetro.glass.rows import rows_of_table
from vetro.glass.subject import subject_of
from vetro.networks.activations.table import activation_of
from vetro.report.drawing import (
    FIRST,
    INK,
    MUTED,
    SECOND,
    dots,
    name_axes,
    square,
    svg,
    whole_ticks,
)
from vetro.report.markup import captioned, not_drawn, note, notices_list, section, text

if TYPE_CHECKING:
    from vetro.glass.diagnose.activity import LayerActivity
    from vetro.glass.diagnose.agreement import Agreement
    from vetro.glass.diagnose.diagnose import Diagnosis
    from vetro.glass.diagnose.influence import Influence
    from vetro.model.model import Model
    from vetro.tables.table import Table

_MOST_LAYERS = 6
_MOST_MEMBERS = 20


def units_over(model: Model, table: Table) -> str:
    """The section over (at most MOST_ROWS of) a table's rows, read with the model's schema."""
    subject = subject_of(model)
    return what_units_do(diagnose_rows(subject, rows_of_table(subject, table, MOST_ROWS)))


def what_units_do(found: Diagnosis, title: str = "What the units do") -> str:
    """The whole section: pictures, and the findings as a list."""
    rows = f"{found.rows:,} {'drawn ' if found.drawn else ''}{'row' if found.rows == 1 else 'rows'}"
    chosen = () if found.few else found.layers[:_MOST_LAYERS]
    layers = [unit_activity(layer) for layer in chosen]
    others = []
    if found.agreement is not None:
        others.append(disagreement(found, found.agreement))
    if found.influence is not None:
        others.append(pulls(found.influence))
    more = 0 if found.few else len(found.layers) - _MOST_LAYERS
    return section(
        "units",
        title,
        _grid("Layer by layer", layers),
        not_drawn(more),
        _grid("Row by row", others),
        _findings(found),
        lead=f"Based on {rows}.",
    )


def unit_activity(layer: Sequence[LayerActivity]) -> str:
    """The picture of a layer: its units, sorted by how often they are on or by how far they move.

    One line for each member.
    """
    figure, axes = square()
    first = layer[0]
    limited = activation_of(first.function).limits is not None
    for item in layer[:_MOST_MEMBERS]:
        height = item.deviation if limited else 100 * item.on
        order = np.argsort(-height, kind="stable")
        units = np.arange(1, len(order) + 1)
        axes.plot(units, height[order], color=FIRST, linewidth=1.0, alpha=0.8)
        idle = (item.saturated if limited else item.dead | item.always_on)[order]
        if idle.any():
            axes.plot(units[idle], height[order][idle], "o", color=SECOND, markersize=3.2)
    if len(first.units) == 1:
        axes.plot([1], [(first.deviation if limited else 100 * first.on)[0]], "o", color=FIRST)
    if not limited:
        axes.set_ylim(-4, 104)
    whole_ticks(axes.xaxis, nbins=6)
    vertical = "spread of its value" if limited else "rows in which it is on, %"
    name_axes(axes, "units of {layer}, the busiest first", vertical)
    each = "one line for each member" if len(layer) > 1 else f"{len(first.units)} units"
    words = ""
    if any(item.saturated.any() for item in layer):
        words = "; the dots are saturated units"
    elif any((item.dead | item.always_on).any() for item in layer):
        words = "; the dots are units that are never on or always on"
    picture = svg(figure, f"Activity of {first.layer}", {"layer": first.layer})
    return captioned(picture, f"{first.layer}, {first.function}, {each}{words}.")


def disagreement(found: Diagnosis, agreement: Agreement) -> str:
    """The picture of the members' spread against their mean answer: of the first target, or of the
    most probable class."""
    figure, axes = square()
    mean = agreement.answers.mean(axis=0)
    if found.subject.kind == "classification":
        place = mean.argmax(axis=1)
        rows = np.arange(len(mean))
        dots(axes, mean[rows, place], agreement.spread[rows, place])
        middle = float(np.median(agreement.spread[rows, place]))
        horizontal, vertical, values = "probability of the most probable class", "spread", {}
    else:
        dots(axes, mean[:, 0], agreement.spread[:, 0])
        middle = float(np.median(agreement.spread[:, 0]))
        unit = found.subject.answer_units[0]
        values = {"target": found.subject.answers[0], "unit": f", {unit}" if unit else ""}
        horizontal, vertical = "{target}, the mean answer{unit}", "spread of the members{unit}"
    axes.axhline(middle, color=SECOND, linewidth=1.2)
    axes.set_ylim(bottom=0)
    name_axes(axes, horizontal, vertical)
    caption = (
        f"How far the {counted(len(agreement.answers), 'member')} disagree at each row (standard "
        "deviation of their answers); the line is the median."
    )
    return captioned(svg(figure, "Disagreement of the members", values), caption)


def pulls(found: Influence) -> str:
    """The picture of each row's pull against its leverage; the mean pull is a line."""
    figure, axes = square()
    ratio = found.ratio
    known = ~np.isnan(ratio)
    over = ""
    if np.isnan(found.leverage[known]).any():
        order = np.sort(ratio[known])[::-1]
        axes.plot(np.arange(1, len(order) + 1), order, color=FIRST, linewidth=1.4)
        name_axes(axes, "rows, largest pull first", "pull, as a multiple of the mean")
    else:
        dots(axes, found.leverage[known], ratio[known])
        name_axes(axes, "leverage", "pull, as a multiple of the mean")
        over = " against its leverage (how much it decides its own answer)"
    axes.axhline(1.0, color=MUTED, linewidth=0.9)
    axes.axhline(0.0, color=INK, linewidth=0.0)
    caption = f"The pull of each row on the fit (the length of its gradient){over}."
    return captioned(svg(figure, "Pull of the rows"), caption)


def _findings(found: Diagnosis) -> str:
    told = notices_list(("warning", item.code, item.words) for item in found.findings)
    return told + note(found.notes[0] if found.few else "" if told else "Nothing stands out.")


def _grid(head: str, figures: Sequence[str]) -> str:
    return f'<h3>{text(head)}</h3><div class="three">{"".join(figures)}</div>' if figures else ""
