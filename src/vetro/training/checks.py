"""Checks of single arguments of the PyTorch door: counts, sizes, switches, functions."""

from __future__ import annotations

import inspect
import math
import numbers
import operator
from collections.abc import Callable
from typing import Any

from torch import nn

from vetro.errors import Setting, Words, counted, error


def invalid(argument: str, value: object, reason: str, fix: str | Words) -> Exception:
    """E601, to be raised."""
    return error("E601", argument=Setting(argument), value=value, reason=reason, fix=f"{fix}.")


def contradiction(what: str, fix: str | Words) -> Exception:
    """E604, to be raised."""
    return error("E604", what=what, fix=f"{fix}.")


def count_of(name: str, value: Any) -> int | None:
    """None, or a whole number of at least 1, also of NumPy; E601 for another value."""
    if value is None:
        return None
    try:
        count = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = None
    if count is None:
        meant = _meant(value)
        raise invalid(name, value, "it must be a whole number", f"Use {name}={meant}")
    if count < 1:
        raise invalid(name, value, "it must be at least 1", f"Use {name}=10")
    return count


def _meant(value: Any) -> int:
    """The whole number that a float or a text is, or else an example."""
    try:
        number = 0.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return 10
    return int(number) if number >= 1 and number.is_integer() else 10


def size_of(name: str, value: Any) -> float | None:
    """None, or a finite number above 0; E601 for another value."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise invalid(name, value, "it must be a number", f"Use {name}=1.0")
    size = float(value)
    if not (math.isfinite(size) and size > 0):
        raise invalid(name, value, "it must be above 0", f"Use {name}=1.0")
    return size


def switch_of(name: str, value: Any) -> bool:
    """True or False, also of NumPy; E601 for another value."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise invalid(name, value, "it must be True or False", f"Use {name}=True")
    return bool(value)


def check_function(name: str, function: Callable[..., Any] | None, *arguments: str) -> None:
    """E601 unless the function can be called with these arguments."""
    if function is None:
        return
    known = getattr(function, "__name__", type(function).__name__)
    call = f"{name}({', '.join(arguments)})"
    if not callable(function):
        raise invalid(name, known, "it is not a function", f"Give a function, called as {call}")
    called = (
        type(function).forward.__get__(function) if isinstance(function, nn.Module) else function
    )
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):  # a built-in function may have none
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        takes = counted(len(signature.parameters), "argument")
        raise invalid(
            name, known, f"it takes {takes} {signature}", f"Give a function, called as {call}"
        ) from None
