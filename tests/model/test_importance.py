"""Permutation importance against what is known of a linear function."""

import numpy as np
import pytest

from vetro.model.importance import permutation_importance


def drawn(rows: int = 4000) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(rows, 4)) * [1.0, 2.0, 1.0, 5.0]


def test_the_rise_of_a_linear_functions_error_is_known():
    """y = sum k x exactly: permuting column j gives an rmse of k sd(x) sqrt(2)."""
    raw = drawn()
    slopes = np.array([3.0, 1.0, 0.5, 0.0])
    actual = (raw @ slopes)[:, None]
    found = permutation_importance(
        lambda matrix, rows: (matrix @ slopes)[:, None], raw, "abcd", actual, "regression",
        max_rows=4000,
    )  # fmt: skip
    expected = np.abs(slopes) * raw.std(axis=0) * np.sqrt(2)
    assert list(found) == ["a", "b", "c", "d"]
    assert list(found.values()) == pytest.approx(list(expected), rel=0.05)
    assert found["d"] == 0.0


def test_several_targets_are_scaled():
    """A target of another size weighs the same."""
    raw = drawn()
    scales = np.array([1.0, 1e6])
    actual = raw[:, :2] * scales
    found = permutation_importance(
        lambda matrix, rows: matrix[:, :2] * scales, raw, "abcd", actual, "regression"
    )
    assert found["a"] == pytest.approx(1.0, rel=0.05)
    assert found["b"] == pytest.approx(1.0, rel=0.05)


def test_classes_are_judged_by_log_loss():
    raw = drawn(1000)

    def predict(matrix, rows):
        positive = 1.0 / (1.0 + np.exp(-2.0 * matrix[:, 0]))
        return np.column_stack([1.0 - positive, positive])

    actual = (np.random.default_rng(0).random(1000) < predict(raw, None)[:, 1]).astype(int)
    found = permutation_importance(predict, raw, "abcd", actual, "classification")
    assert next(iter(found)) == "a"
    assert found["a"] > 0.3
    assert found["b"] == found["c"] == found["d"] == 0.0


@pytest.mark.parametrize("columns", [1, 4, 60])
def test_each_row_is_predicted_for_itself(columns):
    """What predict hears of rows: the others' columns must be those of the row itself."""
    raw = np.random.default_rng(1).normal(size=(500, columns))
    seen = []

    def predict(matrix, rows):
        changed = (matrix != raw[rows]).sum(axis=1)
        seen.extend(changed)
        return matrix[:, :1]

    permutation_importance(
        predict, raw, [f"c{place}" for place in range(columns)], raw[:, :1], "regression",
        max_rows=200,
    )  # fmt: skip
    assert max(seen) == 1
    assert len(seen) == 200 + 3 * 200 * columns


def test_the_seed_decides():
    raw = drawn(300)
    actual = raw[:, :1] + 0.5 * raw[:, 1:2]

    def found(seed):
        return permutation_importance(
            lambda matrix, rows: matrix[:, :1], raw, "abcd", actual, "regression", seed=seed
        )

    assert found(1) == found(1)
    assert found(1) != found(2)


def test_weights_count():
    """Rows of weight 0 do not matter."""
    raw = drawn(1000)
    weights = (np.arange(1000) < 500).astype(float)
    actual = raw[:, :1].copy()
    actual[500:] += 100.0
    found = permutation_importance(
        lambda matrix, rows: matrix[:, :1], raw, "abcd", actual, "regression", weights=weights
    )
    assert found["a"] == pytest.approx(np.sqrt(2), rel=0.1)
