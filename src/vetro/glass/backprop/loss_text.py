"""A loss in lines of plain text: its terms with numbers, and its slopes."""

from __future__ import annotations

import numpy as np

from vetro.errors import counted
from vetro.figures import figure
from vetro.glass.backprop.backprop_record import BackpropRecord
from vetro.glass.learning.loss_terms import OtherLoss
from vetro.networks.arithmetic import FLOATS
from vetro.networks.losses.loss import Loss
from vetro.networks.losses.rule import LossRule
from vetro.networks.losses.table import loss_of

MOST_OUTPUTS = 6


def loss_lines(found: BackpropRecord, most_rows: int) -> list[str]:
    """The loss, its terms (the largest first), and its slope by each output."""
    terms = found.terms
    rule = terms.rule
    rows, outputs = found.values[-1].shape
    lines = [f"Loss {figure(terms.value, 7)}: {terms.shown}, {_reduction(found, rows, outputs)}"]
    lines.append(f"  a term is {terms.formula}")
    if found.subject.kind == "regression":
        lines.append("  outputs and targets are scaled: (value - mean) / deviation of the target")
    if isinstance(rule, OtherLoss):
        return [*lines, *_slopes(found, 0 if rows == 1 else found.worst_row, rows)]
    order = np.argsort(-terms.terms.sum(axis=1), kind="stable")[:most_rows]
    for row in order:
        row = int(row)
        target = f" (target {found.targets[row]})" if found.targets else ""
        if rows > 1 or target:
            lines.append(f"  {found.places[row]}{target}")
        lines += [f"    {line}" for line in _terms(found, row, rule)]
    if rows > len(order):
        rest = float(terms.terms.sum() - terms.terms[order].sum())
        lines.append(f"  and {rows - len(order)} more rows: {figure(rest)} in all")
    return [*lines, *_slopes(found, found.worst_row, rows)]


def _reduction(found: BackpropRecord, rows: int, outputs: int) -> str:
    rule = found.terms.rule
    words = counted(rows, "row")
    if isinstance(rule, OtherLoss):
        return words
    of_class = loss_of(rule).target == "class"
    if not of_class:
        words += f" x {counted(outputs, 'output')}"
    if rule.reduction == "sum":
        return f"the sum over {words}"
    if of_class and rule.class_weights is not None:
        return f"the mean over {words}, by their classes' weights"
    return f"the mean over {words}"


def _terms(found: BackpropRecord, row: int, rule: LossRule) -> list[str]:
    outputs = found.values[-1][row]
    names = found.subject.outputs
    terms = found.terms.terms[row]
    loss = loss_of(rule)
    if loss.target == "class":
        return [_of_class(found, row, rule)]
    order = np.argsort(-np.abs(terms), kind="stable")[:MOST_OUTPUTS]
    lines = [
        f"{names[k]}: {_with_numbers(loss, float(outputs[k]), float(found.y[row, k]))}"
        f" = {figure(terms[k], 6)}"
        for k in order
    ]
    if len(terms) > len(order):
        rest = figure(float(terms.sum() - terms[order].sum()))
        lines.append(f"and {len(terms) - len(order)} more outputs: {rest}")
    return lines


def _with_numbers(loss: Loss, o: float, t: float) -> str:
    less = f"- {figure(t, 6)}" if t >= 0 else f"+ {figure(-t, 6)}"
    numbers = {"difference": f"{figure(o, 6)} {less}", "output": figure(o, 6), "target": figure(t)}
    return loss.term_text.format_map(numbers)


def _of_class(found: BackpropRecord, row: int, rule: LossRule) -> str:
    target = int(found.y[row])
    value = figure(float(found.terms.terms[row, 0]), 6)
    if target == rule.ignored:
        return f"ignored: {value}"
    o = found.values[-1][row]
    p = float(FLOATS.softmax(o)[target])
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
    rule, divisor = found.terms.rule, found.terms.divisor
    if not isinstance(rule, OtherLoss):
        by = f" / {figure(divisor)}" if divisor != 1 else ""
        lines[0] += f"   [{loss_of(rule).slope_formula}{by}]"
    return lines
