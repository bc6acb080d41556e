"""Blocks and targets as plain dicts, and back, with checks of every entry.

The data may come from an edited file: a wrong entry raises a KeyError, TypeError or ValueError that
names it, and never gives a block that fails later.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from vetro.tables.blocks import PERIODS, Block, CategoryBlock, DateBlock, NumberBlock
from vetro.tables.targets import ClassTarget, NumberTarget

Targets = tuple[NumberTarget, ...] | tuple[ClassTarget]

_KINDS: dict[type, str] = {
    NumberBlock: "number",
    CategoryBlock: "category",
    DateBlock: "date",
    NumberTarget: "number",
    ClassTarget: "class",
}


def to_json(part: Block | NumberTarget | ClassTarget) -> dict[str, Any]:
    """A plain dict with the kind; JSON keeps its floats exactly."""
    return {"kind": _KINDS[type(part)], **asdict(part)}


def block_from_json(data: Mapping[str, Any]) -> Block:
    """The inverse of to_json for an input block."""
    kind = data["kind"]
    if kind == "category":
        return _category(data)
    if kind not in ("number", "date"):
        raise ValueError(f"kind {kind!r} is unknown")
    name, indicator, trained = _text(data["name"]), data["indicator"], data["indicator_trained"]
    mean, scale, median = (_finite(data[entry]) for entry in ("mean", "scale", "median"))
    if scale < 0:
        raise ValueError(f"scale {scale} of {name!r} is negative")
    _require_order(_flag(indicator), _flag(trained), name)
    if kind == "number":
        return NumberBlock(name, mean, scale, median, indicator, trained)
    cycles = _texts(data["cycles"])
    if list(cycles) != [cycle for cycle in PERIODS if cycle in cycles]:
        raise ValueError(f"cycles {cycles} of {name!r} are unknown or out of order")
    return DateBlock(
        name=name,
        mean=mean,
        scale=scale,
        median=median,
        days=_flag(data["days"]),
        cycles=cycles,
        indicator=indicator,
        indicator_trained=trained,
    )


def targets_from_json(data: Iterable[Mapping[str, Any]]) -> Targets:
    """The inverse of to_json for the targets: one of classes, or one or more numbers."""
    items = list(data)
    if [item["kind"] for item in items] == ["class"]:
        name, classes = _text(items[0]["name"]), _texts(items[0]["classes"])
        if len(classes) < 2 or len(set(classes)) < len(classes):
            raise ValueError(f"the classes of {name!r} are not two or more different texts")
        return (ClassTarget(name, classes),)
    if not items or any(item["kind"] != "number" for item in items):
        raise ValueError("the targets are neither numbers nor one of classes")
    targets = tuple(
        NumberTarget(_text(item["name"]), _finite(item["mean"]), _finite(item["deviation"]))
        for item in items
    )
    for target in targets:
        if target.deviation <= 0:
            raise ValueError(f"deviation {target.deviation} of {target.name!r} is not positive")
    return targets


def _category(data: Mapping[str, Any]) -> CategoryBlock:
    name, levels = _text(data["name"]), _texts(data["levels"])
    if len(set(levels)) < len(levels):
        raise ValueError(f"a level of {name!r} occurs twice")
    kept = data["kept"]
    if not isinstance(kept, (list, tuple)) or len(kept) != len(levels):
        raise ValueError(f"kept of {name!r} does not have one entry per level")
    missing, missing_trained = _flag(data["missing"]), _flag(data["missing_trained"])
    _require_order(missing, missing_trained, name)
    return CategoryBlock(
        name=name,
        levels=levels,
        kept=tuple(_flag(item) for item in kept),
        other_trained=_flag(data["other_trained"]),
        missing=missing,
        missing_trained=missing_trained,
    )


def _require_order(exists: bool, trained: bool, name: str) -> None:
    if trained and not exists:
        raise ValueError(f"{name!r}: a column that does not exist cannot be trained")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{value!r} is not a list of texts")
    return tuple(_text(item) for item in value)


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
