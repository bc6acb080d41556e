"""A member does not answer to what its own training rows never vary: such weights are 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recipes import PLAIN

from vetro.engines.job import Codes, Rows
from vetro.model.asked_table import with_roles
from vetro.model.fit import fit_table
from vetro.model.members import Ensemble
from vetro.model.predict import predict_outputs
from vetro.model.request import FitRequest
from vetro.model.split import split_rows
from vetro.model.unvaried import silenced, unvaried
from vetro.tables.read import read_table


def columns(rows: int = 90):
    draw = np.random.default_rng(2)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    town = np.array(["Rome"] * (rows - 9) + ["Bari"] * 4 + ["Lecce"] * 5, dtype=object)
    gaps = x.copy()
    gaps[10] = np.nan
    wet = np.where(np.arange(rows) == 7, "yes", "no")
    return {"x": gaps, "z": z, "town": town, "wet": wet, "y": x + z + 3.0 * (wet == "yes")}


def fitted(**recipe):
    settings = {"epochs": 4, "folds": 5, "seed": 1, "hidden": (6,), **recipe}
    request = FitRequest(targets=("y",), recipe=replace(PLAIN, **settings))
    model = fit_table(columns(), request)
    table = with_roles(read_table(columns(), request.options), request)
    ensemble = Ensemble(table, request.recipe, split_rows(table, request.recipe), model.task,
                        None, "cpu")  # fmt: skip
    return model, table, ensemble


@pytest.mark.parametrize(
    "recipe",
    [{"numbers": "raw"}, {"numbers": "piecewise", "bins": 12}, {"optimizer": "sgd"},
     {"weight_decay": 0.1}],
    ids=str,
)  # fmt: skip
def test_weights_that_no_training_row_varies_are_0(recipe):
    model, table, ensemble = fitted(**recipe)
    met = 0
    for number, member in enumerate(model.members):
        training, _ = ensemble.rows_of(*ensemble.part_of(number))
        x = model.encoder.encode(table, training)
        weight = model.network.views(member.parameters)["layer1.weight"]
        for place, name in enumerate(model.network.input_names):
            column = x[:, place]
            coded = " bin " in name or name.startswith("town=")
            if len(np.unique(column)) == 1 and (not coded or column[0] == 0):
                met += 1
                np.testing.assert_array_equal(weight[:, place], 0.0, name)
            else:
                assert weight[:, place].any(), name
    assert met > len(model.members), "town=<other>, a missing x and the one wet row"


def test_a_row_unlike_all_training_rows_is_answered_without_the_difference():
    """The rows of a flag that is always no in a member's training rows: yes changes nothing."""
    model, table, ensemble = fitted()
    wet = table.values["wet"]
    seen = 0
    for number, member in enumerate(model.members):
        training, _ = ensemble.rows_of(*ensemble.part_of(number))
        rare = np.flatnonzero(wet > 0)
        if np.isin(rare, training).any():
            continue
        seen += 1
        before = predict_outputs(model, table, [member], rare)
        changed = {name: values.copy() for name, values in columns().items()}
        changed["wet"][rare] = "no"
        dry = read_table(changed, schema=model.schema)
        np.testing.assert_array_equal(predict_outputs(model, dry, [member], rare), before)
    assert seen, "no member without such rows: choose another seed"


def test_a_column_that_is_1_in_all_rows_stays_if_it_is_a_code():
    """Rows 1 and 2 are trained on; the shared matrix keeps its numbers."""
    x = np.array([[9.0, 0.0, 1.0, 0.5, 0.0, 0.0, 4.0], [2.0, 1.0, 0.0, 1.0, 0.3, 0.0, 5.0],
                  [2.0, 1.0, 0.0, 1.0, 0.6, 0.0, 6.0]], np.float32)  # fmt: skip
    before, weight = x.copy(), np.ones((4, 7), np.float32)
    codes, rows = Codes(one_hot=((1, 2),), piecewise=((3, 3),)), np.array([1, 2], np.int32)
    found = unvaried(x, rows, codes)
    assert found.tolist() == [True, False, True, False, False, True, False]
    learnt = silenced(Rows(x, np.zeros((2, 1)), None, rows), weight, codes)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(learnt.x, np.where(found, 0, x[rows]))
    np.testing.assert_array_equal(weight, np.broadcast_to(~found, weight.shape))
    others = Rows(x[:, 1:], np.zeros((2, 1)), None, rows)
    codes = Codes(one_hot=((0, 2),), piecewise=((2, 3),))
    assert silenced(others, weight[:, 1:], codes) is others, "nothing to copy"


def test_more_rows_than_are_looked_at_at_once():
    x = np.zeros((20_000, 3), np.float32)
    x[19_999, 1] = 1.0
    x[:, 2] = 7.0
    assert unvaried(x, np.arange(20_000), Codes()).tolist() == [True, False, True]
    assert unvaried(x, np.arange(19_999), Codes()).tolist() == [True, True, True]
