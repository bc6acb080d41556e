"""Whatever is wrong is refused at the border with ValueError or TypeError; nothing crashes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vetro
from vetro import _native
from vetro.engines.native_core import Core
from vetro.engines.native_records import state_arrays, state_counters

REFUSED = (ValueError, TypeError)


def affine(number=0, **others):
    """An affine operation from 3 to 2 features; others: arguments to replace or add."""
    given = {
        "kind": "affine", "source": number, "result": number + 1, "weight": 0, "bias": 6,
        "learns_weight": True, "learns_bias": True,
    }  # fmt: skip
    return {**given, **others}


def program(dtype="float64"):
    return _native.Program(dtype, [3, 2], [_native.Operation(**affine())], 8)


SETTINGS = (
    "batch_size", "total_steps", "patience", "plateau", "from_epoch", "measured", "epoch_rows",
    "clip_norm", "clip_value", "seed", "threads",
)  # fmt: skip


def good():
    """What a trainer that works is made of."""
    random = np.random.default_rng(0)
    return {
        "program": program(),
        "parameters": random.normal(size=8),
        "x": random.normal(size=(10, 3)),
        "y": random.normal(size=(10, 2)),
        "weights": None,
        "loss": {"kind": "mse"},
        "optimizer": {"kind": "adam", "groups": [{}]},
        "ranges": [(0, 8, 0)],
        "batch_size": 4,
        "total_steps": 6,
    }


def trainer_of(given):
    optimizer = dict(given["optimizer"])
    if isinstance(optimizer.get("groups"), list):
        optimizer["groups"] = [_native.Group(**one) for one in optimizer["groups"]]
    ranges = given["ranges"]
    if ranges is not None:
        ranges = [_native.Range(*one) for one in ranges]
    validation = given.get("validation")
    if isinstance(validation, tuple):
        validation = _native.Rows(*validation)
    return _native.Trainer(
        given["program"],
        given["parameters"],
        _native.Rows(given["x"], given["y"], given["weights"]),
        _native.Loss(**given["loss"]) if isinstance(given["loss"], dict) else given["loss"],
        _native.Optimizer(**optimizer, ranges=ranges),
        _native.Settings(**{name: given[name] for name in SETTINGS if name in given}),
        validation,
    )


RATES = np.tile([1e-3, 0.9], (3, 1, 1))


def test_what_is_good_runs():
    trainer = trainer_of(good())
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
        ([3, 2], [affine(kind="convolution")], 8),
        ([3, 3], [affine(kind="activation", function="mish")], 8),
        ([3, 2], [affine(source=1)], 8),
        ([3, 2], [affine(source=-1)], 8),
        ([3, 2], [affine(source=7)], 8),
        ([3, 2], [affine(result=0)], 8),
        ([3, 2], [affine(result=2)], 8),
        ([3, 2], [affine(result=-5)], 8),
        ([3, 2], [affine(weight=-1)], 8),
        ([3, 2], [affine(weight=3)], 8),
        ([3, 2], [affine(weight=1 << 62)], 8),
        ([3, 2], [affine(bias=7)], 8),
        ([3, 2], [affine(bias=1 << 62)], 8),
        ([3, 2], [affine()], 7),
        ([3, 2], [affine()], -8),
        ([3, 2], [affine(kind="activation", function="relu")], 8),
        ([3, 2], [affine(kind="layer_norm")], 8),
        ([3, 3], [affine(kind="add", other=-1)], 8),
        ([3, 3], [affine(kind="add", other=1)], 8),
        ([3, 3], [affine(kind="add", other=5)], 8),
        ([3, 3], [affine(kind="dropout", a=1.0)], 8),
        ([3, 3], [affine(kind="dropout", a=-0.1)], 8),
        ([3, 3], [affine(kind="dropout", a=float("nan"))], 8),
        ([3, 3], [affine(kind="scale")], 8),
        ([3, 3], [affine(kind="scale", factor=np.ones(2), shift=np.ones(3))], 8),
        ([3, 3], [affine(kind="scale", factor=np.ones(3), shift=np.ones(3, dtype=complex))], 8),
        ([3, 3], [affine(kind="scale", factor=np.ones((3, 1)), shift=np.ones(3))], 8),
        ([3, 3], [affine(kind="scale", factor=np.full(3, np.nan), shift=np.ones(3))], 8),
        ([3, 2], [{}], 8),
        ([3, 2], [{"kind": "affine"}], 8),
        ([3, 2], [affine(learns=True)], 8),
        ([3, 2], [affine(a="0")], 8),
        ([3, 2], [None], 8),
        ([3, 2], [affine(weight="0")], 8),
        ([3, 2], [affine(weight=0.5)], 8),
        ([3, 2], ["affine"], 8),
        ([3, 2], None, 8),
        ([3, 2, 2], [affine(), affine(result=2)], 8),
    ],
)
def test_programs(widths, operations, count):
    with pytest.raises(REFUSED):
        made = [
            _native.Operation(**one) if isinstance(one, dict) else one for one in operations or ()
        ]
        _native.Program("float64", widths, None if operations is None else made, count)


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
        {"optimizer": {"kind": "adam", "groups": 3}},
        {"optimizer": {"kind": "adam", "groups": {}}},
        {"optimizer": {"kind": "adam", "groups": [{"lr": 0.1}]}},
        {"optimizer": {"kind": "adam", "groups": [{"eps": "small"}]}},
        {"ranges": [(0, 9, 0)]},
        {"ranges": [(-1, 8, 0)]},
        {"ranges": [(4, 4, 0)]},
        {"ranges": [(5, 2, 0)]},
        {"ranges": [(0, 5, 0), (4, 8, 0)]},
        {"ranges": [(4, 8, 0), (0, 4, 0)]},
        {"ranges": [(0, 8, 1)]},
        {"ranges": [(0, 8, -1)]},
        {"ranges": [(0,)]},
        {"ranges": None},
        {"batch_size": 0},
        {"batch_size": -4},
        {"batch_size": 1.5},
        {"batch_size": 1 << 70},
        {"total_steps": -1},
        {"patience": -1},
        {"plateau": -1},
        {"from_epoch": -1},
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
        trainer_of({**good(), **change})


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
    trainer = trainer_of(good())
    with pytest.raises(REFUSED):
        trainer.feed(order, rates)
    assert trainer.advance(1.0) == "hungry"


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": np.zeros(7)},
        {"parameters": np.zeros(8, dtype=np.float32)},
        {"parameters": [0.0] * 8},
        {"first_moment": np.zeros(9)},
        {"second_moment": np.zeros((8, 1))},
        {"step": np.zeros(2)},
        {"step": "1"},
        {"counters": np.zeros(10)},
        {"counters": {"position": 10}},
        {"counters": {"position": -1}},
        {"counters": {"position": np.nan}},
        {"counters": {"position": 0.5}},
        {"counters": {"steps": np.inf}},
        {"counters": {"steps": -1}},
        {"counters": {"best_epoch": -1}},
        {"counters": {"waited": 1 << 63}},
    ],
)
def test_states(change):
    """Refused, and nothing of it was taken over."""
    trainer = trainer_of(good())
    before = trainer.state()
    arrays = state_arrays(before)
    given = {**arrays, "parameters": arrays["parameters"] + 1, **change}
    with pytest.raises(REFUSED):
        if isinstance(given.get("counters"), dict):
            given["counters"] = counters_of(before, **given["counters"])
        trainer.set_state(_native.State(**given))
    for name, values in arrays.items():
        assert np.array_equal(values, getattr(trainer.state(), name)), name
    assert state_counters(trainer.state()) == state_counters(before)


def counters_of(state, **others):
    return _native.Counters(**{**state_counters(state), **others})


def test_a_position_needs_its_rows_in_the_window():
    """A window checked at one position cannot be used at another."""
    trainer = trainer_of(good())
    trainer.feed(np.zeros(10, dtype=np.int32), RATES)
    # what was fed before no longer fits: it is forgotten
    trainer.set_state(_native.State(counters=counters_of(trainer.state(), position=8)))
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
    trainer = trainer_of(good())
    with pytest.raises(REFUSED):
        _native.advance_many([trainer, trainer], 1.0)
    with pytest.raises(REFUSED):
        _native.advance_many([None], 1.0)
    assert _native.advance_many([], 1.0) == []


numbers = st.one_of(st.integers(-3, 12), st.sampled_from([-(2**40), 2**33, 2**62]))
operations = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["affine", "activation", "layer_norm", "dropout", "scale", "add"]),
        "function": st.sampled_from(["identity", "relu", "silu", "softplus"]),
        "source": numbers, "other": numbers, "weight": numbers, "bias": numbers,
        "a": st.floats(), "b": st.floats(),
        "learns_weight": st.booleans(), "learns_bias": st.booleans(),
        "factor": st.sampled_from([None, np.ones(3)]),
        "shift": st.sampled_from([None, np.zeros(3)]),
    }
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(st.integers(-1, 4), max_size=5),
    st.lists(operations, max_size=4),
    st.integers(-2, 40),
    st.lists(st.tuples(numbers, numbers, numbers), max_size=3),
    st.integers(-1, 9),
)
def test_anything_is_refused_or_runs(widths, listed, count, ranges, batch):
    """Operations drawn with their results in order now and then get through, and then run."""
    try:
        made = [_native.Operation(**one, result=at + 1) for at, one in enumerate(listed)]
        drawn = _native.Program("float32", widths, made, count)
        parameters = np.full(count, 0.1, dtype=np.float32)
        x = np.ones((9, widths[0]), dtype=np.float32)
        y = np.ones((9, widths[-1]), dtype=np.float32)
        trainer = trainer_of(
            {
                "program": drawn, "parameters": parameters, "x": x, "y": y, "weights": None,
                "loss": {"kind": "mse"}, "optimizer": {"kind": "sgd", "groups": [{}]},
                "ranges": ranges, "batch_size": batch, "total_steps": 3,
            }
        )  # fmt: skip
    except REFUSED:
        return
    trainer.feed(None, np.full((3, 1, 2), 1e-3))
    assert trainer.advance(10.0) in ("done", "diverged")
    assert _native.Predictor(drawn, parameters, 1)(x).shape == y.shape


def test_the_stub_is_current(tmp_path):
    """_native.pyi is what nanobind makes of the module."""
    found = tmp_path / "_native.pyi"
    done = subprocess.run(
        [sys.executable, "-m", "nanobind.stubgen", "-q", "-m", "vetro._native", "-o", str(found)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    committed = Path(vetro.__file__).with_name("_native.pyi")
    assert committed.read_text() == found.read_text(), "make docs writes it anew"


def test_the_names_that_the_core_is_known_by():
    names = {name for name in vars(_native) if not name.startswith("_")}
    assert set(Core.__annotations__) | {"isa", "cores", "advance_many"} == names
