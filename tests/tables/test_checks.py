"""Checks before training: tasks, leaks, repeated rows, rare classes, few rows, weights."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest
from tables.build import table
from told import told

from vetro.errors import TableError
from vetro.tables.checks import check_rows, check_target
from vetro.tables.schema import Schema
from vetro.tables.splits import folds_of_rows

generator = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def same_numbers():
    """Each test draws the same numbers, whichever tests ran before it."""
    generator.bit_generator.state = np.random.default_rng(11).bit_generator.state


def of(target, rows=None, **more):
    """A table with one noisy input and the target."""
    count = len(target)
    noise = generator.normal(size=count).tolist()
    return table({"x": noise, **more, "y": target}, target="y")


def codes(notices):
    return [notice.code for notice in notices]


def message(notice):
    return told(notice).removeprefix(f"{notice.code} ")


def refusal(call, *arguments):
    with pytest.raises(TableError) as caught:
        call(*arguments)
    return told(caught.value)


# The target


def test_numbers_are_regression():
    task, notices = check_target(of([1.5, 2.5, 3.5]))
    assert task == "regression"
    assert [message(notice) for notice in notices] == ['target "y" is a number: regression.']


def test_few_whole_numbers_may_be_classes():
    task, notices = check_target(of([1.0, 2.0, 3.0] * 10))
    assert task == "regression"
    assert message(notices[0]) == (
        'target "y" is a number: regression (for classes, use --category y).'
    )
    for other in ([1.0, 2.5, 3.0] * 10, list(range(30)), [1.0, 2.0, 3.0]):
        assert "--category" not in message(check_target(of(other))[1][0])


def test_texts_and_flags_are_classes():
    task, notices = check_target(of(["a", "b", "c", "a", "b", "c"]))
    assert task == "classification"
    assert message(notices[0]) == ('target "y" is a category: classification, 3 classes (a, b, c).')
    task, notices = check_target(of([True, False, False, True]))
    assert task == "classification"
    assert message(notices[0]) == 'target "y" is a flag: classification, 2 classes (no, yes).'
    many = of([letter for letter in "abcdefgh" for _ in range(5)])
    assert "8 classes (a, b, c, d, e, ...)" in message(check_target(many)[1][0])


def both(first, second):
    """A table with two targets."""
    built = table({"x": list(range(len(first))), "y": first, "z": second}, target="y")
    return built.with_schema(Schema(tuple(
        replace(column, role="target") if column.name == "z" else column for column in built.schema
    )))  # fmt: skip


def test_several_targets_must_be_numbers():
    assert codes(check_target(both([1.0, 2.0], [3.0, 5.0]))[1]) == ["I211", "I211"]
    assert refusal(check_target, both([1.0, 2.0], ["a", "b"])) == (
        'E207 several targets must all be numbers; "z" is a category. Fit it separately.'
    )
    assert refusal(check_target, both([True, False], [1.0, 2.0])).startswith("E207")
    assert refusal(check_target, both([1.0, 2.0], [3.0, 3.0])).startswith("E205")


@pytest.mark.parametrize("scale", [1e300, 1e160, 1e-300, 1e-315])
def test_targets_whose_squares_are_no_numbers_are_refused(scale):
    step = "divided" if scale > 1 else "multiplied"
    refused = refusal(check_target, of([scale, 2 * scale, 3 * scale]))
    assert refused.startswith('E218 target "y" ') and f"{step} by a power of ten." in refused
    check_target(of([1e140, 2e140, 3e140]))
    check_target(of([1e-140, 2e-140, 3e-140]))


def test_targets_that_cannot_be_learnt():
    assert refusal(check_target, of(["no"] * 5)) == (
        'E204 target has one class ("no"); at least 2 are needed.'
    )
    assert refusal(check_target, of([True] * 5)).startswith('E204 target has one class ("yes")')
    constant = of([4.0] * 5)
    column = replace(constant.schema["y"], example="4.0")
    assert refusal(check_target, constant.with_schema(constant.schema.replaced(column))) == (
        "E205 target is always 4.0; there is nothing to learn. Check --target."
    )
    days = [datetime.date(2020, 1, day) for day in range(1, 6)]
    message = refusal(check_target, of(days))
    assert message.startswith('E210 target "y" is a date. Compute a number from it with --query')


def test_a_level_that_no_row_has_is_no_class():
    built = of(["a", "b", "a", "b"])
    levels = replace(built.schema["y"], levels=("a", "b", "c"))
    task, notices = check_target(built.with_schema(built.schema.replaced(levels)))
    assert task == "classification" and "2 classes (a, b)" in message(notices[0])


def test_too_many_classes_and_classes_of_one_row():
    assert refusal(check_target, of([f"t{n}" for n in range(30)])).startswith(
        'E209 target "y" has 30 classes in 30 rows.'
    )
    assert refusal(check_target, of([f"t{n % 1001}" for n in range(5005)])).startswith("E209")
    assert refusal(check_target, of(["a", "a", "b", "c", "c"])) == (
        'E209 target "y" has 3 classes in 5 rows. "b" has 1 row: '
        "join it with another class, or leave the row out."
    )
    assert check_target(of([f"t{n % 40}" for n in range(200)]))[0] == "classification"


# Leaks (W201)


def leaks(columns, target="y"):
    found = check_rows(table(columns, target=target))
    return [message(notice) for notice in found if notice.code == "W201"]


def noise(rows=400):
    return generator.normal(size=rows)


def test_a_copy_of_the_target_is_a_leak():
    y = noise()
    found = leaks({"x": list(noise()), "total": list(3 * y - 7), "y": list(y)})
    assert found == [
        'column "total" alone gives "y" (held-out R2 1.0000): perhaps it is known only '
        "afterwards. Drop it unless you have it when predicting."
    ]


@pytest.mark.parametrize("function", [np.exp, np.tanh, lambda y: y**3, np.arctan])
def test_a_smooth_function_of_the_target_is_a_leak(function):
    y = noise(2000)
    assert len(leaks({"x": list(noise(2000)), "z": list(function(y)), "y": list(y)})) == 1


def test_a_leak_with_gaps_and_a_level_per_value():
    y = np.repeat(np.arange(40.0), 20)
    labels = [f"group {int(item)}" for item in y]
    assert len(leaks({"x": list(noise(800)), "label": labels, "y": list(y)})) == 1
    two = np.where(noise() > 0, 5.0, 1.0)
    paid = [item if item == 5 else None for item in two]
    assert len(leaks({"x": list(noise()), "paid": paid, "y": list(two)})) == 1


def test_a_leak_of_a_class():
    y = np.where(noise() > 0.3, "yes", "no")
    amount = np.where(y == "yes", 100 + noise(), noise())
    days = [datetime.date(2020, 1, 1) if item == "yes" else None for item in y]
    word = [{"yes": "Y", "no": "N"}[item] for item in y]
    for leak in (list(amount), days, word):
        found = leaks({"x": list(noise()), "leak": leak, "y": list(y)})
        assert len(found) == 1 and 'column "leak"' in found[0] and "accuracy 1.0000" in found[0]


def test_a_linear_function_of_several_inputs_is_no_leak():
    columns = {name: noise(3000) for name in "abcd"}
    y = columns["a"] + 2 * columns["b"] - columns["c"] + 0.5 * columns["d"]
    assert leaks({**{name: list(item) for name, item in columns.items()}, "y": list(y)}) == []


@pytest.mark.parametrize(
    ("noisy", "strength"), [(0.02, "alone gives"), (0.05, "nearly determines"), (0.3, "")]
)
def test_a_number_is_told_by_its_strength(noisy, strength):
    y = noise(3000)
    found = leaks({"x": list(noise(3000)), "z": list(y + noisy * noise(3000)), "y": list(y)})
    assert [f'column "z" {strength} "y"' in item for item in found] == [True] * bool(strength)


@pytest.mark.parametrize(
    ("wrong", "strength"), [(0, "alone gives"), (60, "nearly determines"), (12, "")]
)
def test_a_class_is_told_by_its_strength(wrong, strength):
    """Of 3000 rows one in `wrong` has another class than the column says."""
    sure = np.where(noise(3000) > 0, "a", "b")
    other = np.where(sure == "a", "b", "a")
    z = np.where(np.arange(3000) % wrong == 0, other, sure) if wrong else sure
    found = leaks({"x": list(noise(3000)), "z": list(z), "y": list(sure)})
    assert [f'column "z" {strength} "y"' in item for item in found] == [True] * bool(strength)


def test_a_dominant_physical_column_is_no_leak():
    """R2 0.87 to 0.93 alone, as of a diamond's price by its weight."""
    for spread in (0.27, 0.38):
        y = noise(3000)
        z = y + spread * noise(3000)
        assert leaks({"x": list(noise(3000)), "z": list(z), "y": list(y)}) == []


def test_a_leak_is_judged_by_weight():
    y, heavy = noise(), np.arange(400) % 2 == 0
    columns = {"x": noise(), "z": np.where(heavy, y, noise()), "y": y}
    assert leaks({name: list(values) for name, values in columns.items()}) == []
    built = table({**{n: list(v) for n, v in columns.items()}, "w": list(heavy + 1e-9)}, target="y")
    built = built.with_schema(built.schema.replaced(replace(built.schema["w"], role="weight")))
    assert "W201" in codes(check_rows(built))


def test_a_rare_class_is_no_leak_because_all_others_are_guessed():
    y = ["yes"] * 3 + ["no"] * 5997
    assert leaks({"x": list(noise(6000)), "z": list(noise(6000)), "y": y}) == []


def test_texts_that_differ_in_every_row_are_no_leak():
    texts = [f"text {n}" for n in range(400)]
    y = np.where(noise() > 0, "a", "b")
    assert leaks({"x": list(noise()), "z": texts, "y": list(y)}) == []
    assert leaks({"x": list(noise()), "z": texts, "y": list(noise())}) == []


def test_each_of_several_targets_has_its_leaks():
    y, z = noise(), noise()
    built = table({"a": list(noise()), "copy": list(2 * z), "y": list(y), "z": list(z)})
    roles = {name: replace(built.schema[name], role="target") for name in "yz"}
    built = built.with_schema(built.schema.replaced(roles["y"]).replaced(roles["z"]))
    found = [message(notice) for notice in check_rows(built) if notice.code == "W201"]
    assert len(found) == 1 and found[0].startswith('column "copy" alone gives "z"')


def test_an_only_input_and_few_rows_are_not_judged():
    y = list(noise())
    assert leaks({"z": y, "y": y}) == []
    assert leaks({"x": list(noise(40)), "z": y[:40], "y": y[:40]}) == []


# Repeated rows (W202)


def test_rows_that_stand_in_two_folds_are_counted():
    x = list(noise(300))
    built = table({"x": x + x[:50], "c": ["a"] * 350, "y": x + x[:50]}, target="y")
    fold = folds_of_rows(built, 5, 0)
    apart = sum(2 for row in range(50) if fold[row] != fold[300 + row])
    found = [notice for notice in check_rows(built, fold) if notice.code == "W202"]
    assert [message(notice) for notice in found] == [
        f"{apart} rows occur in training and in validation. Remove duplicates, or use --group "
        "with the column that says which rows belong together."
    ]
    assert "W202" not in codes(check_rows(built))
    together = fold.copy()
    together[300:] = fold[:50]
    assert "W202" not in codes(check_rows(built, together))
    held = np.arange(350) >= 300
    assert "100 rows occur" in next(
        message(notice) for notice in check_rows(built, held) if notice.code == "W202"
    )


def test_rows_are_equal_only_if_all_values_are():
    x = list(noise(100)) * 2
    fold = np.repeat([0, 1], 100)
    other_target = table({"x": x, "y": list(range(200))}, target="y")
    other_text = table({"x": x, "c": ["a"] * 100 + ["b"] * 100, "y": x}, target="y")
    for built in (other_target, other_text):
        assert "W202" not in codes(check_rows(built, fold))
    swapped = table({"a": [1.0, 2.0] * 50, "b": [2.0, 1.0] * 50, "y": x[:100]}, target="y")
    assert "W202" not in codes(check_rows(swapped, np.arange(100) % 2))


def test_missing_values_and_signed_zeros_are_equal():
    x = [*noise(50), 0.0, None]
    again = [*x[:50], -0.0, None]
    built = table({"x": x + again, "y": list(range(52)) * 2}, target="y")
    found = check_rows(built, np.repeat([0, 1], 52))
    assert any("104 rows occur" in message(notice) for notice in found)


def test_texts_alone_repeat_without_being_copies():
    built = table({"a": list("abcd") * 30, "y": list("uv") * 60}, target="y")
    assert "W202" not in codes(check_rows(built, np.arange(120) % 5))


# Rare classes (W203) and few rows (W206)


@pytest.mark.parametrize(
    ("counts", "warned"),
    [
        ((988, 12), True),
        ((940, 60), False),
        ((50,) * 25, False),
        ((50,) * 25 + (30,), False),
        ((50,) * 25 + (20,), True),
    ],
)
def test_a_rare_class_is_named(counts, warned):
    y = [chr(ord("a") + number) for number, count in enumerate(counts) for _ in range(count)]
    found = [notice for notice in check_rows(of(y)) if notice.code == "W203"]
    assert bool(found) == warned
    if counts == (988, 12):
        assert message(found[0]).startswith(
            'class "b" is 1.2% of rows (12 rows). Accuracy misleads'
        )


def test_a_rare_class_is_rare_by_weight():
    y, x = ["a"] * 500 + ["b"] * 500, noise(1000)
    weights = [1.0] * 500 + [0.02] * 500
    built = table({"x": list(x), "w": weights, "y": y}, target="y")
    assert "W203" not in codes(check_rows(built))
    built = built.with_schema(built.schema.replaced(replace(built.schema["w"], role="weight")))
    found = [message(notice) for notice in check_rows(built) if notice.code == "W203"]
    assert found[0].startswith('class "b" is 2.0% of the rows\' weight (500 rows). Accuracy')


def test_fewer_rows_than_encoded_inputs():
    rows = 40
    wide = {f"x{n}": list(noise(rows)) for n in range(30)}
    wide["c"] = [f"level {n % 12}" for n in range(rows)]
    built = table({**wide, "y": list(noise(rows))}, target="y")
    messages = [message(notice) for notice in check_rows(built) if notice.code == "W206"]
    assert messages == [
        "40 rows for 43 inputs: overfitting is likely. Use --weight-decay, or fewer columns."
    ]
    del wide["x0"], wide["x1"], wide["x2"]
    assert "W206" not in codes(check_rows(table({**wide, "y": list(noise(rows))}, target="y")))
