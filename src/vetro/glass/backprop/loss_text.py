"""A loss in lines of plain text: its terms with numbers, and its slopes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vetro.errors import counted
from vetro.glass.backprop.backprop_record import BackpropRecord
from vetro.glass.figures import figure

MOST_OUTPUTS = 6


def loss_lines(found: BackpropRecord, most_rows: int) -> list[str]:
    """The loss, its terms (the largest first), and its slope by each output."""
    terms = found.terms
    rule = terms.rule
    rows, outputs = found.values[-1].shape
    lines = [f"Loss {figure(terms.value, 7)}: {rule.shown}, {_reduction(found, rows, outputs)}"]
    lines.append(f"  a term is {rule.formula}")
    if found.subject.kind == "regression":
        lines.append("  outputs and targets are scaled: (value - mean) / deviation of the target")
    if rule.kind == "other":
        return [*lines, *_slopes(found, 0 if rows == 1 else found.worst_row, rows)]
    order = np.argsort(-terms.terms.sum(axis=1), kind="stable")[:most_rows]
    for row in order:
        row = int(row)
        target = f" (target {found.targets[row]})" if found.targets else ""
        if rows > 1 or target:
            lines.append(f"  {found.places[row]}{target}")
        lines += [f"    {line}" for line in _terms(found, row)]
    if rows > len(order):
        rest = float(terms.terms.sum() - terms.terms[order].sum())
        lines.append(f"  and {rows - len(order)} more rows: {figure(rest)} in all")
    return [*lines, *_slopes(found, found.worst_row, rows)]


def _reduction(found: BackpropRecord, rows: int, outputs: int) -> str:
    rule = found.terms.rule
    if rule.kind == "other":
        return counted(rows, "row")
    words = counted(rows, "row")
    if rule.kind != "cross_entropy":
        words += f" x {counted(outputs, 'output')}"
    if rule.reduction == "sum":
        return f"the sum over {words}"
    if rule.kind == "cross_entropy" and rule.class_weights is not None:
        return f"the mean over {words}, by their classes' weights"
    return f"the mean over {words}"


def _terms(found: BackpropRecord, row: int) -> list[str]:
    outputs = found.values[-1][row]
    names = found.subject.outputs
    terms = found.terms.terms[row]
    if found.terms.rule.kind == "cross_entropy":
        return [_of_class(found, row)]
    show = _SHOWN[found.terms.rule.kind]
    order = np.argsort(-np.abs(terms), kind="stable")[:MOST_OUTPUTS]
    lines = [
        f"{names[k]}: {show(float(outputs[k]), float(found.y[row, k]))} = {figure(terms[k], 6)}"
        for k in order
    ]
    if len(terms) > len(order):
        rest = figure(float(terms.sum() - terms[order].sum()))
        lines.append(f"and {len(terms) - len(order)} more outputs: {rest}")
    return lines


def _of_class(found: BackpropRecord, row: int) -> str:
    rule = found.terms.rule
    target = int(found.y[row])
    value = figure(float(found.terms.terms[row, 0]), 6)
    if target == rule.ignored:
        return f"ignored: {value}"
    o = found.values[-1][row]
    p = float(np.exp(o[target] - o.max()) / np.exp(o - o.max()).sum())
    name = found.subject.outputs[target]
    text = f"-log p({name}) = -log {figure(p, 6)}"
    if rule.a or rule.class_weights is not None:
        return f"{text}; smoothed and weighted: {value}"
    return f"{text} = {value}"


def _slopes(found: BackpropRecord, row: int, rows: int) -> list[str]:
    """The slope by each output at one row: the start of the backward pass."""
    slope, names = found.terms.slope[row], found.subject.outputs
    order = np.argsort(-np.abs(slope), kind="stable")[:MOST_OUTPUTS]
    words = [f"{names[k]} {figure(float(slope[k]))}" for k in order]
    more = f" and {len(slope) - len(order)} more" if len(slope) > len(order) else ""
    place = f", {found.places[row]}" if rows > 1 else ""
    lines = [f"  its slope by each output{place}: {', '.join(words)}{more}"]
    how = _HOW.get(found.terms.rule.kind, "")
    divisor = found.terms.divisor
    if how:
        lines[0] += f"   [{how}{f' / {figure(divisor)}' if divisor != 1 else ''}]"
    return lines


def _apart(o: float, t: float) -> str:
    return f"{figure(o, 6)} - {figure(t, 6)}" if t >= 0 else f"{figure(o, 6)} + {figure(-t, 6)}"


_SHOWN: dict[str, Callable[[float, float], str]] = {
    "mse": lambda o, t: f"({_apart(o, t)})^2",
    "l1": lambda o, t: f"|{_apart(o, t)}|",
    "smooth_l1": lambda o, t: f"e = {_apart(o, t)}; the term",
    "huber": lambda o, t: f"e = {_apart(o, t)}; the term",
    "bce": lambda o, t: f"s = {figure(o, 6)}, target {figure(t)}; the term",
}
_HOW = {
    "mse": "2 (output - target)",
    "l1": "the sign of output - target",
    "smooth_l1": "e / beta where |e| < beta, else its sign",
    "huber": "e where |e| <= delta, else delta x its sign",
    "bce": "sigmoid(s) - target",
    "cross_entropy": "p - 1 at the target's class, p elsewhere",
}
