"""Whether the parts of a model file fit together: schema, encoders and evidence.

Each part alone has been checked before (plain.py, blocks_json.py).  A ValueError names the
contradiction; without it, a command would fail later or show nonsense.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from vetro.errors import shown
from vetro.model.evidence import Evidence
from vetro.networks.network import Network
from vetro.tables.blocks import Block, DateBlock, NumberBlock
from vetro.tables.encoder import Encoder
from vetro.tables.level_blocks import CategoryBlock, LevelBlock, OrderedBlock
from vetro.tables.schema import Column, Schema
from vetro.tables.targets import class_labels

_LARGEST = float(np.finfo(np.float32).max)
_BLOCKS: dict[str, type] = {
    "number": NumberBlock,
    "flag": NumberBlock,
    "date": DateBlock,
    "category": CategoryBlock,
}
_DATA: dict[str, type] = {"name": str, "sha256": str, "rows": int, "columns": int}
_SPLIT: dict[str, type] = {
    "kind": str,
    "folds": int,
    "holdout": float,
    "held_out_rows": int,
    "training_rows": int,
    "grouped_by": str,
}
_METRICS: dict[str, set[str]] = {
    "regression": {"rmse", "mae", "r2"},
    "classification": {"accuracy", "balanced_accuracy", "log_loss", "auc", "f1"},
}
_CODE = re.compile(r"[WI]\d{3}")
_LAST_DAY = 2_932_896  # 9999-12-31, in days since 1970-01-01
_FIRST_DAY = -719_162  # 0001-01-01


def check_schema(schema: Schema) -> None:
    """Ranges, counts and levels that a table can have."""
    for column in schema:
        where = f'the column "{shown(column.name)}" of its schema'
        low, high = column.minimum, column.maximum
        if (low is None) != (high is None) or (
            low is not None and high is not None and not low <= high
        ):
            raise ValueError(f"{where} has an invalid range")
        days = [value for value in (low, high) if column.kind == "date" and value is not None]
        if not all(_FIRST_DAY <= value < _LAST_DAY + 1 for value in days):
            raise ValueError(f"{where} has a date that no calendar has")
        if min(column.missing, column.distinct) < 0:
            raise ValueError(f"{where} has a count below 0")
        if len(set(column.levels)) < len(column.levels):
            raise ValueError(f"{where} has a level twice")
        if column.levels and column.kind != "category":
            raise ValueError(f"{where} has levels and is not a category")
        if column.order and sorted(column.order) != sorted(column.levels):
            raise ValueError(f"{where} has an order of other texts than its levels")


def check_blocks(blocks: tuple[Block, ...], schema: Schema, network: Network) -> None:
    """Encoder, schema and network have the same inputs; each block is of its column's kind, and
    makes numbers that float32 holds."""
    if tuple(block.name for block in blocks) != tuple(column.name for column in schema.inputs):
        raise ValueError("its encoder has other inputs than the schema")
    for block in blocks:
        column, name = schema[block.name], shown(block.name)
        if isinstance(block, LevelBlock) and block.levels != column.levels:
            raise ValueError(f'its encoder has other levels of "{name}" than the schema')
        if isinstance(block, OrderedBlock) and column.order not in ((), block.order):
            raise ValueError(f'its encoder has another order of "{name}" than the schema')
        if not isinstance(block, OrderedBlock if column.order else _BLOCKS[column.kind]):
            raise ValueError(f'its encoder reads "{name}" as another kind than the schema')
        if isinstance(block, LevelBlock):
            continue
        if not _fits(block, column):
            raise ValueError(f'its encoder makes values of "{name}" that are not finite')
        if isinstance(block, NumberBlock) and not _in_range(block.borders, column):
            raise ValueError(f'its encoder has bins of "{name}" outside the range of the schema')
    if tuple(name for block in blocks for name in block.names) != network.input_names:
        raise ValueError("its encoder does not make the inputs of the network")


def check_targets(encoder: Encoder, task: str, schema: Schema, network: Network, what: str) -> None:
    """A member's targets are those of the schema and of the network, and make finite answers."""
    if tuple(target.name for target in encoder.targets) != tuple(
        column.name for column in schema.targets
    ):
        raise ValueError(f"{what} has other targets than the schema")
    if encoder.task != task:
        raise ValueError(f"{what} is not for a {task}")
    allowed = {len(encoder.output_names)} | ({1} if len(encoder.classes) == 2 else set())
    if network.outputs not in allowed:
        raise ValueError(f"{what} does not take the outputs of the network")
    if encoder.classes and encoder.classes != class_labels(schema.targets[0]):
        raise ValueError(f"{what} has other classes than the schema")
    for target in encoder.targets:
        reach = [getattr(target, name, 0.0) for name in ("mean", "deviation")]
        if not all(math.isfinite(value) for value in reach) or not math.isfinite(sum(reach)):
            raise ValueError(f'{what} makes answers "{shown(target.name)}" that are not finite')


def check_evidence(evidence: Evidence, schema: Schema, fold: Any) -> None:
    """The evidence names only these columns and folds, and its entries have the right types."""
    for what, entries, kinds in (
        ("data", evidence.data, _DATA),
        ("split", evidence.split, _SPLIT),
    ):
        if entries and set(entries) != set(kinds):
            raise ValueError(f"evidence.{what} does not have the entries {', '.join(kinds)}")
        for name, value in entries.items():
            if not _is(value, kinds[name]):
                raise ValueError(f"evidence.{what}.{name} is not valid")
    folds = evidence.split.get("folds", 0)
    if evidence.split and evidence.split["kind"] not in ("folds", "holdout"):
        raise ValueError("evidence.split.kind is neither folds nor holdout")
    if len(fold) and not 0 <= fold.min() <= fold.max() <= folds:
        raise ValueError("its evidence holds rows of an unknown fold")
    inputs = {column.name for column in schema.inputs}
    targets = {column.name for column in schema.targets}
    for name in evidence.importance:
        if name not in inputs:
            raise ValueError(f'its evidence names "{shown(name)}", which is not an input')
    for per_target in (
        evidence.per_target,
        evidence.baselines_per_target,
        evidence.comparisons_per_target,
        evidence.coverage,
    ):
        if not set(per_target) <= targets:
            raise ValueError("its evidence has other targets than the schema")
    _check_figures(evidence, [column.name for column in schema.targets])
    for item in evidence.notices:
        if not _CODE.fullmatch(item.code):
            raise ValueError(f'its evidence holds the unknown message "{shown(item.code)}"')
    if min([0, *evidence.stopped.values()]) < 0 or min([0.0, *evidence.seconds.values()]) < 0:
        raise ValueError("its evidence holds a count below 0")


def _check_figures(evidence: Evidence, targets: list[str]) -> None:
    """The figures that a verdict needs are there, and each target has the same."""
    several = len(targets) > 1
    needed = {evidence.main_metric, evidence.judged_by or evidence.main_metric}
    if evidence.task == "regression" and not several:
        needed.add("rmse")
    if not needed <= set(evidence.metrics) <= _METRICS[evidence.task]:
        raise ValueError(f"evidence.metrics are not those of a {evidence.task}")
    own = evidence.per_target
    if bool(own) != several:
        raise ValueError("evidence.per_target does not have the targets")
    for target in targets if own else ():
        baselines = evidence.baselines_per_target.get(target, {}).values()
        figures = [set(own.get(target, {})), *map(set, baselines)]
        if any(found != _METRICS["regression"] for found in figures):
            raise ValueError(f'evidence.per_target does not have the metrics of "{shown(target)}"')


def check_median_row(row: tuple[float, ...], schema: Schema, blocks: tuple[Block, ...]) -> None:
    """The median row is a row of the table."""
    for value, column, block in zip(row, schema.inputs, blocks, strict=True):
        where = f'the median row of its evidence has no value of "{shown(column.name)}"'
        if isinstance(block, LevelBlock):
            if value != int(value) or not -1 <= value < max(len(column.levels), 1):
                raise ValueError(where)
        elif not math.isnan(value) and not _encodes(block, value):
            raise ValueError(where)


def _fits(block: NumberBlock | DateBlock, column: Column) -> bool:
    """Whether what the table held becomes numbers that float32 holds."""
    ends = [value for value in (column.minimum, column.maximum) if value is not None]
    if column.kind == "flag":
        ends = [0.0, 1.0]
    return all(_encodes(block, value) for value in (block.median, *ends))


def _in_range(borders: tuple[float, ...], column: Column) -> bool:
    """Whether the bins lie within what the table held."""
    if not borders:
        return True
    low, high = column.minimum, column.maximum
    return low is not None and high is not None and low <= borders[0] and borders[-1] <= high


def _encodes(block: Block, value: float) -> bool:
    if isinstance(block, LevelBlock):
        return True
    if isinstance(block, DateBlock) and not _FIRST_DAY <= value < _LAST_DAY + 1:
        return False
    code = (value - block.mean) * block.scale
    return math.isfinite(code) and abs(code) <= _LARGEST


def _is(value: Any, kind: type) -> bool:
    if kind is str:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int):
        return False
    return 0 <= value < 2**63
