"""Rows for the glass: the user's rows as the raw numbers that a subject takes.

A model's rows are read with the model's schema, as for a prediction; a module's rows are its x.
Finding row 17 of a file is the task of the applications, not of this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.native_core import why_not_native
from vetro.engines.native_engine import NativeEngine
from vetro.errors import Notice, Setting, error, listed
from vetro.glass.subject import Part, Subject, model_of
from vetro.model.odd_rows import OddRows, Unknown
from vetro.model.own_table import reading_of
from vetro.model.predict import raw_outputs
from vetro.settings import chosen
from vetro.tables.chunks import read_chunks
from vetro.tables.instants import date_text
from vetro.tables.level_blocks import MISSING
from vetro.tables.options import ReadOptions, read_options
from vetro.tables.schema import Column, Schema, with_role
from vetro.tables.sources.frames import frame_kind
from vetro.tables.table import Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """raw: (rows, inputs) float64.  For a model in the form of Encoder.raw: numbers in their units,
    days since 1970-01-01, 0 or 1, category codes (-2 unseen), NaN if missing; for a module its x.
    table: the table of a model's rows, with the targets that the source holds.
    places: the position of each row, "line 18" or "row 17".  notices: messages from reading them.
    """

    raw: Floats
    places: tuple[str, ...] = ()
    table: Table | None = None
    notices: tuple[Notice, ...] = ()

    def __len__(self) -> int:
        return len(self.raw)


def reading_asked(thing: Any, options: ReadOptions | None, named: Mapping[str, Any]) -> ReadOptions:
    """How the rows of a model are read, from the options and the entries given by name.

    E602 for an unknown name; E601 for any option with a module, whose rows are numbers already.
    """
    found = read_options(options, named)
    if model_of(thing) is None:
        for setting in chosen(found):
            reason, fix = "a module reads no table", "Leave it out."
            argument = Setting(setting.name)
            raise error("E601", argument=argument, value=setting.value, reason=reason, fix=fix)
    return found


def rows_of(
    subject: Subject,
    given: Any,
    options: ReadOptions | None = None,
    unknown: Unknown = "refuse",
    only: range | None = None,
    weighted: bool = False,
) -> Rows:
    """The given rows, or those whose numbers (from 0) are in `only`, as far as they exist.

    weighted: leave out rows of weight 0, if the model has a weight column and the table has it too.
    For a model: anything that predict() accepts, or one row as a mapping of column to value, or
    numbers (inputs,) or (rows, inputs) in the form of Encoder.raw.  For a module: (inputs,) or
    (rows, inputs) as a tensor, array or list.  Raises E401, E402 and E702; warnings such as W403
    are in `notices`.
    """
    if isinstance(given, Rows):
        return given
    if subject.model is None:
        return _numbers(subject, given, only)
    if _is_numbers(given):
        return _numbers(subject, given, only)
    if isinstance(given, Mapping):
        given = {
            name: [value] if isinstance(value, str) or not hasattr(value, "__len__") else value
            for name, value in given.items()
        }
    return _read(subject, given, options or ReadOptions(), unknown, only, weighted)


def rows_of_table(subject: Subject, table: Table, most: int) -> Rows:
    """At most `most` evenly spread rows of a table that was read with the model's schema."""
    encoder = subject.parts[0].encoder
    assert encoder is not None
    chosen = np.linspace(0, table.rows - 1, min(most, table.rows)).astype(np.intp)
    table = table.take(chosen)
    return Rows(encoder.raw(table), table.numbered(), table)


def _read(
    subject: Subject,
    source: Any,
    options: ReadOptions,
    unknown: Unknown,
    only: range | None,
    weighted: bool,
) -> Rows:
    encoder = subject.parts[0].encoder
    assert subject.model is not None and encoder is not None
    options = reading_of(subject.model, source, options)
    odd = OddRows(encoder, unknown)
    tables: list[Table] = []
    for table in read_chunks(source, options, _with_targets(subject, weighted), only=only):
        odd.look(table)
        if table.rows:
            tables.append(table)
    if not tables:
        raise error("E702", what="no row is given", fix="Give at least one.")
    raw = np.concatenate([encoder.raw(table) for table in tables])
    places = tuple(place for table in tables for place in _places(table))
    return Rows(raw, places, _joined(tables, places), tuple(odd.notices()))


def with_values(
    subject: Subject, rows: Rows, texts: Mapping[str, str], options: ReadOptions, unknown: Unknown
) -> Rows:
    """The one row with other values in some columns.  The new texts are read as a separate table:
    the row's old values are not evidence of how to read the new ones."""
    encoder = subject.parts[0].encoder
    assert subject.model is not None and encoder is not None
    inputs = subject.model.schema.inputs
    schema = Schema(tuple(column for column in inputs if column.name in texts))
    odd = OddRows(encoder, unknown)
    (table,) = read_chunks({name: [text] for name, text in texts.items()}, options, schema)
    odd.look(table)
    raw = rows.raw.copy()
    for place, column in enumerate(inputs):
        if column.name in texts:
            value = float(table.values[column.name][0])
            missing = column.kind == "category" and value == MISSING
            raw[0, place] = np.nan if missing else value
    return replace(rows, raw=raw, notices=(*rows.notices, *odd.notices()))


def _places(table: Table) -> list[str]:
    """place_of every row.  For a text file each call reads the file up to that row.  If a range of
    rows has exactly one line per row, the lines between its ends need no call."""
    last = table.rows - 1
    found = [table.place_of(0)] * table.rows
    found[last] = table.place_of(last)
    stretches = [(0, last)]
    while stretches:
        first, last = stretches.pop()
        (word, begin), (other, end) = (found[row].rsplit(" ", 1) for row in (first, last))
        if word == other and int(end) - int(begin) == last - first:
            found[first:last] = [f"{word} {int(begin) + row}" for row in range(last - first)]
        elif last - first > 1:
            middle = (first + last) // 2
            found[middle] = table.place_of(middle)
            stretches += [(first, middle), (middle, last)]
    return found


def _joined(tables: Sequence[Table], places: Sequence[str]) -> Table:
    """One table from the chunks; places: the position of each row."""
    if len(tables) == 1:
        return tables[0]
    first = tables[0]
    values = {name: np.concatenate([t.values[name] for t in tables]) for name in first.values}
    return Table(
        schema=first.schema,
        values=values,
        rows=sum(table.rows for table in tables),
        numbers=np.concatenate([table.row_numbers for table in tables]),
        name=first.name,
        fingerprint=tables[-1].fingerprint,
        place_of=places.__getitem__,
    )


def _with_targets(subject: Subject, weighted: bool) -> Any:
    """The model's schema without the group column: targets are read if present, weights if
    `weighted`."""
    assert subject.model is not None
    read = ("input", "target", "weight") if weighted else ("input", "target")
    return Schema(
        tuple(
            column if column.role in read else with_role(column, "ignored")
            for column in subject.model.schema
        )
    )


def _is_numbers(given: Any) -> bool:
    """Whether these are numbers without column names rather than a table."""
    if isinstance(given, (str, Mapping)) or frame_kind(given) in ("pandas", "polars", "pyarrow"):
        return False
    return isinstance(given, Sequence) or hasattr(given, "__array__")


def _numbers(subject: Subject, given: Any, only: range | None) -> Rows:
    width = len(subject.inputs)
    values = _floats(given, width)
    shape = values.shape
    if values.ndim == 1:
        values = values.reshape(1, -1)
    if values.ndim != 2 or values.shape[1] != width or not len(values):
        what = f"the row has shape {shape} where ({width},) or (rows, {width}) is expected"
        raise error("E702", what=what, fix=f"The inputs are {listed(subject.inputs)}.")
    if subject.model is None and not np.isfinite(values).all():
        raise error("E702", what="the row holds a number that is not finite", fix="Correct it.")
    if subject.model is None and np.abs(values).max() > np.finfo(subject.network.dtype).max:
        what = f"the row holds a number that is too large for {subject.network.dtype}"
        raise error("E702", what=what, fix="Scale it, or use module.double().")
    places = range(len(values))
    if only is not None:
        places = places[only.start : only.stop]
    return Rows(values[places.start : places.stop], tuple(f"row {row + 1}" for row in places))


def _floats(given: Any, width: int) -> Floats:
    """The given rows as float64; E702 if they are not rows of real numbers on the CPU."""
    values = numbers_of(given)
    if values is None:
        what = f"the row is {kind_of(given)}, not plain real numbers"
        raise error("E702", what=what, fix=f"Give {width} numbers, or rows of them.")
    return values.astype(np.float64)


def numbers_of(given: Any) -> NDArray[Any] | None:
    """Real numbers on the CPU as an array; None for anything else."""
    try:
        if hasattr(given, "detach"):
            given = given.detach().cpu().numpy()
        values = np.asarray(given)
    except (TypeError, ValueError, OverflowError, RuntimeError, NotImplementedError):
        return None
    return values if values.dtype.kind in "fiub" else None


def kind_of(given: Any) -> str:
    """The name for messages of a thing that is not numbers: "str", "complex64", "a meta tensor"."""
    dtype = getattr(given, "dtype", None)
    if dtype is None:
        return type(given).__name__
    if getattr(given, "is_nested", False):
        return "a nested tensor"
    if getattr(given, "is_meta", False):
        return "a meta tensor"
    layout = str(getattr(given, "layout", "torch.strided"))
    return "a sparse tensor" if layout != "torch.strided" else str(dtype).removeprefix("torch.")


def width_of(given: Any) -> int | None:
    """The number of columns of rows of numbers, if it is clear; rows_of reports mistakes."""
    values = numbers_of(given)
    return None if values is None or values.ndim not in (1, 2) else int(values.shape[-1])


def part_inputs(part: Part, rows: Rows) -> NDArray[Any]:
    """The features that a part's network reads, (rows, features) of its dtype."""
    if part.encoder is not None:
        return part.encoder.encode_raw(rows.raw, dtype=part.network.dtype)
    return np.ascontiguousarray(rows.raw, dtype=part.network.dtype)


def part_outputs(part: Part, x: NDArray[Any]) -> NDArray[Any]:
    """The native engine's outputs for x, (rows, outputs) of the network's dtype, not unscaled.

    E604 on a machine where the engine cannot run.
    """
    missing = why_not_native()
    if missing:
        raise error("E604", what=missing, fix="Use a machine whose processor has them.")
    predictor = NativeEngine(threads=1).predictor(part.network, part.parameters)
    return predictor(np.ascontiguousarray(x, dtype=part.network.dtype))


def answers(subject: Subject, rows: Rows) -> Floats:
    """The subject's answers, (rows, answers) float64, exactly as predicting gives them.

    A model: predict()'s numbers, or class probabilities.  A module: its own forward in eval mode.
    """
    if subject.model is not None:
        return raw_outputs(subject.model, rows.raw)
    import torch

    from vetro.engines.best import evaluating

    module = subject.module
    assert module is not None
    x = torch.from_numpy(part_inputs(subject.parts[0], rows))
    with evaluating(module), torch.no_grad():
        outputs = module(x)
    found: Floats = outputs.reshape(len(rows), -1).double().numpy()
    return found


def measured(column: Column, value: float) -> str:
    """A raw value as a text for reading, with its unit."""
    text = cell(column, value)
    return text if text == "missing" else column.with_unit(text)


def cell(column: Column, value: float) -> str:
    """A raw value in the form that the table reader accepts: the level's text, a date, a number."""
    if np.isnan(value) or (column.kind == "category" and value == MISSING):
        return "missing"
    if column.kind == "category":
        code = int(value)
        return column.levels[code] if 0 <= code < len(column.levels) else "unseen"
    if column.kind == "flag":
        word = column.reading.flag_words[int(value)] if value in (0.0, 1.0) else ""
        return word or f"{value:g}"
    if column.kind == "date":
        return date_text(value, column.reading.date_format)
    return f"{value:.15g}"


def row_of(subject: Subject, raw: Floats) -> dict[str, Any]:
    """A raw row, column -> value: numbers, else texts as in the table; None if missing."""
    if subject.model is None:
        return {name: float(value) for name, value in zip(subject.inputs, raw, strict=True)}
    row: dict[str, Any] = {}
    for column, value in zip(subject.model.schema.inputs, raw, strict=True):
        text = cell(column, float(value))
        if np.isnan(value):
            row[column.name] = None
        else:
            row[column.name] = float(value) if column.kind == "number" else text
    return row
