"""A sample of small faults in the glass and the engines: each is noticed or explained."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from mutation.mutants import PACKAGE, candidates, files, mutants_of, mutated, sample
from mutation.run import explained


def test_a_mutant_differs_from_its_file_in_one_place():
    for mutant in sample(40, seed=2):
        before = ast.unparse(ast.parse((PACKAGE / mutant.file).read_text()))
        after = ast.unparse(mutated(mutant))
        assert before != after, mutant.name
        compile(after, mutant.file, "exec")


def test_a_sample_is_the_same_for_the_same_seed_and_names_are_unique():
    assert [one.name for one in sample(50, 3)] == [one.name for one in sample(50, 3)]
    names = [one.name for file in files() for one in mutants_of(file)]
    assert len(names) == len(set(names)) > 10_000


def test_what_is_mutated():
    source = """
def f(x: int = 3, *, y: float) -> float:
    'Text 1.'
    if x < 2 and y:
        raise ValueError("x", 1)
    return min(x, 4) - SAFE * abs(y)
"""
    found = {(one.before, one.after) for one in candidates(ast.parse(source))}
    assert {
        ("3", "4"), ("3", "2"), ("x < 2 and y", "True"), ("x < 2 and y", "False"),
        ("x < 2 and y", "x < 2 or y"), ("x < 2", "x <= 2"),
        ("min(x, 4)", "max(x, 4)"), ("min(x, 4) - SAFE * abs(y)", "min(x, 4)"),
        ("min(x, 4) - SAFE * abs(y)", "min(x, 4) + SAFE * abs(y)"),
        ("SAFE * abs(y)", "abs(y)"), ("SAFE * abs(y)", "SAFE / abs(y)"), ("abs(y)", "y"),
    } <= found  # fmt: skip
    assert not [one for one in found if "Text" in one[0] or "float" in one[0]]


@pytest.mark.long
def test_what_is_explained_is_there():
    names = {one.name for file in files() for one in mutants_of(file)}
    assert not set(explained()) - names, "remove or rename these in explained.toml"
    assert all(len(why) > 20 for why in explained().values())


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_sample_is_noticed(tmp_path: Path):
    """Of those that tests/mutation/run.py --count 300 plants; --seed another takes others."""
    command = [sys.executable, Path(__file__).with_name("run.py"), "--count", "40"]
    done = subprocess.run(
        [*command, "--file", tmp_path / "results"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
