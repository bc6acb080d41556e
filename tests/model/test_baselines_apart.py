"""Baselines in a process of their own: the same figures, and computed here where that fails."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from model.test_baselines import halves, made

from vetro.model import baselines_apart
from vetro.model.baselines import BaselineJob, baselines
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


def same(found, expected):
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_predictions_are_the_same(here, classes):
    table, fold = made(classes), halves()
    task = "classification" if classes else "regression"
    job = BaselineJob(table, task, fold, np.linspace(1, 2, table.rows), 3, balanced=True)
    with Baselines(apart=True) as apart:
        apart.begin(job)
        found = apart.predictions(job)
    assert here == []
    same(found, baselines(job))


def test_other_folds_than_those_begun_are_computed_here(here):
    job = BaselineJob(made(), "regression", halves())
    other = replace(job, fold=np.where(job.fold == 1, -1, job.fold))
    with Baselines(apart=True) as apart:
        apart.begin(job)
        found = apart.predictions(other)
    assert here == [1]
    same(found, baselines(other))


def test_a_process_that_fails_is_no_failure(here, monkeypatch):
    job = BaselineJob(made(), "regression", halves())
    for program in ("/bin/false", "/nonexistent/python"):
        monkeypatch.setattr(sys, "executable", program)
        with Baselines(apart=True) as apart:
            apart.begin(job)
            assert len(apart.predictions(job)["mean"]) == 300
    assert here == [1, 1]


def test_leaving_ends_the_process():
    with Baselines(apart=True) as apart:
        process = apart._process
        assert process is not None
    assert process.returncode is not None
