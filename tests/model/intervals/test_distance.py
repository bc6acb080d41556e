"""The distance from the data: against SciPy's Mahalanobis distance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from vetro.model.intervals.distance import MOST_AXES, fit_distance


def rows_of(count, seed=0):
    """Two columns that go together, one apart, and a category of three levels."""
    generator = np.random.default_rng(seed)
    first = generator.normal(size=count)
    level = generator.integers(0, 3, count)
    return np.column_stack(
        [first, first + 0.3 * generator.normal(size=count), generator.normal(size=count)]
        + [(level == code).astype(float) for code in range(3)]
    ).astype(np.float32)


def test_it_is_mahalanobis_distance_where_all_axes_are_kept():
    rows, new = rows_of(500)[:, :3], rows_of(80, seed=1)[:, :3]
    found = fit_distance(rows, new)
    covariance = np.cov(rows.T, bias=True)
    exact = cdist(
        new, rows.mean(axis=0, keepdims=True), "mahalanobis", VI=np.linalg.inv(covariance)
    )
    assert found.of(new) * found.usual == pytest.approx(exact[:, 0], rel=1e-4)
    assert found.usual == pytest.approx(np.quantile(exact, 0.99), rel=1e-4)


def test_rows_are_far_if_a_value_is_out_or_values_do_not_go_together():
    found = fit_distance(rows_of(2000), rows_of(500, seed=1))
    usual, out, against, none, endless = np.zeros((5, 6), dtype=np.float32)
    for row in (usual, out, against):
        row[3] = 1
    usual[:2] = 1.5, 1.4
    out[2] = 30
    against[:2] = 1.5, -1.5  # each is usual, and together they are not
    endless[0] = np.inf
    distances = found.of(np.array([usual, out, against, none, endless]))
    assert distances[0] < 1 < min(distances[1:3]) and distances[1] > 5
    assert distances[3] > 1  # of no level at all: as a text that was never seen
    assert distances[4] == np.inf
    assert 0.97 < (found.of(rows_of(5000, seed=2)) < 1).mean() < 0.999


@pytest.mark.parametrize("shape", [(300, 60), (40, 200), (1100, 1050)])
def test_many_columns_keep_few_axes_and_no_row(shape):
    generator = np.random.default_rng(3)
    mixed = generator.normal(size=(5, shape[1]))
    rows = generator.normal(size=(2 * shape[0], 5)) @ mixed
    rows = (rows + 0.01 * generator.normal(size=rows.shape)).astype(np.float32)
    found = fit_distance(rows[::2], rows[1::2])
    assert len(found.axes) == 5 <= MOST_AXES
    assert found.axes @ found.axes.T == pytest.approx(np.eye(5), abs=1e-4)
    apart = np.zeros((1, shape[1]), dtype=np.float32)
    assert found.of(apart)[0] < 1 < found.of(apart + 3)[0]


def test_a_single_row_and_columns_that_never_change_are_no_fault():
    same = np.ones((20, 3), dtype=np.float32)
    found = fit_distance(same, same)
    assert found.of(same)[0] == 0 and found.of(same + 1)[0] > 100
    assert np.isfinite(fit_distance(same[:1], same[:1]).of(same)).all()
    none = np.zeros((5, 0), dtype=np.float32)
    assert fit_distance(none, none).of(none).tolist() == [0.0] * 5
