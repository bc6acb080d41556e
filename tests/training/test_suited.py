"""The recipes that a fit tries."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vetro.training.recipe import AUTO, Recipe
from vetro.training.suited import Facts, candidates

FACTS = st.builds(
    Facts,
    st.integers(2, 10**6),
    st.integers(0, 500),
    st.integers(1, 900),
    st.sampled_from(("regression", "classification")),
)
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "numbers": st.sampled_from(("raw", "piecewise")),
        "bins": st.integers(1, 64),
        "hidden": st.sampled_from(((), (8,), (64, 64))),
        "learning_rate": st.floats(1e-4, 1.0),
        "epochs": st.integers(1, 500),
        "patience": st.integers(0, 50),
        "weight_decay": st.floats(0.0, 2.0),
        "dropout": st.floats(0.0, 0.9),
        "validation": st.floats(0.0, 0.5),
        "members": st.integers(1, 5),
        "effort": st.sampled_from(("quick", "normal", "best")),
        "optimizer": st.sampled_from(("adamw", "sgd")),
    },
)


@given(facts=FACTS, given=GIVEN)
def test_what_is_given_stays_and_nothing_is_left_open(facts, given):
    found = candidates(Recipe(**given), facts)
    assert found and len(set(found)) == len(found)
    for recipe in found:
        for name, value in given.items():
            if name != "bins" or recipe.numbers == "piecewise":
                assert getattr(recipe, name) == value
        still_open = {name for name in AUTO if recipe.leaves_open(name)}
        known = given.get("optimizer", "adamw") == "adamw"
        found_later = set() if known else {"learning_rate"}  # model/found_rate.py
        assert still_open <= found_later | ({"bins"} if recipe.numbers == "raw" else set())


def test_a_quick_fit_and_another_optimizer_try_one_recipe():
    facts = Facts(1000, 8, 12, "regression")
    assert len(candidates(Recipe(), facts)) > 1
    for asked in (Recipe(effort="quick"), Recipe(optimizer="sgd"), Recipe(schedule="cosine")):
        assert len(candidates(asked, facts)) == 1
    assert candidates(Recipe(effort="quick"), facts)[0] == replace(
        candidates(Recipe(), facts)[0], effort="quick", members=1
    )


@pytest.mark.parametrize("name", sorted(AUTO))
def test_auto_is_the_default_of_every_open_entry(name):
    assert Recipe().leaves_open(name)
    assert Recipe(**{name: "auto"}) == Recipe()
    assert Recipe().to_json()[name] == "auto"
