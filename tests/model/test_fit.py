"""Fitting, against independent recomputations of what it claims."""

from __future__ import annotations

import json
import threading
from dataclasses import astuple, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from recipes import PLAIN
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error

from vetro.engines import choose
from vetro.errors import TableError, TrainingError, VetroError
from vetro.model.bootstrap import compare, measure
from vetro.model.fit import fit_table
from vetro.model.predict import predict_outputs
from vetro.model.request import FitRequest
from vetro.model.split import split_rows
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.roles import assign_roles

CONCRETE = Path(__file__).parents[2] / "examples" / "concrete.csv"
QUICK = replace(PLAIN, hidden=(8,), epochs=6)


def request(*targets, recipe=QUICK, **changes):
    return FitRequest(targets=targets, recipe=recipe, **changes)


def flowers(rows=150, seed=0):
    """Two numbers with gaps, a category, and a class that depends on them."""
    generator = np.random.default_rng(seed)
    length, width = generator.normal(size=(2, rows))
    site = generator.choice(["north", "south"], rows)
    score = length + (site == "north") + 0.3 * generator.normal(size=rows)
    kind = np.where(score > 1, "tall", np.where(score > 0, "middle", "low"))
    length[generator.random(rows) < 0.1] = np.nan
    return {"length": length, "width": width, "site": site, "kind": kind}


@pytest.fixture(scope="module")
def concrete():
    return fit_table(CONCRETE, request("compressive_strength", recipe=replace(QUICK, members=2)))


def concrete_table():
    return assign_roles(read_table(CONCRETE, ReadOptions()), targets=("compressive_strength",))


def test_held_out_predictions_come_from_members_that_never_saw_the_row(concrete):
    table = concrete_table()
    fold = split_rows(table, concrete.recipe).fold
    assert sorted(np.bincount(fold)) == [206] * 5
    expected = np.empty(table.rows)
    for part in range(5):
        members = [member for member in concrete.members if member.fold == part + 1]
        assert len(members) == 2
        rows = np.flatnonzero(fold == part)
        expected[rows] = predict_outputs(concrete, table, members, rows)[:, 0]
    actual = table.values["compressive_strength"]
    evidence = concrete.evidence
    np.testing.assert_allclose(evidence.predicted[:, 0], expected, rtol=1e-9)
    np.testing.assert_array_equal(evidence.actual[:, 0], actual)
    np.testing.assert_array_equal(evidence.fold, fold + 1)
    assert evidence.metrics["r2"].value == pytest.approx(r2_score(actual, expected))
    rmse = evidence.metrics["rmse"]
    assert rmse.value == pytest.approx(root_mean_squared_error(actual, expected))
    assert rmse.low < rmse.value < rmse.high
    assert evidence.split["held_out_rows"] == 1030


def test_held_out_targets_change_nothing_in_their_member():
    """The strongest proof against leaks: change the held-out targets, and compare bits.  The inputs
    of held-out rows count for the encoder, which all members share."""
    table = concrete_table()
    fold = split_rows(table, QUICK).fold
    columns = {name: values.copy() for name, values in table.values.items()}
    strength = columns["compressive_strength"]
    strength[fold == 2] = strength[fold == 2] * 1.5 + 3
    first = fit_table(table.values, request("compressive_strength"))
    second = fit_table(columns, request("compressive_strength"))
    for before, after in zip(first.members, second.members, strict=True):
        same = before.parameters.tobytes() == after.parameters.tobytes()
        assert same == (before.fold == 3)
        assert (before.targets == after.targets) == (before.fold == 3)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(concrete):
    again = fit_table(CONCRETE, request("compressive_strength", recipe=concrete.recipe))
    other = fit_table(
        CONCRETE, request("compressive_strength", recipe=replace(concrete.recipe, seed=1))
    )
    assert again.members[3].parameters.tobytes() == concrete.members[3].parameters.tobytes()
    assert other.members[3].parameters.tobytes() != concrete.members[3].parameters.tobytes()
    first, second = concrete.members[:2]
    assert first.fold == second.fold
    assert first.parameters.tobytes() != second.parameters.tobytes()


def test_classification_with_missing_values_and_categories():
    columns = flowers()
    model = fit_table(columns, request("kind", recipe=replace(QUICK, epochs=30)))
    assert model.task == "classification"
    assert model.classes == ("low", "middle", "tall")
    actual = np.array([model.classes.index(label) for label in columns["kind"]])
    evidence = model.evidence
    np.testing.assert_array_equal(evidence.actual, actual)
    np.testing.assert_allclose(evidence.predicted.sum(axis=1), 1)
    accuracy = accuracy_score(actual, evidence.predicted.argmax(axis=1))
    assert evidence.metrics["accuracy"].value == pytest.approx(accuracy)
    assert evidence.metrics["log_loss"].value == pytest.approx(log_loss(actual, evidence.predicted))
    assert accuracy > 0.7
    assert set(evidence.baselines) == {"majority", "linear", "boosted trees"}
    assert set(evidence.importance) == {"length", "width", "site"}
    assert max(evidence.importance, key=evidence.importance.__getitem__) == "length"


def test_bce_gives_one_logit_and_two_probabilities():
    columns = flowers()
    columns["kind"] = np.where(columns["kind"] == "low", "low", "high")
    model = fit_table(columns, request("kind", recipe=replace(QUICK, loss="bce", epochs=30)))
    assert model.network.outputs == 1
    assert model.evidence.predicted.shape == (150, 2)
    assert model.evidence.metrics["accuracy"].value > 0.75


def test_several_targets_have_figures_of_their_own():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(120, 2))
    columns = {"a": x[:, 0], "b": x[:, 1], "sum": x.sum(1), "difference": 100 * (x[:, 0] - x[:, 1])}
    model = fit_table(columns, request("sum", "difference", recipe=replace(QUICK, epochs=60)))
    evidence = model.evidence
    assert set(evidence.per_target) == {"sum", "difference"}
    for number, name in enumerate(("sum", "difference")):
        actual, predicted = evidence.actual[:, number], evidence.predicted[:, number]
        assert evidence.per_target[name]["r2"].value == pytest.approx(r2_score(actual, predicted))
    assert evidence.per_target["difference"]["rmse"].value > 10 * (
        evidence.per_target["sum"]["rmse"].value
    )
    for name, own in evidence.per_target.items():
        y = np.array(columns[name])
        theirs = evidence.baselines_per_target[name]
        assert set(theirs) == {"mean", "linear", "boosted trees"}
        assert theirs["mean"]["rmse"] == pytest.approx(y.std(), rel=0.05)
        apart = evidence.comparisons_per_target[name]["mean"]["rmse"]
        assert apart.value == pytest.approx(own["rmse"].value - theirs["mean"]["rmse"])
        assert apart.high < 0


def test_groups_widen_the_intervals():
    """Rows that are copies within a group tell no more than one of them."""
    generator = np.random.default_rng(4)
    x = np.repeat(generator.normal(size=40), 12)
    y = 2 * x + np.repeat(generator.normal(size=40), 12)
    columns = {"x": x + 0.01 * generator.normal(size=480), "z": generator.normal(size=480), "y": y}
    columns["site"] = [f"site {n // 12}" for n in range(480)]
    found = fit_table(columns, request("y", group="site")).evidence
    alone = measure("regression", found.actual, found.predicted)
    own = found.metrics["rmse"]
    assert own.value == pytest.approx(alone["rmse"].value)
    assert own.high - own.low > 2 * (alone["rmse"].high - alone["rmse"].low)
    expected = compare("regression", found.actual, found.predicted, {}, groups=columns["site"])
    assert astuple(own) == pytest.approx(astuple(expected.own["rmse"]), rel=1e-12)


def test_balanced_classes_are_judged_and_compared_alike():
    columns = flowers(rows=300)
    rare = np.flatnonzero(columns["kind"] != "low")[40:]
    columns = {name: np.delete(values, rare) for name, values in columns.items()}
    columns["kind"] = np.where(columns["kind"] == "low", "low", "high")
    recipe = replace(QUICK, class_weight="balanced", epochs=30)
    balanced = fit_table(columns, request("kind", recipe=recipe)).evidence
    plain = fit_table(
        columns, request("kind", recipe=replace(recipe, class_weight="none"))
    ).evidence
    assert (balanced.judged_by, plain.judged_by) == ("balanced_accuracy", "accuracy")
    for name in ("linear", "boosted trees"):
        assert balanced.baselines[name] != plain.baselines[name]
    assert balanced.baselines["majority"] == plain.baselines["majority"]
    assert "W318" not in {item.code for item in balanced.notices}


def test_what_is_done_meanwhile_knows_how_training_went():
    """The report's sections on the networks' inside tell its findings."""
    seen = []
    model = fit_table(
        flowers(), request("kind"), meanwhile=lambda early, table: seen.append((early, table))
    )
    ((early, table),) = seen
    assert early.evidence.history and early.evidence.history == model.evidence.history
    assert table.rows == 150 and not early.evidence.metrics


def test_holdout_measures_only_what_was_held_out():
    recipe = replace(QUICK, holdout=0.2, members=2)
    model = fit_table(CONCRETE, request("compressive_strength", recipe=recipe))
    assert [member.fold for member in model.members] == [0, 0]
    assert len(model.evidence.actual) == 206
    assert model.evidence.split["kind"] == "holdout"
    assert model.evidence.split["training_rows"] == 824


def test_many_rows_are_split_once():
    generator = np.random.default_rng(0)
    x = generator.normal(size=100_001)
    recipe = replace(PLAIN, hidden=(4,), epochs=1)
    model = fit_table({"x": x, "y": 2 * x}, request("y", recipe=recipe))
    assert len(model.members) == 1
    assert model.evidence.split["held_out_rows"] == 10_000
    assert len(model.evidence.actual) == 10_000


def test_groups_stay_together():
    generator = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 10).astype(str)
    x = generator.normal(size=200)
    columns = {"x": x, "plant": group, "y": x + generator.normal(size=200)}
    model = fit_table(columns, request("y", group="plant"))
    assert model.inputs == ("x",)
    for plant in np.unique(group):
        assert len(set(model.evidence.fold[group == plant])) == 1


def test_weights_count():
    """Two laws in one table: the rows with the weight decide which one is learnt."""
    x = np.linspace(-1, 1, 400)
    columns = {"x": x, "y": np.where(np.arange(400) % 2 == 0, x, -x)}
    recipe = replace(PLAIN, hidden=(8,), epochs=40, batch_size=16)
    for heavy, sign in ((0, 1), (1, -1)):
        columns["w"] = np.where(np.arange(400) % 2 == heavy, 1.0, 1e-3)
        model = fit_table(columns, request("y", weight="w", recipe=recipe))
        predicted = model.predict({"x": np.array([0.5, -0.5])})["y"]
        np.testing.assert_allclose(predicted, [sign * 0.5, -sign * 0.5], atol=0.1)


def stopping(asks):
    """A stop that says "interrupted" when it is asked for the asks-th time, and ever after."""
    count = iter(range(10_000))
    return lambda: "interrupted" if next(count) >= asks - 1 else ""


def assert_the_same(one, other):
    assert [m.parameters.tobytes() for m in one.members] == [
        m.parameters.tobytes() for m in other.members
    ]
    assert one.evidence.metrics == other.evidence.metrics
    assert [replace(r, seconds=0.0) for r in one.evidence.history] == [
        replace(r, seconds=0.0) for r in other.evidence.history
    ]


@pytest.mark.parametrize("members_done", [0, 2])
def test_interrupted_and_resumed_ends_bit_identical(tmp_path, members_done):
    """One member after the other."""
    recipe = replace(QUICK, dropout=0.1, epochs=5)
    asked = request("compressive_strength", recipe=recipe, engine="torch")
    whole = fit_table(CONCRETE, asked)
    path = tmp_path / "checkpoint.safetensors"
    stop = stopping(members_done * 5 + 3)
    first = fit_table(CONCRETE, asked, checkpoint=path, stop=stop)
    assert len(first.members) == members_done + 1
    assert "W316" in [item.code for item in first.evidence.notices]
    held_out = 206 * (members_done + 1)
    assert len(first.evidence.actual) == held_out
    assert_the_same(fit_table(CONCRETE, asked, checkpoint=path, resume=True), whole)


@pytest.mark.parametrize("asks", [1, 3, 9])
def test_interrupted_side_by_side_and_resumed_ends_bit_identical(tmp_path, asks):
    recipe = replace(QUICK, dropout=0.1, epochs=3000, patience=0, hidden=(16,), batch_size=64)
    asked = request("compressive_strength", recipe=recipe, engine="native")
    whole = fit_table(CONCRETE, asked)
    path = tmp_path / "checkpoint.safetensors"
    first = fit_table(CONCRETE, asked, checkpoint=path, stop=stopping(asks))
    assert first.evidence.stopped["interrupted"] > 0
    assert "W316" in [item.code for item in first.evidence.notices]
    assert_the_same(fit_table(CONCRETE, asked, checkpoint=path, resume=True), whole)


def test_an_answer_of_progress_ends_training_in_any_thread():
    recipe = replace(QUICK, epochs=100_000, patience=0, time=20.0)
    asked, models = request("compressive_strength", recipe=recipe), []

    def train():
        models.append(fit_table(CONCRETE, asked, on_progress=lambda p: p.step != "training"))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert set(models[0].evidence.stopped) == {"interrupted"}


def test_resume_refuses_what_changed(tmp_path):
    table, path = tmp_path / "data.csv", tmp_path / "checkpoint.safetensors"
    table.write_text(CONCRETE.read_text())
    asked = request("compressive_strength")
    fit_table(table, asked, checkpoint=path, stop=lambda: "interrupted")
    other = request("compressive_strength", recipe=replace(QUICK, seed=3))
    with pytest.raises(VetroError, match="the options or the recipe differ") as caught:
        fit_table(table, other, checkpoint=path, resume=True)
    assert caught.value.code == "E504"
    table.write_text(CONCRETE.read_text().replace("540.0", "541.0", 1))
    with pytest.raises(VetroError) as caught:
        fit_table(table, asked, checkpoint=path, resume=True)
    assert str(caught.value) == (
        "Cannot resume: data.csv changed since the checkpoint (SHA-256 differs). "
        "Restore it, or start a new run."
    )
    with pytest.raises(VetroError) as caught:
        fit_table(table, asked, checkpoint=tmp_path / "none", resume=True)
    assert caught.value.code == "E507"


def test_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    asked = request("compressive_strength")
    fit_table(CONCRETE, asked, checkpoint=path, stop=lambda: "interrupted")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(VetroError) as caught:
        fit_table(CONCRETE, asked, checkpoint=path, resume=True)
    assert caught.value.code == "E501"


def test_divergence_is_caught_and_the_best_kept():
    recipe = replace(PLAIN, optimizer="sgd", learning_rate=3.0, epochs=30)
    with pytest.raises(TrainingError) as caught:
        fit_table(CONCRETE, request("compressive_strength", recipe=recipe))
    error = caught.value
    assert error.code in ("E301", "E302")
    assert str(error).startswith("Diverged at epoch ")
    assert "Try learning_rate=0.01 (now 3)." in str(error)
    if error.code == "E301":
        assert np.isfinite(error.model.members[0].parameters).all()


def test_time_limit_shares_the_time_among_members():
    recipe = replace(PLAIN, epochs=100_000, patience=0, time=2.0, batch_size=16)
    model = fit_table(CONCRETE, request("compressive_strength", recipe=recipe))
    assert model.evidence.stopped == {"time": 5}
    assert 1.5 < model.evidence.seconds["training"] < 10


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_progress_is_told(engine):
    told = []
    model = fit_table(
        CONCRETE, request("compressive_strength", engine=engine), on_progress=told.append
    )
    assert [p.step for p in told[:2]] == ["reading", "checking"]
    training = [p for p in told if p.step == "training"]
    every = [(fold, epoch) for fold in range(1, 6) for epoch in range(1, 7)]
    assert [(record.fold, record.epoch) for record in model.evidence.history] == every
    if engine == "torch":
        assert [(p.fold, p.epoch) for p in training] == every
    assert {p.together for p in training} == {1 if engine == "torch" else 5}
    assert training[-1].share == 1
    assert all(b.share > a.share for a, b in pairwise(training))
    assert training[0].seconds_left is None
    assert training[-1].seconds_left == 0
    assert told[-1].step == "done"


def test_the_evidence_says_which_engine_trained_and_why():
    evidence = fit_table(CONCRETE, request("compressive_strength")).evidence
    assert evidence.engine == "native"
    assert evidence.engine_reason == "it runs every network of a table on the CPU"
    asked = request("compressive_strength", engine="torch")
    evidence = fit_table(CONCRETE, asked).evidence
    assert (evidence.engine, evidence.engine_reason) == ("torch", "it was asked for")


def test_the_engines_agree_on_quality():
    recipe = replace(QUICK, hidden=(16,), epochs=20)
    scores = [
        fit_table(CONCRETE, request("compressive_strength", recipe=recipe, engine=engine))
        .evidence.metrics["rmse"]
        .value
        for engine in ("native", "torch")
    ]
    assert scores[0] == pytest.approx(scores[1], rel=0.01)


def test_without_the_core_torch_trains_and_says_so(monkeypatch):
    monkeypatch.setattr(choose, "why_not_native", lambda: "the native engine is not built")
    evidence = fit_table(CONCRETE, request("compressive_strength")).evidence
    assert (evidence.engine, evidence.engine_reason) == ("torch", "the native engine is not built")
    told = [item.message for item in evidence.notices if item.code == "I319"]
    assert told == ["The torch engine trains, more slowly: the native engine is not built."]
    with pytest.raises(VetroError, match="the native engine is not built") as caught:
        fit_table(CONCRETE, request("compressive_strength", engine="native"))
    assert caught.value.code == "E604"


@pytest.mark.parametrize(
    ("columns", "changes", "code"),
    [
        ({"x": [1.0, 2.0, 3.0, 4.0], "y": [4.0] * 4}, {}, "E205"),
        ({"x": [1.0, 2.0, 3.0, 4.0], "y": ["no"] * 4}, {}, "E204"),
        ({"x": [1.0, 2.0, 4.0, 3.0], "y": [1.0, np.nan, 2.0, 3.0]}, {}, "E115"),
        ({"x": [7.0] * 4, "y": [1.0, 2.0, 3.0, 5.0]}, {}, "E208"),
        ({"x": [1.0, 2.0, 4.0, 3.0], "z": [1.0, 5.0, 2.0, 3.0]}, {}, "E114"),
    ],
)
def test_refusals_reach_the_user(columns, changes, code):
    with pytest.raises(TableError) as caught:
        fit_table(columns, request("y", **changes))
    assert caught.value.code == code


def test_a_loss_for_another_task_is_refused():
    with pytest.raises(VetroError, match="the target is a number") as caught:
        fit_table(
            CONCRETE, request("compressive_strength", recipe=replace(QUICK, loss="cross_entropy"))
        )
    assert caught.value.code == "E601"


@pytest.mark.parametrize(
    ("recipe", "networks", "each"),
    [
        (replace(PLAIN, hidden=(65536, 65536)), "5 networks", 9 * 65536 + 65537 * 65536 + 65537),
        (
            replace(PLAIN, hidden=(65536,) * 1000, holdout=0.1),
            "1 network",
            9 * 65536 + 999 * 65537 * 65536 + 65537,
        ),
        (replace(PLAIN, members=1000, folds=500), "500000 networks", 9 * 64 + 65 * 64 + 65),
    ],
)
def test_networks_that_are_too_large_are_refused_before_any_is_made(recipe, networks, each):
    with pytest.raises(VetroError) as caught:
        fit_table(CONCRETE, request("compressive_strength", recipe=recipe))
    assert caught.value.code == "E601"
    assert (
        f" is not valid: {networks} of {each:,} parameters exceed the limit of 268,435,456. "
        in (str(caught.value))
    )


def test_evidence_is_json(concrete):
    evidence = concrete.evidence
    assert evidence.data["rows"] == 1030
    assert len(evidence.data["sha256"]) == 64
    assert set(evidence.seconds) == {"reading", "checking", "training", "measuring"}
    json.dumps(
        [evidence.data, evidence.split, evidence.versions, evidence.stopped], allow_nan=False
    )


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        ({"momentum": 0.9}, 'momentum does nothing with optimizer="adamw". Leave out momentum.'),
        ({"momentum": 0.9, "optimizer": "adam"}, 'momentum does nothing with optimizer="adam".'),
        ({"class_weight": "balanced"}, "class_weight does nothing with a target of numbers."),
    ],
)
def test_an_entry_that_does_nothing_is_refused(entries, what):
    columns = {"a": list(range(20)), "y": [2.5 * row for row in range(20)]}
    with pytest.raises(VetroError) as caught:
        fit_table(columns, request("y", recipe=replace(QUICK, **entries)))
    assert caught.value.code == "E604"
    assert what in str(caught.value)
