"""Forms of a subject's answers: targets in their units, class probabilities, a module's y.

Each form is the mean over the members of forms (relaxation.py) of each member's answer, including
the float64 roundings of unscaling, softmax and mean.  There are two objectives per answer: first
the lower bounds of the answers, then those of their negatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.errors import error
from vetro.glass.bounds import interval_bounds
from vetro.glass.bounds.activation_lines import lines
from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.bounds.branching import Bounded
from vetro.glass.bounds.forms import Form, Region
from vetro.glass.bounds.relaxation import (
    Enclosure,
    Known,
    Slopes,
    enclose,
    looseness,
    lower_forms,
    with_slopes,
)
from vetro.glass.bounds.rounding_bounds import OWN, SAFE, largest, unit
from vetro.glass.subject import Part, Subject
from vetro.networks.lowered import Operation

Floats = NDArray[np.float64]

_SIGMOID = Operation("activation", (0,), 1, function="sigmoid")
_FAR = 700.0
"""exp overflows beyond 709."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """Facts that hold in a box and in all boxes within it (tuning.py).

    known: for each part, number of a value -> its range.  slopes: for each objective and part the
    slopes of its lines, empty if each box has its own.  least: (objectives,) certain lower bounds,
    -inf if none were computed.
    """

    known: tuple[Known, ...]
    slopes: tuple[tuple[Slopes, ...], ...]
    least: Floats


def answers_over(
    subject: Subject,
    space: Space,
    boxes: Boxes,
    less: Form | None = None,
    tuned: Tuned | None = None,
) -> Bounded:
    """Bounds of every answer over each box, and how much cutting each axis may improve them.

    less: exact forms (one for all boxes) that are subtracted from the answers and their negatives.
    tuned: facts about a box that contains all of these.
    """
    region = Region.of(space, boxes)
    forms, single, pulls, enclosures = [], [], [], []
    for number, part in enumerate(subject.parts):
        found = enclose(part, number, region, tuned.known[number] if tuned else None)
        enclosures.append(found)
        weights: dict[int, Floats] = {}
        form, least = _of_part(subject, part, number, region, found, weights)
        forms.append(form)
        single.append(least)
        gain = looseness(part, region, found, weights)
        if subject.kind == "classification" or not weights:  # the rows are not answers
            pulls.append(gain.sum(axis=1, keepdims=True))
        else:
            pulls.append(gain * unscaling(part, found)[0][:, None])
    mean = Form.mean(forms, region)
    if less is None:
        least = np.maximum(mean.least(region), _mean(single))
        if tuned and tuned.slopes:
            least = np.maximum(least, _with_slopes(subject, region, enclosures, tuned))
        least = _possible(subject, least)
    else:
        mean = mean.less(less)
        least = mean.least(region)
    return Bounded(least, mean.pull(space, boxes) + np.mean(pulls, axis=0))


def _with_slopes(
    subject: Subject, region: Region, enclosures: list[Enclosure], tuned: Tuned
) -> Floats:
    """Bounds by the lines that suit the surrounding box, (boxes, objectives)."""
    least = []
    outputs = subject.network.outputs
    spec = np.concatenate([np.eye(outputs), -np.eye(outputs)])
    for objective, slopes in enumerate(tuned.slopes):
        forms = []
        for number, part in enumerate(subject.parts):
            found = with_slopes(part, enclosures[number], slopes[number])
            row = spec[None, objective : objective + 1]
            form = lower_forms(part, number, region, found, row, len(part.network.operations))
            factor, shift, room = unscaling(part, found)
            own = (shift - room)[:, objective : objective + 1]
            forms.append(form.scaled(factor[objective : objective + 1], own))
        least.append(Form.mean(forms, region).least(region)[:, 0])
    return np.stack(least, axis=1)


def plain_intervals(subject: Subject, space: Space, root: Boxes) -> Floats:
    """The same bounds by intervals alone, (2 answers,), for one box.

    E733 if an intermediate number may be too large for the network's dtype.
    """
    region = Region.of(space, root)
    single = []
    for number, part in enumerate(subject.parts):
        found = enclose(part, number, region)
        _check(part, found)
        low, high = interval_bounds.through(part, found.low[0], found.high[0])
        if subject.kind == "classification":
            matrix = margins_of(part.network.outputs)
            step = interval_bounds.product(matrix, np.zeros(len(matrix)), part, low, high)
            single.append(_certain_shares(step.low, step.high, len(subject.answers)))
        else:
            both = np.concatenate([low, -high], axis=1)
            factor, shift, room = unscaling(part, found)
            single.append(both * factor + shift - room)
    certain: Floats = _possible(subject, _mean(single))[0]
    return certain


def _check(part: Part, found: Enclosure) -> None:
    limit = largest(part.network.dtype)
    sizes = [np.abs(values).max(initial=0.0) for values in (*found.low, *found.high)]
    # a layer's room is more than 4 u times the sizes of its terms
    sizes += [room.max(initial=0.0) / (4 * unit(part.network.dtype)) for room in found.room]
    if not all(size < limit for size in sizes):
        raise error("E733", dtype=part.network.dtype)


def _possible(subject: Subject, least: Floats) -> Floats:
    """Cut to [0, 1]: a softmax, or the mean of several, never leaves it, even when rounded."""
    if subject.kind != "classification":
        return least
    classes = len(subject.answers)
    possible: Floats = np.maximum(least, np.repeat([0.0, -1.0], classes))
    return possible


def _mean(single: list[Floats]) -> Floats:
    roundings = OWN * 4 * (len(single) + 4)
    found: Floats = np.mean(single, axis=0) - roundings * np.mean(np.abs(single), axis=0)
    return found


def share_ranges(
    part: Part, number: int, region: Region, found: Enclosure, classes: int
) -> tuple[Floats, Floats]:
    """The range of a member's class probabilities, (boxes, classes) each."""
    _, low, high = _margin_ranges(part, number, region, found)
    both = _certain_shares(low, high, classes)
    return both[:, :classes], -both[:, classes:]


def _margin_ranges(
    part: Part,
    number: int,
    region: Region,
    found: Enclosure,
    weights: dict[int, Floats] | None = None,
) -> tuple[Form, Floats, Floats]:
    """Forms below the margins and their negatives, and the margins' ranges."""
    matrix = margins_of(part.network.outputs)
    both = np.concatenate([matrix, -matrix])[None]
    last = len(part.network.operations)
    forms = lower_forms(part, number, region, found, both, last, weights)
    least, rows = forms.least(region), len(matrix)
    step = interval_bounds.product(matrix, np.zeros(rows), part, found.low[-1], found.high[-1])
    return forms, np.maximum(step.low, least[:, :rows]), np.minimum(step.high, -least[:, rows:])


def _of_part(
    subject: Subject,
    part: Part,
    number: int,
    region: Region,
    found: Enclosure,
    weights: dict[int, Floats],
) -> tuple[Form, Floats]:
    """A member's form, and its bounds together with the intervals', (boxes, 2 answers)."""
    if subject.kind == "classification":
        forms, low, high = _margin_ranges(part, number, region, found, weights)
        classes = len(subject.answers)
        return _share_forms(forms, low, high, classes), _certain_shares(low, high, classes)
    outputs = part.network.outputs
    both = np.concatenate([np.eye(outputs), -np.eye(outputs)])[None]
    last = len(part.network.operations)
    form = lower_forms(part, number, region, found, both, last, weights)
    factor, shift, room = unscaling(part, found)
    low, high = found.low[-1], found.high[-1]
    scaled = form.scaled(factor, shift - room)
    return scaled, np.concatenate([low, -high], axis=1) * factor + shift - room


def unscaling(part: Part, found: Enclosure) -> tuple[Floats, Floats, Floats]:
    """factor and shift (2 answers,) of the answer and its negative, and the rounding allowance."""
    low, high = found.low[-1], found.high[-1]
    if part.encoder is None:
        return np.ones(2 * low.shape[1]), np.zeros(2 * low.shape[1]), np.zeros((1, 1))
    targets = part.encoder.number_targets
    factor = np.tile([target.deviation for target in targets], 2)
    mean = np.array([target.mean for target in targets])
    shift = np.concatenate([mean, -mean])
    size = np.maximum(np.abs(low), np.abs(high))
    room = SAFE * 32 * OWN * (np.tile(size, 2) * factor + np.abs(shift))
    return factor, shift, room


def margins_of(outputs: int) -> Floats:
    """The rows z_j - z_i for each class i and every other j, as a matrix for z (outputs,)."""
    logits = np.array([[0.0], [1.0]]) if outputs == 1 else np.eye(outputs)
    classes = len(logits)
    rows = [logits[j] - logits[i] for i in range(classes) for j in range(classes) if j != i]
    return np.array(rows)


def _certain_shares(low: Floats, high: Floats, classes: int) -> Floats:
    """Bounds of the probabilities 1 / (1 + sum of exp(margins)), (boxes, 2 classes)."""
    shape = (len(low), classes, classes - 1)
    with np.errstate(over="ignore"):
        least = 1.0 / (1.0 + np.exp(high.reshape(shape)).sum(axis=-1))
        most = 1.0 / (1.0 + np.exp(low.reshape(shape)).sum(axis=-1))
    room = _share_room(classes)
    return np.concatenate([np.maximum(least - room, 0.0), -np.minimum(most + room, 1.0)], axis=1)


def _share_room(classes: int) -> float:
    """The rounding of a softmax in float64, the engine's and ours."""
    return (classes + 32) * 2.0**-49


def _share_forms(margins: Form, low: Floats, high: Floats, classes: int) -> Form:
    """Forms below the probabilities and their negatives, from those below margins and -margins.

    margins: rows as _margins has them, then their negatives; low, high: their ranges.
    """
    shape = (len(low), classes, classes - 1)
    low, high = low.reshape(shape), high.reshape(shape)
    if classes == 2:  # 1 / (1 + exp(d)) is a sigmoid of -d, whose lines are tighter
        line = lines(_SIGMOID, -high[..., 0], -low[..., 0], "float64")
        factors = np.stack([line.lower_slope, line.upper_slope], axis=1)[..., None]
        constant = np.concatenate([line.lower, -line.upper], axis=1)
    else:
        factors, constant = _softmax_lines(low, high)
    # the first half needs forms of -d, the second those of d
    count = classes * (classes - 1)

    def summed(values: Floats, factor: Floats, rows: slice) -> Floats:
        taken = values[:, rows].reshape(*shape, -1)
        found: Floats = (factor[..., None] * taken).sum(axis=2)
        return found

    below, above = slice(count, None), slice(0, count)

    def both(values: Floats) -> Floats:
        return np.concatenate(
            [summed(values, factors[:, 0], below), summed(values, factors[:, 1], above)], axis=1
        )

    return Form(
        both(margins.of_variables),
        both(margins.of_alternatives),
        both(margins.constant[..., None])[..., 0] + constant - 2 * _share_room(classes),
    )


def _softmax_lines(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """p = 1 / (1 + s), s = sum of exp(d_j), from below and from above by sums of lines in d_j.

    From below: p lies above its tangent in s, and exp(d) below its chord.  From above: p lies below
    its chord in s, and exp(d) above its tangent.  factors (boxes, 2, classes, others), constant
    (boxes, 2 classes); the first factors multiply -d, the second d.
    """
    tame = high.max(axis=-1) < _FAR
    low, high = np.clip(low, -_FAR, _FAR), np.clip(high, -_FAR, _FAR)
    exp_low, exp_high = np.exp(low), np.exp(high)
    width = high - low
    with np.errstate(invalid="ignore", divide="ignore"):
        chord = np.where(width > 0, (exp_high - exp_low) / width, exp_low)
    middle = low / 2 + high / 2
    at = (exp_low + chord * (middle - low)).sum(axis=-1)
    steep = 1.0 / (1.0 + at) ** 2
    least = 1.0 / (1.0 + at) + steep * (at - (exp_low - chord * low).sum(axis=-1))
    below = np.where(tame[..., None], steep[..., None] * chord, 0.0)
    least = np.where(tame, least, 0.0)

    first, last = exp_low.sum(axis=-1), exp_high.sum(axis=-1)
    # chord of 1 / (1 + s): slope -1 / ((1 + first) (1 + last))
    fall = np.where(tame, 1.0 / ((1.0 + first) * (1.0 + last)), 0.0)
    touch = np.exp(middle)
    most = 1.0 / (1.0 + first) + fall * first - fall * (touch * (1.0 - middle)).sum(axis=-1)
    above = fall[..., None] * touch
    sizes = (np.abs(below) * np.abs(low) + np.abs(above) * np.abs(high)).sum(axis=-1)
    room = 2.0**-45 * (1.0 + sizes + steep * at + fall * last)
    return np.stack([below, above], axis=1), np.concatenate([least - room, -most - room], axis=1)
