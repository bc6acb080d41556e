"""The parts of a model: schema, network, members, recipe, request and evidence.

Not the model that users hold: model.py adds what it can do.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vetro.model.evidence import Evidence
from vetro.model.intervals.margins import Intervals
from vetro.model.request import FitRequest
from vetro.networks.network import Network
from vetro.tables.blocks import Block
from vetro.tables.blocks_json import Targets
from vetro.tables.encoder import Encoder
from vetro.tables.schema import Schema
from vetro.training.recipe import Recipe

Task = Literal["regression", "classification"]


@dataclass(frozen=True, eq=False)
class Member:
    """One trained network of the ensemble.

    targets: scaled by the statistics of its own training rows.  parameters: (parameter_count,).
    fold: the one it did not see, from 1 (0: the held-out split).
    """

    targets: Targets
    parameters: NDArray[np.float32]
    fold: int

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the parameters' bytes, little-endian float32."""
        return hashlib.sha256(np.asarray(self.parameters, dtype="<f4").tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class ModelParts:
    """Schema, network, encoder, members, recipe and evidence.

    blocks: how each input column enters the network.  The answer is the mean of the members:
    of their outputs in the targets' units, or of their class probabilities.  All members share
    the network and the blocks; the statistics of targets and the parameters are each one's own.
    intervals: what bounds the answers; None without held-out errors, as in older files.
    """

    schema: Schema
    task: Task
    network: Network
    blocks: tuple[Block, ...]
    members: tuple[Member, ...]
    recipe: Recipe
    request: FitRequest
    evidence: Evidence
    intervals: Intervals | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the input columns, in order."""
        return tuple(column.name for column in self.schema.inputs)

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the target columns, in order."""
        return tuple(column.name for column in self.schema.targets)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels of a classification, in the order of the outputs; () for numbers."""
        return self.encoder.classes

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of the first member: of inputs, of actual targets and of class codes it is
        the encoder of every member."""
        return self.encoder_of(self.members[0])

    def encoder_of(self, member: Member) -> Encoder:
        """The inputs that all members share, with the scaling of the member's targets."""
        return Encoder(self.blocks, member.targets)
