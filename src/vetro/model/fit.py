"""Fitting: a table in, a model with its evidence out. Reading, checking, training, measuring.

It writes no file but the checkpoint; the floors above write the run folder and the report.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from vetro.engines.choose import Choice, engine_for_training
from vetro.engines.engine import Engine
from vetro.engines.interruption import Interruption
from vetro.engines.job import Outcome
from vetro.errors import Notice, TrainingError, error, notice, words
from vetro.model.asked_table import read_for, with_roles
from vetro.model.baselines_apart import Baselines
from vetro.model.calibration import calibrated
from vetro.model.choosing import choose
from vetro.model.evidence import Evidence
from vetro.model.findings import dead_units, diverged, quality_findings, still_falling
from vetro.model.found_rate import with_rate
from vetro.model.held_out import HeldOut, baseline_job, held_out, measure_held_out
from vetro.model.members import Ensemble
from vetro.model.model import Model, WritesReport
from vetro.model.parts import Member
from vetro.model.request import FitRequest, Progress
from vetro.model.split import Split, split_rows
from vetro.model.watching import OnProgress, watch
from vetro.tables.checks import check_rows, check_target
from vetro.tables.encoder import Encoder
from vetro.tables.left_out import weights_of
from vetro.tables.table import Table
from vetro.training.checkpoint import Checkpoint, load_checkpoint
from vetro.training.history import EpochRecord
from vetro.training.recipe import SOLVERS, Recipe, check_recipe_applies
from vetro.training.suited import Facts, candidates

PACKAGES = ("vetro", "torch", "numpy", "duckdb", "scikit-learn")


@dataclass
class _Clock:
    """Seconds since the fit began, and of each step."""

    started: float
    steps: dict[str, float]

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def step(self, name: str) -> None:
        self.steps[name] = self.seconds - sum(self.steps.values())


def fit_table(
    source: Any,
    request: FitRequest,
    *,
    on_progress: OnProgress | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    stop: Callable[[], str] | None = None,
    baselines: Baselines | None = None,
    meanwhile: Callable[[Model, Table], object] | None = None,
    on_held_out: Callable[[Model, Table, HeldOut], object] | None = None,
    writes_report: WritesReport | None = None,
) -> Model:
    """Fit a model to a table.

    source: anything that read_table reads.  checkpoint: the file that keeps an interrupted fit;
    with resume, the fit continues from it and ends with the bits of an uninterrupted one.
    stop: asked many times per second; if it returns "interrupted", training ends, and the model is
    made of the members trained so far.  on_progress ends it, too, by returning False.
    baselines: where they are computed; here if not given.  meanwhile: called with the trained, not
    yet measured model and its table, while a separate process may still compute the baselines.
    on_held_out: called with every held-out row and its predictions; the evidence keeps some of
    them.  writes_report: of the model.
    Raises TableError if the table cannot be fitted, E301 if training diverged; the error's `.model`
    is then the model of the best parameters.
    """
    interruption = Interruption()

    def tell(progress: Progress) -> None:
        if on_progress is not None and on_progress(progress) is False:
            interruption.stop()

    def why_stop() -> str:
        return interruption() or (stop() if stop is not None else "")

    baselines = baselines or Baselines(apart=False)
    clock = _Clock(time.monotonic(), {})
    recipe = request.recipe
    choice = _engine(request)
    tell(Progress("reading"))
    table = read_for(source, request)
    clock.step("reading")
    tell(Progress("checking", seconds=clock.seconds))
    table = with_roles(table, request)
    task, said = check_target(table)
    check_recipe_applies(recipe, task)
    split = split_rows(table, recipe)
    found = check_rows(table, split.fold if split.folds else split.fold + 1)
    said += [item for item in found if not _is_answered(item, recipe)]
    table = replace(table, notices=table.notices + choice.notices + tuple(said))
    weights = weights_of(table)
    ensembles = [
        with_rate(Ensemble(table, one, split, task, weights, choice.device), choice)
        for one in candidates(recipe, _facts(table, split, task))
        if choice.engine.name == "native" or one.optimizer not in SOLVERS
    ]
    for ensemble in ensembles:
        ensemble.check_size()
    baselines.begin(baseline_job(ensembles[0]))
    clock.step("checking")
    state = _checkpoint(table, request, choice.engine, checkpoint, resume)
    chosen = choose(
        choice.engine,
        ensembles,
        state,
        lambda one: watch(one, tell, why_stop, checkpoint, clock.started),
    )
    ensemble, outcomes = chosen.ensemble, chosen.outcomes
    table = ensemble.table
    clock.step("training")
    tell(Progress("measuring", share=1.0, seconds=clock.seconds))
    usable = {number: outcome for number, outcome in outcomes.items() if outcome.best_epoch > 0}
    if not usable:
        raise _nothing_usable(ensemble.recipe, outcomes)
    first = next(iter(usable))
    model = _model(request, ensemble, usable, table, task, choice, state)
    evidence = replace(model.evidence, tried=chosen.tried, optimism=chosen.optimism)
    model = replace(model, evidence=evidence, writes_report=writes_report)
    if meanwhile is not None:
        meanwhile(model, table)
    unseen = held_out(model, ensemble)
    if on_held_out is not None:
        on_held_out(model, table, unseen)
    intervals, coverage = calibrated(model, ensemble, unseen)
    measured = measure_held_out(model, ensemble, unseen, first, baselines)
    measured = replace(measured, coverage=coverage)
    model = replace(model, evidence=measured, intervals=intervals)
    clock.step("measuring")
    notices = table.notices + tuple(_findings(model, ensemble, outcomes, first, state))
    evidence = _evidence(measured, table, split, notices, outcomes, clock)
    model = replace(model, evidence=evidence)
    tell(Progress("done", share=1.0, seconds=clock.seconds))
    failed = _diverged(outcomes)
    if failed is not None:
        refusal = diverged(ensemble.recipe, failed)
        if isinstance(refusal, TrainingError):
            refusal.model = model
        raise refusal
    return model


def _engine(request: FitRequest) -> Choice:
    """The engine for the recipe; E604 for a solver without the native engine."""
    recipe = request.recipe
    choice = engine_for_training(request.engine, recipe.device)
    if recipe.optimizer in SOLVERS and choice.engine.name != "native":
        what = words("{=optimizer given} runs on the native engine", given=recipe.optimizer)
        raise error("E604", what=what, fix=words("Use {=engine native}, or {=optimizer adamw}."))
    return choice


def _facts(table: Table, split: Split, task: str) -> Facts:
    numbers = sum(column.kind == "number" for column in table.schema.inputs)
    width = Encoder.fit(table, np.arange(1)).width  # it does not depend on the rows
    return Facts(len(split.training_rows(0)), numbers, width, task)


def _diverged(outcomes: dict[int, Outcome]) -> Outcome | None:
    """The first member that diverged."""
    return next((one for one in outcomes.values() if one.stopped == "diverged"), None)


def _nothing_usable(recipe: Recipe, outcomes: dict[int, Outcome]) -> Exception:
    failed = _diverged(outcomes)
    if failed is not None:
        return diverged(recipe, failed)
    return error(
        "E315",
        what="training ended before its first epoch did",
        fix=words("Start again, or use {=resume}."),
    )


def _is_answered(item: Notice, recipe: Recipe) -> bool:
    """Whether the recipe already says what a message proposes to set."""
    usual = Recipe()
    for setting in item.words.settings:
        value = getattr(recipe, setting.name, None)
        as_proposed = setting.value is not None and str(value) == setting.value
        chosen = setting.value is None and value != getattr(usual, setting.name, None)
        if as_proposed or chosen:
            return True
    return False


def _checkpoint(
    table: Table, request: FitRequest, engine: Engine, path: Path | None, resume: bool
) -> Checkpoint:
    """The checkpoint to continue from, or a new one; E504 if it belongs to another fit."""
    asked = json.dumps(asdict(request), sort_keys=True, default=str)
    fresh = Checkpoint(table.fingerprint, asked, f"{engine.name} {engine.version}")
    if not resume or path is None:
        return fresh
    kept = load_checkpoint(path)
    if kept.table != fresh.table:
        raise error(
            "E504",
            reason=f"{table.name} changed since the checkpoint (SHA-256 differs)",
            fix="Restore it, or start a new run.",
        )
    if kept.request != fresh.request:
        fix = "Give the same options, or start a new run."
        raise error("E504", reason="the options or the recipe differ", fix=fix)
    if kept.engine != fresh.engine:
        reason = f"the checkpoint is of the engine {kept.engine}, this is {fresh.engine}"
        raise error("E504", reason=reason, fix="Start a new run.")
    return kept


def _model(
    request: FitRequest,
    ensemble: Ensemble,
    outcomes: dict[int, Outcome],
    table: Table,
    task: str,
    choice: Choice,
    state: Checkpoint,
) -> Model:
    """The model of the members trained so far, with the evidence that is known by then."""
    members = []
    for number, outcome in outcomes.items():
        part, member = ensemble.part_of(number)
        targets = ensemble.encoder(part, member).targets
        members.append(Member(targets, outcome.parameters, ensemble.split.number(part)))
    evidence = replace(
        Evidence.empty(task, choice.engine.name, choice.reason),
        judged_by=_judged_by(request, table, task),
        fingerprints=tuple(member.fingerprint for member in members),
        regularisation=tuple(
            one.regularisation for one in outcomes.values() if one.regularisation is not None
        ),
        median_row=ensemble.encoder_of_all.median_row(table),
        history=tuple(_finite(record) for record in state.history),
    )
    return Model(
        schema=table.schema,
        task="regression" if task == "regression" else "classification",
        network=ensemble.network(ensemble.encoder_of_all),
        blocks=ensemble.encoder_of_all.inputs,
        members=tuple(members),
        recipe=ensemble.recipe,
        request=request,
        evidence=evidence,
    )


def _judged_by(request: FitRequest, table: Table, task: str) -> str:
    """The metric of the verdict."""
    if task == "regression":
        return "rmse" if len(table.schema.targets) == 1 else "r2"
    return "balanced_accuracy" if request.recipe.class_weight == "balanced" else "accuracy"


def _findings(
    model: Model,
    ensemble: Ensemble,
    outcomes: dict[int, Outcome],
    first: int,
    state: Checkpoint,
) -> list[Notice]:
    named = {_place(ensemble, number): outcome for number, outcome in outcomes.items()}
    found = still_falling(model.recipe, named, state.history)
    training, _ = ensemble.rows_of(*ensemble.part_of(first))
    x = model.encoder.encode(ensemble.table, training[:20_000])
    found += dead_units(model.network, model.members[0].parameters, x)
    given = {item.code for item in (*ensemble.table.notices, *found)}
    found += quality_findings(model.evidence, given)
    interrupted = [place for place, one in named.items() if one.stopped == "interrupted"]
    if interrupted:
        slowest = min(interrupted, key=lambda place: named[place].epochs)
        outcome, fold = named[slowest], slowest[0]
        where = f"epoch {outcome.epochs}"
        if len(interrupted) > 1:
            where += f" ({len(interrupted)} networks)"
        elif fold:
            where = f"fold {fold}, {where}"
        found.append(notice("W316", reason="interruption", where=where, best=outcome.best_epoch))
    return found


def _place(ensemble: Ensemble, number: int) -> tuple[int, int]:
    """Fold and member of a task, as history counts them."""
    part, member = ensemble.part_of(number)
    return ensemble.split.number(part), member + 1


def _evidence(
    measured: Evidence,
    table: Table,
    split: Split,
    notices: tuple[Notice, ...],
    outcomes: dict[int, Outcome],
    clock: _Clock,
) -> Evidence:
    data = {
        "name": table.name,
        "sha256": table.fingerprint,
        "rows": table.rows,
        "columns": len(table.schema),
    }
    return replace(
        measured,
        data=data,
        split=split.to_json(),
        notices=tuple(dict.fromkeys(notices)),
        versions={name: version(name) for name in PACKAGES},
        seconds={name: round(value, 3) for name, value in clock.steps.items()},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        stopped=dict(Counter(outcome.stopped for outcome in outcomes.values())),
    )


def _finite(record: EpochRecord) -> EpochRecord:
    """Overflowed losses become the largest float32, so that history files stay readable."""
    largest = float(np.finfo(np.float32).max)

    def kept(value: float) -> float:
        return value if math.isfinite(value) else largest

    ended = replace(
        record.ended,
        training=kept(record.training),
        validation=kept(record.validation),
        weights=tuple(map(kept, record.weights)),
        gradients=tuple(map(kept, record.gradients)),
    )
    return replace(record, ended=ended)
