"""Baselines in a process of their own: the same figures, and computed here where that fails."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from model.test_baselines import halves, made

from vetro.model import baselines_apart
from vetro.model.baselines import baselines
from vetro.model.baselines_apart import Baselines


@pytest.fixture(autouse=True)
def _without_sklearn(monkeypatch):
    """As in a program that has not loaded it."""
    monkeypatch.setattr(baselines_apart, "_worthwhile", lambda: True)


@pytest.fixture
def here(monkeypatch):
    """How often the baselines were computed in this process."""
    calls = []

    def counted(*given, **named):
        calls.append(1)
        return baselines(*given, **named)

    monkeypatch.setattr(baselines_apart, "baselines", counted)
    return calls


@pytest.mark.parametrize("classes", [0, 3])
def test_the_figures_are_the_same(here, classes):
    table, fold = made(classes), halves()
    task = "classification" if classes else "regression"
    weights = np.linspace(1, 2, table.rows)
    with Baselines(apart=True) as apart:
        apart.begin(table, task, fold, weights, 3)
        found = apart.figures(table, task, fold, weights, 3)
    assert here == []
    assert found == baselines(table, task, fold, weights=weights, seed=3)


def test_other_folds_than_those_begun_are_computed_here(here):
    table, fold = made(), halves()
    other = np.where(fold == 1, -1, fold)
    with Baselines(apart=True) as apart:
        apart.begin(table, "regression", fold, None, 0)
        found = apart.figures(table, "regression", other, None, 0)
    assert here == [1]
    assert found == baselines(table, "regression", other)


def test_a_process_that_fails_is_no_failure(here, monkeypatch):
    table, fold = made(), halves()
    for program in ("/bin/false", "/nonexistent/python"):
        monkeypatch.setattr(sys, "executable", program)
        with Baselines(apart=True) as apart:
            apart.begin(table, "regression", fold, None, 0)
            assert apart.figures(table, "regression", fold, None, 0)["mean"]
    assert here == [1, 1]


def test_leaving_ends_the_process():
    with Baselines(apart=True) as apart:
        process = apart._process
        assert process is not None
    assert process.returncode is not None
