"""Tables that are already in memory: pandas, polars, Arrow, dict of columns, NumPy, torch.

Objects are recognised without importing these packages.  A pandas index is not a column.  Matrices
have the columns c1, c2, ...  Predictions have the same kind as the source.
"""

from __future__ import annotations

import datetime as dt
import decimal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, VetroError, Words, counted, error, shown
from vetro.tables.connection import check_names, reason
from vetro.tables.faults import Fault, refused_type
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.sources.objects import dated_objects
from vetro.tables.spans import plain_spans

FrameKind = Literal["pandas", "polars", "pyarrow", "dict", "numpy", "torch", ""]

_READABLE = (str, int, float, decimal.Decimal, dt.date, dt.time, dt.timedelta, np.generic)


def frame_kind(source: object) -> FrameKind:
    """The kind of frame of an object; "" for anything else (a path, a list, ...)."""
    if isinstance(source, dict):
        return "dict"
    for kind, frame in FRAMES.items():
        module = sys.modules.get(kind)
        classes = tuple(getattr(module, name) for name in frame.classes) if module else ()
        if isinstance(source, classes):
            return kind
    return ""


def open_frame(source: Any, options: ReadOptions) -> Opened:
    """The frame's values, unchanged, through Arrow; contiguous numbers are not copied.

    E101 for no columns; E110 and E125 for names; E125 for a wrong shape.  A column that Vetro
    cannot read is empty, and its E125, E128 or E135 is among the faults.
    """
    from vetro.tables.sources.arrow import open_arrow

    frame = FRAMES[frame_kind(source)]
    name = frame.name
    found = frame.read(source, name)
    if found.table.num_columns == 0:
        raise error("E101", source=name, size="0 columns")
    opened = open_arrow(found.table, name, faults=found.faults)
    opened.notices.extend(found.notices)
    return opened


@dataclass(frozen=True)
class _Arrow:
    """A frame as an Arrow table, with the faults of its columns and the notices."""

    table: Any
    faults: dict[str, Fault] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)


def _from_pandas(frame: Any, name: str) -> _Arrow:
    import pandas as pd

    if isinstance(frame, pd.Series):
        raise _shape("the Series", "it is one column", "Use series.to_frame().")
    if isinstance(frame.columns, pd.MultiIndex):
        raise _shape(name, "its column names have several levels", "Give each column one name.")
    return _joined(
        [str(column) for column in frame.columns],
        [frame.iloc[:, position] for position in range(frame.shape[1])],
        name,
    )


def _from_polars(frame: Any, name: str) -> _Arrow:
    import polars as pl

    if isinstance(frame, pl.Series):
        raise _shape("the Series", "it is one column", "Use series.to_frame().")
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    return _joined(list(frame.columns), frame.get_columns(), name)


def _from_arrow(table: Any, name: str) -> _Arrow:
    import pyarrow as pa

    if isinstance(table, pa.RecordBatchReader):
        table = table.read_all()
    return _Arrow(pa.Table.from_batches([table]) if isinstance(table, pa.RecordBatch) else table)


def _from_dict(columns: Mapping[Any, Any], name: str) -> _Arrow:
    names = [str(column) for column in columns]
    lengths = {}
    for column, values in zip(names, columns.values(), strict=True):
        if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__"):
            what = f'column "{shown(column)}" is not a sequence of values'
            raise _shape(name, what, "Give each column a list or an array.")
        lengths[column] = len(values)
    if len(set(lengths.values())) > 1:
        first, *others = lengths
        other = next(item for item in others if lengths[item] != lengths[first])
        what = (
            f'column "{shown(first)}" has {counted(lengths[first], "value")} '
            f'and column "{shown(other)}" {lengths[other]}'
        )
        raise _shape(name, what, "Make the columns equally long.")
    return _joined(names, list(columns.values()), name)


def _check_flat(values: Any, column: str) -> None:
    """E125 if a column is a matrix."""
    dimensions = getattr(values, "ndim", 1)
    if dimensions != 1:
        what = f"it has {counted(dimensions, 'dimension')}"
        raise _shape(f'column "{shown(column)}"', what, "Give one value per row.")


def _from_numpy(matrix: NDArray[Any], name: str) -> _Arrow:
    if matrix.dtype.names is not None:
        raise _shape(
            name,
            "it is a structured array",
            "Use {name: array[name] for name in array.dtype.names}.",
        )
    if matrix.dtype == object:
        raise _shape(
            name,
            "its values are Python objects",
            "Use array.astype(float), or a dict of columns.",
        )
    if matrix.ndim != 2:
        fix = (
            f"Use {name.split()[-1]}.reshape(-1, 1)."
            if matrix.ndim == 1
            else "Give one row for each case."
        )
        dimensions = counted(matrix.ndim, "dimension")
        raise _shape(name, f"it has {dimensions}, not 2", fix)
    # Each column is contiguous in memory, so that Arrow need not copy it.
    masked = isinstance(matrix, np.ma.MaskedArray)
    columns = matrix.T if masked else np.ascontiguousarray(np.asarray(matrix).T)
    return _joined([f"c{position + 1}" for position in range(len(columns))], list(columns), name)


def _from_torch(tensor: Any, name: str) -> _Arrow:
    return _from_numpy(_tensor_array(tensor, name), name)


def _tensor_array(tensor: Any, name: str) -> NDArray[Any]:
    """The tensor's values as an array, from any device; bfloat16 as float32."""
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized:
        raise _shape(name, "it is sparse or quantized", "Use tensor.to_dense().")
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    array: NDArray[Any] = tensor.detach().cpu().resolve_conj().resolve_neg().numpy()
    return array


@dataclass(frozen=True)
class _Frame:
    """A kind of frame: its name in messages, its classes, and the function that reads it."""

    name: str
    classes: tuple[str, ...]
    read: Callable[[Any, str], _Arrow]


FRAMES: dict[FrameKind, _Frame] = {
    "pandas": _Frame("the DataFrame", ("DataFrame", "Series"), _from_pandas),
    "polars": _Frame("the DataFrame", ("DataFrame", "LazyFrame", "Series"), _from_polars),
    "pyarrow": _Frame(
        "the Arrow table", ("Table", "RecordBatch", "RecordBatchReader"), _from_arrow
    ),
    "dict": _Frame("the dict", (), _from_dict),
    "numpy": _Frame("the array", ("ndarray",), _from_numpy),
    "torch": _Frame("the tensor", ("Tensor",), _from_torch),
}


def _joined(names: list[str], columns: list[Any], name: str) -> _Arrow:
    """The columns, of any array kind; a column that Arrow cannot convert is empty."""
    import pyarrow as pa

    check_names(names, name)  # Arrow takes no name that UTF-8 cannot hold
    arrays, faults, notices = [], {}, []
    for item, column in zip(names, columns, strict=True):
        try:
            array, said = _arrow(column, item)
            arrays.append(array)
            notices.extend(said)
        except VetroError as refusal:
            faults[item] = Fault(refusal, refusal.code == "E128" and not _some_readable(column))
            arrays.append(pa.nulls(len(column), pa.string()))
    return _Arrow(pa.table(arrays, names=names), faults, notices)


def _some_readable(values: Any) -> bool:
    """Whether a column of Python objects holds at least one value that Vetro can read."""
    if str(getattr(values, "dtype", "object")) != "object":
        return False
    return any(isinstance(value, _READABLE) and value == value for value in values)


def _arrow(values: Any, name: str) -> tuple[Any, list[Notice]]:
    """One column as Arrow; E128 for values that are not numbers, texts, dates or flags."""
    import pyarrow as pa

    mask = None
    _check_flat(values, name)
    if frame_kind(values) == "torch":
        values = _tensor_array(values, f'column "{shown(name)}"')
    if isinstance(values, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(values)
        values = values.data
    kind = getattr(values, "dtype", None)
    if isinstance(values, np.ndarray) and (values.dtype.kind in "cV" or values.dtype.itemsize > 8):
        if values.dtype == np.longdouble:
            values = values.astype(np.float64)
        elif values.dtype.kind in "cV":
            raise refused_type(name, str(values.dtype))
    if kind is not None and str(kind).startswith("complex"):
        raise refused_type(name, str(kind))
    if frame_kind(values) == "polars":
        return _from_series(values, name), []
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values, []
    missing_is_nan = frame_kind(values) == "pandas"
    said: list[Notice] = []
    try:
        if str(kind).startswith("Sparse"):
            values = np.asarray(values)
        if "pandas" in sys.modules:
            values, said = plain_spans(values, name)
    except (TypeError, ValueError) as failure:
        raise refused_type(name, f"{kind} ({shown(reason(failure))})") from failure
    if kind is None or str(kind) == "object":
        values, offsets = dated_objects(values, name)
        said += offsets
    try:
        # In pandas NaN is the missing value; in NumPy it stays NaN, which is read as missing.
        return pa.array(values, mask=mask, from_pandas=missing_is_nan), said
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as failure:
        what = f"{kind} ({_found(values)})" if kind is not None else _found(values)
        raise refused_type(name, what) from failure


def _from_series(series: Any, name: str) -> Any:
    """A polars column as Arrow."""
    import polars as pl
    import pyarrow as pa

    if series.dtype == pl.Object:
        raise refused_type(name, "Object")
    if str(series.dtype) in ("Int128", "UInt128"):
        # Arrow has no whole numbers of 128 bits; as text, none loses a digit.
        small = series.cast(pl.Int64, strict=False)
        exact = small.null_count() == series.null_count()
        series = small if exact else series.cast(pl.String)
    try:
        return series.to_arrow()
    except (pa.ArrowException, pl.exceptions.PolarsError) as failure:
        raise refused_type(name, str(series.dtype)) from failure


def _found(values: Any) -> str:
    """The types of the values in words, for a column of Python objects."""
    names = sorted({type(value).__name__ for value in list(values)[:10_000]} - {"NoneType"})
    return " and ".join(names[:3])


def _shape(source: str, what: str, fix: str | Words) -> VetroError:
    return error("E125", source=source, what=what, fix=fix)


def to_kind(
    columns: Mapping[str, Sequence[Any] | NDArray[Any]], kind: str, like: Any = None
) -> Any:
    """The columns as a frame of a kind; a pandas frame has the index of `like`.

    numpy: (rows, columns), floats if all columns are numbers, else objects.
    torch: (rows, columns) of floats, on the device of `like`; if a column holds texts, a dict of
    arrays, because texts cannot be a tensor.  dict and "": a dict of arrays.
    """
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    numeric = all(array.dtype.kind in "fiub" for array in arrays.values())
    # Texts become Python strings, which every kind of frame reads as texts.
    plain = {
        name: array.tolist() if array.dtype.kind in "UO" else array
        for name, array in arrays.items()
    }
    if kind == "pandas":
        import pandas as pd

        return pd.DataFrame(plain, index=getattr(like, "index", None))
    if kind == "polars":
        import polars as pl

        return pl.DataFrame(plain)
    if kind == "pyarrow":
        import pyarrow as pa

        return pa.table(plain)
    if kind == "numpy" or (kind == "torch" and numeric):
        dtype = np.result_type(*arrays.values()) if numeric else np.dtype(object)
        matrix = np.column_stack([array.astype(dtype) for array in arrays.values()])
        if kind == "numpy":
            return matrix
        import torch

        return torch.from_numpy(matrix).to(getattr(like, "device", "cpu"))
    return arrays
