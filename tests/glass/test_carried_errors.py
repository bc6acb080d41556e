"""What verify carries on of the errors of operands, by itself: in a format that rounds nothing.

With u = 0 a bound holds only what the operands' errors make of it.  The oracle moves the operands
within their errors and computes in float64.  A bound must hold, and must not be much wider than
what such moves reach: else an allowance could be dropped, or grow, and nobody would see it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from flint import ctx
from torch.nn import functional

from vetro.glass import plain
from vetro.glass.verify import rounded_norm
from vetro.glass.verify.exact_loss import slope
from vetro.glass.verify.rounded_activations import activation, derivative
from vetro.glass.verify.rounding import FORMATS, Format, Rounded, exactly, stored
from vetro.networks.losses.rule import LossRule
from vetro.networks.losses.table import loss_of
from vetro.networks.lowered import Operation

EXACT = Format(0.0, 0.0, np.inf)
SHARES = np.linspace(-1.0, 1.0, 81)
NOISE = 1e-11  # of float64 in the oracle

FUNCTIONS: list[tuple[Any, tuple[float, ...]]] = [
    ("identity", ()),
    ("relu", ()),
    ("leaky_relu", (0.3,)),
    ("leaky_relu", (-0.4,)),
    ("leaky_relu", (1.8,)),
    ("elu", (0.7,)),
    ("elu", (2.5,)),
    ("elu", (-0.8,)),
    ("tanh", ()),
    ("sigmoid", ()),
    ("silu", ()),
    ("gelu", ()),
    ("gelu_tanh", ()),
    ("softplus", (1.0, 20.0)),
    ("softplus", (2.0, 15.0)),
    ("softplus", (-2.0, 20.0)),
]


@pytest.fixture(autouse=True)
def long_numbers():
    with ctx.workprec(256), np.errstate(all="ignore"):
        yield


def operands() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    z = np.concatenate([random.normal(0, 2.5, 300), random.uniform(-0.05, 0.05, 60)])
    return z, np.abs(random.normal(size=z.shape)) * random.choice([1e-6, 1e-3, 0.1, 1.0], z.shape)


def reached(function: Any, z: np.ndarray, e: np.ndarray) -> np.ndarray:
    """How far function gets from function(z) when z moves within e."""
    return np.abs(function(z[:, None] + e[:, None] * SHARES) - function(z)[:, None]).max(axis=1)


@pytest.mark.parametrize(("name", "numbers"), FUNCTIONS)
def test_an_activation_carries_what_its_slope_makes_of_an_error(name: Any, numbers: Any) -> None:
    operation = Operation("activation", (0,), 1, function=name, numbers=numbers)
    z, e = operands()
    found = activation(operation, Rounded(exactly(z), e), EXACT).error
    worst = reached(lambda v: plain.activation(operation, v), z, e)
    assert (worst <= found + NOISE).all()
    slopes = np.abs(plain.derivative(operation, z[:, None] + e[:, None] * SHARES)).max(axis=1)
    assert (found <= e * (slopes + 2.0 * e) * 1.001 + 1e-7).all()
    assert found.max() <= 3.0 * e.max()


@pytest.mark.parametrize(("name", "numbers"), FUNCTIONS)
def test_a_slope_carries_what_its_bend_makes_of_an_error(name: Any, numbers: Any) -> None:
    operation = Operation("activation", (0,), 1, function=name, numbers=numbers)
    z, e = operands()
    found = derivative(operation, Rounded(exactly(z), e), EXACT).error
    worst = reached(lambda v: plain.derivative(operation, v), z, e)
    assert (worst <= found + NOISE).all()
    bent = reached(lambda v: plain.derivative(operation, v), z, np.full_like(e, 1e-5)) / 1e-5
    smooth = (
        np.abs(z) > e + 1e-4 if name in ("relu", "leaky_relu", "elu") else np.full(z.shape, True)
    )
    largest = np.where(smooth, e * (bent.max(initial=0.0, where=smooth) * 1.3), 0.0)
    assert (found[smooth] <= largest[smooth] + 1e-6).all()
    assert found.max() <= 7.0


def leaves(
    exact: np.ndarray, function: Any, values: np.ndarray, errors: np.ndarray, tries: int = 60
) -> np.ndarray:
    """How far function gets from the exact results when its values move by their errors."""
    random = np.random.default_rng(1)
    worst = np.zeros(exact.shape)
    for _ in range(tries):
        there = values + errors * random.choice([-1.0, 1.0], values.shape)
        worst = np.maximum(worst, np.abs(function(there) - exact))
    return worst


def norm(features: int, eps: float) -> Operation:
    return Operation("layer_norm", (0,), features, numbers=(eps,))


@pytest.mark.parametrize("features", [2, 5, 16])
@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.03])
def test_a_layer_norm_carries_errors_forward_and_backward(features: int, size: float) -> None:
    random = np.random.default_rng(features)
    x = random.normal(2.0, 1.0, (features, 40))
    e = np.abs(random.normal(size=x.shape)) * size
    d = random.normal(size=x.shape)
    operation = norm(features, 1e-5)

    def forward(values: np.ndarray) -> np.ndarray:
        return functional.layer_norm(torch.from_numpy(values.T.copy()), (features,)).numpy().T

    def backward(values: np.ndarray) -> np.ndarray:
        tensor = torch.from_numpy(values.T.copy()).requires_grad_()
        functional.layer_norm(tensor, (features,)).backward(torch.from_numpy(d.T.copy()))
        assert tensor.grad is not None
        return tensor.grad.numpy().T

    held = Rounded(exactly(x), e)
    found = rounded_norm.forward(operation, None, None, held, EXACT)
    worst = leaves(forward(x), forward, x, e)
    assert np.allclose(found.exact.astype(float), forward(x))
    assert (worst <= found.error + NOISE).all()
    # to first order: d(standard) = (dx - d(mean)) / root - standard d(root) / root
    root, strayed = np.sqrt(x.var(axis=0) + 1e-5), np.sqrt((e**2).mean(axis=0))
    first = (e + e.mean(axis=0) + 2.0 * np.abs(forward(x)) * strayed) / root
    small = strayed < 0.02 * root
    assert small.any() and (found.error <= 1.1 * first + NOISE)[:, small].all()
    back, _ = rounded_norm.backward(operation, None, held, stored(d), EXACT)
    assert (leaves(backward(x), backward, x, e) <= back.error + NOISE).all()


def test_the_norm_of_what_may_be_constant_is_not_bounded() -> None:
    """Its variance may be 0, however large 1 / sqrt(eps) is."""
    x = np.array([[1.0, 1.0], [1.1, 3.0]])
    e = np.full(x.shape, 0.06)
    found = rounded_norm.forward(norm(2, 1e-12), None, None, Rounded(exactly(x), e), EXACT)
    assert np.isinf(found.error[:, 0]).all() and np.isfinite(found.error[:, 1]).all()


WEIGHTS = np.array([0.5, 2.0, 3.0])
LOSSES = [
    LossRule("mse"),
    LossRule("l1"),
    LossRule("smooth_l1", a=0.5),
    LossRule("huber", a=0.7),
    LossRule("bce"),
    LossRule("bce", class_weights=WEIGHTS, positive_weights=np.array([3.0, 1.0, 0.2])),
    LossRule("cross_entropy"),
    LossRule("cross_entropy", a=0.2, class_weights=WEIGHTS),
]  # fmt: skip


def torchs_slope(rule: LossRule, outputs: np.ndarray, target: np.ndarray) -> np.ndarray:
    """dLoss/d(outputs) of the sum, (outputs, rows)."""
    x = torch.from_numpy(outputs.T.copy()).requires_grad_()
    y = torch.from_numpy(target)
    w, p = (
        None if weights is None else torch.from_numpy(weights)
        for weights in (rule.class_weights, rule.positive_weights)
    )
    match rule.kind:
        case "mse":
            loss = functional.mse_loss(x, y, reduction="sum")
        case "l1":
            loss = functional.l1_loss(x, y, reduction="sum")
        case "smooth_l1":
            loss = functional.smooth_l1_loss(x, y, beta=rule.a, reduction="sum")
        case "huber":
            loss = functional.huber_loss(x, y, delta=rule.a, reduction="sum")
        case "bce":
            loss = functional.binary_cross_entropy_with_logits(
                x, y, w, pos_weight=p, reduction="sum"
            )
        case _:
            loss = functional.cross_entropy(
                x, y, w, label_smoothing=rule.a, reduction="sum", ignore_index=rule.ignored
            )
    loss.backward()
    assert x.grad is not None
    return x.grad.numpy().T


def loss_case(rule: LossRule) -> tuple[LossRule, np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    outputs = random.normal(0, 2, (3, 60))
    target: np.ndarray = random.normal(0, 2, (60, 3))
    if rule.kind == "bce":
        target = random.uniform(size=(60, 3)).round(1)
    if rule.kind == "cross_entropy":
        target = random.integers(0, 3, 60)
        target[7] = rule.ignored
    summed = LossRule(rule.kind, "sum", rule.a, rule.ignored, rule.class_weights,
                      rule.positive_weights)  # fmt: skip
    return summed, outputs, target


@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.1])
@pytest.mark.parametrize("rule", LOSSES, ids=lambda rule: loss_of(rule).shown(rule))
def test_a_loss_carries_the_errors_of_the_outputs(rule: LossRule, size: float) -> None:
    rule, outputs, target = loss_case(rule)
    e = np.abs(np.random.default_rng(6).normal(size=outputs.shape)) * size
    found = slope(rule, Rounded(exactly(outputs), e), target, EXACT)
    divisor = float(found.divisor)
    exact = torchs_slope(rule, outputs, target)
    assert np.allclose(found.delta.exact.astype(float) / divisor, exact)
    worst = leaves(exact, lambda there: torchs_slope(rule, there, target), outputs, e, 30)
    bound = found.delta.error / divisor
    assert (worst <= bound + NOISE).all()
    weight = 1.0 if rule.class_weights is None else float(rule.class_weights.max())
    steepest = {"mse": 2.0, "smooth_l1": 1 / max(rule.a, 1e-9), "huber": 1.0, "bce": 0.25 * 3.0}
    if rule.kind in steepest:
        assert (bound <= steepest[rule.kind] * weight * e * 1.01 + NOISE).all()
    if rule.kind == "cross_entropy":
        assert (bound <= 3.0 * weight * e.max(axis=0) + NOISE).all()
    if rule.kind == "l1":
        assert ((bound > 0) == (np.abs(outputs - target.T) <= e)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", LOSSES, ids=lambda rule: loss_of(rule).shown(rule))
def test_a_losss_own_rounding_is_bounded_and_not_too_widely(rule: LossRule, dtype: str) -> None:
    """Outputs that are what they are: torch's slope in the dtype, by few units of its terms."""
    rule, outputs, target = loss_case(rule)
    outputs = outputs.astype(dtype)
    if target.dtype != np.int64:
        target = target.astype(dtype).astype(np.float64)
    format = FORMATS[dtype]
    found = slope(rule, stored(outputs), target, format)
    cast = target if target.dtype == np.int64 else target.astype(dtype)
    weights = [None if w is None else w.astype(dtype)
               for w in (rule.class_weights, rule.positive_weights)]  # fmt: skip
    held = LossRule(rule.kind, "sum", rule.a, rule.ignored, *weights)
    theirs = torchs_slope(held, outputs, cast).astype(np.float64)
    exact = found.delta.exact.astype(np.float64)
    divisor = float(found.divisor)
    assert (np.abs(theirs * divisor - exact) <= found.delta.error + 1e-15 * np.abs(exact)).all()
    sizes = 1.0 if rule.class_weights is None else float(rule.class_weights.max())
    terms = 2.0 * np.abs(exact) + 4.0 * sizes * (1.0 + np.abs(outputs).max())
    assert (found.delta.error <= 200 * format.u * terms).all()
