"""Activations, losses and the layer norm of the kernel beside torch in float64."""

from __future__ import annotations

import ctypes
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from native.building import RUN_HERE, runs_here
from native.parts import Parts, build_parts, feature_major
from torch.nn import functional

TOLERANCE = {np.float32: 2e-6, np.float64: 4e-15}
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(scope="module", params=RUN_HERE)
def parts(request: pytest.FixtureRequest, compiled: Path) -> Parts:
    runs_here(request.param)
    return build_parts(compiled, request.param)


def close(ours: np.ndarray | float, theirs: torch.Tensor, dtype, scale: float = 1.0) -> None:
    expected = theirs.detach().numpy()
    assert np.allclose(
        ours, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale, equal_nan=True
    ), float(np.nanmax(np.abs(ours - expected)))


ACTIVATIONS = [
    ("identity", 0.0, 0.0, lambda z: z),
    ("relu", 0.0, 0.0, functional.relu),
    ("leaky_relu", 0.01, 0.0, lambda z: functional.leaky_relu(z, 0.01)),
    ("leaky_relu", 0.0, 0.0, lambda z: functional.leaky_relu(z, 0.0)),
    ("leaky_relu", 3.0, 0.0, lambda z: functional.leaky_relu(z, 3.0)),
    ("leaky_relu", -0.5, 0.0, lambda z: functional.leaky_relu(z, -0.5)),
    ("elu", 1.0, 0.0, functional.elu),
    ("elu", -0.4, 0.0, lambda z: functional.elu(z, -0.4)),
    ("elu", 0.3, 0.0, lambda z: functional.elu(z, 0.3)),
    ("tanh", 0.0, 0.0, torch.tanh),
    ("sigmoid", 0.0, 0.0, torch.sigmoid),
    ("silu", 0.0, 0.0, functional.silu),
    ("gelu", 0.0, 0.0, functional.gelu),
    ("gelu_tanh", 0.0, 0.0, lambda z: functional.gelu(z, approximate="tanh")),
    ("softplus", 1.0, 20.0, functional.softplus),
    ("softplus", 2.5, 3.0, lambda z: functional.softplus(z, 2.5, 3.0)),
]


@DTYPES
@pytest.mark.parametrize(("name", "a", "b", "reference"), ACTIVATIONS)
def test_activations_and_their_slopes_are_torchs(parts, name, a, b, reference, dtype):
    generator = np.random.default_rng(3)
    special = [0.0, -0.0, 1e-30, -1e-30, 30.0, -30.0, 100.0, -100.0, 1e4, -1e4, np.nan]
    z = np.concatenate([generator.normal(scale=3, size=997), special]).astype(dtype)
    d = generator.normal(size=z.size).astype(dtype)
    theirs = torch.from_numpy(z.astype(np.float64)).requires_grad_()
    value = reference(theirs)
    value.backward(torch.from_numpy(d.astype(np.float64)))
    for in_place in (False, True):
        ours, delta = parts.activate(name, a, b, z, d, in_place=in_place)
        assert np.isnan(ours[-1])
        close(ours[:-1], value[:-1], dtype)
        assert theirs.grad is not None
        close(delta[:-1], theirs.grad[:-1], dtype, scale=4)


def test_the_gradient_of_a_dead_relu_is_exactly_zero(parts):
    z = np.array([-1.0, 0.0, -0.0, 2.0], np.float32)
    d = np.array([np.inf, np.nan, 5.0, 5.0], np.float32)
    _, delta = parts.activate("relu", 0, 0, z, d)
    assert delta.tolist() == [0, 0, 0, 5]


ELEMENTWISE = [
    ("mse", 0.0, lambda x, y: functional.mse_loss(x, y, reduction="none")),
    ("l1", 0.0, lambda x, y: functional.l1_loss(x, y, reduction="none")),
    ("smooth_l1", 1.0, lambda x, y: functional.smooth_l1_loss(x, y, reduction="none")),
    ("smooth_l1", 0.2, lambda x, y: functional.smooth_l1_loss(x, y, beta=0.2, reduction="none")),
    ("smooth_l1", 0.0, lambda x, y: functional.smooth_l1_loss(x, y, beta=0.0, reduction="none")),
    ("huber", 1.0, lambda x, y: functional.huber_loss(x, y, reduction="none")),
    ("huber", 0.3, lambda x, y: functional.huber_loss(x, y, delta=0.3, reduction="none")),
]


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(array.astype(np.float64)) for array in arrays]


@DTYPES
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("rows", "outputs"), [(1, 1), (16, 2), (37, 3)])
@pytest.mark.parametrize(("kind", "a", "reference"), ELEMENTWISE)
def test_losses_and_their_slopes_are_torchs(
    parts, kind, a, reference, rows, outputs, weighted, dtype
):
    generator = np.random.default_rng(5)
    out, y = (generator.normal(size=(2, rows, outputs)) * 2).astype(dtype)
    y[0] = out[0]  # the corner of L1
    weights = generator.uniform(size=rows).astype(dtype) if weighted else None
    x, target, w = tensors(out, y, np.ones(rows) if weights is None else weights)
    x.requires_grad_()
    value = (reference(x, target) * w[:, None]).sum() / (rows * outputs)
    value.backward()
    ours, delta = parts.loss(kind, out, y, a=a, scale=1 / (rows * outputs), weights=weights)
    close(ours, value, dtype)
    assert x.grad is not None
    close(delta, x.grad, dtype)


@DTYPES
@pytest.mark.parametrize("choice", list(itertools.product([False, True], repeat=3)))
def test_binary_cross_entropy_is_torchs(parts, choice, dtype):
    generator = np.random.default_rng(5)
    rows, outputs = 37, 3
    out = (generator.normal(size=(rows, outputs)) * 20).astype(dtype)
    y = generator.uniform(size=(rows, outputs)).round(1).astype(dtype)
    positive, per_class = (generator.uniform(0.2, 3, size=(2, outputs))).astype(dtype)
    weights = generator.uniform(size=rows).astype(dtype)
    x, target, p, c, w = tensors(out, y, positive, per_class, weights)
    x.requires_grad_()
    losses = functional.binary_cross_entropy_with_logits(
        x, target, c if choice[0] else None, pos_weight=p if choice[1] else None, reduction="none"
    )
    value = (losses * w[:, None] if choice[2] else losses).sum()
    value.backward()
    ours, delta = parts.loss(
        "bce", out, y, class_weights=per_class if choice[0] else None,
        positive_weights=positive if choice[1] else None, weights=weights if choice[2] else None,
    )  # fmt: skip
    close(ours, value, dtype)
    assert x.grad is not None
    close(delta, x.grad, dtype, scale=5)


@DTYPES
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("class_weighted", [False, True])
@pytest.mark.parametrize("ignored", [-100, 1])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_cross_entropy_is_torchs(parts, smoothing, class_weighted, ignored, reduction, dtype):
    generator = np.random.default_rng(5)
    rows, outputs = 37, 4
    out = (generator.normal(size=(rows, outputs)) * 10).astype(dtype)
    classes = generator.integers(outputs, size=rows)
    classes[3] = ignored
    per_class = generator.uniform(0.2, 3, size=outputs).astype(dtype)
    x, c = tensors(out, per_class)
    x.requires_grad_()
    value = functional.cross_entropy(
        x, torch.from_numpy(classes), c if class_weighted else None, ignore_index=ignored,
        reduction=reduction, label_smoothing=smoothing,
    )  # fmt: skip
    value.backward()
    ours, delta = parts.loss(
        "cross_entropy", out, classes, a=smoothing, ignored=ignored,
        scale=0.0 if reduction == "mean" else 1.0,
        class_weights=per_class if class_weighted else None,
    )  # fmt: skip
    close(ours, value, dtype)
    assert x.grad is not None
    close(delta, x.grad, dtype)
    assert np.all(delta[classes == ignored] == 0)


@DTYPES
def test_row_weights_multiply_the_rows_of_a_cross_entropy(parts, dtype):
    generator = np.random.default_rng(5)
    out = generator.normal(size=(21, 3)).astype(dtype)
    classes = generator.integers(3, size=21)
    weights = generator.uniform(size=21).astype(dtype)
    x, w = tensors(out, weights)
    x.requires_grad_()
    losses = functional.cross_entropy(
        x, torch.from_numpy(classes), label_smoothing=0.2, reduction="none"
    )
    (losses * w).sum().backward()
    ours, delta = parts.loss("cross_entropy", out, classes, a=0.2, weights=weights)
    close(ours, (losses * w).sum(), dtype)
    assert x.grad is not None
    close(delta, x.grad, dtype)


@DTYPES
@pytest.mark.parametrize(("rows", "features"), [(1, 1), (16, 5), (37, 33)])
@pytest.mark.parametrize("affine", [False, True])
def test_the_layer_norm_and_its_gradients_are_torchs(parts, rows, features, affine, dtype):
    generator = np.random.default_rng(5)
    x, d = generator.normal(size=(2, rows, features)).astype(dtype)
    x += 3
    gamma, beta = generator.normal(size=(2, features)).astype(dtype)
    theirs, delta, g, b = tensors(x, d, gamma, beta)
    for tensor in (theirs, g, b):
        tensor.requires_grad_()
    value = functional.layer_norm(
        theirs, (features,), g if affine else None, b if affine else None, 1e-5
    )
    value.backward(delta)

    inside, outside = feature_major(x, filling=2.0), feature_major(d)
    stride = inside.shape[1]
    mean, inverse = np.zeros((2, stride), dtype)
    out, dx = np.zeros_like(inside), np.full_like(inside, 0.5)
    dgamma, dbeta = np.full((2, features), 0.25, dtype)
    shape = (stride, features, ctypes.c_int64(stride))
    eps = ctypes.c_float(1e-5) if dtype is np.float32 else ctypes.c_double(1e-5)
    learned = (gamma, beta) if affine else (None, None)
    parts.call("normalize", x.dtype, inside, *shape, eps, *learned, mean, inverse, out)
    scale = 50.0 * features
    close(out[:, :rows].T, value, dtype, scale)
    for add in (False, True):
        parts.call(
            "normalize_backward", x.dtype, inside, outside, *shape, learned[0], mean, inverse, dx,
            add, dgamma if affine else None, add, dbeta if affine else None, add,
        )  # fmt: skip
        times = 2 if add else 1
        assert theirs.grad is not None
        close(dx[:, :rows].T, times * theirs.grad, dtype, scale)
        assert np.all(dx[:, rows:] == 0)
        if affine:
            assert g.grad is not None and b.grad is not None
            close(dgamma, times * g.grad, dtype, scale)
            close(dbeta, times * b.grad, dtype, scale)
