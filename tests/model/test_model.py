"""The Model's own face: names, repr, report, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from model.build import model_of, rows_of
from recipes import PLAIN

from vetro.errors import InternalError
from vetro.model.files import load_model
from vetro.model.fit import fit_table
from vetro.model.kept import kept_schema
from vetro.model.predict import predict_outputs
from vetro.model.request import FitRequest
from vetro.tables.read import read_table


@pytest.fixture(scope="module")
def model():
    return model_of(rows_of(), "pressure", "noise", members=3)


def test_names(model):
    assert model.inputs == ("flow", "age", "day", "city", "wet")
    assert model.targets == ("pressure", "noise")
    assert model.classes == ()
    assert model_of(rows_of(), "grade").classes == ("good", "middling", "poor")


def test_repr_is_short_and_says_what_matters(model):
    width = model.encoder.width
    assert repr(model) == (
        "Model(regression of pressure, noise, held-out r2 0.9 [0.85, 0.95], "
        f"3 members {width}-7-5-2 tanh)"
    )
    assert "1 member " in repr(model_of(rows_of(), "grade", members=1))


def test_it_is_frozen(model):
    with pytest.raises(FrozenInstanceError):
        model.task = "classification"


def test_report_goes_to_the_writer_of_the_floor_above(model, tmp_path):
    written = []
    given = replace(model, writes_report=lambda *arguments: written.append(arguments))
    given.report(str(tmp_path / "report.html"))
    assert written == [(given, tmp_path / "report.html")]
    path = tmp_path / "m.safetensors"
    model.save(path)
    load_model(path, lambda *arguments: written.append(arguments)).report("r.html")
    assert written[1][1] == Path("r.html")
    with pytest.raises(InternalError, match="without a report writer"):
        model.report(tmp_path / "report.html")


def test_importing_and_loading_a_model_needs_no_torch(model, tmp_path):
    path = tmp_path / "m.safetensors"
    model.save(path)
    program = (
        "import sys; from vetro.model.files import load_model; "
        f"repr(load_model({str(path)!r})); "
        "print([name for name in ('torch', 'duckdb', 'matplotlib', 'sklearn') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_fitted_model_survives_its_file(tmp_path):
    columns = rows_of(200)
    request = FitRequest(
        targets=("pressure",),
        drop=("noise", "grade", "sold"),
        recipe=replace(PLAIN, hidden=(8,), epochs=3, folds=2),
    )
    fitted = fit_table(columns, request)
    fitted.save(tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors")
    assert loaded.request == fitted.request
    assert loaded.schema == kept_schema(fitted.schema)
    assert loaded.evidence.metrics == fitted.evidence.metrics
    assert loaded.evidence.history == fitted.evidence.history
    np.testing.assert_array_equal(loaded.evidence.predicted, fitted.evidence.predicted)
    np.testing.assert_array_equal(
        loaded.predict(columns)["pressure"], fitted.predict(columns)["pressure"]
    )
    # The held-out predictions are those of the member that did not see the row.
    table = read_table(columns, schema=loaded.schema)
    for member in loaded.members:
        held_out = loaded.evidence.fold == member.fold
        assert 90 <= held_out.sum() <= 110
        np.testing.assert_allclose(
            predict_outputs(loaded, table, [member])[held_out],
            loaded.evidence.predicted[held_out],
            rtol=1e-5,
        )
