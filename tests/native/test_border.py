"""Whatever is wrong is refused at the border with ValueError or TypeError; nothing crashes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vetro import _native

REFUSED = (ValueError, TypeError)


def affine(number=0, inputs=3, outputs=2, weight=0, bias=6, **others):
    """An operation's tuple; others: entries to replace by their place, such as at4=9."""
    entries = ["affine", "identity", number, -1, number + 1, weight, bias, 0.0, 0.0, True, True]
    entries += [None, None]
    for name, value in others.items():
        entries[int(name.removeprefix("at"))] = value
    return tuple(entries)


def program(dtype="float64"):
    return _native.Program(dtype, [3, 2], [affine()], 8)


def good():
    """Arguments of a trainer that works, by name."""
    random = np.random.default_rng(0)
    return {
        "program": program(),
        "parameters": random.normal(size=8),
        "x": random.normal(size=(10, 3)),
        "y": random.normal(size=(10, 2)),
        "weights": None,
        "loss": {"kind": "mse"},
        "optimizer": {"kind": "adam", "groups": [{}]},
        "groups": [(0, 8, 0)],
        "batch_size": 4,
        "total_steps": 6,
    }


RATES = np.tile([1e-3, 0.9], (3, 1, 1))


def test_what_is_good_runs():
    trainer = _native.Trainer(**good())
    trainer.feed(np.arange(10, dtype=np.int32), RATES)
    assert trainer.advance(10.0) == "hungry"
    assert trainer.steps == 3


@pytest.mark.parametrize(
    ("widths", "operations", "count"),
    [
        ([], [], 0),
        ([0], [], 0),
        ([-3, 2], [affine()], 8),
        ([3, 0], [affine()], 8),
        ([1 << 30, 2], [affine()], 8),
        ([3, 2], [], 8),
        ([3, 2, 2], [affine()], 8),
        ([3, 2], [affine(), affine()], 8),
        ([3, 2], [affine(at0="convolution")], 8),
        ([3, 3], [affine(at0="activation", at1="mish")], 8),
        ([3, 2], [affine(at2=1)], 8),
        ([3, 2], [affine(at2=-1)], 8),
        ([3, 2], [affine(at2=7)], 8),
        ([3, 2], [affine(at4=0)], 8),
        ([3, 2], [affine(at4=2)], 8),
        ([3, 2], [affine(at4=-5)], 8),
        ([3, 2], [affine(at5=-1)], 8),
        ([3, 2], [affine(at5=3)], 8),
        ([3, 2], [affine(at5=1 << 62)], 8),
        ([3, 2], [affine(at6=7)], 8),
        ([3, 2], [affine(at6=1 << 62)], 8),
        ([3, 2], [affine()], 7),
        ([3, 2], [affine()], -8),
        ([3, 2], [affine(at0="activation", at1="relu")], 8),
        ([3, 2], [affine(at0="layer_norm")], 8),
        ([3, 3], [affine(at0="add", at3=-1)], 8),
        ([3, 3], [affine(at0="add", at3=1)], 8),
        ([3, 3], [affine(at0="add", at3=5)], 8),
        ([3, 3], [affine(at0="dropout", at7=1.0)], 8),
        ([3, 3], [affine(at0="dropout", at7=-0.1)], 8),
        ([3, 3], [affine(at0="dropout", at7=float("nan"))], 8),
        ([3, 3], [affine(at0="scale")], 8),
        ([3, 3], [affine(at0="scale", at11=np.ones(2), at12=np.ones(3))], 8),
        ([3, 3], [affine(at0="scale", at11=np.ones(3), at12=np.ones(3, dtype=complex))], 8),
        ([3, 3], [affine(at0="scale", at11=np.ones((3, 1)), at12=np.ones(3))], 8),
        ([3, 3], [affine(at0="scale", at11=np.full(3, np.nan), at12=np.ones(3))], 8),
        ([3, 2], [affine()[:12]], 8),
        ([3, 2], [()], 8),
        ([3, 2], [("affine",)], 8),
        ([3, 2], [affine(at5="0")], 8),
        ([3, 2], [affine(at5=0.5)], 8),
        ([3, 2], ["affine"], 8),
        ([3, 2], None, 8),
        ([3, 2, 2], [affine(), affine(0, at4=2)], 8),
    ],
)
def test_programs(widths, operations, count):
    with pytest.raises(REFUSED):
        _native.Program("float64", widths, operations, count)


@pytest.mark.parametrize("dtype", ["float16", "double", "", None, 64])
def test_dtypes_of_programs(dtype):
    with pytest.raises(REFUSED):
        program(dtype)


def strided(rows, columns):
    return np.zeros((rows, 2 * columns))[:, ::2]


def with_nan(*shape):
    values = np.zeros(shape)
    values.flat[-1] = np.nan
    return values


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": np.zeros(7)},
        {"parameters": np.zeros(9)},
        {"parameters": np.zeros((8, 2))},
        {"parameters": np.zeros(16)[::2]},
        {"parameters": np.zeros(8, dtype=np.float32)},
        {"parameters": np.zeros(8, dtype=">f8")},
        {"parameters": [0.0] * 8},
        {"parameters": None},
        {"x": np.zeros((10, 4))},
        {"x": np.zeros((10, 2))},
        {"x": np.zeros((11, 3))},
        {"x": np.zeros((0, 3)), "y": np.zeros((0, 2))},
        {"x": np.zeros(30)},
        {"x": np.zeros((10, 3, 1))},
        {"x": np.zeros(())},
        {"x": np.zeros((10, 3), dtype=np.float32)},
        {"x": np.zeros((10, 3), dtype=int)},
        {"x": np.asfortranarray(np.zeros((10, 3)))},
        {"x": strided(10, 3)},
        {"x": np.zeros((20, 3))[::2]},
        {"x": np.zeros((10, 3))[::-1]},
        {"x": np.broadcast_to(np.zeros(3), (10, 3))},
        {"x": with_nan(10, 3)},
        {"x": np.full((10, 3), np.inf)},
        {"x": "table"},
        {"y": np.zeros((10, 1))},
        {"y": np.zeros((9, 2))},
        {"y": np.zeros(10)},
        {"y": np.zeros((10, 2), dtype=np.float32)},
        {"y": strided(10, 2)},
        {"y": with_nan(10, 2)},
        {"weights": np.zeros(9)},
        {"weights": np.zeros((10, 2))},
        {"weights": np.zeros(10, dtype=np.float32)},
        {"weights": np.zeros(20)[::2]},
        {"weights": with_nan(10)},
        {"loss": {"kind": "hinge"}},
        {"loss": {}},
        {"loss": {"kind": "mse", "reduction": "none"}},
        {"loss": {"kind": "mse", "reduction": "median"}},
        {"loss": {"kind": "huber", "a": "1"}},
        {"loss": {"kind": "bce", "positive_weights": np.ones(3)}},
        {"loss": {"kind": "bce", "class_weights": np.ones(2, dtype=np.float32)}},
        {"loss": {"kind": "cross_entropy"}},
        {"loss": {"kind": "cross_entropy"}, "y": np.zeros(10, dtype=np.int32)},
        {"loss": {"kind": "cross_entropy"}, "y": np.full(10, 2)},
        {"loss": {"kind": "cross_entropy"}, "y": np.full(10, -1)},
        {"loss": {"kind": "cross_entropy"}, "y": np.full(10, 1 << 40)},
        {"loss": {"kind": "cross_entropy"}, "y": np.zeros((10, 2), dtype=np.int64)},
        {"loss": {"kind": "cross_entropy"}, "y": np.zeros(20, dtype=np.int64)[::2]},
        {"loss": {"kind": "cross_entropy", "class_weights": np.ones(1)}, "y": np.zeros(10, int)},
        {"loss": None},
        {"optimizer": {"kind": "lion", "groups": [{}]}},
        {"optimizer": {"kind": "adam", "groups": []}},
        {"optimizer": {"kind": "adam"}},
        {"optimizer": {"groups": [{}]}},
        {"optimizer": {"kind": "adam", "groups": [3]}},
        {"optimizer": {"kind": "adam", "groups": {}}},
        {"optimizer": {"kind": "adam", "groups": [{"eps": "small"}]}},
        {"groups": [(0, 9, 0)]},
        {"groups": [(-1, 8, 0)]},
        {"groups": [(4, 4, 0)]},
        {"groups": [(5, 2, 0)]},
        {"groups": [(0, 5, 0), (4, 8, 0)]},
        {"groups": [(4, 8, 0), (0, 4, 0)]},
        {"groups": [(0, 8, 1)]},
        {"groups": [(0, 8, -1)]},
        {"groups": [(0, 8)]},
        {"groups": None},
        {"batch_size": 0},
        {"batch_size": -4},
        {"batch_size": 1.5},
        {"batch_size": 1 << 70},
        {"total_steps": -1},
        {"patience": -1},
        {"plateau": -1},
        {"measured": [(0, 9)]},
        {"measured": [(-1, 3)]},
        {"measured": [(3, 3)]},
        {"epoch_rows": -1},
        {"clip_norm": -1.0},
        {"clip_norm": float("nan")},
        {"clip_value": -1.0},
        {"clip_value": float("nan")},
        {"seed": -1},
        {"threads": -1},
        {"validation": (np.zeros((5, 3)),)},
        {"validation": (np.zeros((5, 3)), np.zeros((4, 2)))},
        {"validation": (np.zeros((5, 4)), np.zeros((5, 2)))},
        {"validation": (np.zeros((0, 3)), np.zeros((0, 2)))},
        {"validation": (np.zeros((5, 3)), np.zeros((5, 2)), np.zeros(4))},
        {"validation": (with_nan(5, 3), np.zeros((5, 2)))},
        {"validation": ()},
        {"validation": 5},
        {"program": None},
    ],
)  # fmt: skip
def test_trainers(change):
    with pytest.raises(REFUSED):
        _native.Trainer(**{**good(), **change})


@pytest.mark.parametrize(
    ("order", "rates"),
    [
        (np.arange(9, dtype=np.int32), RATES),  # 3 steps of 4, 4 and 2 rows
        (np.arange(10), RATES),
        (np.full(10, 10, dtype=np.int32), RATES),
        (np.full(10, -1, dtype=np.int32), RATES),
        (np.zeros((10, 1), dtype=np.int32), RATES),
        (np.zeros(20, dtype=np.int32)[::2], RATES),
        (np.zeros(0, dtype=np.int32), RATES),
        (None, RATES[0]),
        (None, np.zeros((3, 2, 2))),
        (None, np.zeros((3, 1, 1))),
        (None, RATES.astype(np.float32)),
        (None, np.zeros((6, 1, 2))[::2]),
        (None, None),
        (np.float64(3), RATES),
    ],
)
def test_windows(order, rates):
    trainer = _native.Trainer(**good())
    with pytest.raises(REFUSED):
        trainer.feed(order, rates)
    assert trainer.advance(1.0) == "hungry"


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": np.zeros(7)},
        {"parameters": np.zeros(8, dtype=np.float32)},
        {"parameters": None},
        {"first_moment": np.zeros(9)},
        {"second_moment": np.zeros((8, 1))},
        {"step": np.zeros(2)},
        {"step": "1"},
        {"counters": np.zeros(9)},
        {"counters": np.zeros(10, dtype=int)},
        {"counters": np.array([0, 0, 10, 0, 0, 0, 1, 0, 0, 0.0])},
        {"counters": np.array([0, 0, -1, 0, 0, 0, 1, 0, 0, 0.0])},
        {"counters": np.array([0, 0, np.nan, 0, 0, 0, 1, 0, 0, 0.0])},
        {"counters": np.array([np.inf, 0, 0, 0, 0, 0, 1, 0, 0, 0.0])},
        {"counters": np.array([-1, 0, 0, 0, 0, 0, 1, 0, 0, 0.0])},
    ],
)
def test_states(change):
    """Refused, and nothing of it was taken over."""
    trainer = _native.Trainer(**good())
    before = trainer.state()
    with pytest.raises(REFUSED):
        trainer.set_state({**before, "parameters": before["parameters"] + 1, **change})
    for name, values in before.items():
        assert np.array_equal(values, trainer.state()[name]), name


def test_a_position_needs_its_rows_in_the_window():
    """A window checked at one position cannot be used at another."""
    trainer = _native.Trainer(**good())
    trainer.feed(np.zeros(10, dtype=np.int32), RATES)
    state = trainer.state()
    state["counters"][2] = 8.0
    trainer.set_state(state)  # what was fed before no longer fits: it is forgotten
    assert trainer.advance(1.0) == "hungry"
    assert trainer.steps == 0


@pytest.mark.parametrize(
    ("x", "out"),
    [
        (np.zeros((5, 4)), None),
        (np.zeros((5, 3), dtype=np.float32), None),
        (np.zeros(3), None),
        (np.zeros((5, 3, 1)), None),
        (strided(5, 3), None),
        (np.asfortranarray(np.zeros((5, 3))), None),
        ([[1.0, 2.0, 3.0]], None),
        (None, None),
        (np.zeros((5, 3)), np.zeros((4, 2))),
        (np.zeros((5, 3)), np.zeros((5, 3))),
        (np.zeros((5, 3)), np.zeros((5, 2), dtype=np.float32)),
        (np.zeros((5, 3)), strided(5, 2)),
        (np.zeros((5, 3)), [0.0]),
    ],
)
def test_predictions(x, out):
    predictor = _native.Predictor(program(), np.zeros(8), 1)
    with pytest.raises(REFUSED):
        predictor(x, out)


def test_a_result_that_cannot_be_written():
    predictor = _native.Predictor(program(), np.zeros(8), 1)
    out = np.zeros((5, 2))
    out.setflags(write=False)
    with pytest.raises(REFUSED):
        predictor(np.zeros((5, 3)), out)


def test_no_rows_have_no_outputs():
    assert _native.Predictor(program(), np.zeros(8), 1)(np.zeros((0, 3))).shape == (0, 2)


@pytest.mark.parametrize("parameters", [np.zeros(7), np.zeros(8, dtype=np.float32), None])
def test_predictors(parameters):
    with pytest.raises(REFUSED):
        _native.Predictor(program(), parameters, 1)


def test_nan_in_prediction_stays_in_its_row():
    random = np.random.default_rng(1)
    x = random.normal(size=(40, 3))
    x[7, 1] = np.nan
    out = _native.Predictor(program(), random.normal(size=8), 1)(x)
    assert np.isnan(out[7]).all()
    assert np.isfinite(np.delete(out, 7, axis=0)).all()


def test_many_with_the_same_trainer_twice():
    trainer = _native.Trainer(**good())
    with pytest.raises(REFUSED):
        _native.advance_many([trainer, trainer], 1.0)
    with pytest.raises(REFUSED):
        _native.advance_many([None], 1.0)
    assert _native.advance_many([], 1.0) == []


numbers = st.one_of(st.integers(-3, 12), st.sampled_from([-(2**40), 2**33, 2**62]))
operations = st.tuples(
    st.sampled_from(["affine", "activation", "layer_norm", "dropout", "scale", "add"]),
    st.sampled_from(["identity", "relu", "silu", "softplus"]),
    numbers, numbers, numbers, numbers, numbers,
    st.floats(), st.floats(), st.booleans(), st.booleans(),
    st.sampled_from([None, np.ones(3)]), st.sampled_from([None, np.zeros(3)]),
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(st.integers(-1, 4), max_size=5),
    st.lists(operations, max_size=4),
    st.integers(-2, 40),
    st.lists(st.tuples(numbers, numbers, numbers), max_size=3),
    st.integers(-1, 9),
)
def test_anything_is_refused_or_runs(widths, listed, count, groups, batch):
    """Operations drawn with their results in order now and then get through, and then run."""
    listed = [(*op[:4], at + 1, *op[5:]) for at, op in enumerate(listed)]
    try:
        drawn = _native.Program("float32", widths, listed, count)
        parameters = np.full(count, 0.1, dtype=np.float32)
        x = np.ones((9, widths[0]), dtype=np.float32)
        y = np.ones((9, widths[-1]), dtype=np.float32)
        trainer = _native.Trainer(
            drawn, parameters, x, y, None, {"kind": "mse"}, {"kind": "sgd", "groups": [{}]},
            groups, batch_size=batch, total_steps=3,
        )  # fmt: skip
    except REFUSED:
        return
    trainer.feed(None, np.full((3, 1, 2), 1e-3))
    assert trainer.advance(10.0) in ("done", "diverged")
    assert _native.Predictor(drawn, parameters, 1)(x).shape == y.shape
