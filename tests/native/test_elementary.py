"""The elementary functions: at most 2 units in the last place off, the same bits on all sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from native.building import (
    CROSS,
    NATIVE,
    RUN_HERE,
    SETS,
    aarch64_tools,
    compiler,
    lacking,
    run,
    runs_here,
)

LIMIT = 2.0
FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "erf")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elementary")


def build(folder: Path, isa: str, by: str = "c++") -> Path:
    program = folder / f"elementary_{isa}"
    if program.exists():
        return program
    emulated = ("-static",) if by == CROSS else ()
    run([
        compiler(by), "-std=c++17", "-O2", "-ffp-contract=off", "-fno-math-errno", *SETS[isa],
        NATIVE / "tests" / "elementary_test.cpp", "-o", program, "-pthread", *emulated,
    ])  # fmt: skip
    return program


def results(program: Path, *words: str, prefix: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """By function: the largest error, where it is, the hash."""
    lines = [line.split() for line in run([*prefix, program, *words]).splitlines()]
    assert tuple(words[0] for words in lines) == FUNCTIONS
    return {words[0]: words[1:] for words in lines}


def bits(found: dict[str, list[str]]) -> dict[str, str]:
    return {function: words[-1] for function, words in found.items()}


def check_all_sets(folder: Path, words: tuple[str, ...]) -> None:
    found = []
    for isa in RUN_HERE:
        if lacking(isa):
            continue
        found.append(results(build(folder, isa), *words, *(["bits"] if found else [])))
    if not found:
        pytest.skip("NOT TESTED: this processor has none of the instruction sets")
    for function, (error, where, _) in found[0].items():
        assert float(error) <= LIMIT, f"{function}({where}) is {error} units off"
    assert all(bits(found[0]) == bits(other) for other in found[1:])


@pytest.mark.parametrize("words", [("float", "9973", "0", "1"), ("double", "200000", "0", "1")])
def test_errors_stay_below_two_units_and_bits_are_equal_on_all_sets(folder, words):
    check_all_sets(folder, words)


@pytest.mark.long
@pytest.mark.aarch64
@pytest.mark.parametrize("words", [("float", "99991", "0", "1"), ("double", "50000", "0", "1")])
def test_bits_are_equal_on_aarch64(folder, words):
    cross, emulator = aarch64_tools()
    runs_here("avx2")
    here = results(build(folder, "avx2"), *words, "bits")
    there = results(build(folder, "neon", cross), *words, "bits", prefix=(emulator,))
    assert bits(here) == bits(there)


ALL = [("float", "8", str(first), "2") for first in range(8)]


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("words", [*ALL, ("double", "10000000", "0", "2")])
def test_all_floats_and_ten_million_doubles(folder, words):
    check_all_sets(folder, words)
