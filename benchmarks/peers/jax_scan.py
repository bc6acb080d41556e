"""JAX: the whole training as one compiled lax.scan; many networks as a vmap inside it.

Donated state, unrolled steps, batches gathered by their indices inside the scan, losses kept.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from workloads import Arrays, Workload

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh, "identity": lambda x: x}
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
Layers = list[tuple[jax.Array, jax.Array]]
UNROLL = {"2": 2}  # steps per turn of the loop; elsewhere 1 is the best of 1, 2, 4 and 8


def loss(work: Workload, layers: Layers, x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean squared error over rows and outputs, or mean cross entropy."""
    for weight, bias in layers[:-1]:
        x = ACTIVATIONS[work.activation](x @ weight + bias)
    weight, bias = layers[-1]
    x = x @ weight + bias
    if work.loss == "cross_entropy":
        chosen = jax.nn.one_hot(y, x.shape[1])  # indexing costs four times the whole step
        return -(jax.nn.log_softmax(x) * chosen).sum(1).mean()
    return ((x - y) ** 2).mean()


def update(work: Workload, rate: jax.Array, state: dict[str, Any], gradients: Layers) -> Any:
    """SGD with momentum, Adam and AdamW as torch defines them."""
    tree = jax.tree.map
    if work.optimizer == "sgd":
        if work.momentum:
            first = tree(lambda b, g: work.momentum * b + g, state["first"], gradients)
        else:
            first = gradients
        layers = tree(lambda p, b: p - rate * b, state["layers"], first)
        kept = first if work.momentum else state["first"]
        return {**state, "layers": layers, "first": kept}
    step = state["step"] + 1
    first = tree(lambda m, g: m + (1 - BETA1) * (g - m), state["first"], gradients)
    second = tree(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, state["second"], gradients)
    size = rate / (1 - BETA1**step)
    root = jnp.sqrt(1 - BETA2**step)
    decay = 1 - rate * work.weight_decay

    def moved(p: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        return decay * p - size * m / (jnp.sqrt(v) / root + EPSILON)

    layers = tree(moved, state["layers"], first, second)
    return {"layers": layers, "first": first, "second": second, "step": step}


class Scan:
    """Trains all members in one call."""

    def __init__(self, work: Workload, arrays: Arrays, threads: int, variant: str) -> None:
        self.work, self.arrays = work, arrays
        self.many = variant == "many"
        self.x, self.y = jnp.asarray(arrays.x), jnp.asarray(arrays.y)
        self.rates = jnp.asarray(arrays.rates, jnp.float32)
        self.compiled: dict[int, Any] = {}

    def _step(self, state: Any, rate: jax.Array, rows: jax.Array | None) -> Any:
        x, y = (self.x, self.y) if rows is None else (self.x[rows], self.y[rows])
        value, gradients = jax.value_and_grad(partial(loss, self.work))(state["layers"], x, y)
        return update(self.work, rate, state, gradients), value

    def _train(self, count: int, state: Any, indices: jax.Array | None) -> Any:
        if self.many:
            step = jax.vmap(self._step)
            return lax.scan(lambda s, rows: step(s, self.rates, rows), state, indices)
        unroll = UNROLL.get(self.work.name, 1)
        return lax.scan(
            lambda s, rows: self._step(s, self.rates[0], rows),
            state,
            indices,
            length=count,
            unroll=unroll,
        )

    def _fresh(self) -> Any:
        """The state before the first step, in arrays that may be given away."""
        stacked = [
            tuple(
                jnp.asarray([member[number][part] for member in self.arrays.layers])
                for part in (0, 1)
            )
            for number in range(len(self.arrays.layers[0]))
        ]
        layers = [(jnp.swapaxes(weight, 1, 2), bias) for weight, bias in stacked]
        step = jnp.zeros(self.work.members)
        if not self.many:
            layers = jax.tree.map(lambda p: p[0], layers)
            step = step[0]
        zeros = partial(jax.tree.map, jnp.zeros_like)
        return {"layers": layers, "first": zeros(layers), "second": zeros(layers), "step": step}

    def prepare(self, steps: int) -> None:
        self.state, self.indices, self.steps = self._fresh(), None, steps
        if self.arrays.indices is not None:
            chosen = self.arrays.indices[:, :steps]
            # Steps are the first dimension, because scan iterates over it.
            self.indices = jnp.asarray(chosen.swapaxes(0, 1) if self.many else chosen[0])
        if steps not in self.compiled:
            train = jax.jit(partial(self._train, steps), donate_argnums=0)
            self.compiled[steps] = train.lower(self.state, self.indices).compile()
        self.trained = self.compiled[steps]
        jax.block_until_ready((self.state, self.indices))

    def run(self) -> int:
        self.state, self.kept = jax.block_until_ready(self.trained(self.state, self.indices))
        return self.steps * self.work.members

    def losses(self, steps: int) -> list[float]:
        self.prepare(steps)
        self.run()
        return [float(value) for value in (self.kept[:, 0] if self.many else self.kept)]


contestant = Scan
