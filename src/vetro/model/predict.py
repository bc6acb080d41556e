"""Predicting: rows of a table through the encoders, the networks and back.

One direction: read_chunks -> Encoder.encode -> Engine.predict -> decode -> mean of the
members.  It writes no file and prints nothing: notices go to the list that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vetro.engines.choose import engine_for_prediction
from vetro.errors import Notice, counted, error, issue_warnings, notice
from vetro.networks.network import Network
from vetro.tables import frames
from vetro.tables.encoder import Encoder
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_chunks
from vetro.tables.schema import Column, Schema, with_role
from vetro.tables.table import Table

if TYPE_CHECKING:
    from vetro.model.model import Member, Model

Unknown = Literal["refuse", "ignore"]
Floats = NDArray[np.float64]

CHUNK_ROWS = 100_000
# Values of one encoded block: 32 MB of float32.
_BLOCK_VALUES = 8_000_000


def predict_outputs(model: Model, table: Table, members: Sequence[Member] | None = None) -> Floats:
    """Outputs (rows, outputs) for a table read with the model's schema; see ensemble_outputs."""
    return ensemble_outputs(model.network, model.members if members is None else members, table)


def ensemble_outputs(
    network: Network,
    members: Sequence[Member],
    table: Table,
    rows: NDArray[np.intp] | None = None,
) -> Floats:
    """The mean over the members, in float64, for the given rows (None: all).

    regression: (n, targets) in the targets' units.  classification: (n, classes)
    probabilities, softmax(z) of the logits z, or (1 - s(z), s(z)), s(z) = 1 / (1 + exp(-z)),
    for a network with a single output (loss "bce").
    """
    index = np.arange(table.rows) if rows is None else rows
    return _mean_outputs(
        network, members, len(index), lambda encoder, part: encoder.encode(table, index[part])
    )


def raw_outputs(network: Network, members: Sequence[Member], matrix: Floats) -> Floats:
    """As ensemble_outputs, for a raw matrix (n, input columns); see Encoder.raw."""
    return _mean_outputs(
        network, members, len(matrix), lambda encoder, part: encoder.encode_raw(matrix[part])
    )


def _mean_outputs(
    network: Network,
    members: Sequence[Member],
    count: int,
    encode: Callable[[Encoder, slice], NDArray[np.float32]],
) -> Floats:
    engine = engine_for_prediction()
    first = members[0].encoder
    total = np.zeros((count, len(first.output_names)))
    step = min(65_536, max(256, _BLOCK_VALUES // max(1, network.inputs)))
    for start in range(0, count, step):
        part = slice(start, start + step)
        for member in members:
            outputs = engine.predict(network, member.parameters, encode(member.encoder, part))
            # A value far outside the training range may overflow: that is its prediction.
            with np.errstate(over="ignore", invalid="ignore"):
                if first.classes:
                    total[part] += probabilities_of(outputs)
                else:
                    total[part] += member.encoder.decode_targets(outputs)
    total /= len(members)
    return total


def probabilities_of(logits: NDArray[Any]) -> Floats:
    """Class probabilities (n, classes) of logits (n, classes), or (n, 1) for two classes."""
    z = np.asarray(logits, dtype=np.float64)
    if z.shape[1] == 1:
        z = np.hstack([np.zeros_like(z), z])
    powers: Floats = np.exp(z - z.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def predict_stream(
    model: Model,
    source: Any,
    notices: list[Notice],
    *,
    options: ReadOptions,
    probabilities: bool = False,
    keep: tuple[str, ...] = (),
    unknown: Unknown = "refuse",
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[dict[str, Any]]:
    """Predictions chunk by chunk, each a dict of columns in the order of the result.

    The columns: `keep` as Arrow arrays; one for each target, float64 values or an object
    array of labels; with `probabilities` "P(label)" for each class, float64.  At least one
    chunk comes, with no rows if the source has none.  notices: receives W403, W404 and
    W406, each counted over the whole source, when the last chunk has been taken.
    """
    _check_names(model, keep, probabilities)
    options = replace(options, keep=tuple(dict.fromkeys((*options.keep, *keep))))
    found = Findings(unknown)
    chunk: dict[str, Any] | None = None
    for table in read_chunks(source, options, inputs_only(model.schema), chunk_rows):
        found.look(table)
        chunk = _columns(model, predict_outputs(model, table), probabilities)
        yield {**table.kept, **chunk}
    if chunk is None:
        outputs = np.zeros((0, len(model.members[0].encoder.output_names)))
        yield _columns(model, outputs, probabilities)
    notices.extend(found.notices())


def predict_frame(
    model: Model,
    source: Any,
    *,
    options: ReadOptions,
    probabilities: bool = False,
    keep: tuple[str, ...] = (),
    unknown: Unknown = "refuse",
) -> Any:
    """All predictions at once, as the kind of table that came; see Model.predict."""
    notices: list[Notice] = []
    chunks = list(
        predict_stream(
            model,
            source,
            notices,
            options=options,
            probabilities=probabilities,
            keep=keep,
            unknown=unknown,
        )
    )
    columns = {name: _joined([chunk[name] for chunk in chunks]) for name in chunks[0]}
    issue_warnings(notices, stacklevel=4)
    return frames.to_kind(columns, frames.frame_kind(source), like=source)


def inputs_only(schema: Schema) -> Schema:
    """The schema with targets, weight and group ignored: predicting does not read them."""
    return Schema(
        tuple(
            column if column.role in ("input", "ignored") else with_role(column, "ignored")
            for column in schema
        )
    )


@dataclass
class Findings:
    """What is odd about rows to predict, collected chunk by chunk.

    unknown "refuse" raises E402 at the first category text that training did not see.
    """

    unknown: Unknown = "refuse"
    outside: dict[str, int] = field(default_factory=dict)
    unseen_rows: dict[str, int] = field(default_factory=dict)
    unseen_texts: dict[str, dict[str, None]] = field(default_factory=dict)
    empty: dict[str, tuple[int, str]] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)

    def look(self, table: Table) -> None:
        """Look at the input columns of a chunk."""
        if self.unknown == "refuse":
            _refuse_unseen(table)
        for column in table.schema.inputs:
            self.columns[column.name] = column
            values = table.values[column.name]
            if column.kind == "category":
                missing = values == -1
                unseen = int(np.count_nonzero(values == -2))
                if unseen:
                    self.unseen_rows[column.name] = self.unseen_rows.get(column.name, 0) + unseen
                    texts = self.unseen_texts.setdefault(column.name, {})
                    texts.update(dict.fromkeys(table.unseen.get(column.name, {})))
            else:
                missing = np.isnan(values)
                if column.minimum is not None and column.maximum is not None:
                    outside = (values < column.minimum) | (values > column.maximum)
                    count = int(np.count_nonzero(outside))
                    if count and column.kind != "flag":
                        self.outside[column.name] = self.outside.get(column.name, 0) + count
            if column.missing == 0 and missing.any():
                before, place = self.empty.get(column.name, (0, ""))
                place = place or table.place_of(int(np.argmax(missing)))
                self.empty[column.name] = (before + int(np.count_nonzero(missing)), place)

    def notices(self) -> list[Notice]:
        """W404, W403 and W406, in this order, each column once."""
        found = []
        for name, count in self.unseen_rows.items():
            first, *more = self.unseen_texts[name]
            others = f" and {counted(len(more), 'other text')}" if more else ""
            were = "were" if more else "was"
            rows = counted(count, "row")
            found.append(
                notice("W404", column=name, value=first, others=others, were=were, rows=rows)
            )
        for name, count in self.outside.items():
            column = self.columns[name]
            low, high = (_shown(column, value) for value in (column.minimum, column.maximum))
            rows, lie = counted(count, "row"), "lies" if count == 1 else "lie"
            found.append(notice("W403", column=name, rows=rows, lie=lie, low=low, high=high))
        for name, (count, place) in self.empty.items():
            rows = counted(count, "row")
            category = self.columns[name].kind == "category"
            reading = "an unknown level" if category else "the median"
            found.append(notice("W406", column=name, rows=rows, place=place, reading=reading))
        return found


def _refuse_unseen(table: Table) -> None:
    """E402 for the first row with an unseen text in an input column."""
    inputs = {column.name for column in table.schema.inputs}
    places = [
        (row, name, text)
        for name, texts in table.unseen.items()
        if name in inputs
        for text, row in texts.items()
    ]
    if places:
        row, name, text = min(places)
        raise error("E402", column=name, place=table.place_of(row), value=text)


def _shown(column: Column, value: float | None) -> str:
    if column.kind == "date" and value is not None:
        moment = np.datetime64(round(value * 86400), "s")
        return str(moment).removesuffix("T00:00:00").replace("T", " ")
    return f"{value:.10g}"


def _names(model: Model, probabilities: bool) -> list[str]:
    """The columns of a prediction, without kept ones."""
    return [*model.targets, *(f"P({label})" for label in model.classes if probabilities)]


def _check_names(model: Model, keep: tuple[str, ...], probabilities: bool) -> None:
    if probabilities and not model.classes:
        what = f'probabilities are of classes, and "{model.targets[0]}" is a number'
        raise error("E405", what=what, mend="Leave out --probabilities.")
    for name in keep:
        if name in _names(model, probabilities):
            what = f'column "{name}" cannot be kept: the prediction has this name'
            raise error("E405", what=what, mend="Rename it in the table first.")


def _columns(model: Model, outputs: Floats, probabilities: bool) -> dict[str, Any]:
    """Outputs (n, outputs) as columns named for people."""
    columns: list[NDArray[Any]] = list(outputs.T)
    if model.classes:
        labels = np.array(model.classes, dtype=object)
        columns.insert(0, labels[np.argmax(outputs, axis=1)])
    return dict(zip(_names(model, probabilities), columns, strict=False))


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
