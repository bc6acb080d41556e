"""Choosing a recipe: every candidate predicts held-out rows, and the one with the least error wins.

First one network per candidate and fold is trained, of large tables in fewer folds; then the other
networks of the winner alone.  fit.py measures the model that comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.choose import engine_for_prediction
from vetro.engines.engine import Engine
from vetro.engines.job import Outcome
from vetro.model.evidence import Tried
from vetro.model.held_out import evenly
from vetro.model.members import Ensemble
from vetro.model.predict import probabilities_of
from vetro.networks.lowered import lower_network
from vetro.training.checkpoint import Checkpoint
from vetro.training.ensemble import MemberTask, Watch, train_members
from vetro.training.recipe import SOLVERS, Recipe
from vetro.training.solver_engine import SolverEngine

MOST_WORK = {"quick": 1.5e11, "normal": 1.5e11, "best": 6e11}
"""Of all candidates together, by the effort: rows times parameters times epochs; 1.5e11 are about
ten seconds of a core."""
MOST_ROWS = 20_000
"""Held-out rows of a fold that are predicted to compare candidates."""


@dataclass(frozen=True)
class Chosen:
    """The winner and its outcomes by task number; tried and optimism as Evidence has them."""

    ensemble: Ensemble
    outcomes: dict[int, Outcome]
    tried: tuple[Tried, ...] = ()
    optimism: float = 0.0


def choose(
    engine: Engine,
    ensembles: Sequence[Ensemble],
    checkpoint: Checkpoint,
    watching: Callable[[Ensemble], Watch],
) -> Chosen:
    """Train the candidates, and then the winner to its end.  watching: of an ensemble's training.

    Task n of candidate c has the number c * tasks + n in the checkpoint.  Afterwards the history
    is the winner's.
    """
    each = ensembles[0].split.parts * max(one.recipe.members for one in ensembles)
    tasks = {
        place * each + number: _of_candidate(task, place, len(ensembles), each)
        for place, one in enumerate(ensembles)
        for number, task in enumerate(one.tasks())
    }
    several = len(ensembles) > 1
    parts = _parts_to_compare(ensembles) if several else 0
    first = [
        place * each + part * one.recipe.members
        for place, one in enumerate(ensembles)
        for part in range(parts)
    ]
    rest = len(ensembles[0].tasks()) - parts
    winner, scores, found = 0, None, dict[int, Outcome]()
    if several:
        for solver in (False, True):
            some = [n for n in first if _by_solver(ensembles[n // each].recipe) == solver]
            later = rest + (0 if solver else len(first) - len(some))
            own_engine = SolverEngine(engine) if solver else engine
            watch = watching(ensembles[0])
            found |= train_members(own_engine, tasks, some, checkpoint, watch, later=later)
        scores = _Scores(ensembles, found, parts, each)
        winner = scores.winner
    ensemble = ensembles[winner]
    own = range(winner * each, winner * each + len(ensemble.tasks()))
    if not any(outcome.stopped == "interrupted" for outcome in found.values()):
        if _by_solver(ensemble.recipe):
            engine = SolverEngine(engine)
        found = train_members(engine, tasks, own, checkpoint, watching(ensemble))
    kept = [record for record in checkpoint.history if _place(record.member, each) == winner]
    checkpoint.history[:] = [
        replace(record, member=record.member - winner * each) for record in kept
    ]
    outcomes = {number - own.start: found[number] for number in own if number in found}
    if scores is None:
        return Chosen(ensemble, outcomes)
    return Chosen(ensemble, outcomes, scores.tried, scores.optimism)


def _by_solver(recipe: Recipe) -> bool:
    return recipe.optimizer in SOLVERS


def _of_candidate(task: MemberTask, place: int, candidates: int, each: int) -> MemberTask:
    """The task with the member number that it has among those of all candidates."""
    return task if candidates == 1 else replace(task, member=task.member + place * each)


def _place(member: int, each: int) -> int:
    """The candidate of a member that counts on through all of them."""
    return (member - 1) // each


def _parts_to_compare(ensembles: Sequence[Ensemble]) -> int:
    """The folds in which the candidates are compared: all, or as many as MOST_WORK allows."""
    parts = ensembles[0].split.parts
    work = sum(
        one.table.rows * one.recipe.epochs * one.network(one.encoder(0, 0)).parameter_count
        for one in ensembles
    )
    most = MOST_WORK[ensembles[0].recipe.effort]
    return int(min(max(most // max(work, 1), 1), parts))


class _Scores:
    """The errors of the candidates' first networks, part by part."""

    def __init__(
        self, ensembles: Sequence[Ensemble], found: dict[int, Outcome], parts: int, each: int
    ) -> None:
        self.ensembles = ensembles
        self.sums = np.full((len(ensembles), parts), np.nan)  # squared errors, or log losses
        self.weights = np.zeros(parts)
        for place, one in enumerate(ensembles):
            for part in range(parts):
                outcome = found.get(place * each + part * one.recipe.members)
                if outcome is not None and outcome.best_epoch > 0 and outcome.stopped != "diverged":
                    self.sums[place, part], self.weights[part] = _error(one, part, outcome)

    @property
    def winner(self) -> int:
        """The candidate with the least error where all were measured; else the first with most."""
        known = (~np.isnan(self.sums)).sum(axis=1)
        means = np.where(known == known.max(), np.nansum(self.sums, axis=1), math.inf)
        return int(np.argmin(means))

    @property
    def tried(self) -> tuple[Tried, ...]:
        errors = self._figure(self.sums.sum(axis=1) / self.weights.sum())
        order = sorted(
            range(len(errors)),
            key=lambda n: (n != self.winner, np.nan_to_num(errors[n], nan=math.inf)),
        )
        return tuple(Tried(self.ensembles[n].recipe, float(errors[n])) for n in order)

    @property
    def optimism(self) -> float:
        parts = self.sums.shape[1]
        if parts < 2 or np.isnan(self.sums).any():
            return 0.0
        chosen = [
            np.argmin(np.delete(self.sums, part, axis=1).sum(axis=1)) for part in range(parts)
        ]
        honest = sum(self.sums[place, part] for part, place in enumerate(chosen))
        own = self.sums[self.winner].sum()
        ratio = self._figure(np.array([honest / own if own > 0 else 1.0]))[0]
        return max(float(ratio) - 1.0, 0.0)

    def _figure(self, means: NDArray[Any]) -> NDArray[Any]:
        """Root mean squares for numbers."""
        return np.sqrt(means) if self.ensembles[0].task == "regression" else means


def _error(ensemble: Ensemble, part: int, outcome: Outcome) -> tuple[float, float]:
    """(sum of errors, sum of weights) of a part's first network on the rows held out from it."""
    encoder = ensemble.encoder(part, 0)
    rows = ensemble.split.held_out(part)
    rows = rows[evenly(len(rows), MOST_ROWS)]
    table = ensemble.table
    network = lower_network(ensemble.network(encoder))
    predictor = engine_for_prediction().predictor(network, outcome.parameters)
    outputs = predictor(encoder.encode(table, rows))
    actual = encoder.actual(table, rows)
    weights = np.ones(len(rows)) if ensemble.weights is None else ensemble.weights[rows]
    if encoder.classes:
        known = actual >= 0
        chances = probabilities_of(outputs)[np.arange(len(rows)), np.maximum(actual, 0)]
        losses = np.where(known, -np.log(np.maximum(chances, 1e-15)), 0.0)
        return float(losses @ weights), float(weights[known].sum())
    ends = [
        (float(np.nanmin(table.values[target.name])), float(np.nanmax(table.values[target.name])))
        for target in encoder.number_targets
    ]
    low, high = np.array(ends).T
    answers = np.clip(np.nan_to_num(encoder.decode_targets(outputs), nan=0.0), low, high)
    scale = np.array([target.deviation for target in encoder.number_targets])
    squares = np.nanmean(((answers - actual) / scale) ** 2, axis=1)
    return float(np.nansum(squares * weights)), float(weights[~np.isnan(squares)].sum())
