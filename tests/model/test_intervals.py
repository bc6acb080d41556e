"""Intervals of fitted models: coverage of new rows, local width, far rows, files, every frame."""

from __future__ import annotations

import csv
import json
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vetro
from vetro.errors import PredictionError, UsageError, VetroWarning
from vetro.model.predict import predict_stream
from vetro.tables.options import ReadOptions
from vetro.tables.write import TableWriter


def noisy(rows, seed=0):
    """y has noise of 0.2 to 3, by x; z is another target, twice as noisy."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(-1, 1, rows)
    other = generator.normal(size=rows)
    noise = np.exp(1.35 * x)
    y = 3 * x + np.abs(other) + 0.8 * noise * generator.normal(size=rows)
    z = other + 2 * noise * generator.normal(size=rows)
    return pd.DataFrame({"x": x, "other": other, "y": y, "z": z})


def graded(rows, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 2))
    likely = np.exp(np.column_stack([2 * x[:, 0], 2 * x[:, 1], np.zeros(rows)]))
    drawn = (likely.cumsum(axis=1) / likely.sum(axis=1, keepdims=True)).T
    code = (generator.random(rows) > drawn).sum(axis=0)
    return pd.DataFrame(x, columns=["a", "b"]).assign(grade=np.array(["low", "mid", "high"])[code])


@pytest.fixture(scope="module")
def numbers():
    return vetro.fit(noisy(1500), target=("y", "z"), epochs=30, hidden=(16,))


@pytest.fixture(scope="module")
def held_apart():
    return vetro.fit(noisy(2500), target="y", drop="z", epochs=30, hidden=(16,), holdout=0.4)


@pytest.fixture(scope="module")
def classes():
    return vetro.fit(graded(900), target="grade", epochs=30, hidden=(8,))


def held(frame, found, name="y"):
    return (found[f"low({name})"] <= frame[name]) & (frame[name] <= found[f"high({name})"])


@pytest.mark.parametrize("level", [0.5, 0.9, 0.98])
def test_new_rows_are_covered_as_often_as_asked(numbers, held_apart, level):
    new = noisy(6000, seed=1)
    for model, names in ((numbers, ("y", "z")), (held_apart, ("y",))):
        found = model.predict(new, interval=level)
        for name in names:
            # three standard errors of 6000 rows, and those of the 1000 or so that gave the quantile
            allowed = 3 * np.sqrt(level * (1 - level) * (1 / 6000 + 1 / 500))
            assert held(new, found, name).mean() == pytest.approx(level, abs=allowed)


def test_intervals_are_narrow_where_the_noise_is_low(numbers):
    new = noisy(6000, seed=2)
    found = numbers.predict(new, interval=0.9)
    for name in ("y", "z"):
        width = found[f"high({name})"] - found[f"low({name})"]
        quiet, loud = new["x"] < -0.5, new["x"] > 0.5
        # the noise differs by a factor of e^1.35 on average
        assert width[loud].mean() > 2.5 * width[quiet].mean()
        for part in (quiet, loud):
            assert 0.83 < held(new, found, name)[part].mean() < 0.96


def test_the_model_measures_its_coverage(numbers, classes):
    for name in ("y", "z"):
        found = numbers.evidence.coverage[name]
        assert (found.level, found.rows, len(found.thirds), len(found.borders)) == (0.9, 1500, 3, 2)
        assert found.covered.low < 0.9 < found.covered.high
        assert all(0.84 < third < 0.95 for third in found.thirds)
        new = noisy(4000, seed=3)
        shown = numbers.predict(new, interval=0.9)
        width = (shown[f"high({name})"] - shown[f"low({name})"]).mean()
        assert found.width == pytest.approx(width, rel=0.1)
    found = classes.evidence.coverage["grade"]
    assert found.covered.low < 0.9 < found.covered.high
    assert set(found.classes) == {"low", "mid", "high"} and 1 < found.width < 3


def test_sets_hold_the_class_as_often_as_asked(classes):
    new = graded(4000, seed=1)
    for level in (0.8, 0.95):
        found = classes.predict(new, interval=level, probabilities=True)
        assert list(found) == ["grade", "set(grade)", "P(high)", "P(low)", "P(mid)", "far"]
        inside = [
            grade in labels for grade, labels in zip(new["grade"], found["set(grade)"], strict=True)
        ]
        assert np.mean(inside) == pytest.approx(level, abs=0.04)
        for labels, answer in zip(found["set(grade)"], found["grade"], strict=True):
            assert labels[0] == answer  # the most likely first, and never none


def test_more_is_held_by_wider_intervals(numbers, classes):
    new = noisy(200, seed=4)
    narrow, wide = (numbers.predict(new, interval=level) for level in (0.6, 0.95))
    assert list(narrow) == ["y", "low(y)", "high(y)", "z", "low(z)", "high(z)", "far"]
    assert (narrow["y"] == wide["y"]).all() and (narrow["y"] == numbers.predict(new)["y"]).all()
    assert (wide["low(y)"] < narrow["low(y)"]).all() and (narrow["low(y)"] < narrow["y"]).all()
    assert (wide["high(y)"] > narrow["high(y)"]).all() and (narrow["high(y)"] > narrow["y"]).all()
    few, many = (
        classes.predict(graded(200), interval=level)["set(grade)"] for level in (0.6, 0.95)
    )
    assert all(set(one) <= set(other) for one, other in zip(few, many, strict=True))


def test_far_rows_are_marked_and_their_intervals_widen(numbers):
    usual = noisy(3, seed=5)
    odd = usual.copy()
    odd.loc[1, "other"] = 40.0
    with pytest.warns(VetroWarning) as said:
        found = numbers.predict(odd, interval=0.9)
    message = next(str(item.message) for item in said if "W411" in str(item.message))
    assert "1 row is far" in message and "row 2" in message
    assert f"{found['far'][1]:.3g} times" in message
    near = numbers.predict(usual, interval=0.9)
    assert found["far"][1] > 5 > 2 > near["far"].max()
    width, before = (each["high(y)"] - each["low(y)"] for each in (found, near))
    assert width[1] > 2 * before[1] and width[0] == before[0]


def test_levels_that_are_none_or_need_more_rows_are_refused(numbers):
    new = noisy(3)
    for level in (0, 1, 90, -0.5, float("nan"), "0.9", True):
        with pytest.raises(UsageError) as caught:
            numbers.predict(new, interval=level)
        assert caught.value.code == "E601"
    with pytest.raises(PredictionError) as refused:
        numbers.predict(new, interval=0.9999)
    assert refused.value.code == "E418" and "interval=0.998" in str(refused.value)
    numbers.predict(new, interval=0.998)
    older = replace(numbers, intervals=None)
    assert "y" in older.predict(new)
    with pytest.raises(PredictionError) as refused:
        older.predict(new, interval=0.9)
    assert refused.value.code == "E405" and "Fit it again" in str(refused.value)


def test_a_column_of_the_name_of_a_bound_cannot_be_kept(numbers):
    new = noisy(3).assign(far=1.0)
    assert "far" in numbers.predict(new, keep="far")
    with pytest.raises(PredictionError) as refused:
        numbers.predict(new, keep="far", interval=0.9)
    assert refused.value.code == "E405"


def test_a_file_holds_the_intervals_to_the_last_bit(numbers, classes, tmp_path):
    for model, new in ((numbers, noisy(50)), (classes, graded(50))):
        model.save(tmp_path / "model.safetensors")
        again = vetro.load(tmp_path / "model.safetensors")
        assert again.predict(new, interval=0.9).equals(model.predict(new, interval=0.9))
        assert again.evidence.coverage == model.evidence.coverage
        again.save(tmp_path / "again.safetensors")
        assert (tmp_path / "again.safetensors").read_bytes() == (
            tmp_path / "model.safetensors"
        ).read_bytes()


def test_chunks_do_not_matter_and_no_rows_give_no_rows(numbers, classes):
    for model, new in ((numbers, noisy(50)), (classes, graded(50))):
        whole = model.predict(new, interval=0.9)
        parts = predict_stream(model, new, [], options=ReadOptions(), interval=0.9, chunk_rows=7)
        joined = pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)
        assert joined.equals(whole)
        none = model.predict(new.head(0).astype(new.dtypes), interval=0.9)
        assert list(none) == list(whole) and len(none) == 0


def test_every_frame_has_lists_of_labels(classes):
    new = graded(6)
    wanted = classes.predict(new, interval=0.9)["set(grade)"].tolist()
    inputs = new[["a", "b"]]
    assert classes.predict(pl.from_pandas(inputs), interval=0.9)["set(grade)"].to_list() == wanted
    arrow = classes.predict(pa.Table.from_pandas(inputs), interval=0.9)
    assert arrow["set(grade)"].to_pylist() == wanted
    assert classes.predict(dict(inputs), interval=0.9)["set(grade)"].tolist() == wanted


def test_files_hold_bounds_and_sets(classes, tmp_path):
    wanted = classes.predict(graded(40), interval=0.9)
    for suffix in ("csv", "jsonl", "parquet"):
        chunks = predict_stream(classes, graded(40), [], options=ReadOptions(), interval=0.9)
        with TableWriter(tmp_path / f"out.{suffix}") as writer:
            for chunk in chunks:
                writer.write(chunk)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lists = wanted["set(grade)"].tolist()
    assert any(len(one) > 1 for one in lists)
    assert [row["set(grade)"] for row in rows] == [" | ".join(one) for one in lists]
    assert [float(row["far"]) for row in rows] == wanted["far"].tolist()
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["set(grade)"] for line in lines] == lists
    assert pq.read_table(tmp_path / "out.parquet")["set(grade)"].to_pylist() == lists


def test_an_answer_that_is_not_finite_has_no_interval(numbers, classes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VetroWarning)
        found = numbers.predict(noisy(2).assign(x=[0.0, 1e300]), interval=0.9)
        sets = classes.predict(graded(2).assign(a=[0.0, 1e300]), interval=0.9)
    assert found["low(y)"].notna().tolist() == found["high(z)"].notna().tolist() == [True, False]
    assert found["far"][1] == np.inf
    assert sets["set(grade)"][1] is None and sets["set(grade)"][0]


def test_weights_count_in_the_quantiles():
    """Half of the rows are loud and weigh almost nothing: the intervals are those of the others."""
    generator = np.random.default_rng(7)
    x = generator.normal(size=1200)
    loud = np.arange(1200) % 2 == 1
    frame = pd.DataFrame({"x": x, "w": np.where(loud, 1e-6, 1.0)})
    frame["y"] = x + np.where(loud, 10.0, 0.5) * generator.normal(size=1200)
    model = vetro.fit(frame, target="y", weight="w", epochs=20, hidden=(8,))
    found = model.predict(frame, interval=0.9)
    width = (found["high(y)"] - found["low(y)"])[~loud].mean()
    assert 1.3 < width < 2.2  # 2 * 1.645 * 0.5
    assert model.evidence.coverage["y"].covered.value == pytest.approx(0.9, abs=0.03)
    assert held(frame, found)[~loud].mean() == pytest.approx(0.9, abs=0.04)


def test_groups_widen_the_interval_of_the_coverage():
    generator = np.random.default_rng(8)
    group = np.repeat(np.arange(30), 20)
    frame = pd.DataFrame({"x": generator.normal(size=600), "g": [f"g{one}" for one in group]})
    frame["y"] = frame["x"] + generator.normal(size=30)[group] + 0.1 * generator.normal(size=600)
    each = [
        vetro.fit(frame, target="y", epochs=10, hidden=(4,), **roles).evidence.coverage["y"].covered
        for roles in ({"group": "g"}, {"drop": "g"})
    ]
    assert each[0].high - each[0].low > 1.8 * (each[1].high - each[1].low)


def test_evaluate_measures_the_coverage_of_the_model(numbers, classes):
    new = noisy(4000, seed=6)
    found = numbers.evaluate(new, interval=0.8)
    shown = numbers.predict(new, interval=0.8)
    for name in ("y", "z"):
        inside, measured = held(new, shown, name), found.coverage[name]
        assert (measured.level, measured.rows) == (0.8, 4000)
        assert measured.covered.value == pytest.approx(inside.mean(), abs=1e-12)
        exact = 1.96 * np.sqrt(inside.mean() * (1 - inside.mean()) / 4000)
        assert measured.covered.high - measured.covered.value == pytest.approx(exact, rel=1e-9)
        order = np.argsort(shown[name].to_numpy(), kind="stable")
        thirds = [inside.to_numpy()[part].mean() for part in np.array_split(order, 3)]
        assert measured.thirds == pytest.approx(thirds, abs=1e-3)
        width = (shown[f"high({name})"] - shown[f"low({name})"]).mean()
        assert measured.width == pytest.approx(width, rel=1e-9)
    new = graded(1000, seed=6)
    found, shown = classes.evaluate(new).coverage["grade"], classes.predict(new, interval=0.9)
    inside = [
        label in labels for label, labels in zip(new["grade"], shown["set(grade)"], strict=True)
    ]
    assert (found.level, found.covered.value) == (0.9, pytest.approx(np.mean(inside)))
    assert found.width == pytest.approx(shown["set(grade)"].map(len).mean())
    for label, share in found.classes.items():
        assert share == pytest.approx(np.mean(np.array(inside)[new["grade"] == label]))


def test_evaluate_without_intervals_has_no_coverage_but_refuses_a_level(numbers):
    older = replace(numbers, intervals=None)
    assert older.evaluate(noisy(30)).coverage == {}
    with pytest.raises(PredictionError) as refused:
        older.evaluate(noisy(30), interval=0.9)
    assert refused.value.code == "E405"
    few = vetro.fit(noisy(14), target="y", drop="z", epochs=2, hidden=(2,))
    assert few.evidence.coverage == {} and few.evaluate(noisy(30)).coverage == {}
    assert few.evaluate(noisy(30), interval=0.8).coverage["y"].level == 0.8


def test_rows_that_do_not_count_are_not_measured(numbers):
    new = noisy(40)
    whole = numbers.evaluate(new).coverage["y"]
    gaps = pd.concat([new, new.assign(y=np.nan)])
    assert numbers.evaluate(gaps).coverage["y"] == whole
