"""Models for the reports' tests: real fits of small tables, two epochs each."""

import numpy as np
import pytest

from vetro.model.fit import fit_table
from vetro.model.request import FitRequest
from vetro.training.recipe import Recipe

# names and levels that would do harm if they were not escaped or were taken for formulas
EVIL = '<script>alert("1")</script> & $x_1$'
EVIL_LEVEL = "</td><b>&amp;$\\frac$"


def fitted(columns, *targets, **recipe):
    request = FitRequest(targets=targets, recipe=Recipe(epochs=2, seed=1, **recipe))
    return fit_table(columns, request)


def columns(rows: int = 240):
    generator = np.random.default_rng(5)
    a, b = generator.normal(size=(2, rows))
    levels = np.array([EVIL_LEVEL, "plain", "città"])
    kind = generator.integers(0, 3, rows)
    signal = a + 0.5 * b + kind + 0.1 * generator.normal(size=rows)
    return {EVIL: a, "b": b, "kind": levels[kind]}, signal


@pytest.fixture(scope="session")
def one_number():
    table, signal = columns()
    return fitted(table | {"flow [m3/h]": 100.0 * signal}, "flow [m3/h]", folds=3)


@pytest.fixture(scope="session")
def two_classes():
    table, signal = columns()
    return fitted(table | {"y": np.where(signal > 1, "yes", EVIL)}, "y", holdout=0.3)


@pytest.fixture(scope="session")
def many_classes():
    table, signal = columns(600)
    codes = np.clip((signal + 2) * 3, 0, 14).astype(int)
    return fitted(table | {"y": np.array([f"class {c:02}" for c in codes])}, "y", folds=3)


@pytest.fixture(scope="session")
def three_numbers():
    table, signal = columns()
    targets = {f"t{place}": signal * 10.0**place + place for place in range(3)}
    return fitted(table | targets, *targets, folds=2)


@pytest.fixture(params=["one_number", "two_classes", "many_classes", "three_numbers"])
def model(request):
    return request.getfixturevalue(request.param)
