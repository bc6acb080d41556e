"""Small faults in a Python source, one at a time: a swapped operator, a dropped allowance.

Not mutated: texts, annotations, decorators, what is raised, and calls that word a message.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[2] / "src" / "vetro"
ROOMS = ("glass", "engines", "networks/activations", "networks/losses", "networks/updates")

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
SWAPPED = {
    "minimum": "maximum", "min": "max", "fmin": "fmax", "floor": "ceil", "any": "all",
    "argmin": "argmax", "logical_and": "logical_or", "zeros_like": "ones_like", "zeros": "ones",
}  # fmt: skip
SWAPPED |= {after: before for before, after in SWAPPED.items()}
DROPPED = {"abs", "nextafter", "sorted", "reversed", "clip"}
WORDS = {"error", "notice", "words", "warn", "join", "format"}

TEXTS = ("_text.py", "_json.py", "_latex.py", "_code.py", "drawn.py", "trace_cells.py", "names.py")
PROVES = ("glass/bounds/", "glass/verify/", "glass/formula/", "glass/exact.py", "engines/native_")


@dataclass(frozen=True)
class Mutant:
    """One fault: `before` became `after` in `scope` of a file below src/vetro; `place` counts
    equal ones.  number: its place among those of its file."""

    file: str
    scope: str
    line: int
    before: str
    after: str
    place: int
    number: int

    @property
    def name(self) -> str:
        again = f" ({self.place + 1})" if self.place else ""
        return f"{self.file} {self.scope or 'module'}: {self.before} -> {self.after}{again}"


@dataclass
class Candidate:
    scope: str
    line: int
    before: str
    after: str
    apply: Callable[[], None]


def files() -> list[str]:
    found = [path for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
    return [path.relative_to(PACKAGE).as_posix() for path in found]


@cache
def mutants_of(file: str) -> list[Mutant]:
    counts: dict[tuple[str, str, str], int] = {}
    found = []
    for number, one in enumerate(candidates(ast.parse((PACKAGE / file).read_text()))):
        key = (one.scope, one.before, one.after)
        counts[key] = counts.get(key, -1) + 1
        found.append(Mutant(file, one.scope, one.line, one.before, one.after, counts[key], number))
    return found


def mutated(mutant: Mutant) -> ast.Module:
    tree = ast.parse((PACKAGE / mutant.file).read_text())
    candidates(tree)[mutant.number].apply()
    return ast.fix_missing_locations(tree)


def sample(count: int, seed: int, within: str = "") -> list[Mutant]:
    """So many of all mutants, the same for the same seed; code that proves is drawn more often."""

    def key(mutant: Mutant) -> float:
        digest = hashlib.sha256(f"{seed} {mutant.name}".encode()).digest()
        drawn = (int.from_bytes(digest[:8], "big") + 1) / 2**64
        weight = 1.0
        if mutant.file.endswith(TEXTS):
            weight = 0.2
        elif mutant.file.startswith(PROVES):
            weight = 3.0
        return float(drawn ** (1 / weight))

    every = [mutant for file in files() if file.startswith(within) for mutant in mutants_of(file)]
    return sorted(every, key=key, reverse=True)[:count]


def candidates(tree: ast.Module) -> list[Candidate]:
    """Every fault that can be planted into this tree; each changes this tree itself."""
    return list(_within(tree, ""))


def _within(node: ast.AST, scope: str) -> Iterator[Candidate]:
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "exc", "type_params", "msg"):
            continue
        if isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.AST):
                    yield from _at(child, _setter(value, index), scope)
        elif isinstance(value, ast.AST):
            yield from _at(value, _attribute_setter(node, field), scope)


def _setter(values: list[Any], index: int) -> Callable[[Any], None]:
    def put(new: Any) -> None:
        values[index] = new

    return put


def _attribute_setter(node: ast.AST, field: str) -> Callable[[Any], None]:
    return lambda new: setattr(node, field, new)


def _at(node: ast.AST, put: Callable[[Any], None], scope: str) -> Iterator[Candidate]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        inside = f"{scope}.{node.name}" if scope else node.name
        yield from _within(node, inside)
        return
    if _is_text(node):
        return
    if isinstance(node, ast.expr | ast.stmt):
        for new in _replacements(node):
            after = "(nothing)" if isinstance(new, ast.Pass) else ast.unparse(new)
            before = ast.unparse(node)
            if isinstance(node, ast.If | ast.While):  # the condition alone is shown
                before, after = ast.unparse(node.test), ast.unparse(new.test)
            yield Candidate(scope, node.lineno, before, after, _put(put, new))
    yield from _within(node, scope)


def _put(put: Callable[[Any], None], new: Any) -> Callable[[], None]:
    return lambda: put(new)


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    return isinstance(node, ast.Call) and _called(node) in WORDS


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _replacements(node: ast.AST) -> Iterator[Any]:
    match node:
        case ast.Compare(ops=ops):
            for index, operator in enumerate(ops):
                new = COMPARISONS[type(operator)]()
                swapped = [*ops[:index], new, *ops[index + 1 :]]
                yield ast.Compare(node.left, swapped, node.comparators)
        case ast.BinOp(left=left, op=operator, right=right):
            if type(operator) in OPERATORS:
                yield ast.BinOp(left, OPERATORS[type(operator)](), right)
            if isinstance(operator, ast.Add | ast.Sub | ast.Mult | ast.Div):
                yield left
                if isinstance(operator, ast.Mult | ast.Add):
                    yield right
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield operand
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
            if value > 1:
                yield ast.Constant(value - 1)
        case ast.Constant(value=float() as value):
            yield ast.Constant(value * 2 if value else 1.0)
            if value:
                yield ast.Constant(value / 2)
        case ast.Attribute(value=of, attr="inf"):
            yield ast.UnaryOp(ast.USub(), ast.Attribute(of, "inf", ast.Load()))
        case ast.Call(func=function, args=arguments, keywords=keywords):
            name = _called(node)
            if name in SWAPPED:
                other: ast.expr = ast.Name(SWAPPED[name], ast.Load())
                if isinstance(function, ast.Attribute):
                    other = ast.Attribute(function.value, SWAPPED[name], ast.Load())
                yield ast.Call(other, arguments, keywords)
            if name in DROPPED and arguments:
                yield arguments[0]
        case ast.If(test=test) if not isinstance(test, ast.Constant):
            for value in (True, False):
                yield ast.If(ast.Constant(value), node.body, node.orelse)
        case ast.IfExp(test=test):
            yield node.body
            yield node.orelse
        case ast.While(test=test) if not isinstance(test, ast.Constant):
            yield ast.While(ast.Constant(False), node.body, node.orelse)
        case ast.AugAssign(target=target, op=operator, value=value):
            yield ast.Pass()
            if type(operator) in OPERATORS:
                yield ast.AugAssign(target, OPERATORS[type(operator)](), value)
        case ast.Expr() | ast.Continue() | ast.Break() | ast.Raise():
            yield ast.Pass()
