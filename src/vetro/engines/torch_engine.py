"""The torch engine: trains and predicts a network with PyTorch's eager operations.

The slow, general engine, and the oracle of the others.  torch_loop.py trains a user's own module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vetro.engines.engine import (
    Divergence,
    Epoch,
    Job,
    Matrix,
    OnEpochs,
    Outcome,
    Plan,
    Rows,
    TrainingState,
)
from vetro.networks.lift import flat_parameters, lift, load_parameters
from vetro.networks.losses.rule import LossKind
from vetro.networks.losses.table import loss_of, usual_loss
from vetro.networks.network import Network
from vetro.networks.torch_losses import torch_loss
from vetro.networks.torch_updates import torch_optimizer
from vetro.networks.updates.rule import UpdateKind, UpdateRule

PREDICTION_ROWS = 65_536
# Below this many multiplications per step, handing work to a second thread costs more
# than the work.
SINGLE_THREAD_WORK = 20_000_000


class TorchEngine:
    """Trains on the CPU or a CUDA device through torch's autograd."""

    name = "torch"
    version = torch.__version__
    together = False

    def train(self, jobs: Sequence[Job], on_epochs: OnEpochs) -> list[Outcome]:
        """Train the jobs one after the other; see engine.Plan for the batch order."""
        outcomes = []
        for number, job in enumerate(jobs):
            work = job.plan.batch_size * job.plan.network.parameter_count
            with _threads(1 if work < SINGLE_THREAD_WORK else torch.get_num_threads()):
                outcomes.append(_Run(job).until_stopped(number, on_epochs))
        return outcomes

    def predict(self, network: Network, parameters: Matrix, x: Matrix) -> Matrix:
        """Outputs (rows, outputs) of the network in its own scale, before any softmax."""
        module = lift(network, parameters).eval()
        outputs = np.empty((len(x), network.outputs), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(x), PREDICTION_ROWS):
                block = torch.from_numpy(np.ascontiguousarray(x[start : start + PREDICTION_ROWS]))
                outputs[start : start + len(block)] = module(block).numpy()
        return outputs


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Run:
    """One training run: module, optimizer, data on the device, and the best so far."""

    def __init__(self, job: Job) -> None:
        plan = self.plan = job.plan
        self.device = torch.device(plan.device)
        self.module = lift(plan.network, job.initial).to(self.device)
        self.optimizer = _optimizer(plan, self.module)
        self.loss = _loss_function(plan, self.device)
        self.training = [_tensor(part, self.device) for part in _parts(job.training)]
        self.validation = [_tensor(part, self.device) for part in _parts(job.validation)]
        self.epoch = 0
        self.best_epoch = 0
        self.best_validation = math.inf
        self.waited = 0
        self.rate = 1.0
        self.rate_waited = 0
        self.best = [parameter.detach().clone() for parameter in self.module.parameters()]
        if job.resume is not None:
            self._restore(job.resume)

    def until_stopped(self, number: int, on_epochs: OnEpochs) -> Outcome:
        plan = self.plan
        while self.epoch < plan.epochs:
            if plan.patience and self.waited >= plan.patience:
                return self._outcome("patience")
            training, divergence = self._one_epoch()
            if divergence is not None:
                return self._outcome("diverged", divergence)
            score = self._validation_loss() if self.validation else training
            if not math.isfinite(score):
                return self._outcome("diverged", Divergence(self.epoch + 1, 0, score, "validation"))
            rate = self._learning_rate()
            self.epoch += 1
            best = score < self.best_validation
            if best:
                self._keep_best(score)
            else:
                self._wait()
            epoch = Epoch(self.epoch, training, score, rate, best, *self._sizes())
            reason = on_epochs(number, [epoch], self.state)
            if reason:
                return self._outcome(reason)
        return self._outcome("epochs")

    def _sizes(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Root mean squares of each layer's weights, and of their gradients."""
        weights = [one for one in self.module.parameters() if one.dim() == 2]
        kept: list[list[Tensor | None]] = [
            [one.detach() for one in weights],
            [one.grad for one in weights],
        ]
        squares = torch.stack([torch.stack([_mean_square(one) for one in own]) for own in kept])
        sizes = squares.sqrt().float().tolist()
        return tuple(sizes[0]), tuple(sizes[1])

    def _keep_best(self, score: float) -> None:
        self.best_validation, self.best_epoch = score, self.epoch
        self.waited = self.rate_waited = 0
        with torch.no_grad():
            for kept, parameter in zip(self.best, self.module.parameters(), strict=True):
                kept.copy_(parameter)

    def _wait(self) -> None:
        self.waited += 1
        self.rate_waited += 1
        if self.plan.plateau and self.rate_waited >= self.plan.plateau:
            self.rate *= 0.5
            self.rate_waited = 0

    def _learning_rate(self) -> float:
        return float(self.plan.learning_rate * self.plan.rate_factors[self.epoch] * self.rate)

    def _one_epoch(self) -> tuple[float, Divergence | None]:
        plan, module = self.plan, self.module
        rate = self._learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        generator = np.random.default_rng((plan.seed, self.epoch))
        order = torch.from_numpy(generator.permutation(len(self.training[0]))).to(self.device)
        shuffled = [part[order] for part in self.training]
        losses = []
        parameters = list(module.parameters())
        module.train()
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            # Dropout, too, depends on (seed, epoch) alone, so that a resumed run repeats it.
            torch.manual_seed(int(generator.integers(2**62)))
            batches = zip(*(torch.split(part, plan.batch_size) for part in shuffled), strict=True)
            for x, *rest in batches:
                self.optimizer.zero_grad(set_to_none=True)
                loss = self.loss(module(x), *rest)
                torch.autograd.backward(loss)
                if plan.clip_norm > 0:
                    nn.utils.clip_grad_norm_(parameters, plan.clip_norm)
                self.optimizer.step()
                losses.append(loss.detach())
        values = torch.stack(losses).cpu().double().numpy()
        bad = np.flatnonzero(~np.isfinite(values))
        tensor = self._first_non_finite()
        if len(bad) or tensor:
            batch = int(bad[0]) if len(bad) else len(values) - 1
            return math.nan, Divergence(
                self.epoch + 1, batch + 1, float(values[batch]), tensor or "the loss itself"
            )
        sizes = np.full(len(values), plan.batch_size, dtype=np.float64)
        sizes[-1] = len(self.training[0]) - plan.batch_size * (len(values) - 1)
        return float(np.average(values, weights=sizes)), None

    def _first_non_finite(self) -> str:
        for name, parameter in self.module.named_parameters():
            if not bool(torch.isfinite(parameter.detach().sum())):
                return name
        return ""

    def _validation_loss(self) -> float:
        self.module.eval()
        total = 0.0
        rows = len(self.validation[0])
        with torch.inference_mode():
            for x, *rest in zip(
                *(torch.split(part, PREDICTION_ROWS) for part in self.validation), strict=True
            ):
                total += float(self.loss(self.module(x), *rest)) * len(x)
        return total / rows

    def _outcome(self, stopped: str, divergence: Divergence | None = None) -> Outcome:
        with torch.no_grad():
            parameters = torch.cat([kept.reshape(-1) for kept in self.best]).cpu().numpy()
        return Outcome(
            parameters, self.best_epoch, self.best_validation, self.epoch, stopped, divergence
        )

    def state(self) -> TrainingState:
        """The state from which a later run continues after this epoch with the same bits."""
        arrays: dict[str, NDArray[np.float32]] = {
            "parameters": flat_parameters(self.module),
            "best": self._outcome("").parameters,
        }
        for number, buffers in self.optimizer.state_dict()["state"].items():
            for name, value in buffers.items():
                if isinstance(value, Tensor):
                    arrays[f"optimizer.{number}.{name}"] = value.cpu().numpy().copy()
        numbers = {
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best_validation": self.best_validation,
            "waited": self.waited,
            "rate": self.rate,
            "rate_waited": self.rate_waited,
        }
        return TrainingState(arrays, numbers)

    def _restore(self, state: TrainingState) -> None:
        load_parameters(self.module, self.plan.network, state.arrays["parameters"])
        best = state.arrays["best"]
        with torch.no_grad():
            offset = 0
            for kept in self.best:
                part = best[offset : offset + kept.numel()]
                kept.copy_(torch.from_numpy(part.copy()).reshape(kept.shape))
                offset += kept.numel()
        buffers: dict[int, dict[str, Tensor]] = {}
        for name, value in state.arrays.items():
            if name.startswith("optimizer."):
                _, number, buffer = name.split(".", 2)
                buffers.setdefault(int(number), {})[buffer] = torch.from_numpy(value.copy())
        whole = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**whole, "state": buffers})
        self.epoch = int(state.numbers["epoch"])
        self.best_epoch = int(state.numbers["best_epoch"])
        self.best_validation = state.numbers["best_validation"]
        self.waited = int(state.numbers["waited"])
        self.rate = state.numbers["rate"]
        self.rate_waited = int(state.numbers["rate_waited"])


def _parts(rows: Rows | None) -> list[NDArray[np.generic]]:
    if rows is None or len(rows) == 0:
        return []
    return [rows.x, rows.y] if rows.weights is None else [rows.x, rows.y, rows.weights]


def _tensor(array: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def _mean_square(values: Tensor | None) -> Tensor:
    assert values is not None  # every weight of a lifted network has a gradient after a step
    return values.double().square().mean()


def _optimizer(plan: Plan, module: nn.Module) -> torch.optim.Optimizer:
    rule = UpdateRule(
        cast(UpdateKind, plan.optimizer),
        plan.learning_rate,
        momentum=plan.momentum,
        weight_decay=plan.weight_decay,
    )
    return torch_optimizer(rule, module.parameters())


def _loss_function(plan: Plan, device: torch.device) -> Callable[..., Tensor]:
    """(outputs, y) or (outputs, y, weights) -> the mean loss, as torch's losses define it.

    With row weights: sum of weight * row loss / rows; the weights have mean 1.
    """
    rule = usual_loss(cast(LossKind, plan.loss))
    target = loss_of(rule).target
    if target == "class":
        rule = replace(rule, class_weights=plan.class_weights)
    function = torch_loss(rule, device)
    if target == "share":
        return _binary(function, plan, device)

    def weighted(outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        if weights is None:
            return function(outputs, y)
        each = function(outputs, y, reduction="none")
        return ((each.mean(dim=1) if each.dim() == 2 else each) * weights).mean()

    return weighted


def _binary(
    function: Callable[..., Tensor], plan: Plan, device: torch.device
) -> Callable[..., Tensor]:
    """y: classes (rows,), whose weights multiply those of the rows."""
    class_weights = None
    if plan.class_weights is not None:
        class_weights = torch.from_numpy(plan.class_weights).to(device)

    def binary(outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        row_weights = weights
        if class_weights is not None:
            chosen = class_weights[y]
            row_weights = chosen if weights is None else chosen * weights
        return function(outputs[:, 0], y.to(outputs.dtype), weight=row_weights)

    return binary
