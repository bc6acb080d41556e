"""Recipes and the jobs they become."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from recipes import PLAIN

from vetro.engines.job import Rows
from vetro.errors import UsageError
from vetro.networks.network import Network
from vetro.training.plan import (
    balanced_weights,
    batch_size,
    make_job,
    output_count,
    rate_factors,
    resolve_loss,
)
from vetro.training.recipe import Recipe


def test_json_round_trip():
    recipe = Recipe(hidden=(3, 4, 5), activation="tanh", clip_norm=1.5, folds=3)
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("activation", "reul", "it is unknown"),
        ("optimizer", "newton", "it is unknown"),
        ("learning_rate", -0.1, "it must be above 0"),
        ("learning_rate", "fast", "a number is needed"),
        ("learning_rate", float("nan"), "it must be above 0"),
        ("learning_rate", 10**400, "it is too large for a 64-bit number"),
        ("epochs", -1, "it must be at least 1"),
        ("dropout", -0.5, "it must be at least 0"),
        pytest.param(
            "epochs",
            10**5000,
            '"a number of more than 4,300 digits" is not valid: it must be at most',
            id="5000 digits",
        ),
        pytest.param("hidden", (10**5000,), "whole numbers from 1 to 65536", id="layer"),
        ("epochs", 2.5, "a whole number is needed"),
        ("epochs", True, "a whole number is needed"),
        ("dropout", 1.0, "it must be at most 0.95"),
        ("hidden", (1,) * 100_000, "at most 1000 layers are possible"),
        ("hidden", (64, 0), "whole numbers from 1 to 65536 are needed"),
        ("hidden", "64", "whole numbers from 1 to 65536 are needed"),
        ("folds", 1, "one fold leaves nothing to train on"),
        ("seed", -1, "it must be at least 0"),
    ],
)
def test_values_that_are_not_valid_are_refused(name, value, reason):
    with pytest.raises(UsageError, match=reason) as caught:
        Recipe(**{name: value})
    assert caught.value.code == "E601"
    assert f"{name} " in str(caught.value)


def test_folds_and_holdout_exclude_each_other():
    with pytest.raises(UsageError, match="folds are given as well"):
        Recipe(folds=5, holdout=0.2)


def test_unknown_entries_name_the_nearest():
    with pytest.raises(UsageError) as caught:
        Recipe.from_json({"learning_rat": 0.1}, "mine.toml")
    assert caught.value.code == "E602"
    assert str(caught.value).startswith(
        'mine.toml: unknown entry "learning_rat". Did you mean "learning_rate"? Entries: effort,'
    )


def test_cosine_is_torch_s():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    rates = []
    for _ in range(20):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(rate_factors("cosine", 20), rates, atol=1e-12)


@pytest.mark.parametrize("epochs", [1, 2, 7, 150])
def test_factors_lie_in_their_range(epochs):
    for schedule in ("constant", "cosine", "one_cycle", "step", "exponential", "plateau"):
        factors = rate_factors(schedule, epochs)
        assert factors.shape == (epochs,)
        assert (factors > 0).all() and (factors <= 1 + 1e-12).all()
    rise = rate_factors("one_cycle", 100)
    assert rise[0] == pytest.approx(0.1) and rise[30] == pytest.approx(1) and rise[99] < 0.002
    assert rate_factors("step", 8).tolist() == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]


@pytest.mark.parametrize(
    ("rows", "batch"), [(1, 1), (10, 10), (100, 16), (700, 16), (2560, 64), (1_000_000, 1024)]
)
def test_batch_suits_the_table(rows, batch):
    assert batch_size(Recipe(), rows) == batch
    assert batch_size(Recipe(batch_size=50), rows) == min(50, rows)


def test_losses_and_outputs_follow_the_task():
    assert resolve_loss(Recipe(), "regression", 0) == "mse"
    assert resolve_loss(Recipe(), "classification", 3) == "cross_entropy"
    assert output_count("mse", "regression", 0, 3) == 3
    assert output_count("cross_entropy", "classification", 4, 1) == 4
    assert output_count("bce", "classification", 2, 1) == 1
    with pytest.raises(UsageError, match="the target has 3 classes"):
        resolve_loss(Recipe(loss="bce"), "classification", 3)
    with pytest.raises(UsageError, match="the target is a class"):
        resolve_loss(Recipe(loss="mse"), "classification", 3)


def test_balanced_weights_are_scikit_learn_s():
    from sklearn.utils.class_weight import compute_class_weight

    codes = np.array([0, 0, 0, 1, 2, 2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=codes)
    np.testing.assert_allclose(balanced_weights(codes, 3), expected, rtol=1e-6)


def test_plateau_waits_a_third_of_the_patience():
    network = Network((1, 1), "relu", 0.0, ("x",), ("y",))
    rows = Rows(np.zeros((100, 1), np.float32), np.zeros((100, 1), np.float32))

    def plateau(recipe):
        job = make_job(recipe, network, "mse", np.zeros(2, np.float32), rows, None, 0)
        return job.course.stopping.plateau

    assert plateau(replace(PLAIN, schedule="plateau", patience=30)) == 10
    assert plateau(PLAIN) == 0
