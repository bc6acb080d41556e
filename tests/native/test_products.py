"""Every register tile and every tail of the matrix products.

The numbers are small integers: then every sum is exact in any order, and the result is NumPy's
product of integers, or an index is wrong.  Around each result lie numbers that must stay.
"""

from __future__ import annotations

import ctypes
import itertools
from pathlib import Path

import numpy as np
import pytest
from native.building import RUN_HERE, runs_here
from native.parts import Parts, build_parts

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
UNTOUCHED = 77.0
WIDEST = 16  # numbers in the widest register


@pytest.fixture(scope="module", params=RUN_HERE)
def products(request: pytest.FixtureRequest, compiled: Path) -> Parts:
    runs_here(request.param)
    return build_parts(compiled, request.param, "products")


def integers(random: np.random.Generator, *shape: int, dtype: type = np.float64) -> np.ndarray:
    return random.integers(-9, 10, shape).astype(dtype)


def whole(count: int) -> int:
    """Rounded up to whole lanes, and a register more."""
    return -(-count // WIDEST) * WIDEST + WIDEST


def multiply(parts: Parts, a, b, n: int, start, *, turned: bool) -> np.ndarray:
    """A (m, k) times the first n columns of B (k, columns), as it lies in memory around C.

    start: the bias (m,), or C (m, n) to be added to, or nothing.
    """
    (m, k), dtype = a.shape, a.dtype
    c = np.full((m + 1, whole(n)), UNTOUCHED, dtype)
    adds = start is not None and start.ndim == 2
    if adds:
        c[:m, :n] = start
    held = np.ascontiguousarray(a.T if turned else a)
    a_row, a_col = (1, m) if turned else (k, 1)
    parts.call(
        "multiply", dtype, held, ctypes.c_int64(a_row), ctypes.c_int64(a_col), b,
        ctypes.c_int64(b.shape[1]), c, ctypes.c_int64(c.shape[1]), None if adds else start, adds,
        m, n, k,
    )  # fmt: skip
    return c


@DTYPES
def test_products_of_all_shapes_are_exact(products, dtype):
    random = np.random.default_rng(1)
    lanes = 64 // np.dtype(dtype).itemsize
    for m, n, k in itertools.product(range(1, 14), range(1, 5 * lanes + 1), (1, 2, 4, 5)):
        a, b = integers(random, m, k, dtype=dtype), integers(random, k, whole(n), dtype=dtype)
        kind = (m + n + k) % 3
        starts = (None, integers(random, m, dtype=dtype), integers(random, m, n, dtype=dtype))
        start = starts[kind]
        c = multiply(products, a, b, n, start, turned=n % 2 == 0)
        expected = a @ b[:, :n]
        if kind:
            expected = expected + (start[:, None] if kind == 1 else start)
        assert np.array_equal(c[:m, :n], expected), (m, n, k, kind)
        # the rows of narrow products are whole registers
        assert np.all(c[m] == UNTOUCHED) and np.all(c[:m, n:] == UNTOUCHED), (m, n, k, kind)


def both_gradients(parts: Parts, d, a, rows: int, g, sums, add: bool) -> None:
    (outputs, stride), inputs = d.shape, g.shape[1]
    held = [ctypes.c_void_p(each.ctypes.data) for each in (d, a, g, sums)]
    function = getattr(parts.library, f"both_gradients_{g.dtype}")
    assert function(*held[:2], ctypes.c_int64(stride), rows, outputs, inputs, *held[2:], add)


@DTYPES
@pytest.mark.parametrize("add", [False, True])
def test_gradients_of_all_shapes_are_exact(products, dtype, add):
    random = np.random.default_rng(2)
    for outputs, inputs, rows in itertools.product(range(1, 10), range(1, 19), (16, 48, 208)):
        stride = rows + WIDEST
        padded = whole(inputs)
        d = integers(random, outputs, stride, dtype=dtype)
        a = integers(random, padded, stride, dtype=dtype)  # a transposed block reads on
        before = integers(random, outputs, inputs, dtype=dtype)
        expected = d[:, :rows] @ a[:inputs, :rows].T + (before if add else 0)
        at = (ctypes.c_int64(stride), rows, outputs)
        for name in ("gradient_by_lanes", "weight_gradient"):
            g = np.full(outputs * inputs + 1, UNTOUCHED, dtype)
            g[:-1] = before.ravel()
            scratch = [np.zeros((rows + 1) * (padded + WIDEST), dtype)]
            last = scratch if name == "weight_gradient" else []
            products.call(name, g.dtype, d, a, *at, inputs, g, add, *last)
            assert np.array_equal(g[:-1].reshape(outputs, inputs), expected), (outputs, inputs)
            assert g[-1] == UNTOUCHED
        sums_before = integers(random, outputs, dtype=dtype)
        sums = np.append(sums_before, dtype(UNTOUCHED))
        products.call("sum_rows", sums.dtype, d, *at, sums, add)
        sums_expected = d[:, :rows].sum(axis=1) + (sums_before if add else 0)
        assert np.array_equal(sums[:-1], sums_expected) and sums[-1] == UNTOUCHED
        if outputs <= 4 and inputs <= 4:
            g, sums = before.copy(), sums_before.copy()
            both_gradients(products, d, a, rows, g, sums, add)
            assert np.array_equal(g, expected), (outputs, inputs)
            assert np.array_equal(sums, sums_expected)


@DTYPES
def test_transposing_and_adding_are_exact(products, dtype):
    random = np.random.default_rng(3)
    for rows, columns in itertools.product((16, 32, 80), (16, 48)):
        held = integers(random, rows, columns + WIDEST, dtype=dtype)
        out = np.full((columns, rows + 3), UNTOUCHED, dtype)
        products.call(
            "transpose", held.dtype, held, ctypes.c_int64(held.shape[1]), rows, columns, out,
            ctypes.c_int64(out.shape[1]),
        )  # fmt: skip
        assert np.array_equal(out[:, :rows], held[:, :columns].T)
        assert np.all(out[:, rows:] == UNTOUCHED)
    for count in range(1, 50):
        total, term = integers(random, 2, count + 1, dtype=dtype)
        expected = np.append((total + term)[:count], total[count])
        products.call("add_to", total.dtype, total, term, ctypes.c_int64(count))
        assert np.array_equal(total, expected)


@DTYPES
def test_the_bits_are_the_same_on_all_sets(compiled, dtype):
    """With numbers whose sums are rounded: each element's chain is the same, in any tile."""
    random = np.random.default_rng(4)
    built = []
    for isa in RUN_HERE:
        runs_here(isa)
        built.append(build_parts(compiled, isa, "products"))
    for m, n, k in itertools.product((1, 4, 7, 13), (1, 7, 16, 31, 64, 75), (3, 40)):
        a, b = random.normal(size=(m, k)).astype(dtype), random.normal(size=(k, whole(n)))
        b, bias = b.astype(dtype), random.normal(size=m).astype(dtype)
        found = [multiply(parts, a, b, n, bias, turned=False) for parts in built]
        assert all(np.array_equal(found[0], other) for other in found[1:]), (m, n, k)
        assert np.allclose(found[0][:m, :n], a @ b[:, :n] + bias[:, None], rtol=1e-4, atol=1e-4)
    rows = 64 // np.dtype(dtype).itemsize
    for outputs, inputs in itertools.product(range(1, 5), range(1, 5)):
        d, a = (random.normal(size=(count, rows)).astype(dtype) for count in (outputs, inputs))
        results = []
        for parts in built:
            g, sums = np.zeros((outputs, inputs), dtype), np.zeros(outputs, dtype)
            both_gradients(parts, d, a, rows, g, sums, False)
            results.append(np.append(g.ravel(), sums))
        assert all(np.array_equal(results[0], other) for other in results[1:]), (outputs, inputs)
