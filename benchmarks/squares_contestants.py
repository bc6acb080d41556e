"""One contestant of the least-squares row in its own process, see process.py.

Request ["time", seed]: it trains from the weights of that seed to a mean squared error of GOAL, in
float64, and answers with the seconds, the processor's seconds, the steps and the error reached.
Each contestant stops at the first step that reaches the goal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from process import serve

Floats = NDArray[np.float64]
GOAL = 1e-8
MOST_SECONDS = 120.0
MOST_STEPS = 20_000


def problem(name: str) -> tuple[Floats, Floats, int]:
    """x, y and the hidden units of 1-20-1 or 2-30-2."""
    if name == "1-20-1":
        x = np.linspace(-1, 1, 200)[:, None]
        return x, np.sin(5 * x) + 0.3 * x**2, 20
    x = np.random.default_rng(1).uniform(-1, 1, (400, 2))
    first = np.sin(3 * x[:, 0]) * np.cos(2 * x[:, 1])
    return x, np.column_stack([first, np.exp(-np.sum(x * x, axis=1))]), 30


def start(name: str, seed: int) -> list[Floats]:
    """Weights and biases of both layers, U(+-1/sqrt(inputs))."""
    x, y, hidden = problem(name)
    generator = np.random.default_rng(seed)
    shapes = [((hidden, x.shape[1]), x.shape[1]), ((hidden,), x.shape[1])]
    shapes += [((y.shape[1], hidden), hidden), ((y.shape[1],), hidden)]
    return [generator.uniform(-1, 1, shape) / np.sqrt(inputs) for shape, inputs in shapes]


class Reached(Exception):
    """The goal is reached, or the time is over."""


def by_scipy(method: str) -> Callable[[str, int], tuple[int, float]]:
    """SciPy's least_squares with the analytic Jacobian."""
    from scipy import optimize

    def train(name: str, seed: int) -> tuple[int, float]:
        x, y, hidden = problem(name)
        inputs, outputs, rows = x.shape[1], y.shape[1], len(x)
        began, steps, last = time.perf_counter(), 0, np.inf

        def parts(w: Floats) -> tuple[Floats, Floats]:
            ends = np.cumsum([hidden * inputs, hidden, outputs * hidden])
            first, bias, second, offset = np.split(w, ends)
            active = np.tanh(x @ first.reshape(hidden, inputs).T + bias)
            return active, active @ second.reshape(outputs, hidden).T + offset

        def residuals(w: Floats) -> Floats:
            nonlocal steps, last
            rest = (parts(w)[1] - y).reshape(-1)
            steps, last = steps + 1, min(last, float(rest @ rest) / rest.size)
            if last <= GOAL or time.perf_counter() - began > MOST_SECONDS:
                raise Reached
            return rest

        def jacobian(w: Floats) -> Floats:
            active = parts(w)[0]
            second = w[hidden * (inputs + 1) :][: outputs * hidden].reshape(outputs, hidden)
            found = np.zeros((rows, outputs, len(w)))
            for output in range(outputs):
                slope = second[output] * (1 - active * active)
                found[:, output, : hidden * inputs] = (slope[:, :, None] * x[:, None, :]).reshape(
                    rows, -1
                )
                found[:, output, hidden * inputs : hidden * (inputs + 1)] = slope
                place = hidden * (inputs + 1) + output * hidden
                found[:, output, place : place + hidden] = active
                found[:, output, hidden * (inputs + 1 + outputs) + output] = 1
            return found.reshape(rows * outputs, -1)

        w = np.concatenate([part.reshape(-1) for part in start(name, seed)])
        with suppress(Reached):
            optimize.least_squares(
                residuals, w, jac=jacobian, method=method, xtol=1e-15, ftol=1e-15, gtol=1e-15,
                max_nfev=MOST_STEPS,
            )  # fmt: skip
        return steps, last

    return train


def module(name: str, seed: int) -> tuple[Any, Any, Any]:
    """The torch module with the weights of the seed, x and y."""
    import torch
    from torch import nn

    x, y, hidden = problem(name)
    made = nn.Sequential(
        nn.Linear(x.shape[1], hidden), nn.Tanh(), nn.Linear(hidden, y.shape[1])
    ).double()
    with torch.no_grad():
        for parameter, values in zip(made.parameters(), start(name, seed), strict=True):
            parameter.copy_(torch.from_numpy(values))
    return made, torch.from_numpy(x), torch.from_numpy(y)


def by_vetro() -> Callable[[str, int], tuple[int, float]]:
    """vetro.train with LevenbergMarquardt, for as many steps as a first run needs."""
    from torch import nn

    import vetro

    needed: dict[tuple[str, int], tuple[int, float]] = {}

    def run(name: str, seed: int, steps: int) -> vetro.History:
        network, x, y = module(name, seed)
        optimizer = vetro.optim.LevenbergMarquardt(network)
        return vetro.train(
            network, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=steps, threads=1
        )

    def train(name: str, seed: int) -> tuple[int, float]:
        if (name, seed) not in needed:
            losses = run(name, seed, MOST_STEPS).loss
            steps = next((k for k, loss in enumerate(losses) if loss <= GOAL), len(losses) - 1)
            needed[name, seed] = steps, losses[steps]
        steps, reached = needed[name, seed]
        run(name, seed, steps)
        return steps, reached

    return train


def by_torch_levenberg() -> Callable[[str, int], tuple[int, float]]:
    """torch-levenberg-marquardt with its defaults."""
    import torch_levenberg_marquardt as tlm

    def train(name: str, seed: int) -> tuple[int, float]:
        network, x, y = module(name, seed)
        trainer = tlm.training.LevenbergMarquardtModule(model=network, loss_fn=tlm.loss.MSELoss())
        began, steps, last = time.perf_counter(), 0, np.inf
        while last > GOAL and steps < MOST_STEPS and time.perf_counter() - began < MOST_SECONDS:
            _, loss, stop, _ = trainer.training_step(x, y)
            steps, last = steps + 1, float(loss)
            if stop:
                break
        return steps, last

    return train


CONTESTANTS: dict[str, tuple[str, Callable[[], Callable[[str, int], tuple[int, float]]]]] = {
    "vetro": ("Vetro, LevenbergMarquardt", by_vetro),
    "minpack": ("SciPy least_squares, lm (MINPACK)", lambda: by_scipy("lm")),
    "trf": ("SciPy least_squares, trf", lambda: by_scipy("trf")),
    "torch_levenberg": ("torch-levenberg-marquardt", by_torch_levenberg),
}


def make(arguments: list[str], threads: int) -> Callable[[list[Any]], dict[str, Any]]:
    """What answers the requests of a contestant for a problem."""
    contestant, name = arguments
    train = CONTESTANTS[contestant][1]()

    def answer(request: list[Any]) -> dict[str, Any]:
        seed = int(request[1])
        if contestant == "vetro":
            train(name, seed)
        began, used = time.perf_counter(), time.process_time()
        steps, reached = train(name, seed)
        return {
            "seconds": time.perf_counter() - began,
            "processor": time.process_time() - used,
            "steps": steps,
            "reached": reached,
        }

    return answer


if __name__ == "__main__":
    serve(make)
