"""Fits by second-order optimizers: quality, resuming, evidence, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import vetro
from vetro.errors import VetroError
from vetro.model.fit import fit_table
from vetro.model.model import Model
from vetro.model.request import FitRequest
from vetro.training.recipe import Recipe

SMALL = {"hidden": (8,), "activation": "tanh", "numbers": "raw", "epochs": 60}


def table(rows: int = 300) -> dict[str, list[float]]:
    rng = np.random.default_rng(1)
    a, b = rng.uniform(-2, 2, rows), rng.uniform(-2, 2, rows)
    y = np.sin(1.5 * a) * b + 0.05 * rng.normal(size=rows)
    return {"a": a.tolist(), "b": b.tolist(), "y": y.tolist()}


@pytest.mark.parametrize("optimizer", ["lm", "br", "lbfgs"])
def test_accurate_where_the_function_is_smooth(optimizer: str, tmp_path: Path) -> None:
    model = vetro.fit(table(), target="y", optimizer=optimizer, members=2, **SMALL)
    assert model.evidence.metrics["rmse"].value < 0.15
    assert model.evidence.engine == "native"
    found = model.evidence.regularisation
    assert len(found) == (10 if optimizer == "br" else 0)
    if found:
        assert all(5 < one.effective < one.parameters == 33 for one in found)
    model.save(tmp_path / "model.safetensors")
    again = vetro.load(tmp_path / "model.safetensors")
    assert again.evidence.regularisation == found
    rows = {"a": [0.5, -1.0], "b": [1.0, 0.2]}
    assert list(again.predict(rows)["y"]) == list(model.predict(rows)["y"])


def test_classes_by_lbfgs() -> None:
    columns = table()
    labels = ["up" if y > 0 else "down" for y in columns.pop("y")]
    model = vetro.fit({**columns, "y": labels}, target="y", optimizer="lbfgs", **SMALL)
    assert model.evidence.metrics["accuracy"].value > 0.9
    with pytest.raises(VetroError, match="needs a target of numbers") as caught:
        vetro.fit({**columns, "y": labels}, target="y", optimizer="lm", **SMALL)
    assert caught.value.code == "E604"


def parameters(model: Model) -> list[bytes]:
    return [member.parameters.tobytes() for member in model.members]


@pytest.mark.parametrize("optimizer", ["lm", "br", "lbfgs"])
def test_resumed_with_the_same_bits(optimizer: str, tmp_path: Path) -> None:
    recipe = replace(Recipe(**SMALL), optimizer=optimizer, folds=2, epochs=40)
    request, columns = FitRequest(targets=("y",), recipe=recipe), table()
    whole = fit_table(columns, request)
    path, epochs = tmp_path / "checkpoint", []

    def stop() -> str:
        return "interrupted" if len(epochs) > 1 else ""

    cut = fit_table(
        columns, request, checkpoint=path, stop=stop, on_progress=lambda p: epochs.append(p.epoch)
    )
    resumed = fit_table(columns, request, checkpoint=path, resume=True)
    assert parameters(resumed) == parameters(whole)
    assert resumed.evidence.regularisation == whole.evidence.regularisation
    assert len(cut.evidence.history) <= len(whole.evidence.history)


@pytest.mark.parametrize(
    ("entries", "code", "said"),
    [
        ({"hidden": (200, 200)}, "E329", "equations in every step"),
        ({"learning_rate": 0.5}, "E604", "learning_rate does nothing"),
        ({"dropout": 0.1}, "E604", "dropout does nothing"),
        ({"loss": "l1"}, "E604", "needs a target of numbers and the loss mse"),
        ({"engine": "torch"}, "E604", "runs on the native engine"),
    ],
)
def test_refused(entries: dict[str, object], code: str, said: str) -> None:
    with pytest.raises(VetroError, match=said) as caught:
        vetro.fit(table(), target="y", optimizer="lm", **{**SMALL, **entries})
    assert caught.value.code == code


def test_looking_inside(tmp_path: Path) -> None:
    columns = table(60)
    model = vetro.fit(columns, target="y", optimizer="br", **SMALL)
    assert all(vetro.verify(model, columns).checks)
    first = {name: values[:1] for name, values in columns.items()}
    assert "SGD" in str(vetro.backprop(model, first))
    assert json.dumps(model.evidence.regularisation[0].__dict__)
