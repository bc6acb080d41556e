"""The objects that a function can reach: does it matter if it is called earlier, or more often?

The module walks over the function's code and over everything that the code can name.  It calls
nothing.  The answer "nothing" is a proof; any other answer names the first thing that it could
not follow.
"""

from __future__ import annotations

import builtins
import cmath
import dis
import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction
from types import BuiltinMethodType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

_NUMBERS = (int, float, complex, str, bytes, type(None), np.number, np.bool_, range, Fraction)
_CONTAINERS = (list, tuple, set, frozenset, dict, Counter)  # Counter: MultiStepLR's milestones
_PURE_BUILTINS = frozenset(
    getattr(builtins, name)
    for name in (
        "abs", "all", "any", "bool", "complex", "dict", "divmod", "enumerate", "float",
        "frozenset", "int", "isinstance", "len", "list", "max", "min", "pow", "range", "reversed",
        "round", "set", "sorted", "str", "sum", "tuple", "zip",
    )
)  # fmt: skip
_PURE_OTHERS = frozenset({Fraction, np.float64, np.float32, np.int64, float.fromhex})
_READING_METHODS = frozenset(
    (
        "__getitem__", "__contains__", "get", "index", "count", "keys", "values", "items",
        "bit_length", "is_integer", "real", "imag", "conjugate", "numerator", "denominator",
    )
)  # fmt: skip
_PURE_MODULES = (math, cmath)
_OPCODES = (
    "RESUME", "NOP", "CACHE", "EXTENDED_ARG", "PRECALL", "PUSH_NULL", "NOT_TAKEN", "KW_NAMES",
    "LOAD_FAST", "STORE_FAST", "DELETE_FAST", "LOAD_CONST", "LOAD_SMALL_INT", "LOAD_GLOBAL",
    "LOAD_DEREF", "LOAD_CLOSURE", "MAKE_CELL", "COPY_FREE_VARS", "LOAD_ATTR", "LOAD_METHOD",
    "BINARY_", "COMPARE_OP", "CONTAINS_OP", "IS_OP", "UNARY_", "TO_BOOL", "POP_", "JUMP_",
    "RETURN_", "CALL", "BUILD_", "GET_ITER", "FOR_ITER", "END_FOR", "LIST_APPEND", "LIST_EXTEND",
    "SET_ADD", "MAP_ADD", "COPY", "SWAP", "MAKE_FUNCTION", "SET_FUNCTION_ATTRIBUTE",
    "UNPACK_SEQUENCE", "FORMAT_", "YIELD_VALUE", "LOAD_ASSERTION_ERROR", "RAISE_VARARGS",
    "STORE_DEREF",
)  # fmt: skip
"""Instructions that only read and compute.  Any other may write, import or suspend."""


def reach_of(function: Callable[..., Any]) -> str:
    """In words: a changeable object that the function reads, or an action that changes one.

    "" if there is nothing: its result then depends only on its arguments and on plain data."""
    return _Walk().of(function)


def reach_of_value(value: object) -> str:
    """As reach_of, for any value that a scheduler holds."""
    return _Walk().of(value)


class _Walk:
    def __init__(self) -> None:
        self._seen: set[int] = set()

    def of(self, value: object, name: str = "") -> str:
        """The reach of a value that code can name, "" if it is plain or pure."""
        known = name or getattr(value, "__name__", type(value).__name__)
        if isinstance(value, _NUMBERS) and _as_made(value):
            return ""
        if id(value) in self._seen:
            return ""
        self._seen.add(id(value))
        if isinstance(value, _CONTAINERS) and type(value) in _CONTAINERS:
            parts = (*value.keys(), *value.values()) if isinstance(value, dict) else tuple(value)
            return self._first((part, name) for part in parts)
        if isinstance(value, np.ndarray):
            plain = type(value) is np.ndarray and value.flags.owndata and value.dtype.kind in "biuf"
            return "" if plain else f"reads {known}"
        if isinstance(value, np.ufunc) or _is_pure(value):
            return ""
        if isinstance(value, functools.partial):
            parts = (value.func, *value.args, *value.keywords.values())
            return self._first((part, "") for part in parts)
        if isinstance(value, BuiltinMethodType):
            return self._of_builtin(value, known)
        if type(value) is FunctionType:
            return self._of_function(value)
        return f"reads {known}"

    def _first(self, values: Iterable[tuple[object, str]]) -> str:
        return next((found for value, name in values if (found := self.of(value, name))), "")

    def _of_builtin(self, value: BuiltinMethodType, known: str) -> str:
        owner = value.__self__
        if any(owner is module for module in _PURE_MODULES):
            return ""
        if type(owner) in _CONTAINERS and value.__name__ in _READING_METHODS:
            return self.of(owner, known)
        return f"calls {known}"

    def _of_function(self, function: FunctionType) -> str:
        if vars(function):
            return f"has attributes ({next(iter(vars(function)))})"
        given = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        found = self._first((value, "") for value in given)
        cells: dict[str, Any] = {}
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            try:
                cells[name] = cell.cell_contents
            except ValueError:
                return f"reads {name}, which is empty"
        return found or self._of_code(function.__code__, function, cells)

    def _of_code(self, code: CodeType, function: FunctionType, cells: dict[str, Any]) -> str:
        """The reach of code; cells: the names outside the function, with their values."""
        inner = [const for const in code.co_consts if isinstance(const, CodeType)]
        named: list[object] = []
        module: object = None
        for step in dis.get_instructions(code):
            kind, name = step.opname, str(step.argval)
            before, module = module, None
            if not kind.startswith(_OPCODES):
                return f"does more than compute ({kind.lower()} {name})".replace(" None", "")
            if kind == "STORE_DEREF" and name in code.co_freevars:
                return f"sets {name}"
            if kind == "LOAD_GLOBAL" or (kind.startswith("LOAD_") and name in cells):
                held = function.__globals__
                value = cells[name] if name in cells else held.get(name, _builtin(name))
                if value is _MISSING:
                    return f"reads {name}, which does not exist"
                named.append(value)
                if isinstance(value, ModuleType):
                    module = value
                elif found := self.of(value, name):
                    return found
            elif kind in ("LOAD_ATTR", "LOAD_METHOD"):
                if isinstance(before, ModuleType):
                    value = vars(before).get(name, _MISSING)
                    if isinstance(value, ModuleType):
                        module = value
                    elif value is _MISSING or (found := self.of(value, name)):
                        return f"reads {before.__name__}.{name}"
                elif name not in _READING_METHODS:
                    return f"reads .{name}"
            elif before is not None and kind not in ("CACHE", "PUSH_NULL"):
                return f"reads {getattr(before, '__name__', before)}"
            else:
                module = before
        if any(isinstance(value, list | set | dict | np.ndarray) for value in named):
            # `a = table; a += 1` and out=table write into what is named
            steps = list(dis.get_instructions(code))
            if any(step.opname == "BINARY_OP" and "=" in step.argrepr for step in steps):
                return "may change what it reads"
            if any("out" in const for const in code.co_consts if isinstance(const, tuple)):
                return "may change what it reads"
        return next((found for c in inner if (found := self._of_code(c, function, cells))), "")


_MISSING = object()


def _builtin(name: str) -> object:
    return getattr(builtins, name, _MISSING)


def _as_made(value: object) -> bool:
    """Whether a number is not of a subclass, whose methods may do anything."""
    return isinstance(value, np.generic) or type(value) in _NUMBERS or type(value) is bool


def _is_pure(value: object) -> bool:
    try:
        return value in _PURE_BUILTINS or value in _PURE_OTHERS
    except TypeError:  # the value has no hash
        return False
