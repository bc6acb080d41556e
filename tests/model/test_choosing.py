"""A fit tries several recipes and keeps the one with the least error on held-out rows."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import root_mean_squared_error

import vetro
from vetro.model.fit import fit_table
from vetro.model.request import FitRequest
from vetro.training.recipe import Recipe


def table(rows=240, seed=0, noise=0.1):
    draw = np.random.default_rng(seed)
    x, z = draw.normal(size=(2, rows))
    return {
        "x": x, "z": z, "line": 3 * x - z + noise * draw.normal(size=rows),
        "steps": np.floor(2 * x) + noise * draw.normal(size=rows),
        "noise": draw.normal(size=rows),
        "kind": np.where(x + z > 0, "a", "b"),
    }  # fmt: skip


def fitted(target, **settings):
    return vetro.fit({name: v for name, v in table().items() if name in ("x", "z", target)},
                     target, folds=3, **settings)  # fmt: skip


def test_the_recipe_of_the_least_error_makes_the_model():
    model = fitted("steps")
    errors = [one.error for one in model.evidence.tried]
    assert len(errors) > 2 and errors[0] == min(errors)
    assert model.evidence.tried[0].recipe == model.recipe
    assert len(model.members) == 3 * model.recipe.members
    assert {record.member for record in model.evidence.history} == {1, 2}


def test_the_error_of_a_recipe_is_that_of_its_first_networks():
    model = fitted("steps")
    tried = model.evidence.tried[1].recipe
    names = ("numbers", "bins", "hidden", "learning_rate", "epochs", "patience", "weight_decay",
             "dropout", "validation")  # fmt: skip
    alone = fitted("steps", members=1, effort="quick", **{n: getattr(tried, n) for n in names})
    assert alone.evidence.tried == ()
    actual, predicted = alone.evidence.actual[:, 0], alone.evidence.predicted[:, 0]
    kept = np.clip(predicted, actual.min(), actual.max())
    scale = np.array([one.targets[0].deviation for one in alone.members])[alone.evidence.fold - 1]
    expected = root_mean_squared_error(actual / scale, kept / scale)
    assert model.evidence.tried[1].error == pytest.approx(expected, rel=1e-9)


def test_a_linear_table_gets_a_linear_network():
    assert fitted("line").recipe.hidden == ()


def test_classes_are_compared_by_their_log_loss():
    model = fitted("kind")
    errors = [one.error for one in model.evidence.tried]
    assert errors[0] == min(errors) < np.log(2)


def test_noise_is_not_made_to_look_predictable():
    """With a target that no input says anything about, the held-out R2 is not above 0 but by
    chance, although the best of several recipes is taken."""
    found = []
    for seed in range(6):
        data = {name: v for name, v in table(seed=seed).items() if name in ("x", "z", "noise")}
        model = vetro.fit(data, "noise", folds=3, seed=seed)
        found.append(model.evidence.metrics["r2"].value)
        assert 0.0 <= model.evidence.optimism < 0.2
    assert np.mean(found) < 0.01


def test_what_is_interrupted_goes_on_to_the_same_bits(tmp_path):
    data = {name: v for name, v in table().items() if name in ("x", "z", "steps")}
    request = FitRequest(("steps",), recipe=replace(Recipe(), folds=2))
    whole = fit_table(data, request)
    path, seen = tmp_path / "checkpoint", []

    def stop():
        seen.append(1)
        return "interrupted" if len(seen) > 40 else ""

    fit_table(data, request, checkpoint=path, stop=stop)
    assert path.exists()
    again = fit_table(data, request, checkpoint=path, resume=True)
    assert again.recipe == whole.recipe
    for one, other in zip(again.members, whole.members, strict=True):
        assert one.parameters.tobytes() == other.parameters.tobytes()


def test_a_time_limit_is_that_of_all_recipes_together():
    data = {name: v for name, v in table(rows=400).items() if name in ("x", "z", "steps")}
    model = vetro.fit(data, "steps", epochs=1_000_000, time=2.0, folds=2)
    seconds = [record.seconds for record in model.evidence.history]
    assert max(seconds) < 4.0  # not once more for the winner
    assert model.evidence.stopped == {"time": len(model.members)}
