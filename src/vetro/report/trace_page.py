"""The trace as a page: a drawing of the network; pointing at a unit or tapping it shows its sum.

One HTML file without network access; its small script only shows numbers that are in the page.
Keyboard: Tab reaches each unit.  The numbers come from glass/trace.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.atomic import write_whole
from vetro.errors import Setting
from vetro.glass.as_json import as_json
from vetro.glass.trace.trace import Trace
from vetro.glass.trace.trace_record import Chain
from vetro.glass.trace.trace_steps import Stage
from vetro.glass.trace.trace_text import actual, engine, lines, sentence
from vetro.report.markup import captioned, note, page, text
from vetro.report.merged_bins import terms_of
from vetro.report.network_drawing import Drawing, caption, drawing_of, network_svg
from vetro.visible import visible, visible_lines

MOST_WEIGHTS = 60_000
"""A page with more weights than this holds one member, and only the largest terms of long sums."""

MOST_TERMS = 48


def write_trace(trace: Trace, path: str | Path, member: int | None = None) -> None:
    """Write the page, atomically; E503 if it cannot be written.  member: see trace_page."""
    content = trace_page(trace, member).encode()
    write_whole(path, content, "the trace")


def trace_page(trace: Trace, member: int | None = None) -> str:
    """The whole page as text.  member: only this one, from 1; None: all, if they are small."""
    weights = trace.subject.network.parameter_count
    if member is not None:
        chains: tuple[Chain, ...] = (trace.member(member),)
    elif weights * len(trace.chains) > MOST_WEIGHTS:
        chains = (trace.chain,)
    else:
        chains = trace.chains
    shown = chains.index(trace.chain) if trace.chain in chains else 0
    drawings = [drawing_of(trace, chain) for chain in chains]
    pictures = [
        f'<div class="drawing"{"" if place == shown else " hidden"}>'
        f"{network_svg(drawing, True)}</div>"
        for place, drawing in enumerate(drawings)
    ]
    data = _visible([_numbers(drawing) for drawing in drawings])
    numbers = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    body = f"""<header>
<p class="kicker">Vetro trace{text(f" · {trace.place}" if trace.place else "")}</p>
<h1>{text(sentence(trace, with_place=False))}</h1>
<p class="lead">{text(_lead(trace, chains))}</p>
{_members(trace, chains, shown)}
</header>
<section id="network">
<div class="stage">
{captioned("".join(pictures), caption(drawings[shown]))}
<aside class="panel" aria-live="polite" aria-label="How the chosen value is computed"></aside>
</div>
<noscript><p class="note">Only this page's script shows the sums behind the units; all of them are
in the text below.</p></noscript>
</section>
<section id="text">
{note(engine(trace))}
<details><summary>The trace as text</summary>
<pre>{text(visible_lines(lines(trace, member)))}</pre></details>
</section>"""
    kind = f'type="application/json" id="numbers" data-chosen="{shown}"'
    scripts = f"""<script {kind}>{numbers}</script>
<script>
{_resource("trace_page.js")}
</script>
"""
    style = _resource("page.css") + _resource("trace_page.css")
    return page(sentence(trace), style, body, scripts)


def _resource(name: str) -> str:
    return files("vetro.report").joinpath(name).read_text(encoding="utf-8")


def _lead(trace: Trace, chains: tuple[Chain, ...]) -> str:
    parts = [actual(trace)]
    if len(chains) > 1:
        parts.append(
            f"The answer is the mean of {len(chains)} networks; choose one to see inside it."
        )
    elif len(trace.chains) > 1:
        another = Setting("member").worded("command line")
        parts.append(
            f"The answer is the mean of {len(trace.chains)} networks. The drawing shows member "
            f"{chains[0].number}; {another} N draws another."
        )
    parts.append("Point at a unit, tap it or reach it with Tab to see how its value is computed.")
    return " ".join(part for part in parts if part)


def _members(trace: Trace, chains: tuple[Chain, ...], shown: int) -> str:
    """A button for each member with its answer."""
    if len(trace.chains) == 1:
        return ""
    names = list(trace.answers)
    if trace.label:
        names = [f"P({trace.label})"]
    buttons = []
    text_of = trace.subject.answer_text
    places = {name: place for place, name in enumerate(trace.answers)}
    for chain in trace.chains:
        answers = dict(zip(trace.answers, chain.answers.tolist(), strict=True))
        told = ", ".join(text_of(places[name], answers[name], 4) for name in names[:3])
        told += ", …" if len(names) > 3 else ""
        inside = f"<small>{text(chain.part.name)}</small>{text(told)}"
        if chain in chains:
            place = chains.index(chain)
            buttons.append(
                f'<button type="button" data-member="{place}" '
                f'aria-pressed="{"true" if place == shown else "false"}">{inside}</button>'
            )
        else:
            buttons.append(f"<span>{inside}</span>")
    return f'<div class="members">{"".join(buttons)}</div>'


def _numbers(drawing: Drawing) -> dict[str, Any]:
    """The data of one member that the script shows."""
    chain = drawing.chain
    last = drawing.columns[-1].values
    return {
        "cells": [
            {
                **as_json(cell, "column shown note first" + " bin=bin.text" * bool(cell.bin)),
                "features": [
                    [*step.formula.split(" = ", 1), step.working] for step in cell.features
                ],
            }
            for cell in chain.cells
        ],
        "columns": [
            {
                "title": column.title,
                "units": column.units,
                "values": _plain(column.values),
                "off": np.flatnonzero(column.off).tolist(),
                "stages": [_stage(drawing, stage) for stage in column.stages],
            }
            for column in drawing.columns
        ],
        "ending": _ending(drawing),
        "first": int(np.argmax(last)) if drawing.trace.label else 0,
    }


def _ending(drawing: Drawing) -> list[list[list[Any]]]:
    """For each output the steps that follow it: its own answer; of a single score both classes."""
    steps = [
        [*step.formula.split(" = ", 1), step.working, *_plain(np.array([step.value])), step.unit]
        for step in drawing.chain.ending
    ]
    outputs = len(drawing.columns[-1].units)
    return [[step] for step in steps] if len(steps) == outputs else [steps]


def _stage(drawing: Drawing, stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = {"symbols": stage.symbols, "values": _plain(stage.values)}
    if stage.weight is None or stage.kind != "affine":
        rights = [stage.right(unit) for unit in range(len(stage))]
        found["right"] = [letters for letters, _ in rights]
        found["working"] = [working for _, working in rights]
        return found
    source = drawing.holders[stage.operation.inputs[0]]
    terms = terms_of(drawing.chain, stage)
    found |= {
        "source": source,
        "names": terms.names,
        "units": stage.units,
        "unitsRead": stage.units_read,
        "weightName": stage.weight_name,
        "count": len(terms.names),
    }
    if stage.bias is not None:
        found["bias"] = _plain(stage.bias)
    if any(terms.bins):
        found |= {"sources": terms.sources, "bins": terms.bins}
    if not np.array_equal(drawing.columns[source].values, terms.values, equal_nan=True):
        found["read"] = _plain(terms.values)
    if stage.weight.size <= MOST_WEIGHTS:
        return found | {"weights": [_plain(row) for row in terms.weights]}
    products = terms.products
    kept = np.argsort(-np.abs(products), axis=1, kind="stable")[:, :MOST_TERMS]
    added = np.take_along_axis(products, kept, axis=1).sum(axis=1)
    rest = [stage.values[unit] - stage.bias_of(unit) - added[unit] for unit in range(len(stage))]
    return found | {
        "kept": kept.tolist(),
        "weights": [_plain(row) for row in np.take_along_axis(terms.weights, kept, axis=1)],
        "rest": _plain(np.array(rest)),
    }


def _visible(data: Any) -> Any:
    """The data with each text as the page shows it."""
    if isinstance(data, dict):
        return {name: _visible(item) for name, item in data.items()}
    if isinstance(data, (list, tuple)):
        return [_visible(item) for item in data]
    return visible(data) if isinstance(data, str) else data


def _plain(values: NDArray[Any]) -> list[float | None]:
    """Numbers for JSON with 8 significant digits; None for what is not finite."""
    return [float(f"{value:.8g}") if np.isfinite(value) else None for value in values]
