"""The units of each layer over many rows: which are dead, always on, saturated or duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass.as_json import as_json
from vetro.glass.names import value_names
from vetro.glass.plain import Floats
from vetro.glass.subject import Part, Subject
from vetro.networks.lowered import LoweredNetwork, Operation

Flags = NDArray[np.bool_]

SATURATED = 0.99
"""Above this share of its limit a tanh or sigmoid has almost no slope."""

MOSTLY = 0.95
"""A unit is called saturated if it is saturated in at least this share of the rows."""

ALIKE = 0.999
"""Two units with a larger correlation are duplicates."""

FEW_ROWS = 5
"""A unit that is on in fewer rows is not compared with others."""

MOST_UNITS = 2048
"""A layer with more units is not searched for duplicates: the time grows with their square."""


@dataclass(frozen=True, eq=False)
class LayerActivity:
    """The units of one layer of one part, over rows; every array is (units,).

    layer: the layer that makes the sums; function: its activation.  on: the share of rows with a
    positive sum.  mean, deviation: of the units' values.  dead: ReLU units that are 0 in every row.
    always_on: ReLU and leaky ReLU units whose sum is positive in every row: they only add.
    saturated: tanh and sigmoid units at their limits in nearly all rows.  duplicates: groups of
    units that rise and fall together.  rows: the number of rows.
    """

    part: str
    layer: str
    function: str
    units: tuple[str, ...]
    on: Floats
    mean: Floats
    deviation: Floats
    dead: Flags
    always_on: Flags
    saturated: Flags
    duplicates: tuple[tuple[int, ...], ...]
    rows: int

    @property
    def spare(self) -> int:
        """Units that could be left out: all but one of each group of duplicates."""
        return sum(len(group) - 1 for group in self.duplicates)

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of units that are dead, always on, saturated, or could be left out."""
        masks = (self.dead, self.always_on, self.saturated)
        return (*(int(mask.sum()) for mask in masks), self.spare)

    def names(self, mask: Flags) -> list[str]:
        """The units where the mask is true."""
        return [self.units[unit] for unit in np.flatnonzero(mask)]

    @property
    def alike(self) -> list[list[str]]:
        """The names of each group of duplicates."""
        return [[self.units[unit] for unit in group] for group in self.duplicates]

    def to_json(self) -> dict[str, Any]:
        """A plain dict, with the names of the units that are not as they should be."""
        kinds = ("dead", "always_on", "saturated")
        return {
            "member": self.part or None,
            **as_json(self, "layer function"),
            "units": len(self.units),
            **as_json(self, "on mean deviation"),
            **{kind: self.names(getattr(self, kind)) for kind in kinds},
            "duplicates": self.alike,
        }


def activities(subject: Subject, part: Part, values: Sequence[Floats]) -> tuple[LayerActivity, ...]:
    """The activity of each layer of a part, from the values that plain.forward gives for rows."""
    names = value_names(subject)
    network = part.network
    return tuple(
        _activity(part, network, operation, names[operation.output], values)
        for operation in network.operations
        if operation.bends
    )


def _activity(
    part: Part,
    network: LoweredNetwork,
    operation: Operation,
    names: tuple[str, ...],
    values: Sequence[Floats],
) -> LayerActivity:
    z, h = values[operation.inputs[0]], values[operation.output]
    on = (z > 0).mean(axis=0)
    known, none = operation.activation, np.zeros(z.shape[1], dtype=bool)
    saturated = none
    if known.limits is not None:
        low, high = known.limits
        middle, half = (low + high) / 2, (high - low) / 2
        saturated = (np.abs(h - middle) > SATURATED * half).mean(axis=0) >= MOSTLY
    return LayerActivity(
        part=part.name,
        layer=_made_by(network, operation),
        function=operation.function,
        units=names,
        on=on,
        mean=h.mean(axis=0),
        deviation=h.std(axis=0),
        dead=np.all(z <= 0, axis=0) if known.below == 0 else none,
        always_on=np.all(z > 0, axis=0) if known.below is not None else none,
        saturated=saturated,
        duplicates=_duplicates(h, z, known.below == 0),
        rows=len(h),
    )


def _made_by(network: LoweredNetwork, operation: Operation) -> str:
    """The layer whose sums an activation reads."""
    by_output = {item.output: item for item in network.operations}
    source: Operation | None = operation
    while source is not None and source.kind != "affine":
        source = by_output.get(source.inputs[0])
    return source.where if source is not None else operation.where


def _duplicates(h: Floats, z: Floats, relu: bool) -> tuple[tuple[int, ...], ...]:
    """Groups of units whose values are linear functions of each other over all rows."""
    rows, units = h.shape
    if rows < FEW_ROWS or units > MOST_UNITS:
        return ()
    apart = h - h.mean(axis=0)
    size = np.sqrt((apart**2).sum(axis=0))
    enough = size > 1e-9 * np.sqrt(rows) * (1.0 + np.abs(h).max(axis=0, initial=0.0))
    if relu:
        enough &= (z > 0).sum(axis=0) >= FEW_ROWS
    chosen = np.flatnonzero(enough)
    scaled = apart[:, chosen] / size[chosen]
    alike = np.abs(scaled.T @ scaled) > ALIKE
    found, seen = [], np.zeros(len(chosen), dtype=bool)
    for number in range(len(chosen)):
        group = np.flatnonzero(alike[number] & ~seen)
        if seen[number] or len(group) < 2:
            continue
        seen[group] = True
        found.append(tuple(int(chosen[unit]) for unit in group))
    return tuple(found)
