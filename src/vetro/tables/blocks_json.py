"""Blocks and targets as plain dicts, and back, with checks of every entry.

The data may come from an edited file: a wrong entry raises a KeyError, TypeError or ValueError that
names it, and never gives a block that fails later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from itertools import pairwise
from typing import Any, TypeVar, get_type_hints

import numpy as np

from vetro.tables.blocks import PERIODS, Block, DateBlock, NumberBlock
from vetro.tables.level_blocks import CategoryBlock, OrderedBlock
from vetro.tables.targets import ClassTarget, NumberTarget

Targets = tuple[NumberTarget, ...] | tuple[ClassTarget]
Part = TypeVar("Part", bound=Block | NumberTarget | ClassTarget)

_BLOCKS: dict[str, type[Block]] = {
    "number": NumberBlock,
    "category": CategoryBlock,
    "ordered": OrderedBlock,
    "date": DateBlock,
}
_KINDS: dict[type, str] = {
    **{block: kind for kind, block in _BLOCKS.items()},
    NumberTarget: "number",
    ClassTarget: "class",
}


def to_json(part: Block | NumberTarget | ClassTarget) -> dict[str, Any]:
    """A plain dict with the kind; JSON keeps its floats exactly."""
    return {"kind": _KINDS[type(part)], **asdict(part)}


def blocks_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[Block, ...]:
    """The inverse of to_json for the input blocks of a table, each of another column."""
    blocks = tuple(block_from_json(item) for item in data)
    if len({block.name for block in blocks}) < len(blocks):
        raise ValueError("an input occurs twice")
    return blocks


def block_from_json(data: Mapping[str, Any]) -> Block:
    """The inverse of to_json for an input block."""
    kind = data["kind"]
    if kind not in _BLOCKS:
        raise ValueError(f"kind {kind!r} is unknown")
    block: Block = _made(_BLOCKS[kind], data)
    if isinstance(block, CategoryBlock):
        _check_category(block)
        return block
    if isinstance(block, OrderedBlock):
        _check_ordered(block)
        return block
    if block.scale < 0:
        raise ValueError(f"scale {block.scale} of {block.name!r} is negative")
    _require_order(block.indicator, block.indicator_trained, block.name)
    if isinstance(block, NumberBlock) and block.borders:
        _check_borders(block)
    if isinstance(block, DateBlock):
        cycles = block.cycles
        if list(cycles) != [cycle for cycle in PERIODS if cycle in cycles]:
            raise ValueError(f"cycles {cycles} of {block.name!r} are unknown or out of order")
    return block


def targets_from_json(data: Iterable[Mapping[str, Any]]) -> Targets:
    """The inverse of to_json for the targets: one of classes, or one or more numbers."""
    items = list(data)
    if [item["kind"] for item in items] == ["class"]:
        target = _made(ClassTarget, items[0])
        if len(target.classes) < 2 or len(set(target.classes)) < len(target.classes):
            raise ValueError(f"the classes of {target.name!r} are not two or more different texts")
        return (target,)
    if not items or any(item["kind"] != "number" for item in items):
        raise ValueError("the targets are neither numbers nor one of classes")
    targets = tuple(_made(NumberTarget, item) for item in items)
    for number in targets:
        if number.deviation <= 0:
            raise ValueError(f"deviation {number.deviation} of {number.name!r} is not positive")
    return targets


def _check_borders(block: NumberBlock) -> None:
    """Three or more rising borders, their differences finite, with the median between them."""
    borders = block.borders
    if len(borders) < 3 or any(low >= high for low, high in pairwise(borders)):
        raise ValueError(f"the borders of {block.name!r} are not three or more rising numbers")
    if not math.isfinite(max(high - low for low, high in pairwise(borders))):
        raise ValueError(f"a bin of {block.name!r} is wider than the largest number")
    if not borders[0] <= block.median <= borders[-1]:
        raise ValueError(f"the median of {block.name!r} is outside its bins")


def _check_category(block: CategoryBlock) -> None:
    if len(set(block.levels)) < len(block.levels):
        raise ValueError(f"a level of {block.name!r} occurs twice")
    if len(block.kept) != len(block.levels):
        raise ValueError(f"kept of {block.name!r} does not have one entry per level")
    _require_order(block.missing, block.missing_trained, block.name)


def _check_ordered(block: OrderedBlock) -> None:
    if len(set(block.levels)) < len(block.levels) or len(block.levels) < 2:
        raise ValueError(f"the levels of {block.name!r} are not two or more different texts")
    if len(block.scores) != len(block.levels) or len(set(block.scores)) < len(block.scores):
        raise ValueError(f"scores of {block.name!r} are not one different number per level")
    if any(score != float(np.float32(score)) for score in block.scores):
        raise ValueError(f"a score of {block.name!r} is not a 32-bit number")
    for what in ("low", "high", "median"):
        if getattr(block, what) not in block.levels:
            raise ValueError(f"{what} of {block.name!r} is not one of its levels")
    if block.order.index(block.low) > block.order.index(block.high):
        raise ValueError(f"low of {block.name!r} is above high")
    _require_order(block.missing, block.missing_trained, block.name)


def _require_order(exists: bool, trained: bool, name: str) -> None:
    if trained and not exists:
        raise ValueError(f"{name!r}: a column that does not exist cannot be trained")


def _made(part: type[Part], data: Mapping[str, Any]) -> Part:
    """A part from its entries, each of its declared type; files of version 1 lack borders."""
    types, data = get_type_hints(part), {"borders": (), **data}
    return part(**{entry.name: _AS[types[entry.name]](data[entry.name]) for entry in fields(part)})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is not true or false")
    return value


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    if not math.isfinite(value):
        raise ValueError(f"{value!r} is not finite")
    return float(value)


def _several(value: object, each: Callable[[object], Any], what: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{value!r} is not a list of {what}")
    return tuple(map(each, value))


_AS: dict[Any, Callable[[object], Any]] = {
    str: _text,
    bool: _flag,
    float: _finite,
    tuple[str, ...]: lambda value: _several(value, _text, "texts"),
    tuple[float, ...]: lambda value: _several(value, _finite, "numbers"),
    tuple[bool, ...]: lambda value: _several(value, _flag, "true and false"),
}
