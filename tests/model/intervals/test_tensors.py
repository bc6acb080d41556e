"""Intervals in a model file: they come back to the last bit, and an edited file is refused."""

from __future__ import annotations

import numpy as np
import pytest

from vetro.model.intervals.distance import fit_distance
from vetro.model.intervals.local_scale import fit_local_scale
from vetro.model.intervals.margins import Intervals, Margins, Scores
from vetro.model.intervals.tensors import intervals_of_tensors, tensors_of_intervals

WIDTH, COLUMNS = 6, 4


def made() -> Intervals:
    generator = np.random.default_rng(0)
    encoded = generator.normal(size=(300, WIDTH)).astype(np.float32)
    answers = generator.uniform(0, 5, 300)
    errors = generator.normal(size=300) * np.exp(answers)
    scale, known = fit_local_scale(errors, answers, encoded, np.arange(300) % 5)
    assert scale.borders
    one = Margins(Scores.of(errors / known, generator.uniform(1, 2, 300)), scale, 0.9)
    return Intervals((one, one), fit_distance(encoded[:150, :COLUMNS], encoded[150:, :COLUMNS]))


def test_they_come_back():
    intervals = made()
    written = tensors_of_intervals(intervals)
    read = dict(written)
    again = intervals_of_tensors(read, 2, WIDTH, COLUMNS)
    assert not read  # each was taken out
    for name, values in tensors_of_intervals(again).items():
        assert values.dtype == written[name].dtype and values.tobytes() == written[name].tobytes()
    assert intervals_of_tensors({}, 2, WIDTH, COLUMNS) is None
    assert tensors_of_intervals(None) == {}


def shuffled(values):
    return values[::-1].copy()


EDITS = {
    "scores that fall": ("intervals1.scores", shuffled),
    "no scores": ("intervals1.scores", lambda values: values[:0]),
    "more scores than shares": ("intervals2.scores", lambda values: np.r_[values, 1e9]),
    "shares that fall": ("intervals1.below", shuffled),
    "shares that rise": ("intervals1.above", shuffled),
    "a share above 1": ("intervals1.below", lambda values: values + 1),
    "a negative share": ("intervals1.above", lambda values: values - 1),
    "borders that fall": ("intervals1.borders", shuffled),
    "one border": ("intervals1.borders", lambda values: values[:1]),
    "other weights": ("intervals1.weights", lambda values: values[1:]),
    "an endless weight": ("intervals1.weights", lambda values: values / 0.0),
    "a range upside down": ("intervals1.range", lambda values: values[::-1].copy()),
    "a wide range": ("intervals1.range", lambda values: np.array([-1e4, 1e4])),
    "a factor of 0": ("intervals1.shrink", lambda values: 0 * values),
    "a factor above 1": ("intervals2.shrink", lambda values: 2 * values),
    "axes of other columns": ("intervals.axes", lambda values: values[:, 1:].copy()),
    "a variance of 0": ("intervals.variances", lambda values: 0 * values),
    "no usual distance": ("intervals.usual", lambda values: 0 * values),
    "another type": ("intervals.mean", lambda values: values.astype("<f8")),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_an_edited_tensor_is_refused(edit):
    name, change = EDITS[edit]
    tensors = tensors_of_intervals(made())
    tensors[name] = change(tensors[name])
    with pytest.raises(ValueError, match="interval"):
        intervals_of_tensors(tensors, 2, WIDTH, COLUMNS)


@pytest.mark.parametrize("name", tensors_of_intervals(made()))
def test_a_missing_tensor_is_refused_or_left_as_foreign(name):
    tensors = tensors_of_intervals(made())
    del tensors[name]
    if name == "intervals.mean":  # then there are none, and the others are foreign to the file
        assert intervals_of_tensors(tensors, 2, WIDTH, COLUMNS) is None
        assert tensors
    else:
        with pytest.raises(ValueError, match=name):
            intervals_of_tensors(tensors, 2, WIDTH, COLUMNS)
