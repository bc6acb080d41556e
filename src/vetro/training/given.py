"""The caller's rows as tensors: from tensors, arrays, lists, pandas and polars frames.

A frame's columns must be numbers.  Categories, dates and text are for vetro.fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vetro.errors import shown
from vetro.training import misuse
from vetro.training.loss_probe import Loss

Rows = Tensor | NDArray[Any] | Sequence[Any] | Any
"""Any: a frame or series of pandas or polars.  This module imports neither."""

Role = Literal["input", "number", "class", "target"]


def role_of_target(loss: Loss) -> Role:
    """The content of a target: numbers, class numbers, or ("target") known only to the loss."""
    kind = misuse.kind_of_loss(loss)
    if kind in misuse.OF_CLASSES:
        return "class"
    return "number" if kind else "target"


def role_of_input(module: nn.Module) -> Role:
    """Numbers, or indices that a layer looks up."""
    looks_up = any(isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in module.modules())
    return "target" if looks_up else "input"


def as_tensor(name: str, values: Rows, parameter: Tensor, role: Role) -> Tensor:
    """The values as a tensor.

    Tensors stay as they are.  All others are copied to the device of `parameter`, and floats to
    its dtype.  So are whole numbers of frames and lists, unless they are classes.  E315 for
    values that are not numbers.
    """
    if isinstance(values, Tensor):
        return _checked(name, values)
    whole = isinstance(values, np.ndarray)
    if is_frame(values):
        array = _of_frame(name, values)
    elif isinstance(values, list | tuple) and values and isinstance(values[0], Tensor):
        return _stacked(name, values)
    elif isinstance(values, np.ndarray):
        array = values
    elif isinstance(values, list | tuple):
        array = _of_list(name, values)
    else:
        raise misuse.refusal(f"{name} is of the kind {type(values).__name__}", _FIX)
    masked = isinstance(array, np.ma.MaskedArray)
    hidden = int(np.count_nonzero(np.ma.getmaskarray(array))) if masked else 0
    if hidden:
        raise misuse.refusal(
            f"{name} is a masked array, and {hidden} of {array.size} values are masked",
            "Fill or leave out these rows",
        )
    if array.dtype.kind not in "biuf":
        raise misuse.refusal(f"{name} is of the kind array of {array.dtype}", _FIX)
    known = np.float64 if array.dtype.itemsize > 8 else array.dtype  # torch has no longdouble
    native = np.ascontiguousarray(array, dtype=np.dtype(known).newbyteorder("="))
    as_number = native.dtype.kind == "f" or (not whole and role in ("input", "number"))
    if not as_number and not whole and native.dtype.kind in "iu":
        native = native.astype(np.int64)
    dtype = parameter.dtype if as_number else None
    return torch.tensor(native, dtype=dtype, device=parameter.device)


def is_frame(values: object) -> bool:
    """Whether these are a frame or series of pandas or polars."""
    kind = type(values)
    root = kind.__module__.partition(".")[0]
    return root in ("pandas", "polars") and kind.__name__ in ("DataFrame", "Series")


def code_of(name: str, values: object) -> str:
    """Python code that gives the values as a tensor or an array."""
    if isinstance(values, list | tuple):
        return f"torch.tensor({name})"
    return f"torch.tensor({name}.to_numpy())" if is_frame(values) else name


def check_aligned(x: object, y: object) -> None:
    """E315 if x and y are of pandas, and the labels of their rows differ."""
    if not (is_frame(x) and is_frame(y) and hasattr(x, "index") and hasattr(y, "index")):
        return
    mine, its = x.index, y.index
    if len(mine) != len(its) or mine.equals(its):
        return
    row = next(number for number, pair in enumerate(zip(mine, its, strict=True)) if _differ(*pair))
    raise misuse.refusal(
        f"x and y have different indexes (first in row {row}: "
        f"{_label(mine[row])} and {_label(its[row])}), and rows are taken by position",
        "Use y.loc[x.index], or x.to_numpy() and y.to_numpy() if the rows do belong together",
    )


_FIX = "Give a tensor, an array, a list or a frame of numbers, such as torch.tensor(rows)"


def _label(value: object) -> str:
    return f'"{shown(value)}"' if isinstance(value, str) else shown(value)


def _differ(a: object, b: object) -> bool:
    return not (a == b or (a != a and b != b))


def _checked(name: str, values: Tensor) -> Tensor:
    if values.is_nested:
        raise misuse.refusal(f"{name} is a nested tensor", "Give rows of one length")
    if values.is_meta:
        raise misuse.refusal(
            f"{name} is on the meta device, where tensors have no values", "Give rows with values"
        )
    if values.is_inference():
        raise misuse.refusal(
            f"{name} was made in torch.inference_mode(), so no gradient can use it",
            f"Use {misuse.variable(name)}.clone()",
        )
    if values.grad_fn is not None:
        raise misuse.refusal(
            f"{name} was computed with gradients, and backward() works only once on that "
            "computation",
            f"Use {misuse.variable(name)}.detach()",
        )
    return values


def _stacked(name: str, values: Sequence[Any]) -> Tensor:
    try:
        return _checked(name, torch.stack(tuple(values)))
    except (RuntimeError, TypeError):
        raise misuse.refusal(
            f"{name} is a list of tensors of different shapes or kinds", "Give rows of one shape"
        ) from None


def _of_list(name: str, values: Sequence[Any]) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError:
        raise misuse.refusal(
            f"{name} is a list of rows of different lengths", "Give rows of one length"
        ) from None
    if array.dtype.kind not in "biuf":
        flat = np.asarray(values, dtype=object).reshape(-1)
        numbers = (int, float, np.number, np.bool_)
        wrong = next((value for value in flat if not isinstance(value, numbers)), None)
        raise misuse.refusal(f'{name} holds "{shown(wrong)}", which is not a number', _TEXT)
    return array


_TEXT = "Give numbers, or use vetro.fit, which reads categories, dates and text"


def _of_frame(name: str, values: Any) -> NDArray[Any]:
    """(rows, columns) of a frame, (rows,) of a series."""
    if type(values).__name__ == "Series":
        return _of_column(name, values)
    if hasattr(values, "get_columns"):  # polars
        columns = list(values.get_columns())
    else:
        columns = [values.iloc[:, number] for number in range(values.shape[1])]
    if not columns:
        raise misuse.refusal(f"{name} is a frame without columns", "Give one column per input")
    return np.column_stack([_of_column(name, column) for column in columns])


def _of_column(name: str, column: Any) -> NDArray[Any]:
    polars = type(column).__module__.startswith("polars")
    if polars:
        kind = "f" if column.dtype.is_numeric() else "b" if str(column.dtype) == "Boolean" else "O"
    else:
        kind = column.dtype.kind
    if kind not in "biuf":
        value = next((value for value in column if value is not None and value == value), None)
        label = f' column "{shown(column.name)}"' if column.name not in (None, "") else ""
        raise misuse.refusal(
            f'{name}{label} is {column.dtype}, not numbers (first value "{shown(value)}")', _TEXT
        )
    empty = column.null_count() if polars else int(column.isna().sum())
    if polars:
        import polars as pl  # exists, since the column is one of polars

        return np.asarray(
            column.cast(pl.Float64) if empty or str(column.dtype)[0] == "D" else column
        )
    if empty:
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    plain = {"b": np.bool_, "f": np.float64}.get(kind, np.int64)
    return np.asarray(column.to_numpy(dtype=plain))
