"""Predicting: rows of a table through the encoder, the networks and back.

One direction: read_chunks -> Encoder.encode, once for all members -> Engine.predictor -> decode
-> mean of the members.  It writes no file and prints nothing: notices go to the list that the
caller gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.choose import engine_for_prediction
from vetro.engines.engine import Engine, Predictor
from vetro.errors import Notice, error, issue_warnings, words
from vetro.model.answers import (
    Bounded,
    FarRows,
    bounded,
    intervals_of,
    names_of,
    no_bounds,
    sets_of,
)
from vetro.model.odd_rows import OddRows, Unknown
from vetro.model.own_table import reading_of
from vetro.model.parts import Member, ModelParts
from vetro.networks.lowered import lower_network
from vetro.networks.network import Network
from vetro.tables.chunks import read_chunks
from vetro.tables.options import ReadOptions
from vetro.tables.schema import Schema, with_role
from vetro.tables.sources import frames
from vetro.tables.table import Table
from vetro.twins import plain_names

Floats = NDArray[np.float64]

CHUNK_ROWS = 100_000
# Values of one encoded block: 32 MB of float32.
_BLOCK_VALUES = 8_000_000


def predict_outputs(
    model: ModelParts,
    table: Table,
    members: Sequence[Member] | None = None,
    rows: NDArray[np.intp] | None = None,
) -> Floats:
    """The mean over the members (None: all), in float64, for the given rows (None: all).

    table: read with the model's schema.
    regression: (n, targets) in the targets' units.  classification: (n, classes)
    probabilities, softmax(z) of the logits z, or (1 - s(z), s(z)), s(z) = 1 / (1 + exp(-z)),
    for a network with a single output (loss "bce").
    """
    index = np.arange(table.rows) if rows is None else rows
    return _mean_outputs(
        model, members, len(index), lambda part: model.encoder.encode(table, index[part])
    )


def raw_outputs(
    model: ModelParts, matrix: Floats, members: Sequence[Member] | None = None
) -> Floats:
    """As predict_outputs, for a raw matrix (n, input columns); see Encoder.raw."""
    return _mean_outputs(
        model, members, len(matrix), lambda part: model.encoder.encode_raw(matrix[part])
    )


def _mean_outputs(
    model: ModelParts,
    members: Sequence[Member] | None,
    count: int,
    encode: Callable[[slice], NDArray[np.float32]],
) -> Floats:
    members = model.members if members is None else members
    engine, network = engine_for_prediction(), model.network
    total = np.zeros((count, len(model.encoder.output_names)))
    step = min(65_536, max(256, _BLOCK_VALUES // max(1, network.inputs)))
    for start in range(0, count, step):
        part = slice(start, start + step)
        encoded = encode(part)
        for member in members:
            outputs = _predictor(engine, network, member.parameters.tobytes())(encoded)
            # A value far outside the training range may overflow: the infinity is its prediction.
            with np.errstate(over="ignore", invalid="ignore"):
                if model.classes:
                    total[part] += probabilities_of(outputs)
                else:
                    total[part] += model.encoder_of(member).decode_targets(outputs)
    total /= len(members)
    return total


@lru_cache(maxsize=64)
def _predictor(engine: Engine, network: Network, parameters: bytes) -> Predictor:
    """The predictor of a network with these numbers, made once for the last few."""
    vector = np.frombuffer(parameters, dtype=np.float32)
    return engine.predictor(lower_network(network), vector)


def probabilities_of(logits: NDArray[Any]) -> Floats:
    """Class probabilities (n, classes) of logits (n, classes), or (n, 1) for two classes."""
    z = np.asarray(logits, dtype=np.float64)
    if z.shape[1] == 1:
        z = np.hstack([np.zeros_like(z), z])
    # Scores that are not finite give probabilities that are NaN.
    with np.errstate(invalid="ignore"):
        powers: Floats = np.exp(z - z.max(axis=1, keepdims=True))
        powers /= powers.sum(axis=1, keepdims=True)
    return powers


def predict_stream(
    model: ModelParts,
    source: Any,
    notices: list[Notice],
    *,
    options: ReadOptions,
    probabilities: bool = False,
    interval: float | None = None,
    keep: tuple[str, ...] = (),
    unknown: Unknown = "ignore",
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[dict[str, Any]]:
    """Predictions chunk by chunk, each a dict of columns in the order of the result.

    The columns: `keep` as Arrow arrays, a target y among them as "actual y"; one for each target,
    float64 values or an object array of labels, followed with `interval`, a level such as 0.9, by
    "low(target)" and "high(target)", or by "set(target)", an object array of lists of labels;
    with `probabilities` "P(label)" for each class, float64; with `interval` "far".  At least one
    chunk comes, with no rows if the source has none.  notices: receives those of reading, of
    OddRows and of FarRows, counted over the whole source, when the last chunk has been taken.
    """
    keep = plain_names(keep)
    if interval is not None:
        intervals_of(model, interval)
    _check_names(model, keep, probabilities, interval)
    options = reading_of(model, source, options)
    options = replace(options, keep=tuple(dict.fromkeys((*options.keep, *keep))))
    odd, far = OddRows(model.encoder, unknown), FarRows(bool(model.classes))
    chunk: dict[str, Any] | None = None
    for table in read_chunks(source, options, inputs_only(model.schema), chunk_rows):
        odd.look(table)
        outputs = predict_outputs(model, table)
        odd.look_at_answers(table, outputs)
        found = None if interval is None else bounded(model, table, outputs, interval)
        if found is not None:
            far.look(table, found.far)
        chunk = _columns(model, outputs, probabilities, found)
        yield {**_kept(model, table.kept), **chunk}
    if chunk is None:
        outputs = np.zeros((0, len(model.encoder.output_names)))
        found = None if interval is None else no_bounds(model)
        chunk = _columns(model, outputs, probabilities, found)
        yield {**_kept(model, _no_rows(options.keep)), **chunk}
    notices.extend([*odd.notices(), *far.notices()])


def predict_frame(
    model: ModelParts,
    source: Any,
    *,
    options: ReadOptions,
    probabilities: bool = False,
    interval: float | None = None,
    keep: tuple[str, ...] = (),
    unknown: Unknown = "ignore",
) -> Any:
    """All predictions at once, as a table of the source's kind; see Model.predict."""
    notices: list[Notice] = []
    chunks = list(
        predict_stream(
            model,
            source,
            notices,
            options=options,
            probabilities=probabilities,
            interval=interval,
            keep=keep,
            unknown=unknown,
        )
    )
    columns = {name: _joined([chunk[name] for chunk in chunks]) for name in chunks[0]}
    issue_warnings(notices, stacklevel=4)
    kind = frames.frame_kind(source) or "pyarrow"
    return frames.to_kind(columns, kind, like=source)


def inputs_only(schema: Schema) -> Schema:
    """The schema with targets, weight and group ignored: predicting does not read them."""
    return Schema(
        tuple(
            column if column.role in ("input", "ignored") else with_role(column, "ignored")
            for column in schema
        )
    )


def _names(model: ModelParts, probabilities: bool, interval: float | None) -> list[str]:
    """The columns of a prediction, without kept ones."""
    asked = interval is not None
    answers = [
        name
        for target in model.targets
        for name in (target, *(names_of(model, target) if asked else ()))
    ]
    likely = [f"P({label})" for label in model.classes if probabilities]
    return [*answers, *likely, *(["far"] if asked else [])]


def _check_names(
    model: ModelParts, keep: tuple[str, ...], probabilities: bool, interval: float | None
) -> None:
    if probabilities and not model.classes:
        what = f'only classes have probabilities, and "{model.targets[0]}" is a number'
        raise error("E405", what=what, fix=words("Leave out {-probabilities}."))
    taken = {
        *_names(model, probabilities, interval),
        *(_actual(name) for name in model.targets),
    }
    for name in keep:
        if name in taken and name not in model.targets:
            what = f'column "{name}" cannot be kept: the prediction has this name'
            raise error("E405", what=what, fix="Rename it in the table first.")


def _actual(name: str) -> str:
    """The name of a kept target, next to its prediction."""
    return f"actual {name}"


def _kept(model: ModelParts, columns: dict[str, Any]) -> dict[str, Any]:
    """Kept columns under the names that they have in the predictions."""
    targets = model.targets
    return {_actual(name) if name in targets else name: c for name, c in columns.items()}


def _columns(
    model: ModelParts, outputs: Floats, probabilities: bool, found: Bounded | None
) -> dict[str, Any]:
    """Outputs (n, outputs) as named columns; an answer that is not finite is missing."""
    known = np.isfinite(outputs)
    numbers = np.where(known, outputs, np.nan).T
    columns: dict[str, Any] = {}
    if model.classes:
        target = model.targets[0]
        labels = np.array(model.classes, dtype=object)
        named = labels[np.argmax(outputs, axis=1)]
        named[~known.all(axis=1)] = None
        columns[target] = named
        if found is not None:
            columns[names_of(model, target)[0]] = sets_of(model.classes, found, outputs)
        if probabilities:
            columns |= {
                f"P({label})": each for label, each in zip(model.classes, numbers, strict=True)
            }
    for place, target in enumerate(() if model.classes else model.targets):
        columns[target] = numbers[place]
        if found is not None:
            low, high = names_of(model, target)
            columns |= {low: found.low[:, place], high: found.high[:, place]}
    return columns if found is None else {**columns, "far": found.far}


def _no_rows(names: tuple[str, ...]) -> dict[str, Any]:
    """Kept columns of a source without rows."""
    import pyarrow as pa

    return {name: pa.array([], pa.string()) for name in names}


def _joined(parts: list[Any]) -> Any:
    """One column from its chunks: NumPy arrays, or Arrow arrays of kept columns."""
    if isinstance(parts[0], np.ndarray):
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    import pyarrow as pa

    pieces = [
        piece
        for part in parts
        for piece in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])
    ]
    return pa.chunked_array(pieces)
