"""Forms of a subject's answers: targets in their units, class probabilities, a module's y.

Each form is the mean over the members of forms (relaxation.py) of each member's answer, including
the float64 roundings of unscaling, softmax and mean.  There are two objectives per answer: first
the lower bounds of the answers, then those of their negatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vetro.errors import error
from vetro.glass.bounds.activation_lines import lines
from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.bounds.branching import Bounded
from vetro.glass.bounds.forms import Form, Line, Region
from vetro.glass.bounds.forms_below import Weights
from vetro.glass.bounds.interval_bounds import Intervals, Span, product
from vetro.glass.bounds.relaxation import Enclosure, Known, Slopes, both, enclose
from vetro.glass.bounds.rounding_bounds import OWN, SAFE, largest, unit
from vetro.glass.plain import Floats
from vetro.glass.subject import Part, Subject
from vetro.networks.lowered import Operation

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
    less: Line | None = None,
    tuned: Tuned | None = None,
) -> Bounded:
    """Bounds of every answer over each box, and how much cutting each axis may improve them.

    less: lines that are subtracted from the answers and their negatives.
    tuned: facts about a box that contains all of these.
    """
    region = Region.of(space, boxes)
    forms, single, pulls, enclosures = [], [], [], []
    for number, part in enumerate(subject.parts):
        found = enclose(part, number, region, tuned.known[number] if tuned else None)
        enclosures.append(found)
        weights: Weights = {}
        form, least = _of_part(subject, found, weights)
        forms.append(form)
        single.append(least)
        gain = found.looseness(weights)
        if subject.kind == "classification" or not weights:  # the rows are not answers
            pulls.append(gain.sum(axis=1, keepdims=True))
        else:
            pulls.append(gain * unscaling(part, found.last)[0][:, None])
    mean = Form.mean(forms, region)
    if less is None:
        least = np.maximum(mean.least(region), _mean(single))
        if tuned and tuned.slopes:
            least = np.maximum(least, _with_slopes(region, enclosures, tuned))
        least = _possible(subject, least)
    else:
        mean = mean.plus(less.form(region))
        least = mean.least(region)
    return Bounded(least, mean.pull(region) + np.mean(pulls, axis=0))


def _with_slopes(region: Region, enclosures: list[Enclosure], tuned: Tuned) -> Floats:
    """Bounds by the lines that suit the surrounding box, (boxes, objectives)."""
    least = []
    for objective, slopes in enumerate(tuned.slopes):
        row = slice(objective, objective + 1)
        forms = [
            _number_forms(found.with_slopes(own), row)
            for found, own in zip(enclosures, slopes, strict=True)
        ]
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
        _check(found)
        last = Intervals(part).through(found.values[0]).last
        if subject.kind == "classification":
            matrix = margins_of(part.network.outputs)
            margins = product(part, matrix, np.zeros(len(matrix)), last)
            single.append(_certain_shares(margins.low, margins.high, len(subject.answers)))
        else:
            single.append(_unscaled(part, last))
    certain: Floats = _possible(subject, _mean(single))[0]
    return certain


def _check(found: Enclosure) -> None:
    dtype = found.part.network.dtype
    sizes = [span.size.max(initial=0.0) for span in found.values.values()]
    # a layer's room is more than 4 u times the sizes of its terms
    sizes += [span.room.max(initial=0.0) / (4 * unit(dtype)) for span in found.values.values()]
    if not all(size < largest(dtype) for size in sizes):
        raise error("E733", dtype=dtype)


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


def share_ranges(found: Enclosure, classes: int) -> tuple[Floats, Floats]:
    """The range of a member's class probabilities, (boxes, classes) each."""
    low, high, _ = _margins(found)
    shares = _certain_shares(low, high, classes)
    return shares[:, :classes], -shares[:, classes:]


def _margins(found: Enclosure, weights: Weights | None = None) -> tuple[Floats, Floats, Form]:
    """The margins' ranges, and forms below the margins and their negatives."""
    network = found.part.network
    matrix = margins_of(network.outputs)
    return found.tightened(matrix, len(network.operations), found.last, weights)


def _of_part(subject: Subject, found: Enclosure, weights: Weights) -> tuple[Form, Floats]:
    """A member's form, and its bounds together with the intervals', (boxes, 2 answers)."""
    if subject.kind == "classification":
        low, high, forms = _margins(found, weights)
        classes = len(subject.answers)
        return _share_forms(forms, low, high, classes), _certain_shares(low, high, classes)
    return _number_forms(found, slice(None), weights), _unscaled(found.part, found.last)


def _number_forms(found: Enclosure, rows: slice, weights: Weights | None = None) -> Form:
    """A member's forms below some of the answers and their negatives, which are numbers."""
    network = found.part.network
    spec = both(np.eye(network.outputs))[:, rows]
    form = found.below(spec, len(network.operations), weights)
    factor, shift, room = unscaling(found.part, found.last)
    return form.scaled(factor[rows], (shift - room)[:, rows])


def _unscaled(part: Part, last: Span) -> Floats:
    """Bounds of a part's answers and their negatives, from the range of its outputs."""
    factor, shift, room = unscaling(part, last)
    return np.concatenate([last.low, -last.high], axis=1) * factor + shift - room


def unscaling(part: Part, last: Span) -> tuple[Floats, Floats, Floats]:
    """factor and shift (2 answers,) of the answer and its negative, and the rounding allowance."""
    size = np.tile(last.size, 2)
    if part.encoder is None:
        return np.ones(size.shape[1]), np.zeros(size.shape[1]), np.zeros_like(size)
    targets = part.encoder.number_targets
    factor = np.tile([target.deviation for target in targets], 2)
    mean = np.array([target.mean for target in targets])
    shift = np.concatenate([mean, -mean])
    room = SAFE * 32 * OWN * (size * factor + np.abs(shift))
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

    def halves(values: Floats) -> Floats:
        return np.concatenate(
            [summed(values, factors[:, 0], below), summed(values, factors[:, 1], above)], axis=1
        )

    return Form(
        halves(margins.of_variables),
        halves(margins.of_alternatives),
        halves(margins.of_knots),
        halves(margins.constant[..., None])[..., 0] + constant - 2 * _share_room(classes),
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
