"""Splits: sizes, shares of classes, whole groups, and the same parts for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables.build import table

from vetro.errors import UsageError
from vetro.tables.splits import folds_of_rows, held_out_rows, validation_rows


def made(labels, groups=None, target="y"):
    """A table with a class target, and a group column if groups are given."""
    columns = {"a": [float(n) for n in range(len(labels))], "y": list(labels)}
    if groups is not None:
        columns["g"] = list(groups)
    return table(columns, target=target, group="g")


labels = st.lists(st.sampled_from("abc"), min_size=6, max_size=80)
seeds = st.integers(0, 2**63 - 1)


@settings(max_examples=100, deadline=None)
@given(labels, st.integers(2, 6), seeds)
def test_folds_are_even_in_size_and_in_every_class(classes, folds, seed):
    built = made(classes)
    fold = folds_of_rows(built, folds, seed)
    assert fold.dtype == np.int32 and fold.shape == (len(classes),)
    for chosen in [np.ones(len(classes), bool), *(np.array(classes) == label for label in "abc")]:
        sizes = np.bincount(fold[chosen], minlength=folds)
        assert len(sizes) == folds and sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(fold, folds_of_rows(built, folds, seed))


@settings(max_examples=100, deadline=None)
@given(labels, st.floats(0.02, 0.9), seeds)
def test_a_part_has_the_share_of_rows_and_of_every_class(classes, share, seed):
    built = made(classes)
    held = held_out_rows(built, share, seed)
    rows = len(classes)
    count = min(max(round(share * rows), 1), rows - 1)
    assert held.dtype == np.bool_ and held.sum() == count
    for label in "abc":
        of_class = np.array(classes) == label
        assert abs(held[of_class].sum() - of_class.sum() * count / rows) < 1 + 1e-9
    np.testing.assert_array_equal(held, held_out_rows(built, share, seed))


@st.composite
def grouped(draw):
    rows = draw(st.integers(8, 60))
    groups = draw(
        st.lists(st.none() | st.integers(0, 9).map(float), min_size=rows, max_size=rows).filter(
            lambda items: len(set(items)) >= 4
        )
    )
    classes = draw(st.lists(st.sampled_from("ab"), min_size=rows, max_size=rows))
    return made(classes, groups), groups


def apart(part, groups):
    """Whether every group lies in one part."""
    return all(
        len({int(part[row]) for row, item in enumerate(groups) if item == group}) == 1
        for group in set(groups) - {None}
    )


@settings(max_examples=100, deadline=None)
@given(grouped(), st.integers(2, 3), st.floats(0.05, 0.6), seeds)
def test_groups_stay_together_and_no_part_is_empty(drawn, folds, share, seed):
    built, groups = drawn
    fold = folds_of_rows(built, folds, seed)
    assert apart(fold, groups) and set(fold) == set(range(folds))
    held = held_out_rows(built, share, seed)
    assert apart(held, groups) and 0 < held.sum() < built.rows
    training = np.flatnonzero(fold != 0)
    stopping = validation_rows(built, training, share, seed)
    assert stopping.shape == training.shape and 0 < stopping.sum() < len(training)
    left = [groups[row] for row in training]
    assert apart(stopping, left) or len(set(left)) == 1


def test_groups_keep_the_shares_of_rows_and_classes():
    generator = np.random.default_rng(3)
    groups = generator.integers(0, 60, 3000)
    classes = np.where(generator.random(3000) < 0.1 + 0.4 * (groups < 20), "a", "b")
    built = made(classes.tolist(), [f"g{group}" for group in groups])
    everywhere = (classes == "a").mean()
    fold = folds_of_rows(built, 5, 0)
    for number in range(5):
        assert abs((fold == number).mean() - 0.2) < 0.01
        assert abs((classes[fold == number] == "a").mean() - everywhere) < 0.02
    held = held_out_rows(built, 0.2, 0)
    assert abs(held.mean() - 0.2) < 0.02
    assert abs((classes[held] == "a").mean() - everywhere) < 0.05


def test_a_class_of_two_rows_keeps_one_to_train_on():
    built = made(["a"] * 98 + ["b"] * 2)
    for seed in range(50):
        held = held_out_rows(built, 0.1, seed)
        assert held[98:].sum() <= 1
        assert sorted(folds_of_rows(built, 5, seed)[98:]) != [0, 0]


def test_seeds_differ_and_rows_are_not_taken_in_order():
    built = table({"a": list(range(100)), "y": [n / 2 for n in range(100)]}, target="y")
    folds = [folds_of_rows(built, 5, seed) for seed in range(20)]
    assert len({fold.tobytes() for fold in folds}) == 20
    assert len({held_out_rows(built, 0.1, seed).tobytes() for seed in range(20)}) == 20
    # A row is as likely to be held out as any other.
    often = sum(held_out_rows(built, 0.1, seed).astype(int) for seed in range(2000))
    assert often.min() > 130 and often.max() < 275


def test_validation_rows_answer_in_the_order_of_the_rows_given():
    built = made("ab" * 30)
    rows = np.arange(59, 9, -1)
    stopping = validation_rows(built, rows, 0.2, 7)
    assert stopping.shape == (50,) and stopping.sum() == 10
    assert (rows[stopping] % 2).sum() == 5
    mask = np.zeros(60, dtype=bool)
    mask[rows] = True
    assert validation_rows(built, mask, 0.2, 7).sum() == 10
    assert validation_rows(built, np.array([3]), 0.2, 7).tolist() == [False]
    assert validation_rows(built, np.array([3, 4]), 0.2, 7).sum() == 1


def test_one_group_is_split_for_early_stopping():
    built = made("ab" * 10, ["g"] * 10 + ["h"] * 10)
    assert validation_rows(built, np.arange(10), 0.2, 0).sum() == 2


@pytest.mark.parametrize("known", ["g", 1.0])
def test_a_row_without_a_group_is_a_group_of_its_own(known):
    built = made("ab" * 15, [known] * 10 + [None] * 20)
    fold = folds_of_rows(built, 3, 0)
    assert len(set(fold[:10])) == 1
    assert np.bincount(fold).tolist() == [10, 10, 10]
    assert len(set(fold[10:])) == 2


def test_a_flag_is_stratified_like_a_category():
    flags = [True] * 10 + [False] * 40
    built = table({"a": list(range(50)), "y": flags}, target="y")
    fold = folds_of_rows(built, 5, 1)
    assert np.bincount(fold[:10]).tolist() == [2] * 5


def test_too_few_rows_or_groups_are_refused():
    built = made("abab")
    with pytest.raises(UsageError, match=r'folds "5" is not valid: there are only 4 rows'):
        folds_of_rows(built, 5, 0)
    assert sorted(folds_of_rows(built, 4, 0)) == [0, 1, 2, 3]
    grouped = made("abab", "gghh")
    with pytest.raises(UsageError, match="only 2 groups"):
        folds_of_rows(grouped, 3, 0)
    with pytest.raises(UsageError, match="only 1 group"):
        held_out_rows(made("abab", "gggg"), 0.2, 0)
    with pytest.raises(UsageError, match="only 1 row"):
        held_out_rows(replace(built.take(np.array([0]))), 0.2, 0)
