"""From a recipe to a job: replaces every "auto" and every 0 by a definite value."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import NO_CODES, Clipping, Codes, Course, Job, Matrix, Rows, Stopping
from vetro.engines.orders import Consecutive, Order, Seeded
from vetro.engines.rates import Factors
from vetro.errors import Setting, error
from vetro.networks.losses.rule import LossKind, LossRule
from vetro.networks.losses.table import LOSSES, loss_of, usual_loss
from vetro.networks.lowered import lower_network
from vetro.networks.network import Network
from vetro.networks.solvers import Damping, SolverRule
from vetro.networks.updates.rule import Updates
from vetro.networks.updates.table import moving
from vetro.training.recipe import SOLVERS, Recipe

NUMBER_LOSSES = tuple(kind for kind, loss in LOSSES.items() if loss.target == "number")
CLASS_LOSSES = tuple(kind for kind in LOSSES if kind not in NUMBER_LOSSES)


def resolve_loss(recipe: Recipe, task: str, classes: int) -> LossKind:
    """The loss that "auto" stands for; E601 if the recipe's does not fit the task."""
    if recipe.loss == "auto":
        return "mse" if task == "regression" else "cross_entropy"
    if task == "regression":
        allowed, reason = NUMBER_LOSSES, "the target is a number"
    elif classes == 2 or recipe.loss not in CLASS_LOSSES:
        allowed, reason = CLASS_LOSSES[: 2 if classes == 2 else 1], "the target is a class"
    else:
        allowed, reason = ("cross_entropy",), f"the target has {classes} classes"
    if recipe.loss not in allowed:
        fix = f"Use one of: {', '.join(allowed)}."
        raise error("E601", argument=Setting("loss"), value=recipe.loss, reason=reason, fix=fix)
    return recipe.loss


def output_count(loss: LossKind, task: str, classes: int, targets: int) -> int:
    """Outputs of the network: one per target, one per class, or one logit for bce."""
    if task == "regression":
        return targets
    return 1 if LOSSES[loss].target == "share" else classes


def batch_size(recipe: Recipe, rows: int) -> int:
    """The recipe's batch size; if that is 0, a power of two near rows / 40, from 16 to 1024."""
    if recipe.batch_size:
        return min(recipe.batch_size, rows)
    suited = 2 ** round(math.log2(max(rows, 1) / 40)) if rows >= 1 else 1
    return int(min(max(16, min(suited, 1024)), rows))


def rate_factors(schedule: str, epochs: int) -> NDArray[np.float64]:
    """Factors (epochs,) of the learning rate, one per epoch; t = epoch / epochs, from 0.

    constant, plateau: 1.  cosine: (1 + cos(pi t)) / 2.  step: 1, halved after every quarter.
    exponential: 0.01^t.  one_cycle: from 0.1 up to 1 over the first three tenths, then by a cosine
    down to 0.001 (Smith 2018).
    """
    t = np.arange(epochs, dtype=np.float64) / max(epochs, 1)
    if schedule == "cosine":
        return 0.5 * (1 + np.cos(np.pi * t))
    if schedule == "step":
        return 0.5 ** np.floor(4 * t)
    if schedule == "exponential":
        return np.asarray(0.01**t)
    if schedule == "one_cycle":
        rise = 0.1 + 0.9 * t / 0.3
        fall = 0.001 + 0.999 * 0.5 * (1 + np.cos(np.pi * (t - 0.3) / 0.7))
        return np.where(t < 0.3, rise, fall)
    return np.ones(epochs)


def rising_epochs(recipe: Recipe) -> int:
    """The epochs in which the learning rate rises: none of them is chosen as the best."""
    factors = rate_factors(recipe.schedule, recipe.epochs)
    return int(np.argmax(factors))


def balanced_weights(
    classes: NDArray[np.int64], count: int, weights: NDArray[np.float64] | None = None
) -> Matrix:
    """(count,) weights rows / (count * rows of the class); 1 for a class without rows.

    weights: of the rows; a row of weight 2 counts as two rows.
    """
    rows = np.bincount(classes, weights=weights, minlength=count).astype(np.float64)
    there = rows > 0
    balanced = np.divide(rows.sum(), count * rows, out=np.ones(count), where=there)
    return np.asarray(balanced, dtype=np.float32)


def make_job(
    recipe: Recipe,
    network: Network,
    loss: str,
    parameters: Matrix,
    training: Rows,
    validation: Rows | None,
    seed: int,
    class_weights: Matrix | None = None,
    device: str = "cpu",
    codes: Codes = NO_CODES,
) -> Job:
    """The job of one member.  y of the rows: floats (rows, outputs), or classes (rows,)."""
    rows = len(training)
    order: Order = Seeded(seed, rows, batch_size(recipe, rows))
    if recipe.optimizer in SOLVERS:
        order = Consecutive(rows, rows)
    rule = usual_loss(cast(LossKind, loss))
    if loss_of(rule).target == "class":
        rule = replace(rule, class_weights=class_weights)
    update = recipe.update
    return Job(
        network=lower_network(network),
        parameters=parameters,
        loss=rule,
        update=_update(recipe, network.parameter_count),
        training=_rows(training, rule, class_weights),
        validation=None if validation is None else _rows(validation, rule, class_weights),
        course=Course(
            order=order,
            rates=Factors(
                recipe.learning_rate,
                moving(update),
                rate_factors(recipe.schedule, recipe.epochs),
                order.steps_an_epoch,
            ),
            stopping=Stopping(
                recipe.epochs * order.steps_an_epoch,
                recipe.patience,
                from_epoch=recipe.epochs if validation is None else rising_epochs(recipe),
                plateau=max(1, recipe.patience // 3) if recipe.schedule == "plateau" else 0,
                keep_best=recipe.optimizer != "br",  # whose loss may rise when it regularises
            ),
            clipping=Clipping(recipe.clip_norm),
            seed=seed % 2**64,
            measured=True,
        ),
        codes=codes,
        device=device,
    )


def _update(recipe: Recipe, parameters: int) -> Updates | SolverRule:
    if recipe.optimizer in SOLVERS:
        damping = Damping(5e-3 if recipe.optimizer == "br" else 1e-3)
        return SolverRule(recipe.optimizer, ((0, parameters),), damping)
    return Updates((recipe.update,), ((0, parameters, 0),))


def _rows(rows: Rows, rule: LossRule, class_weights: Matrix | None) -> Rows:
    """The same; for a target that is a share, y as (rows, 1) floats, and the weights of classes in
    those of the rows."""
    if loss_of(rule).target != "share":
        return rows
    weights = rows.weights
    if class_weights is not None:
        chosen = class_weights[rows.y]
        weights = chosen if weights is None else chosen * weights
    return replace(rows, y=rows.y.astype(np.float32).reshape(-1, 1), weights=weights)
