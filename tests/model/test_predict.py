"""Predicting: against float64, in chunks, for every kind of frame, and every refusal."""

from __future__ import annotations

import datetime
import hashlib
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model.build import CITIES, TARGETS, csv_text, model_of, reference, rows_of, write_csv
from told import told

from vetro.errors import PredictionError, TableError, VetroWarning
from vetro.model.predict import (
    predict_outputs,
    predict_stream,
    probabilities_of,
    raw_outputs,
)
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_csv(tmp_path_factory.mktemp("predict") / "rows.csv", rows_of())


@pytest.fixture(scope="module")
def regression(path):
    return model_of(path, "pressure", "noise", members=3)


@pytest.fixture(scope="module")
def classification(path):
    return model_of(path, "grade")


def refusal(call, *arguments, **options):
    with pytest.raises((PredictionError, TableError)) as caught:
        call(*arguments, **options)
    return told(caught.value)


def predicted(model, source, **options):
    """(result, the messages of the warnings)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = model.predict(source, **options)
    assert all(item.category is VetroWarning for item in caught)
    return result, [str(item.message) for item in caught]


def test_outputs_are_those_of_float64(regression, classification, path):
    for model in (regression, classification):
        table = read_table(path, schema=model.schema)
        found = predict_outputs(model, table)
        expected = reference(model, model.encoder.raw(table))
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6 * scale)
        raw = raw_outputs(model, model.encoder.raw(table))
        np.testing.assert_array_equal(raw, found)
        one = predict_outputs(model, table, model.members[:1])
        rest = predict_outputs(model, table, model.members[1:])
        mean = (one + rest * (len(model.members) - 1)) / len(model.members)
        np.testing.assert_allclose(mean, found, rtol=1e-12, atol=1e-12 * scale)


def test_changed_parameters_are_seen(path):
    model = model_of(path, "pressure")
    table = read_table(path, schema=model.schema)
    before = predict_outputs(model, table)
    model.members[0].parameters[:] *= 2
    assert not np.array_equal(predict_outputs(model, table), before)


def test_rows_of_many_blocks_keep_their_order(monkeypatch):
    columns = rows_of(1000)
    model = model_of(columns, "pressure")
    table = read_table(columns, schema=model.schema)
    whole = predict_outputs(model, table)
    monkeypatch.setattr("vetro.model.predict._BLOCK_VALUES", 1)
    np.testing.assert_allclose(predict_outputs(model, table), whole, rtol=1e-5)
    raw = model.encoder.raw(table)
    found = raw_outputs(model, raw)
    np.testing.assert_allclose(found, whole, rtol=1e-5)
    some = np.arange(999, -1, -3)
    found = predict_outputs(model, table, rows=some)
    np.testing.assert_allclose(found, whole[some], rtol=1e-5)


@given(
    st.lists(
        st.lists(st.floats(-700, 700, width=32), min_size=3, max_size=3), min_size=1, max_size=4
    )
)
@settings(max_examples=50, deadline=None)
def test_probabilities_are_softmax(logits):
    z = np.array(logits, dtype=np.float64)
    found = probabilities_of(z)
    exact = torch.softmax(torch.from_numpy(z), dim=1).numpy()
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-300)
    one = probabilities_of(z[:, :1])
    np.testing.assert_allclose(
        one[:, 1], torch.sigmoid(torch.from_numpy(z[:, 0])).numpy(), rtol=1e-12
    )


@pytest.mark.parametrize("chunk_rows", [1, 7, 119, 120, 1000])
def test_chunks_are_one_batch(regression, classification, path, chunk_rows):
    for model, probabilities in ((regression, False), (classification, True)):
        whole = model.predict(path, probabilities=probabilities, keep=["city", "age"])
        notices: list = []
        chunks = list(
            predict_stream(
                model,
                path,
                notices,
                options=ReadOptions(),
                probabilities=probabilities,
                keep=("city", "age"),
                chunk_rows=chunk_rows,
            )
        )
        assert max(len(next(reversed(chunk.values()))) for chunk in chunks) <= chunk_rows
        assert notices == []
        assert list(chunks[0]) == whole.column_names
        for name in whole.column_names:
            parts = [part for chunk in chunks for part in chunk[name]]
            parts = [item.as_py() if isinstance(item, pa.Scalar) else item for item in parts]
            expected = whole.column(name).to_pylist()
            if isinstance(expected[0], float):
                # A product of matrices of another height may differ in float32's last bits.
                np.testing.assert_allclose(parts, expected, rtol=2e-6, atol=2e-5)
            else:
                assert parts == expected


def test_labels_and_probabilities(classification, path):
    result = classification.predict(path, probabilities=True).to_pydict()
    assert list(result) == ["grade", "P(good)", "P(middling)", "P(poor)"]
    table = read_table(path, schema=classification.schema)
    expected = reference(classification, classification.encoder.raw(table))
    assert len(set(result["grade"])) > 1
    assert result["grade"] == [classification.classes[i] for i in expected.argmax(axis=1)]
    found = np.array([result[f"P({label})"] for label in classification.classes]).T
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_flag_targets_give_their_words(path):
    for loss in ("auto", "bce"):
        model = model_of(path, "sold", loss=loss)
        assert model.classes == ("no", "yes")
        result = model.predict(path, probabilities=True).to_pydict()
        assert list(result) == ["sold", "P(no)", "P(yes)"]
        assert set(result["sold"]) == {"no", "yes"}
        assert [p > 0.5 for p in result["P(yes)"]] == [word == "yes" for word in result["sold"]]


def frames(columns):
    typed = {
        **columns,
        "age": [np.nan if item is None else float(item) for item in columns["age"]],
        "day": [datetime.date.fromisoformat(item) for item in columns["day"]],
    }
    return {
        "pandas": pd.DataFrame(typed, index=np.arange(len(typed["flow"])) * 2 + 5),
        "polars": pl.DataFrame(typed),
        "pyarrow": pa.table(typed),
        "dict": typed,
    }


KINDS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.Table, "dict": dict}


@pytest.mark.parametrize("kind", KINDS)
def test_frames_come_back_as_they_went_in(kind, regression, classification, path):
    frame = frames(rows_of())[kind]
    result = regression.predict(frame)
    assert type(result) is KINDS[kind]
    expected = regression.predict(path)
    for name in ("pressure", "noise"):
        np.testing.assert_array_equal(np.asarray(result[name]), np.asarray(expected[name]))
    labels = classification.predict(frame, keep=["flow"])
    assert list(labels["flow"].to_pylist() if kind == "pyarrow" else labels["flow"]) == list(
        rows_of()["flow"]
    )
    labels = labels["grade"].to_pylist() if kind == "pyarrow" else list(labels["grade"])
    assert labels == classification.predict(path)["grade"].to_pylist()
    if kind == "pandas":
        assert list(result.index) == list(frame.index)


def test_matrices_come_back_as_matrices():
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(60, 4))
    model = model_of(matrix, "c4")
    assert model.inputs == ("c1", "c2", "c3")
    found = model.predict(matrix[:, :3])
    assert isinstance(found, np.ndarray)
    assert found.shape == (60, 1)
    np.testing.assert_allclose(found, reference(model, matrix[:, :3]), atol=1e-5)
    tensor = torch.from_numpy(matrix[:, :3])
    answer = model.predict(tensor)
    assert isinstance(answer, torch.Tensor)
    np.testing.assert_array_equal(answer.numpy(), found)


def test_only_the_inputs_are_needed_and_order_does_not_matter(regression, path):
    columns = rows_of()
    expected = regression.predict(path).to_pydict()
    for names in (["wet", "city", "day", "age", "flow"], [*reversed(columns)]):
        result = regression.predict({name: columns[name] for name in names})
        for target in regression.targets:
            np.testing.assert_array_equal(result[target], expected[target])


def test_targets_in_the_source_are_not_read(regression, path):
    columns = rows_of()
    columns["pressure"] = ["?"] * len(columns["pressure"])
    np.testing.assert_array_equal(
        regression.predict(columns)["pressure"], regression.predict(path)["pressure"].to_numpy()
    )


def test_missing_column_e401(regression):
    columns = rows_of()
    del columns["age"]
    assert refusal(regression.predict, columns) == (
        'E401 column "age" is missing (the model needs: flow, age, day, city, wet). Add it.'
    )


def test_unseen_text_e402_names_the_first_line(regression, tmp_path):
    columns = rows_of()
    columns["city"][60], columns["city"][4] = "Bari", "Rom"
    source = write_csv(tmp_path / "new.csv", columns)
    text = 'E402 column "city", line 6: "Rom" was not seen in training. '
    found = refusal(lambda: regression.predict(source, unknown="refuse"))
    assert found == text + "Correct it, or use --unknown ignore."
    found = refusal(
        lambda: list(
            predict_stream(
                regression, source, [], options=ReadOptions(), chunk_rows=3, unknown="refuse"
            )
        )
    )
    assert found.startswith(text)
    assert 'row 5: "Rom"' in refusal(lambda: regression.predict(columns, unknown="refuse"))


def test_unseen_text_is_an_unknown_level_w404(regression):
    columns = rows_of(gaps=False)
    before = regression.predict(columns)
    changed = {name: list(items) for name, items in columns.items()}
    for row, text in {4: "Bari", 9: "Lecce", 10: "Bari"}.items():
        changed["city"][row] = text
    after, messages = predicted(regression, changed)
    assert messages == [
        'W404 column "city": "Bari" and 1 other text were not seen in training (3 rows, first '
        "row 5); read as none of the levels. Check the spelling."
    ]
    differs = np.flatnonzero(before["pressure"] != after["pressure"])
    assert set(differs) <= {4, 9, 10}
    raw = regression.encoder.raw(read_table(changed, ReadOptions(), schema=regression.schema))
    assert (raw[[4, 9, 10], regression.inputs.index("city")] == -2).all()
    expected = reference(regression, raw)
    np.testing.assert_allclose(
        after["pressure"], expected[:, 0], atol=3e-6 * np.abs(expected).max()
    )


def test_unseen_text_counts_as_other_where_rare_texts_were_trained_w404():
    columns = rows_of(gaps=False)
    columns["city"][2], columns["city"][70] = "Lecce", "Trani"
    model = model_of(columns, "pressure")
    columns["city"][4], columns["city"][6] = "Bari", "Lecce"
    found, messages = predicted(model, columns)
    assert messages == [
        'W404 column "city": "Bari" was not seen in training (1 row, first row 5); '
        "read as <other>, as rare texts. Check the spelling."
    ]
    columns["city"][4] = "Lecce"
    np.testing.assert_array_equal(found["pressure"], model.predict(columns)["pressure"])


def test_unseen_text_that_meant_missing_in_the_models_table_w404():
    columns = rows_of(gaps=False)
    columns["city"][2] = "n.k."
    model = model_of(columns, "pressure", options=ReadOptions(missing=("n.k.",)))
    other = {name: items[:20] for name, items in columns.items()}
    _, messages = predicted(model, other)
    assert [text for text in messages if text.startswith("W404")] == [
        'W404 column "city": "n.k." was not seen in training (1 row, first row 3); read as none of '
        'the levels. In the model\'s table "n.k." meant missing: likely missing=("n.k.",).'
    ]


def test_unseen_word_of_a_flag(regression):
    columns = rows_of(gaps=False)
    columns["wet"][7] = "perhaps"
    assert refusal(lambda: regression.predict(columns, unknown="refuse")).startswith(
        'E402 column "wet", row 8: "perhaps" was not seen in training.'
    )
    _, messages = predicted(regression, columns)
    assert messages == [
        'W404 column "wet": "perhaps" was not seen in training (first row 8); read as missing. '
        "Check the spelling."
    ]


def test_outside_the_training_range_w403_is_counted_over_the_stream(regression):
    columns = rows_of(gaps=False)
    low, high = min(columns["flow"]), max(columns["flow"])
    columns["flow"][3], columns["flow"][50], columns["flow"][51] = low - 1, high + 1, high
    columns["day"][9] = "2031-05-06"
    first, last = regression.schema["day"].minimum, regression.schema["day"].maximum
    epoch = datetime.date(1970, 1, 1)
    span = [str(epoch + datetime.timedelta(days=int(item))) for item in (first, last)]
    expected = [
        "W403 values outside the training range, where predictions extrapolate: "
        f'"flow" in 2 rows [{low:g}, {high:g}], "day" in 1 row [{span[0]}, {span[1]}].',
    ]
    _, messages = predicted(regression, columns)
    assert messages == expected
    notices: list = []
    for _ in predict_stream(regression, columns, notices, options=ReadOptions(), chunk_rows=10):
        assert notices == []
    assert [told(item) for item in notices] == expected


def test_empty_where_training_never_was_w406(path):
    model = model_of({**rows_of(gaps=False)}, "pressure")
    columns = rows_of(gaps=False)
    columns["age"][3] = columns["age"][8] = None
    columns["city"][5] = None
    _, messages = predicted(model, columns)
    assert messages == [
        'W406 column "age" is empty in 2 rows (first row 4), and was never empty in training; '
        "read as the median.",
        'W406 column "city" is empty in 1 row (first row 6), and was never empty in training; '
        "read as none of the levels.",
    ]


def test_probabilities_need_classes(regression, path):
    assert refusal(regression.predict, path, probabilities=True) == (
        'E405 only classes have probabilities, and "pressure" is a number. '
        "Leave out --probabilities."
    )


def test_a_kept_target_is_called_actual(regression, path, tmp_path):
    kept = regression.predict(path, keep=["noise", "age"]).to_pydict()
    assert list(kept) == ["actual noise", "age", "pressure", "noise"]
    assert kept["actual noise"] == [str(item) for item in rows_of()["noise"]]
    twice = write_csv(tmp_path / "twice.csv", {**rows_of(), "actual noise": rows_of()["noise"]})
    assert 'E405 column "actual noise" cannot be kept' in refusal(
        regression.predict, twice, keep=["noise", "actual noise"]
    )


def test_keep_refuses_the_name_of_a_prediction(regression, classification, path):
    found = refusal(classification.predict, path, keep=["P(good)"], probabilities=True)
    assert 'E405 column "P(good)" cannot be kept' in found
    assert refusal(regression.predict, path, keep=["nois"]).startswith("E114")
    kept = classification.predict(path, keep=["noise"]).to_pydict()
    assert list(kept) == ["noise", "grade"]
    assert kept["noise"] == [str(item) for item in rows_of()["noise"]]


def test_keep_carries_values_unread(regression, path):
    kept = regression.predict(path, keep=["day", "city", "age", "sold"]).to_pydict()
    columns = rows_of()
    assert list(kept) == ["day", "city", "age", "sold", "pressure", "noise"]
    assert kept["city"] == columns["city"]
    assert [item and float(item) for item in kept["age"]] == [
        item and float(item) for item in columns["age"]
    ]


@pytest.mark.parametrize("form", ["csv", *KINDS])
def test_no_rows_give_no_predictions(form, classification, tmp_path):
    columns = {name: [] for name in rows_of() if name not in TARGETS}
    if form == "csv":
        source = write_csv(tmp_path / "empty.csv", columns)
    elif form == "dict":
        source = columns
    else:
        source = frames(rows_of())[form][:0]
    result = classification.predict(source, probabilities=True, keep=["city"])
    names = result if form == "dict" else getattr(result, "column_names", None) or result.columns
    assert list(names) == ["city", "grade", "P(good)", "P(middling)", "P(poor)"]
    assert len(result["grade"]) == 0


def test_one_row_is_enough(regression, tmp_path):
    columns = {name: items[:1] for name, items in rows_of(gaps=False).items()}
    columns["age"] = [0.5]  # its only mark: "51.509" alone may be 51509
    with pytest.raises(TableError, match=r'"51.509" may mean 51.509 or 51509.*used "."'):
        regression.predict(write_csv(tmp_path / "one.csv", columns | {"age": [3]}))
    result = regression.predict(write_csv(tmp_path / "one.csv", columns))
    rows = rows_of(gaps=False)
    expected = regression.predict(rows | {"age": [0.5, *rows["age"][1:]]})
    np.testing.assert_allclose(result["noise"][0].as_py(), expected["noise"][0], rtol=1e-5)
    assert csv_text(columns).count("\n") == 2
    assert columns["city"][0] == CITIES[0]


def test_huge_inputs_do_not_stop_a_prediction(path):
    columns = rows_of(gaps=False)
    columns["flow"][0], columns["flow"][1] = 1e300, -1e300
    result, messages = predicted(model_of(path, "pressure", activation="leaky_relu"), columns)
    assert len(result["pressure"]) == 120
    assert np.isfinite(result["pressure"][2:]).all()
    assert np.isnan(result["pressure"][:2]).all()
    assert [message[:4] for message in messages] == ["W403", "W410"]
    assert (
        "there is no finite answer for 2 rows (row 1, row 2): the cells are empty." in messages[1]
    )


def test_a_class_without_finite_scores_has_no_label(path):
    columns = rows_of(gaps=False)
    columns["flow"][4] = 1e308
    model = model_of(path, "grade", activation="leaky_relu")
    result, messages = predicted(model, columns, probabilities=True)
    assert result["grade"][4] is None and np.isnan(result["P(good)"][4])
    assert [row for row, label in enumerate(result["grade"]) if label is None] == [4]
    assert "(row 5)" in messages[-1]


def test_a_number_that_meant_missing_in_training_is_warned_of(tmp_path):
    columns = rows_of(gaps=False)
    columns["flow"][0] = -999
    path = write_csv(tmp_path / "rows.csv", columns)
    model = model_of(path, "pressure", options=ReadOptions(missing=("-999",)))
    columns["flow"][1] = -999
    _, messages = predicted(model, columns)
    assert messages[0].startswith('W409 column "flow": "-999" in 2 rows is read as a number')


def test_its_own_table_is_read_as_the_fit_read_it(tmp_path):
    """Without repeating the options; a table with other bytes is read by its own evidence."""
    columns = {name: items for name, items in rows_of().items() if name in ("flow", "pressure")}
    text = "".join(f"{a};{b}\n" for a, b in zip(*columns.values(), strict=True))
    path = tmp_path / "own.csv"
    path.write_text(text.replace("51.509", "?!").replace(".", ","))
    options = ReadOptions(header=False, missing=("?!",))
    model = model_of(path, "c2", options=options)
    data = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    model = replace(model, evidence=replace(model.evidence, data=data))
    result = model.predict(str(path))
    assert result.num_rows == len(columns["flow"])
    assert model.evaluate(path).rows == len(columns["flow"])
    path.write_text(path.read_text() + "1,5;2,5\n")
    with pytest.raises(PredictionError, match=r"are missing|is missing"):
        model.predict(str(path))
