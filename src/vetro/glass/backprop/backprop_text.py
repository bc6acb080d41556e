"""Backprop as lines of plain text: loss, error signals, gradients, updates, and the checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from vetro.errors import counted
from vetro.figures import aligned, figure
from vetro.glass.backprop.backprop_record import BackpropRecord, comparison
from vetro.glass.backprop.loss_text import loss_lines
from vetro.glass.backprop.signals import Signals
from vetro.glass.check import Check
from vetro.glass.names import value_names

MOST_UNITS = 6
MOST_TERMS = 3
MOST_GRADIENTS = 10
MOST_ROWS = 8


def text(found: BackpropRecord, everything: bool = False, parameter: str = "") -> list[str]:
    """The whole text; `everything`: all units, terms and gradients.

    parameter: the one whose update is shown; by default the one with the largest gradient.
    """
    index = found.number(parameter) if parameter else int(found.largest[0])
    return [
        *loss_lines(found, MOST_ROWS),
        "",
        *_signals(found, everything),
        "",
        *_gradients(found, everything, index),
        "",
        *_rows(found, index),
        *_updates(found, index),
        "",
        *_accumulated(found, index),
        "",
        *checks(found.checks),
        *([""] if found.notes else []),
        *found.notes,
    ]


def _signals(found: BackpropRecord, everything: bool) -> list[str]:
    row = found.worst_row
    several = f", {found.places[row]}" if len(found.x) > 1 else ""
    lines = [f"Error signals{several}: how fast the loss rises with a unit's sum"]
    names = value_names(found.subject)
    for layer in found.signals(row):
        lines += _layer(layer, names, everything)
    return lines


def _layer(layer: Signals, names: tuple[tuple[str, ...], ...], everything: bool) -> list[str]:
    units = len(layer.delta)
    off = int(layer.off.sum())
    words = counted(units, "unit")
    if off:
        words += f", {off} off: {'it passes' if off == 1 else 'they pass'} nothing on"
    order = np.argsort(-np.abs(layer.delta), kind="stable")
    order = order if everything else order[: MOST_UNITS if units > MOST_UNITS + 1 else units]
    own = names[layer.value]
    width = max(len(own[unit]) for unit in order)
    lines = [f"  {layer.where} ({words})"]
    lines += [
        f"    {own[unit]:{width}}  {signal_line(layer, int(unit), names, everything)}"
        for unit in order
    ]
    rest = np.setdiff1d(np.arange(units), order)
    if len(rest):
        size = float(np.abs(layer.delta[rest]).sum())
        largest = figure(float(np.abs(layer.delta[rest]).max()))
        lines.append(
            f"    and {len(rest)} more, none larger than {largest}, {figure(size)} in all"
            if size
            else f"    and {len(rest)} more, all 0"
        )
    return lines


def signal_line(
    layer: Signals, unit: int, names: tuple[tuple[str, ...], ...], everything: bool = False
) -> str:
    """One unit's error signal as a product: slope x (weight x delta behind + ...)."""
    delta = figure(float(layer.delta[unit]))
    if layer.off[unit]:
        return f"0, off: {layer.function}' is 0 at {figure(float(layer.z[unit]))}"
    if layer.last:
        total = "the slope of the loss"
    elif layer.weights is None or layer.behind is None:
        total = f"{figure(float(layer.sum[unit]))} (from everything that reads it)"
    else:
        total = _terms(layer.weights[unit], layer.behind, names[layer.reader], everything)
    if not layer.function:
        return f"{delta} = {total}"
    slope = f"{layer.function}' {figure(float(layer.slope[unit]))}"
    return f"{delta} = {slope} x ({total})"


def _terms(
    weights: NDArray[np.float64],
    behind: NDArray[np.float64],
    names: Sequence[str],
    everything: bool,
) -> str:
    """weight x delta [unit] + ..., the largest terms first; the others as one sum."""
    products = weights * behind
    order = np.argsort(-np.abs(products), kind="stable")
    most = len(order) if everything or len(order) <= MOST_TERMS + 1 else MOST_TERMS
    words = [
        f"{figure(float(weights[k]), 4)} x {figure(float(behind[k]), 4)} [{names[k]}]"
        for k in order[:most]
        if products[k] != 0 or len(order) == 1
    ]
    rest = order[most:]
    if len(rest) and products[rest].any():
        words.append(f"{figure(float(products[rest].sum()), 4)} from {len(rest)} more")
    return " + ".join(words) or "0"


def _gradients(found: BackpropRecord, everything: bool, index: int) -> list[str]:
    order = found.largest
    if not everything:
        order = order[:MOST_GRADIENTS]
        if index not in order:
            order = np.append(order, index)
    shown = "all" if len(order) == len(found.gradient) else f"the {len(order)} largest"
    rows = len(found.x)
    many = "the sum over the rows of " if rows > 1 else ""
    lines = [f"Gradients ({shown} of {len(found.gradient)}): {many}delta of the unit x its input"]
    heads = ("parameter", "delta x input", "gradient", "autograd", "difference", "verdict")
    lines += aligned([heads, *(_gradient(found, int(number)) for number in order)])
    rest = np.setdiff1d(np.arange(len(found.gradient)), order)
    if len(rest):
        norm = float(np.sqrt((found.gradient[rest] ** 2).sum()))
        zero = int((found.gradient[rest] == 0).sum())
        zeros = f"; {zero} of them are 0" if zero else ""
        lines.append(f"  the other {len(rest)}: norm {figure(norm)}{zeros}")
    return lines


def _gradient(found: BackpropRecord, number: int) -> tuple[str, ...]:
    name = found.names[number]
    uses = found.factors(number)
    if len(found.x) == 1 and len(uses) == 1:
        delta, came_in = (figure(float(part[0])) for part in uses[0])
        product = f"{delta} x {came_in}"
    else:
        product = f"{len(found.x) * len(uses)} products"
    value = found.gradient[number]
    if not found.learns[number]:
        return name, product, figure(value, 6), "frozen", "-", "-"
    by_torch = found.autograd[number]
    verdict = comparison(found, number)
    return name, product, figure(value, 6), figure(by_torch, 6), _central(found, number), verdict


def _central(found: BackpropRecord, number: int) -> str:
    place = np.flatnonzero(found.central.index == number)
    if not len(place):
        return "not computed"
    if found.central.bent[place[0]]:
        return "bend in step"
    if found.central.curved[place[0]]:
        return "curve in step"
    return figure(float(found.central.value[place[0]]), 6)


def _rows(found: BackpropRecord, index: int) -> list[str]:
    """What each row adds to one gradient."""
    if len(found.x) == 1:
        return []
    name = found.names[index]
    parts = found.contributions(name)
    order = np.argsort(-np.abs(parts), kind="stable")[:MOST_ROWS]
    lines = [f"{name}, row by row: {figure(found.gradient[index])} is the sum of"]
    for row in order:
        product = " + ".join(
            f"{figure(float(delta[row]))} x {figure(float(came_in[row]))}"
            for delta, came_in in found.factors(index)
        )
        lines.append(f"  {found.places[row]}: {product} = {figure(float(parts[row]))}")
    rest = len(parts) - len(order)
    if rest:
        other = float(parts.sum() - parts[order].sum())
        lines.append(f"  and {rest} more rows: {figure(other)}")
    return [*lines, ""]


def _updates(found: BackpropRecord, index: int) -> list[str]:
    name = found.names[index]
    w, g = float(found.part.parameters[index]), float(found.gradient[index])
    lines = [f"Updates of {name}: w = {figure(w, 7)}, g = {figure(g, 6)}"]
    for proposal in found.updates:
        own = ", the optimizer in use, from its present state" if proposal.own else ""
        lines.append(f"  {proposal.title}{own}")
        steps = proposal.lines(index)
        if not steps:
            new = float(proposal.new[index])
            steps = [f"w' = {figure(new, 7)}" + ("" if new != w else ", unchanged: it is frozen")]
        lines += [f"    {line}" for line in steps]
    return lines


def _accumulated(found: BackpropRecord, index: int) -> list[str]:
    lines = ["Without optimizer.zero_grad()"]
    if not found.learns[index]:
        return [*lines, "  nothing is added here: the parameter is frozen"]
    once, twice = figure(found.autograd[index], 6), figure(found.twice[index], 6)
    lines.append(
        f"  backward() adds to .grad: after one {once} (g), after a second {twice} (2 g), "
        "after a third 3 g."
    )
    lines.append(
        "  SGD's step would grow with every pass; Adam and RMSprop divide by the gradients' size, "
        "and would mix old rows into new."
    )
    return lines


def checks(found: Iterable[Check]) -> list[str]:
    """Each check with its margin."""
    lines = ["Checks"]
    for check in found:
        margin = ""
        if np.isfinite(check.share) and check.verdict != "undecided":
            margin = f": off by {figure(check.deviation, 2)}, allowed {figure(check.bound, 2)}"
        detail = f" ({check.detail})" if check.detail else ""
        lines.append(f"  {check.verdict}  {check.name}{margin}{detail}")
    return lines
