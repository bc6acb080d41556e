"""Preparing members: for each, its rows, encoder, matrices, initial parameters and job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import Codes, Job, Matrix, Rows
from vetro.errors import Setting, counted, error, words
from vetro.model.split import Split
from vetro.model.unvaried import silenced
from vetro.networks.activations.names import ActivationName
from vetro.networks.initial import initial_parameters
from vetro.networks.network import Network
from vetro.networks.solvers import MOST_COLUMNS, OF_SQUARES
from vetro.tables.encoder import Encoder
from vetro.tables.splits import validation_rows
from vetro.tables.table import Table
from vetro.training.ensemble import MemberTask
from vetro.training.plan import (
    balanced_weights,
    make_job,
    output_count,
    resolve_loss,
)
from vetro.training.recipe import Recipe

LARGEST_VALIDATION = 20_000
MOST_PARAMETERS = 2**28  # of all networks together: 1 GiB in the model, 5 while they train


@dataclass(frozen=True)
class Ensemble:
    """The data that all members share, and how each member's data are made."""

    table: Table
    recipe: Recipe
    split: Split
    task: str
    weights: NDArray[np.float64] | None
    device: str
    _encoders: dict[tuple[int, int], Encoder] = field(default_factory=dict, compare=False)

    def rows_of(self, part: int, member: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(training, validation) row numbers of a member; disjoint, none held out from it."""
        rows = self.split.training_rows(part)
        if not self.recipe.validation:
            return rows, rows[:0]
        share = min(self.recipe.validation, LARGEST_VALIDATION / max(len(rows), 1))
        chosen = validation_rows(self.table, rows, share, member_seed(self.recipe, part, member))
        return rows[~chosen], rows[chosen]

    @cached_property
    def encoder_of_all(self) -> Encoder:
        """The encoder of all rows that some member may see; all members share its inputs."""
        return Encoder.fit(self.table, self.split.learnt, self.recipe.bins)

    def encoder(self, part: int, member: int) -> Encoder:
        """The member's encoder, made once: inputs as all members have them, targets by the
        statistics of its own training rows."""
        if (part, member) not in self._encoders:
            training, _ = self.rows_of(part, member)
            self._encoders[part, member] = self.encoder_of_all.with_targets_of(self.table, training)
        return self._encoders[part, member]

    def network(self, encoder: Encoder) -> Network:
        """The network that all members share."""
        recipe, classes = self.recipe, encoder.classes
        loss = resolve_loss(recipe, self.task, len(classes))
        outputs = output_count(loss, self.task, len(classes), len(encoder.targets))
        names = encoder.output_names if outputs > 1 or not classes else classes[1:]
        return Network(
            sizes=(encoder.width, *recipe.hidden, outputs),
            activation=cast(ActivationName, recipe.activation),
            dropout=recipe.dropout,
            input_names=encoder.input_names,
            output_names=names,
        )

    def check_size(self) -> None:
        """E601 if the networks are larger than a fit can hold; none is made yet."""
        each = self.network(self.encoder_of_all).parameter_count
        networks = self.split.parts * self.recipe.members
        if self.recipe.optimizer in OF_SQUARES and each > MOST_COLUMNS:
            optimizer = self.recipe.optimizer
            raise error("E329", optimizer=optimizer, columns=each, most=MOST_COLUMNS, units=20)
        if each * networks > MOST_PARAMETERS:
            raise error(
                "E601",
                argument=Setting("hidden"),
                value=",".join(map(str, self.recipe.hidden)) or "none",
                reason=f"{counted(networks, 'network')} of {each:,} parameters exceed the limit of "
                f"{MOST_PARAMETERS:,}",
                fix=words("Use smaller layers, or fewer {=members} or {=folds}."),
            )

    def tasks(self) -> list[MemberTask]:
        """One task per member: all members of the first part, then of the next."""
        return [
            MemberTask(self.split.number(part), member + 1, self._preparation(part, member))
            for part in range(self.split.parts)
            for member in range(self.recipe.members)
        ]

    def part_of(self, task: int) -> tuple[int, int]:
        """(part, member), from 0, of the task with this number."""
        return divmod(task, self.recipe.members)

    def _preparation(self, part: int, member: int) -> Callable[[], Job]:
        return lambda: self._prepare(part, member)

    def _prepare(self, part: int, member: int) -> Job:
        training, validation = self.rows_of(part, member)
        encoder = self.encoder(part, member)
        network = self.network(encoder)
        seed = member_seed(self.recipe, part, member)
        class_weights = None
        if self.recipe.class_weight == "balanced" and encoder.classes:
            labels = encoder.encode_targets(self.table, training)
            weights = None if self.weights is None else self.weights[training]
            class_weights = balanced_weights(labels, len(encoder.classes), weights)
        loss = resolve_loss(self.recipe, self.task, len(encoder.classes))
        codes = Codes(encoder.one_hot, encoder.piecewise)
        learnt, parameters = self._matrices(encoder, training), initial_parameters(network, seed)
        weight = network.views(parameters)["layer1.weight"]
        learnt = silenced(learnt, weight, codes)
        return make_job(
            self.recipe,
            network,
            loss,
            parameters,
            learnt,
            self._matrices(encoder, validation) if len(validation) else None,
            seed,
            class_weights,
            self.device,
            codes,
        )

    def _matrices(self, encoder: Encoder, rows: NDArray[np.intp]) -> Rows:
        weights: Matrix | None = None
        if self.weights is not None:
            chosen = self.weights[rows]
            weights = (chosen / chosen.mean()).astype(np.float32)
        targets = encoder.encode_targets(self.table, rows)
        return Rows(self._matrix, targets, weights, rows.astype(np.int32))

    @cached_property
    def _matrix(self) -> Matrix:
        """The encoded inputs of all rows, which the members share."""
        return self.encoder_of_all.encode(self.table)


def member_seed(recipe: Recipe, part: int, member: int) -> int:
    """A separate seed for each member; it does not depend on what else is trained."""
    sequence = np.random.SeedSequence([recipe.seed, part, member])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(2))
