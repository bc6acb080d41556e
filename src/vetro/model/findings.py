"""Findings after training: the W3xx warnings, from outcomes and held-out figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import Outcome
from vetro.errors import Notice, VetroError, Words, error, listed, notice, words
from vetro.model.evidence import Evidence
from vetro.networks.network import Network
from vetro.training.history import EpochRecord
from vetro.training.recipe import Recipe

STILL_FALLING = 0.005
FALL_EPOCHS = 10
OVERFITTING_GAP = 0.25
LARGEST_CLIPPED = 1.0
"""The learning rate up to which clipped gradients are worth a try."""
USUAL_RATE = 1e-2
DEAD_SHARE = 0.5
# few rows, a rare class, epochs that were too few, dead units
_REASONS = ("W206", "W203", "W305", "W303")


def still_falling(
    recipe: Recipe, outcomes: Mapping[tuple[int, int], Outcome], history: Sequence[EpochRecord]
) -> list[Notice]:
    """W305 when most members ended at the last epoch while the validation error still fell.

    outcomes: by fold and member, as the history counts them.  Without validation rows no epoch has
    such an error.
    """
    if not recipe.validation:
        return []
    rates = []
    for place, outcome in outcomes.items():
        if outcome.stopped != "epochs" or outcome.epochs <= FALL_EPOCHS:
            continue
        losses = [item.validation for item in history if (item.fold, item.member) == place]
        if (
            len(losses) > FALL_EPOCHS
            and losses[-1] > 0
            and outcome.best_epoch >= outcome.epochs - 1
        ):
            rates.append(1 - (losses[-1] / losses[-1 - FALL_EPOCHS]) ** (1 / FALL_EPOCHS))
    # A schedule that ends at a rate near zero flattens the curve anyway: if the error still falls
    # then, there were too few epochs.
    if len(rates) * 2 <= len(outcomes) or not rates or np.median(rates) < STILL_FALLING:
        return []
    rate = float(np.median(rates))
    return [notice("W305", epochs=recipe.epochs, rate=rate, suggestion=3 * recipe.epochs)]


def quality_findings(measured: Evidence, given: Collection[str]) -> list[Notice]:
    """W306, W307 and W318, from the metrics on training and on held-out rows.

    given: the codes of the other messages of this fit; the warning names those that may be the
    reason.
    """
    see = listed(code for code in _REASONS if code in given)
    fix = f"Do not use this model; see {see}." if see else "Do not use this model."
    classes = "accuracy" in measured.metrics
    metric = measured.judged_by if classes else "r2"
    score, reference = measured.metrics[metric].value, measured.training_metrics[metric]
    if not classes and score < 0:
        return [notice("W306", score=score, fix=fix)]
    name = {"r2": "R2", "balanced_accuracy": "balanced accuracy"}.get(metric, metric)
    if classes and _useless(metric, measured):
        chance = measured.baselines["majority"][metric]
        simplest = "always naming the most frequent class" if metric == "accuracy" else "chance"
        values = {"metric": name, "score": score, "simplest": simplest, "chance": chance}
        return [notice("W318", **values, fix=fix)]
    if reference - score > OVERFITTING_GAP:
        return [notice("W307", metric=name, training=reference, held_out=score)]
    return []


def _useless(metric: str, measured: Evidence) -> bool:
    """Whether naming the most frequent class is more often right, and probabilities do not help.

    With rare classes, a good network may nearly always name the frequent one.  If its log loss is
    better than that of the classes' shares, it is still useful.
    """
    majority, apart = measured.baselines["majority"], measured.comparisons["majority"]
    if measured.metrics[metric].value >= majority[metric]:
        return False
    return metric != "accuracy" or apart["log_loss"].high >= 0


def dead_units(
    network: Network, parameters: NDArray[np.float32], x: NDArray[np.float32]
) -> list[Notice]:
    """W303 for each ReLU layer with more than half of its units 0 on all rows of x (n, inputs)."""
    if network.activation != "relu":
        return []
    views = network.views(parameters)
    found, hidden = [], x
    for layer in range(1, len(network.sizes) - 1):
        weight, bias = views[f"layer{layer}.weight"], views[f"layer{layer}.bias"]
        hidden = np.maximum(hidden @ weight.T + bias, 0)
        dead = int((~hidden.any(axis=0)).sum())
        if dead > DEAD_SHARE * hidden.shape[1]:
            found.append(notice("W303", layer=f"layer{layer}", dead=dead, units=hidden.shape[1]))
    return found


def _smaller_steps(recipe: Recipe) -> Words:
    """A lower learning rate; or clipped gradients, where steps of that length are no longer far."""
    now, usual = recipe.learning_rate, USUAL_RATE
    lower = words("{=learning_rate rate} (now {now:g})", rate=min(now / 10, usual), now=now)
    if now > LARGEST_CLIPPED or 0 < recipe.clip_norm <= 1:
        return lower
    return words("{lower}, or {=clip_norm 1}", lower=lower)


def diverged(recipe: Recipe, outcome: Outcome) -> VetroError:
    """E301 or, if no epoch ended, E302, from an outcome that holds its divergence."""
    divergence = outcome.divergence
    if divergence is None:
        raise ValueError("the outcome did not diverge")
    where = f"epoch {divergence.epoch}"
    if divergence.batch:
        where += f", batch {divergence.batch}"
    values = {
        "where": where,
        "loss": "NaN" if np.isnan(divergence.loss) else f"{divergence.loss:g}",
        "tensor": divergence.tensor,
        "fix": _smaller_steps(recipe),
    }
    if outcome.best_epoch == 0:
        return error("E302", **values)
    return error("E301", best=outcome.best_epoch, **values)
