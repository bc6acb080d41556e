"""Fits the polynomials of elementary.h: weighted minimax (Remez) in 60 digits of mpmath.

It is not part of the build and not a test: run it to see where the coefficients come from.  It
prints each polynomial's coefficients, lowest power first, rounded to their type, and the largest
error, weighted as in the function.  The coefficients are rounded one after another, lowest power
first; after each, those of higher powers are fitted again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import atanh, cos, erf, erfc, expm1, log, lu_solve, matrix, mp, mpf, pi, sqrt

Function = Callable[[Any], Any]
Terms = list[tuple[int, Any]]  # power, coefficient

mp.dps = 60
LN2 = log(mpf(2))


def remez(f: Function, weight: Function, powers: list[int], low: Any, high: Any) -> list[Any]:
    """The coefficients of the powers for which the largest weight * |f - p| is least."""
    n = len(powers)
    count = 60 * (n + 1)
    grid = [low + (high - low) * (1 - cos(pi * i / count)) / 2 for i in range(count + 1)]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    extrema = [round(i * count / n) for i in range(n + 1)]
    coefficients: list[Any] = []
    for _ in range(40):
        a, b = matrix(n + 1, n + 1), matrix(n + 1, 1)
        for row, i in enumerate(extrema):
            for column, power in enumerate(powers):
                a[row, column] = weights[i] * grid[i] ** power
            a[row, n] = (-1) ** row
            b[row] = weights[i] * values[i]
        solution = lu_solve(a, b)
        coefficients, level = list(solution)[:n], abs(solution[n])
        errors = [
            w * (v - sum(c * x**p for c, p in zip(coefficients, powers, strict=True)))
            for x, v, w in zip(grid, values, weights, strict=True)
        ]
        extrema = alternating(errors, n + 1)
        if len(extrema) < n + 1 or max(map(abs, errors)) <= level * mpf("1.0001"):
            break
    return coefficients


def alternating(errors: list[Any], wanted: int) -> list[int]:
    """The points of largest error in each stretch of one sign, without the smallest ones."""
    found: list[int] = []
    for i, error in enumerate(errors):
        if found and (errors[found[-1]] > 0) == (error > 0):
            if abs(error) > abs(errors[found[-1]]):
                found[-1] = i
        else:
            found.append(i)
    while len(found) > wanted:
        sizes = [abs(errors[i]) for i in found]
        if len(found) == wanted + 1:
            found.pop(0 if sizes[0] < sizes[-1] else -1)
        else:
            k = min(range(len(found) - 1), key=lambda j: min(sizes[j], sizes[j + 1]))
            del found[k : k + 2]
    return found


def residual(f: Function, terms: Terms) -> Function:
    return lambda x: f(x) - sum(c * x**p for p, c in terms)


def fit(name: str, f: Function, weight: Function, count: int, low: Any, high: Any, t: Any) -> None:
    low, high = mpf(low), mpf(high)
    terms: Terms = []
    while len(terms) < count:
        rest = list(range(len(terms), count))
        first = remez(residual(f, terms), weight, rest, low, high)[0]
        terms.append((rest[0], mpf(float(t(float(first))))))
    points = (low + (high - low) * i / 1000 for i in range(1001))
    worst = max(abs(weight(x) * residual(f, terms)(x)) for x in points)
    print(f"{name}, {t.__name__}: error 2^{float(log(worst, 2)):.1f}")
    for _, c in terms:
        print(f"    {float(c):.9g}f," if t is np.float32 else f"    {float(c):.17g},")


def expm1_tail(r: Any) -> Any:
    return (expm1(r) - r) / r**2 if abs(r) > mpf(10) ** -20 else mpf(1) / 2


def atanh_tail(z: Any) -> Any:
    s = sqrt(z)
    return (2 * atanh(s) - 2 * s) / s**3 if z > mpf(10) ** -20 else mpf(2) / 3


def erf_tail(z: Any) -> Any:
    x = sqrt(z)
    return (erf(x) / x if z else 2 / sqrt(pi)) - 1


def main() -> None:
    half = LN2 / 2 * mpf("1.001")
    ratio = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * mpf("1.001")
    for t, counts, split, end in (
        (np.float32, (5, 3, 6, 7), "0.93", "3.95"),
        (np.float64, (11, 7, 13, 18), "1.0", "5.95"),
    ):
        of_expm1, of_atanh, of_erf, of_erfc = counts
        fit("EXPM1", expm1_tail, lambda r: r and abs(r**2 / expm1(r)), of_expm1, -half, half, t)
        fit("ATANH", atanh_tail, lambda z: z / 2, of_atanh, 0, ratio, t)
        fit("ERF", erf_tail, lambda z: 1 / (1 + erf_tail(z)), of_erf, 0, mpf(split) ** 2, t)
        fit("LOG_ERFC", lambda x: log(erfc(x)) / x, lambda x: x * erfc(x), of_erfc, split, end, t)


if __name__ == "__main__":
    main()
