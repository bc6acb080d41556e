"""The torch module against predict and against plain float64 arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model.build import ACTIVATIONS, model_of, reference, rows_of, write_csv

from vetro.model.module import EncoderModule
from vetro.model.predict import predict_outputs
from vetro.tables.blocks import PERIODS, DateBlock, NumberBlock
from vetro.tables.encoder import Encoder
from vetro.tables.level_blocks import CategoryBlock
from vetro.tables.read import read_table
from vetro.tables.targets import NumberTarget

TASKS = {
    "one target": (("pressure",), {}),
    "bins": (("pressure",), {"bins": 7, "activation": "relu"}),
    "two targets": (("pressure", "noise"), {}),
    "three classes": (("grade",), {}),
    "two classes": (("sold",), {}),
    "bce": (("sold",), {"loss": "bce"}),
}


@pytest.mark.parametrize("task", TASKS)
def test_module_is_predict_and_float64(task, tmp_path):
    targets, options = TASKS[task]
    path = write_csv(tmp_path / "t.csv", rows_of(seed=3))
    model = model_of(path, *targets, **options)
    table = read_table(path, schema=model.schema)
    raw = model.encoder.raw(table)
    assert np.isnan(raw).any()
    found = model.module(torch.from_numpy(raw)).detach()
    expected = predict_outputs(model, table)
    scale = np.abs(expected).max()
    assert found.dtype == torch.float64
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=3e-6 * scale)
    np.testing.assert_allclose(found.numpy(), reference(model, raw), rtol=0, atol=3e-6 * scale)
    double = model.module.double()(torch.from_numpy(raw)).detach().numpy()
    np.testing.assert_allclose(double, reference(model, raw), rtol=1e-12, atol=1e-12 * scale)
    if model.classes:
        np.testing.assert_allclose(double.sum(axis=1), 1, rtol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (4,), (6, 5, 3)])
def test_every_activation_and_depth(activation, hidden, tmp_path):
    path = write_csv(tmp_path / "t.csv", rows_of(40))
    model = model_of(path, "pressure", activation=activation, hidden=hidden, members=1)
    raw = model.encoder.raw(read_table(path, schema=model.schema))
    found = model.module.double()(torch.from_numpy(raw)).detach().numpy()
    np.testing.assert_allclose(found, reference(model, raw), rtol=1e-12)


def test_float32_rows_give_float32_and_gradients_flow(tmp_path):
    path = write_csv(tmp_path / "t.csv", rows_of(gaps=False))
    model = model_of(path, "pressure")
    raw = model.encoder.raw(read_table(path, schema=model.schema))
    module = model.module
    assert not module.training
    rows = torch.from_numpy(raw).float().requires_grad_()
    answer = module(rows)
    assert answer.dtype == torch.float32
    answer.sum().backward()
    flow = module.columns.index("flow")
    # The derivative by central differences of the float64 reference.
    step = np.zeros_like(raw)
    step[:, flow] = 1e-4
    slope = (reference(model, raw + step) - reference(model, raw - step))[:, 0] / 2e-4
    np.testing.assert_allclose(rows.grad[:, flow].numpy(), slope, rtol=2e-3, atol=1e-4)


finite = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def blocks(draw):
    kind = draw(st.sampled_from(["number", "category", "date"]))
    name = draw(st.text(min_size=1, max_size=3))
    indicator = draw(st.booleans())
    trained = indicator and draw(st.booleans())
    mean, median = draw(finite), draw(finite)
    scale = draw(st.sampled_from([0.0, 1e-3, 1.0, 17.5]))
    if kind == "number":
        borders = draw(st.just([]) | st.lists(finite, min_size=3, max_size=9, unique=True))
        return NumberBlock(name, mean, scale, median, indicator, trained, tuple(sorted(borders)))
    if kind == "date":
        cycles = tuple(cycle for cycle in PERIODS if draw(st.booleans()))
        return DateBlock(name, mean, scale, median, draw(st.booleans()), cycles, indicator, trained)
    levels = tuple(draw(st.sets(st.text(max_size=2), min_size=1, max_size=4)))
    kept = tuple(draw(st.booleans()) for _ in levels)
    return CategoryBlock(name, levels, kept, draw(st.booleans()), indicator, trained)


raw_values = (
    st.sampled_from([np.nan, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 0.5, 4.0, 1e9, -1e308, 1.7e308])
    | finite
)


@settings(max_examples=200, deadline=None)
@given(st.lists(blocks(), min_size=1, max_size=4), st.data())
def test_encoder_module_is_the_encoder_bit_for_bit_but_for_cycles(drawn, data):
    encoder = Encoder(tuple(drawn), (NumberTarget("y", 0.0, 1.0),))
    raw = np.array(
        data.draw(
            st.lists(
                st.lists(raw_values, min_size=len(drawn), max_size=len(drawn)),
                min_size=1,
                max_size=5,
            )
        )
    )
    found = EncoderModule(encoder)(torch.from_numpy(raw)).numpy()
    wanted = encoder.encode_raw(raw, np.float64)
    for block, first in zip(encoder.inputs, encoder.offsets, strict=False):
        if isinstance(block, NumberBlock):
            columns = slice(first, first + block.width)
            np.testing.assert_array_equal(found[:, columns], wanted[:, columns])
    # sin and cos of torch and NumPy may differ in the last bit.
    np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=1e-15)
