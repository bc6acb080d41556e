"""Steps of rows along the slopes of their answers: the expected effect of changing each column.

In plain float64, for the search only: the engine answers the witness rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.glass import plain
from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.bounds.knots import Knots
from vetro.glass.plain import Floats
from vetro.glass.rows import Rows, part_inputs
from vetro.glass.subject import Subject


def steepest(
    subject: Subject, space: Space, root: Boxes, raw: Floats, objective: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """For each row (rows, columns) and column: the value that lowers the row's objective most if
    the answers were linear in the features, and by how much, (rows, columns) each.

    objective: the number of an answer, or the number of answers + it, for its negative.  The
    effect of a date's position in the year is left out.
    """
    found = _slopes(subject, space, root, raw, objective)
    values, gains = raw.copy(), np.zeros_like(raw)
    column = 0
    for place, axis in enumerate(space.axes):
        here = raw[:, place]
        there, change = here, np.zeros(len(raw))
        if axis.borders:
            knots = found.knots.values[column][0]
            at = found.at[:, found.knots.places[column]]
            there, best, now = knots[at.argmin(axis=1)], at.min(axis=1), found.now[:, column]
            column += 1
        elif axis.number >= 0:
            slope, middle = found.along[:, axis.variables[0]], space.middle[axis.number]
            low, high = root.low[0, axis.number], root.high[0, axis.number]
            there = np.where(slope > 0, low, high)
            best, now = slope * (there - middle), slope * (np.nan_to_num(here, nan=middle) - middle)
        if axis.number >= 0:
            change = best - now
        if axis.codes:
            choices = found.across[:, slice(*axis.alternatives)]
            choices = np.where(root.allowed[0, slice(*axis.alternatives)], choices, np.inf)
            codes, chosen = axis.raw_codes, axis.alternative_of(here)
            if axis.optional:
                choices[:, 0] += best
            first = choices.argmin(axis=1)
            rows = np.arange(len(raw))
            current = found.across[rows, axis.alternatives[0] + chosen]
            if axis.number >= 0:
                current = current + np.where(np.isnan(here), 0.0, now)
            change = choices[rows, first] - current
            there = np.where(np.isposinf(codes[first]), there, codes[first])
        values[:, place], gains[:, place] = there, -change
    return values, gains


@dataclass(frozen=True, eq=False)
class _Slopes:
    """The mean over the members of what each part of a row does to its objective.

    along: d objective / d t, (rows, variables); across: the effect of each alternative, (rows,
    alternatives).  Of columns with bins: the effect at the root's `knots`, at (rows, knots), and of
    the row's own value, now (rows, columns).
    """

    along: Floats
    across: Floats
    knots: Knots
    at: Floats
    now: Floats


def _slopes(
    subject: Subject, space: Space, root: Boxes, raw: Floats, objective: NDArray[np.intp]
) -> _Slopes:
    answers, count, knots = len(subject.answers), len(raw), Knots.of(space, root)
    own = np.nan_to_num(raw[:, list(space.binned)])
    found = _Slopes(
        np.zeros((count, space.variables)), np.zeros((count, space.alternatives)), knots,
        np.zeros((count, knots.count)), np.zeros(own.shape),
    )  # fmt: skip
    for number, part in enumerate(subject.parts):
        values = plain.forward(part, part_inputs(part, Rows(raw)))
        delta = _delta(subject, number, values[-1], objective % answers)
        delta *= np.where(objective < answers, 1.0, -1.0)[:, None] / len(subject.parts)
        slopes, map_ = plain.backward(part, values, delta)[1][0], space.maps[number]
        found.along[:] += slopes @ map_.of_variables.T
        found.across[:] += slopes @ map_.of_alternatives.T
        found.at[:] += knots.back(map_.binned, slopes[None])[0]
        for column, binned in enumerate(map_.binned):
            features = binned.features_at(own[:, column])
            found.now[:, column] += (slopes[:, binned.features] * features).sum(axis=1)
    return found


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
