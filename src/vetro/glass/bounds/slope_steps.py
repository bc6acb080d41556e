"""Steps of rows along the slopes of their answers: the expected effect of changing each column.

In plain float64, for the search only: the engine answers the witness rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vetro.glass import plain
from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.plain import Floats
from vetro.glass.rows import Rows, part_inputs
from vetro.glass.subject import Subject


def steepest(
    subject: Subject, space: Space, root: Boxes, raw: Floats, objective: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """For each row (rows, columns) and column: the value that lowers the row's objective most if
    the answers were linear, and by how much, (rows, columns) each.

    objective: the number of an answer, or the number of answers + it, for its negative.  The
    effect of a date's position in the year is left out.
    """
    along, across = _slopes(subject, space, raw, objective)
    values, gains = raw.copy(), np.zeros_like(raw)
    for place, axis in enumerate(space.axes):
        here = raw[:, place]
        there, change = here, np.zeros(len(raw))
        if axis.number >= 0:
            slope = along[:, axis.variables[0]]
            low, high = root.low[0, axis.number], root.high[0, axis.number]
            there = np.where(slope > 0, low, high)
            change = slope * (there - np.where(np.isnan(here), space.middle[axis.number], here))
        if axis.codes:
            choices = across[:, slice(*axis.alternatives)]
            choices = np.where(root.allowed[0, slice(*axis.alternatives)], choices, np.inf)
            codes, now = axis.raw_codes, axis.alternative_of(here)
            middle = 0.0 if axis.number < 0 else space.middle[axis.number]
            if axis.optional:
                choices[:, 0] += slope * (there - middle)
            best = choices.argmin(axis=1)
            rows = np.arange(len(raw))
            current = across[rows, axis.alternatives[0] + now]
            if axis.number >= 0:
                current = current + np.where(np.isnan(here), 0.0, slope * (here - middle))
            change = choices[rows, best] - current
            there = np.where(np.isposinf(codes[best]), there, codes[best])
        values[:, place], gains[:, place] = there, -change
    return values, gains


def _slopes(
    subject: Subject, space: Space, raw: Floats, objective: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """d objective / d t and the effect of each alternative, (rows, variables) and (rows,
    alternatives), mean over the members."""
    answers = len(subject.answers)
    along, across = np.zeros((len(raw), space.variables)), np.zeros((len(raw), space.alternatives))
    for number, part in enumerate(subject.parts):
        values = plain.forward(part, part_inputs(part, Rows(raw)))
        delta = _delta(subject, number, values[-1], objective % answers)
        delta *= np.where(objective < answers, 1.0, -1.0)[:, None]
        slopes = plain.backward(part, values, delta)[1][0]
        along += slopes @ space.maps[number].of_variables.T
        across += slopes @ space.maps[number].of_alternatives.T
    return along / len(subject.parts), across / len(subject.parts)


def _delta(subject: Subject, number: int, outputs: Floats, answer: NDArray[np.intp]) -> Floats:
    """d answer / d outputs of a member, (rows, outputs)."""
    rows = np.arange(len(outputs))
    delta = np.zeros_like(outputs)
    if subject.kind != "classification":
        delta[rows, answer] = 1.0
        encoder = subject.parts[number].encoder
        if encoder is not None:
            delta *= [target.deviation for target in encoder.number_targets]
        return delta
    # the score z_i - log(sum of exp(z)): its slope does not vanish if the share is near 0 or 1
    z = outputs if outputs.shape[1] > 1 else np.hstack([np.zeros_like(outputs), outputs])
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    full = -powers / powers.sum(axis=1, keepdims=True)
    full[rows, answer] += 1.0
    own: Floats = full[:, -outputs.shape[1] :]
    return own
