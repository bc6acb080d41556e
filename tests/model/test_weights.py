"""Row weights in a whole fit: rows of weight 0 are not there, others weigh everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recipes import PLAIN
from sklearn.metrics import accuracy_score, r2_score
from told import told

from vetro.errors import PredictionError
from vetro.glass.diagnose.diagnose import diagnose
from vetro.glass.rows import rows_of_table
from vetro.glass.subject import subject_of
from vetro.model.asked_table import with_roles
from vetro.model.evaluate import evaluate_source
from vetro.model.fit import fit_table
from vetro.model.request import FitRequest
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table

QUICK = replace(PLAIN, hidden=(6,), epochs=3)


def measurements(rows=80):
    """Numbers with a gap, a town and both kinds of target, with weights of 1 to 3."""
    generator = np.random.default_rng(5)
    x = generator.normal(size=rows).round(3)
    town = generator.choice(["north", "south", "west"], rows)
    y = 2 * x + (town == "north") + 0.1 * generator.normal(size=rows)
    gappy = [None if n == 11 else v for n, v in enumerate(generator.normal(size=rows).tolist())]
    return {
        "x": x.tolist(),
        "gappy": gappy,
        "town": town.tolist(),
        "w": generator.integers(1, 4, rows).astype(float).tolist(),
        "site": [f"site {n % 11}" for n in range(rows)],
        "y": y.tolist(),
        "kind": np.where(y > 0, "high", "low").tolist(),
    }


def with_idle_rows(columns, places):
    """The columns with rows of weight 0 at the places, as wrong as can be."""
    wrong = {
        "x": 1000.0,
        "gappy": None,
        "town": "atlantis",
        "w": 0.0,
        "site": "site 99",
        "y": 5000.0,
        "kind": "never",
    }
    return {
        name: np.insert(np.array(v, object), places, wrong[name]) for name, v in columns.items()
    }


def chosen(columns, target):
    other = {"y": "kind", "kind": "y"}[target]
    return {name: list(values) for name, values in columns.items() if name != other}


PLACES = {"first": [0] * 10, "last": [80] * 10, "anywhere": [0, 3, 3, 17, 40, 41, 42, 66, 79, 80]}


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("target", ["y", "kind"])
def test_rows_of_weight_0_change_no_byte(target, places):
    request = FitRequest(targets=(target,), weight="w", group="site", recipe=QUICK)
    columns = measurements()
    plain = fit_table(chosen(columns, target), request)
    found = fit_table(chosen(with_idle_rows(columns, places), target), request)
    for one, other in zip(plain.members, found.members, strict=True):
        assert one.fingerprint == other.fingerprint
        assert one.targets == other.targets
    assert plain.blocks == found.blocks
    before, after = plain.evidence, found.evidence
    for name in ("metrics", "baselines", "importance", "training_metrics", "split", "median_row"):
        assert getattr(before, name) == getattr(after, name), name
    np.testing.assert_array_equal(before.predicted, after.predicted)
    np.testing.assert_array_equal(before.fold, after.fold)
    assert after.data["rows"] == 80
    assert {told(item) for item in after.notices} - {told(item) for item in before.notices} == {
        "I214 10 rows of weight 0 left out."
    }
    assert found.schema["town"].levels == ("north", "south", "west")
    assert found.schema["x"].maximum == max(columns["x"])


@pytest.mark.parametrize("target", ["y", "kind"])
def test_figures_are_weighted(target):
    columns = chosen(measurements(), target)
    model = fit_table(columns, FitRequest(targets=(target,), weight="w", recipe=QUICK))
    evidence, weights = model.evidence, np.array(columns["w"])
    if target == "y":
        expected = r2_score(evidence.actual, evidence.predicted, sample_weight=weights)
        assert evidence.metrics["r2"].value == pytest.approx(expected)
    else:
        said = evidence.predicted.argmax(axis=1)
        expected = accuracy_score(evidence.actual, said, sample_weight=weights)
        assert evidence.metrics["accuracy"].value == pytest.approx(expected)


@pytest.fixture(scope="module")
def fitted():
    return fit_table(
        chosen(measurements(), "kind"), FitRequest(targets=("kind",), weight="w", recipe=QUICK)
    )


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_rows_of_weight_0_are_not_measured(fitted, places):
    """Not their unseen texts, their unknown classes, nor their values far outside."""
    later = chosen(measurements(), "kind")
    plain = evaluate_source(fitted, later, options=ReadOptions())
    mixed = chosen(with_idle_rows(measurements(), places), "kind")
    for size in (100_000, 7):
        found = evaluate_source(fitted, mixed, options=ReadOptions(), chunk_rows=size)
        assert replace(found, notices=()) == plain
        assert [notice.code for notice in found.notices] == ["I214"]


def test_a_text_that_counts_is_refused_at_its_own_row(fitted):
    """The first row with the text is of weight 0: the second is named."""
    mixed = chosen(with_idle_rows(measurements(), [3]), "kind")
    mixed["town"][20] = "atlantis"
    with pytest.raises(PredictionError) as caught:
        evaluate_source(fitted, mixed, options=ReadOptions(), unknown="refuse")
    assert told(caught.value).startswith('E402 column "town", row 21: "atlantis"')


def test_diagnose_leaves_them_out_and_counts_rows_as_the_source(fitted):
    mixed = chosen(with_idle_rows(measurements(), [0, 0, 5]), "kind")
    plain = diagnose(fitted, chosen(measurements(), "kind"))
    found = diagnose(fitted, mixed)
    np.testing.assert_array_equal(found.influence.pull, plain.influence.pull)
    assert found.places == tuple(f"row {n}" for n in range(1, 84) if n not in (1, 2, 8))
    table = with_roles(read_table(mixed, ReadOptions()), fitted.request)
    assert rows_of_table(subject_of(fitted), table, 5000).places == found.places
