"""Ordered texts through the whole house: file, module, trace, formula, bounds, verify."""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

import vetro
from vetro.errors import VetroWarning
from vetro.model.consistency import check_blocks, check_schema
from vetro.tables.level_blocks import OrderedBlock
from vetro.tables.schema import Schema

SIZES = ("small", "medium", "large", "huge")


def rows() -> dict[str, list]:
    random = np.random.default_rng(5)
    ranks = random.integers(0, 4, 240)
    x = random.normal(size=240)
    sizes = [SIZES[rank] if n % 17 else None for n, rank in enumerate(ranks)]
    sold = np.array([2.0, 2.5, 6.0, 6.2])[ranks] + x * (ranks > 1) + 0.1 * random.normal(size=240)
    return {"size": sizes, "x": x.tolist(), "sold": sold.tolist()}


@pytest.fixture(scope="module")
def model() -> vetro.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VetroWarning)
        return vetro.fit(
            rows(), target="sold", hidden=(6, 5), epochs=30, folds=2, numbers="raw", batch_size=32
        )


def answers(model: vetro.Model, **columns: list) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VetroWarning)
        return np.asarray(model.predict(columns)["sold"])


def test_the_network_reads_a_rank_and_steps(model) -> None:
    block = model.encoder.inputs[0]
    assert isinstance(block, OrderedBlock) and block.order == SIZES
    names = ("size (rank)", "size >= medium", "size >= large", "size >= huge", "size=<missing>")
    assert model.network.input_names == (*names, "x")
    assert model.encoder.piecewise == ((1, 3),)
    assert model.encoder.one_hot == ()


def test_saved_and_loaded_it_answers_to_the_bit(model, tmp_path: Path) -> None:
    model.save(tmp_path / "m.safetensors")
    again = vetro.load(tmp_path / "m.safetensors")
    assert again.schema == model.schema and again.schema["size"].order == SIZES
    inputs = {name: rows()[name] for name in ("size", "x")}
    np.testing.assert_array_equal(answers(again, **inputs), answers(model, **inputs))


def test_the_module_gives_the_same_answers(model) -> None:
    codes = [*range(4), np.nan, -2.0]
    raw = torch.tensor([[code, x] for code in codes for x in (-1.0, 0.3)], dtype=torch.float64)
    levels = model.schema["size"].levels
    texts = [levels[int(code)] if code >= 0 else None if code != code else "odd" for code in codes]
    expected = answers(model, size=[t for t in texts for _ in (0, 1)], x=[-1.0, 0.3] * len(codes))
    with torch.no_grad():
        found = model.module(raw)[:, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_unseen_text_counts_as_the_middle_level(model) -> None:
    middle = model.encoder.inputs[0].median
    with pytest.warns(VetroWarning, match=f'read as the middle level, "{middle}"'):
        found = model.predict({"size": ["odd"], "x": [0.2]})["sold"]
    assert found == answers(model, size=[middle], x=[0.2])


@pytest.mark.parametrize("size", [*SIZES, None])
def test_the_trace_names_every_step_and_adds_up(model, size: str | None) -> None:
    found = vetro.trace(model, {"size": [size], "x": [0.4]})
    assert found.answers["sold"] == pytest.approx(float(answers(model, size=[size], x=[0.4])[0]))
    text = str(found)
    if size is None:
        assert 'counts as the middle level, "' in text
    else:
        assert f"x[size >= {size}]" in text or size == "small"
        assert f"{size}: {SIZES.index(size)} of 0 to 3" in text


@pytest.mark.parametrize("size", [*SIZES, None])
def test_the_formula_is_the_prediction_at_every_level(model, size: str | None) -> None:
    row = {"size": [size], "x": [0.4]}
    found = vetro.formula(model, row)
    namespace: dict[str, object] = {}
    exec(found.python(), namespace)
    at = {"size": size, "x": 0.4}
    assert namespace["holds"](at)
    np.testing.assert_allclose(
        namespace["formula"](at)["sold"], answers(model, **row)[0], rtol=1e-5
    )


def test_bounds_of_a_set_of_levels(model) -> None:
    """With one number and a few levels the bounds come close to all answers on a fine grid."""
    for sizes in (SIZES, ("small", "huge"), ("medium",)):
        found = vetro.bounds(model, over={"size": sizes, "x": (-1.0, 1.0)}, seconds=5)
        grid = list(product(sizes, np.linspace(-1, 1, 201)))
        every = answers(model, size=[s for s, _ in grid], x=[x for _, x in grid])
        low, high = found["sold"]
        assert low <= every.min() and every.max() <= high
        assert high - low <= 1.05 * (every.max() - every.min())


def test_verify_passes(model) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VetroWarning)
        found = vetro.verify(model, {name: rows()[name][:8] for name in ("size", "x", "sold")})
    assert all(check.verdict == "passed" for check in found.checks), str(found)


def test_features_in_fractions_are_those_of_the_engine(model) -> None:
    """The ranks are 32-bit numbers, so no rounding stands between the formula and the network."""
    encoder = model.encoder
    raw = np.array([[code, 0.0] for code in (*range(4), np.nan, -2.0)])
    single, double = (encoder.encode_raw(raw, dtype=dtype)[:, :5] for dtype in ("f4", "f8"))
    for one, other in zip(single.ravel(), double.ravel(), strict=True):
        assert Fraction(float(one)) == Fraction(float(other))


def test_an_edited_file_is_refused(model) -> None:
    blocks, column = model.encoder.inputs, model.schema["size"]
    other = model.schema.replaced(replace(column, order=SIZES[::-1]))
    with pytest.raises(ValueError, match='another order of "size"'):
        check_blocks(blocks, other, model.network)
    without = model.schema.replaced(replace(column, order=()))
    with pytest.raises(ValueError, match='"size" as another kind'):
        check_blocks(blocks, without, model.network)
    with pytest.raises(ValueError, match="an order of other texts than its levels"):
        check_schema(Schema((replace(column, order=("small", "medium")),)))
