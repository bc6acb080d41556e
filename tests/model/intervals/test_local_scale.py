"""The local scale: against SciPy's minimiser, and on errors whose size is known."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from vetro.model.intervals import local_scale
from vetro.model.intervals.local_scale import answer_shares, fit_local_scale


def drawn(rows, seed=0):
    """(answers, encoded, true scale): errors grow with the answer and with the first column."""
    generator = np.random.default_rng(seed)
    answers = generator.uniform(0, 10, rows)
    encoded = generator.normal(size=(rows, 4)).astype(np.float32)
    return answers, encoded, np.exp(0.2 * answers + 0.5 * encoded[:, 0])


def test_the_weights_are_those_of_a_general_minimiser():
    answers, encoded, truth = drawn(400)
    generator = np.random.default_rng(1)
    errors = generator.normal(size=400) * truth
    shares = generator.uniform(0.5, 2, 400)
    part = np.arange(400) % 5
    scale, _ = fit_local_scale(errors, answers, encoded, part, shares)
    bins = len(scale.borders) - 1
    assert bins > 2
    shares /= shares.mean()
    matrix = np.hstack([np.ones((400, 1)), answer_shares(answers, scale.borders), encoded])
    sizes = np.abs(errors) / np.average(np.abs(errors), weights=shares)

    def best(penalty):
        ridge = np.r_[0.0, np.full(bins, 0.03), np.full(4, penalty)]

        def objective(w):
            log = matrix @ w
            value = np.average(log + sizes * np.exp(-log), weights=shares)
            return value + 0.5 * ridge @ w**2

        found = minimize(objective, np.zeros(matrix.shape[1]), method="BFGS", tol=1e-9)
        return found.x, found.fun, objective

    # one of the penalties that it may choose is the one it chose
    apart = []
    for penalty in local_scale._PENALTIES[1:]:
        weights, value, objective = best(penalty)
        apart.append((np.abs(weights - scale.weights).max(), objective(scale.weights) - value))
    nearest = min(apart)
    assert nearest[0] < 0.02 and nearest[1] < 1e-5


def test_the_scale_is_found_and_is_of_rows_that_the_fit_did_not_see(monkeypatch):
    answers, encoded, truth = drawn(4000)
    errors = np.random.default_rng(2).normal(size=4000) * truth
    part = np.arange(4000) % 5
    scale, apart = fit_local_scale(errors, answers, encoded, part)
    new_answers, new_encoded, new_truth = drawn(2000, seed=9)
    for found, wanted in ((scale.of(new_answers, new_encoded), new_truth), (apart, truth)):
        ratio = np.log(found / wanted)
        assert ratio.std() < 0.12
    # what is said of a row does not use its own error, but for the choice of the penalty
    monkeypatch.setattr(local_scale, "_PENALTIES", (0.01,))
    _, before = fit_local_scale(errors, answers, encoded, part)
    errors[part == 0] *= np.random.default_rng(3).uniform(0.5, 2, (part == 0).sum())
    _, after = fit_local_scale(errors, answers, encoded, part)
    relative = [after[rows] / before[rows] for rows in (part == 0, part == 1)]
    assert relative[0].std() < 0.002 * relative[0].mean()
    assert relative[1].std() > 0.004 * relative[1].mean()


def test_errors_that_nothing_explains_have_one_scale():
    answers, encoded, _ = drawn(1000)
    errors = np.random.default_rng(3).normal(size=1000)
    scale, apart = fit_local_scale(errors, answers, encoded, np.arange(1000) % 5)
    assert not scale.weights.any()
    assert (apart == 1).all() and (scale.of(answers, encoded) == 1).all()


def test_errors_of_0_and_values_out_of_range_have_a_finite_scale():
    answers, encoded, truth = drawn(500)
    part = np.arange(500) % 5
    scale, apart = fit_local_scale(np.zeros(500), answers, encoded, part)
    assert (apart == 1).all()
    # no error at all where the answer is below 5
    errors = np.where(answers < 5, 0.0, truth)
    scale, apart = fit_local_scale(errors, answers, encoded, part)
    far = np.full((3, 4), [[np.inf], [-np.inf], [np.nan]], dtype=np.float32)
    wide = scale.of(np.array([1e300, -1e300, np.inf]), far)
    for found in (apart, wide):
        assert np.isfinite(found).all() and (found > 0).all()
