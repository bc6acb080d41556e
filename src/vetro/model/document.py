"""A model as one JSON document and named tensors: the content of a model file.

Reading checks every entry, name, shape and number before it makes a Model of them.
container.py handles the bytes and the seal.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import shown
from vetro.model.consistency import (
    check_blocks,
    check_evidence,
    check_median_row,
    check_schema,
    check_targets,
)
from vetro.model.evidence import Evidence
from vetro.model.intervals.tensors import intervals_of_tensors, tensors_of_intervals
from vetro.model.kept import kept_model
from vetro.model.parts import ModelParts
from vetro.model.plain import from_plain, to_plain
from vetro.model.request import FitRequest
from vetro.networks.network import Network
from vetro.tables.blocks_json import blocks_from_json, targets_from_json, to_json
from vetro.tables.dress import LONGEST_CELL
from vetro.tables.encoder import Encoder
from vetro.tables.schema import Schema
from vetro.tables.unit_spellings import key_of
from vetro.training.history import COLUMNS, SIZES, EpochRecord
from vetro.training.recipe import Recipe

Arrays = dict[str, NDArray[Any]]

MOST_NOTICES = 200_000
_ENTRIES = ("task", "schema", "network", "encoder", "members", "recipe", "request", "evidence")
# The parts of the evidence that are tensors.
_EVIDENCE_TENSORS = frozenset({"actual", "predicted", "fold", "history"})
_OLDER = {"numbers": "raw", "validation": 0.15}
"""What recipes of older files left out."""
_HISTORY = dict(zip(COLUMNS, ("<i4", "<i4", "<i4", "<f8", "<f8", "<f8", "|u1", "<f8"), strict=True))


def document_of(model: ModelParts) -> dict[str, Any]:
    """Everything but arrays, as plain JSON data."""
    model = kept_model(model)
    evidence = to_plain(
        {
            entry.name: getattr(model.evidence, entry.name)
            for entry in fields(Evidence)
            if entry.name not in _EVIDENCE_TENSORS
        }
    )
    return {
        "task": model.task,
        "schema": to_plain(model.schema),
        "network": to_plain(model.network),
        "encoder": {"inputs": to_plain([to_json(block) for block in model.blocks])},
        "members": [
            {
                "fold": int(member.fold),
                "targets": to_plain([to_json(target) for target in member.targets]),
            }
            for member in model.members
        ],
        "recipe": to_plain(model.recipe),
        "request": to_plain(model.request),
        "evidence": evidence,
    }


def tensors_of(model: ModelParts) -> Arrays:
    """The arrays by name: member1.layer1.weight, ..., evidence.actual, ..., intervals1.scores, ...,
    history.epoch, ..."""
    tensors: Arrays = {}
    for number, member in enumerate(model.members, start=1):
        parameters = np.asarray(member.parameters, dtype="<f4")
        for name, view in model.network.views(parameters).items():
            tensors[f"member{number}.{name}"] = view
    evidence = model.evidence
    actual = "<i8" if model.task == "classification" else "<f8"
    tensors["evidence.actual"] = np.asarray(evidence.actual, dtype=actual)
    tensors["evidence.predicted"] = np.asarray(evidence.predicted, dtype="<f8")
    tensors["evidence.fold"] = np.asarray(evidence.fold, dtype="<i4")
    tensors |= tensors_of_intervals(model.intervals)
    for name, dtype in _HISTORY.items():
        column = [getattr(record, name) for record in evidence.history]
        tensors[f"history.{name}"] = np.array(column, dtype=dtype)
    if any(record.weights for record in evidence.history):  # files of older versions lack them
        for name in SIZES:
            column = [getattr(record, name) for record in evidence.history]
            tensors[f"history.{name}"] = np.array(column, dtype="<f4")
    return tensors


def parts_of(document: Any, tensors: Arrays) -> dict[str, Any]:
    """The fields of a Model, its members as (targets, parameters, fold).

    ValueError, KeyError or TypeError, or the VetroError of a recipe, if the document or a
    tensor is not what document_of and tensors_of write.
    """
    _require(document, _ENTRIES, "its description")
    task = document["task"]
    if task not in ("regression", "classification"):
        raise ValueError("its task is unknown")
    schema = _schema(document["schema"])
    network = _network(document["network"], len(tensors))
    if not isinstance(document["members"], list) or not document["members"]:
        raise ValueError("it has no members")
    _require(document["encoder"], ("inputs",), "its encoder")
    blocks = blocks_from_json(document["encoder"]["inputs"])
    check_blocks(blocks, schema, network)
    tensors = dict(tensors)
    members = []
    for number, item in enumerate(document["members"], start=1):
        _require(item, ("fold", "targets"), f"member {number}")
        fold = item["fold"]
        if isinstance(fold, bool) or not isinstance(fold, int) or not 0 <= fold < 2**31:
            raise ValueError(f"the fold of member {number} is not a valid fold number")
        targets = targets_from_json(item["targets"])
        check_targets(Encoder(blocks, targets), task, schema, network, f"member {number}")
        members.append((targets, _parameters(tensors, network, number), fold))
    outputs = len(Encoder(blocks, members[0][0]).output_names)
    evidence = _evidence(document["evidence"], task, tensors, outputs, len(network.weight_slots))
    if evidence.median_row and len(evidence.median_row) != len(schema.inputs):
        raise ValueError("the median row of its evidence has other columns than the schema")
    if evidence.median_row:
        check_median_row(evidence.median_row, schema, blocks)
    check_evidence(evidence, schema, evidence.fold)
    if evidence.fingerprints and len(evidence.fingerprints) != len(members):
        raise ValueError("its evidence has the fingerprints of other members")
    first = Encoder(blocks, members[0][0])
    intervals = intervals_of_tensors(
        tensors, len(first.targets), 0 if first.classes else first.width, len(first.plain_columns)
    )
    if tensors:
        raise ValueError(f'it holds the foreign tensor "{shown(min(tensors))}"')
    return {
        "task": task,
        "schema": schema,
        "network": network,
        "blocks": blocks,
        "members": members,
        "recipe": from_plain(Recipe, _OLDER | document["recipe"], "recipe"),
        "request": from_plain(FitRequest, document["request"], "request"),
        "evidence": evidence,
        "intervals": intervals,
    }


def _require(item: Any, entries: tuple[str, ...], what: str) -> None:
    if not isinstance(item, dict) or set(item) != set(entries):
        raise ValueError(f"{what} does not have the entries {', '.join(entries)}")


def _schema(data: Any) -> Schema:
    schema: Schema = from_plain(Schema, data, "schema")
    if len(set(schema.names)) < len(schema):
        raise ValueError("a column occurs twice in its schema")
    if not schema.inputs or not schema.targets:
        raise ValueError("its schema has no input or no target")
    for column in schema:
        unit = column.reading.unit
        if unit and not (column.kind == "number" and column.unit == unit and _is_unit(unit)):
            raise ValueError(f'column "{shown(column.name)}" has no such unit in its cells')
    check_schema(schema)
    return schema


def _is_unit(text: str) -> bool:
    """Whether a text may be written next to a number in a cell."""
    return text.isprintable() and len(text) <= LONGEST_CELL and bool(key_of(text))


def _network(data: Any, tensors: int) -> Network:
    network: Network = from_plain(Network, data, "network")
    if len(network.sizes) > tensors + 1:
        raise ValueError("its network has more layers than the file has tensors")
    if not 0 <= network.dropout < 1:
        raise ValueError("network.dropout is not a share")
    # Also checks the sizes and the number of names.
    return Network.from_json(data)


def _parameters(tensors: Arrays, network: Network, number: int) -> NDArray[np.float32]:
    """The flat vector of a member, from its named tensors, which are taken out of `tensors`."""
    parts = []
    for slot in network.slots:
        name = f"member{number}.{slot.name}"
        tensor = _taken(tensors, name, "<f4")
        if tensor.shape != slot.shape:
            raise ValueError(f"tensor {name} has the shape {tensor.shape}, not {slot.shape}")
        if not np.isfinite(tensor).all():
            raise ValueError(f"tensor {name} holds a value that is not finite")
        parts.append(tensor.reshape(-1))
    return np.concatenate(parts).astype(np.float32, copy=False)


def _evidence(data: Any, task: str, tensors: Arrays, outputs: int, layers: int) -> Evidence:
    notices = data.get("notices") if isinstance(data, dict) else None
    if isinstance(notices, list) and len(notices) > MOST_NOTICES:
        raise ValueError(f"its evidence holds more than {MOST_NOTICES} messages")
    evidence: Evidence = from_plain(Evidence, data, "evidence", without=_EVIDENCE_TENSORS)
    if evidence.task != task:
        raise ValueError("its evidence is for another task")
    fold = _taken(tensors, "evidence.fold", "<i4")
    rows = len(fold) if fold.ndim == 1 else -1
    actual = _taken(tensors, "evidence.actual", "<i8" if task == "classification" else "<f8")
    predicted = _taken(tensors, "evidence.predicted", "<f8")
    kept = (rows,) if task == "classification" else (rows, outputs)
    if actual.shape != kept or predicted.shape != (rows, outputs):
        raise ValueError("the held-out rows of its evidence have different shapes")
    if task == "classification" and rows and not 0 <= actual.min() <= actual.max() < outputs:
        raise ValueError("its evidence holds an unknown class")
    return replace(
        evidence,
        actual=actual.copy(),
        predicted=predicted.copy(),
        fold=fold.copy(),
        history=_history(tensors, layers),
    )


def _history(tensors: Arrays, layers: int) -> tuple[EpochRecord, ...]:
    columns = {name: _taken(tensors, f"history.{name}", dtype) for name, dtype in _HISTORY.items()}
    shapes = {column.shape for column in columns.values()}
    if len(shapes) > 1 or any(column.ndim != 1 for column in columns.values()):
        raise ValueError("the parts of its history have different lengths")
    if (columns["best"] > 1).any():
        raise ValueError("history.best is neither 0 nor 1")
    lists = {name: column.tolist() for name, column in columns.items()}
    lists["best"] = [bool(best) for best in lists["best"]]
    if any(f"history.{name}" in tensors for name in SIZES):
        for name in SIZES:
            sizes = _taken(tensors, f"history.{name}", "<f4")
            if sizes.shape != (len(lists["best"]), layers):
                raise ValueError(f"history.{name} does not have its epochs and layers")
            lists[name] = sizes.tolist()
    return tuple(map(EpochRecord.of, zip(*lists.values(), strict=True)))


def _taken(tensors: Arrays, name: str, dtype: str) -> NDArray[Any]:
    """The tensor, taken out; ValueError if it is missing or of another type."""
    if name not in tensors:
        raise ValueError(f"it lacks the tensor {name}")
    tensor = tensors.pop(name)
    if tensor.dtype != np.dtype(dtype):
        raise ValueError(f"tensor {name} has the type {tensor.dtype}, not {np.dtype(dtype)}")
    return tensor
