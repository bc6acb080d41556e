"""The torch engine: trains and predicts a network with PyTorch's eager operations.

The slow, general engine, and the oracle of the others.  Its loop is torch_loop.py's, as for a
user's own module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vetro.engines import torch_loop
from vetro.engines.best import Best
from vetro.engines.engine import Predictor, Running, Watch
from vetro.engines.job import (
    Divergence,
    Epoch,
    Job,
    Outcome,
    Rows,
    TrainingState,
    Vector,
)
from vetro.engines.orders import Order, Seeded
from vetro.engines.torch_batches import RowBatches
from vetro.networks.lift import flat_parameters, lift_lowered, load_parameters
from vetro.networks.losses.rule import LossRule
from vetro.networks.losses.table import loss_of
from vetro.networks.lowered import LoweredNetwork
from vetro.networks.torch_losses import torch_loss
from vetro.networks.torch_updates import torch_optimizer

PREDICTION_ROWS = 65_536
# Below this many multiplications per step, handing work to a second thread costs more
# than the work.
SINGLE_THREAD_WORK = 20_000_000


@dataclass(frozen=True)
class TorchEngine:
    """Trains on the CPU or a CUDA device through torch's autograd."""

    name = "torch"
    version = torch.__version__
    together = False

    def run(self, jobs: Iterable[Job], watch: Watch[Running], many: int = 1) -> None:
        """Train the jobs one after the other; see Engine.run.

        The watch is asked and told between two epochs.
        """
        for number, job in enumerate(jobs):
            reason = watch.interruption()
            if reason:
                return
            work = job.course.order.batch_size * job.network.parameter_count
            with _threads(1 if work < SINGLE_THREAD_WORK else torch.get_num_threads()):
                run = _Run(number, job, watch)
                watch.ends(run, run.until_stopped())

    def predictor(self, network: LoweredNetwork, parameters: Vector) -> Predictor:
        """What predicts with these parameters; see Engine.predictor."""
        module = lift_lowered(network, parameters).eval()

        def predict(x: NDArray[Any]) -> NDArray[Any]:
            blocks = torch.split(torch.from_numpy(x), PREDICTION_ROWS)
            with torch.inference_mode():
                return torch.cat([module(block) for block in blocks]).numpy()

        return predict


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Masking(Order):
    """An order that seeds torch's generator from the seed and the epoch as each epoch begins, so
    that a resumed run repeats the masks of dropout.  Where the rows are drawn from the same seed,
    the masks follow them in the same generator."""

    def __init__(self, order: Order, seed: int) -> None:
        self.batch_size, self.epoch_rows = order.batch_size, order.epoch_rows
        self._order, self._seed = order, seed

    def take(self, first: int, steps: int) -> NDArray[Any] | None:
        order, epoch = self._order, first // self.steps_an_epoch
        numbers: NDArray[Any] | None
        if isinstance(order, Seeded) and order.seed == self._seed:
            numbers, generator = order.begin(epoch)
        else:
            numbers, generator = (
                order.take(first, steps),
                np.random.default_rng((self._seed, epoch)),
            )
        torch.manual_seed(int(generator.integers(2**62)))
        return numbers


class _Run:
    """One job: module, optimizer, data on the device, and the best so far."""

    def __init__(self, number: int, job: Job, watch: Watch[Running]) -> None:
        self.number, self.job, self.watch = number, job, watch
        self.device = torch.device(job.device)
        self.module = lift_lowered(job.network, job.parameters).to(self.device)
        self.optimizer = _optimizer(job, self.module)
        self.loss = _loss_function(job.loss, self.device)
        self.training = [_tensor(part, self.device) for part in _parts(job.training)]
        self.validation = [_tensor(part, self.device) for part in _parts(job.validation)]
        self.drops = any(isinstance(part, nn.Dropout) for part in self.module.modules())
        self.best = Best(self.module, job.course.stopping.patience, job.course.stopping.from_epoch)
        self.best.keep()
        self.epoch = 0
        self.rate = 1.0
        self.rate_waited = 0
        self.losses: list[float] = []
        self.told: list[Epoch] = []
        self.divergence: Divergence | None = None
        if job.resume is not None:
            self._restore(job.resume)

    @property
    def share(self) -> float:
        return self.epoch * self.steps / self.job.course.stopping.steps

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.job.course.order.steps_an_epoch

    def until_stopped(self) -> str:
        """Run to the end; returns why it ended."""
        if self.best.waited_enough:
            return "patience"
        self._set_rate()
        course = self.job.course
        loop = torch_loop.Loop(
            module=self.module,
            loss=self.loss,
            optimizer=self.optimizer,
            batches=RowBatches(
                tuple(self.training),
                _Masking(course.order, course.seed) if self.drops else course.order,
                self.epoch * self.steps,
            ),
            steps=course.stopping.steps - self.epoch * self.steps,
            clip=torch_loop.clipping(course.clipping, self.module),
            after_epoch=self._end_epoch,
            by_epochs=True,
        )
        devices = [self.device] if self.device.type == "cuda" else []
        self.module.train()
        with torch.random.fork_rng(devices) if self.drops else nullcontext():
            reason = torch_loop.run(loop, self.losses)
        if reason == "diverged" and self.divergence is None:
            self.divergence = self._diverged()
        return "epochs" if reason == "done" else reason

    def _end_epoch(self) -> str:
        self.divergence = self._diverged()
        if self.divergence is not None:
            return "diverged"
        order = self.job.course.order
        sizes = np.full(self.steps, order.batch_size, dtype=np.float64)
        sizes[-1] = order.epoch_rows - order.batch_size * (self.steps - 1)
        training = float(np.average(self.losses, weights=sizes))
        self.losses.clear()
        score = self._validation_loss() if self.validation else training
        if not math.isfinite(score):
            self.divergence = Divergence(self.epoch + 1, 0, score, "validation")
            return "diverged"
        rate = self._learning_rate()
        self.epoch += 1
        goes_on = self.best.consider(self.epoch, score)
        best = self.best.waited == 0
        self._wait(best)
        sizes_now = self._sizes() if self.job.course.measured else ((), ())
        self.told.append(Epoch(self.epoch, training, score, rate, best, *sizes_now))
        reason = self.watch.told(self) or self.watch.interruption()
        if reason or self.share >= 1:
            return reason
        self._set_rate()
        return "" if goes_on else "patience"

    def new_epochs(self) -> list[Epoch]:
        found, self.told = self.told, []
        return found

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

    def _wait(self, best: bool) -> None:
        plateau = self.job.course.stopping.plateau
        self.rate_waited = 0 if best else self.rate_waited + 1
        if plateau and self.rate_waited >= plateau:
            self.rate *= 0.5
            self.rate_waited = 0

    def _learning_rate(self) -> float:
        rates = self.job.course.rates.sample(self.epoch * self.steps, 1)
        return float(rates[0, 0, 0] * self.rate)

    def _set_rate(self) -> None:
        rate = self._learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _diverged(self) -> Divergence | None:
        """The first loss of the epoch, or the first parameter, that is not finite."""
        bad = np.flatnonzero(~np.isfinite(self.losses))
        tensor = self._first_non_finite()
        if not len(bad) and not tensor:
            return None
        batch = int(bad[0]) if len(bad) else len(self.losses) - 1
        loss = self.losses[batch]
        return Divergence(self.epoch + 1, batch + 1, loss, tensor or "the loss itself")

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
        self.module.train()
        return total / rows

    def outcome(self, stopped: str) -> Outcome:
        """The parameters of the best epoch, and why training ended."""
        best = self.best
        return Outcome(best.flat(), best.epoch, best.score, self.epoch, stopped, self.divergence)

    def state(self) -> TrainingState:
        """The state from which a later run continues after this epoch with the same bits."""
        arrays: dict[str, NDArray[np.float32]] = {
            "parameters": flat_parameters(self.module),
            "best": self.best.flat(),
        }
        for number, buffers in self.optimizer.state_dict()["state"].items():
            for name, value in buffers.items():
                if isinstance(value, Tensor):
                    arrays[f"optimizer.{number}.{name}"] = value.cpu().numpy().copy()
        numbers = {
            "epochs": self.epoch,
            "best_epoch": self.best.epoch,
            "best_score": self.best.score,
            "waited": self.best.waited,
            "rate": self.rate,
            "rate_waited": self.rate_waited,
        }
        return TrainingState(arrays, numbers)

    def _restore(self, state: TrainingState) -> None:
        slots, numbers = self.job.network.slots, state.numbers
        load_parameters(self.module, slots, state.arrays["best"])
        self.best.keep()
        load_parameters(self.module, slots, state.arrays["parameters"])
        buffers: dict[int, dict[str, Tensor]] = {}
        for name, value in state.arrays.items():
            if name.startswith("optimizer."):
                _, number, buffer = name.split(".", 2)
                buffers.setdefault(int(number), {})[buffer] = torch.from_numpy(value.copy())
        whole = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**whole, "state": buffers})
        self.epoch = state.epochs
        self.best.epoch = int(numbers["best_epoch"])
        self.best.score = numbers["best_score"]
        self.best.waited = int(numbers["waited"])
        self.rate = numbers["rate"]
        self.rate_waited = int(numbers["rate_waited"])


def _parts(rows: Rows | None) -> list[NDArray[Any]]:
    if rows is None or len(rows) == 0:
        return []
    return [rows.x, rows.y] if rows.weights is None else [rows.x, rows.y, rows.weights]


def _tensor(array: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def _mean_square(values: Tensor | None) -> Tensor:
    assert values is not None  # every weight of a lifted network has a gradient after a step
    return values.double().square().mean()


def _optimizer(job: Job, module: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a job with one group; its rate is set before each epoch."""
    (rule,) = job.updates.rules
    return torch_optimizer(rule, module.parameters())


def _loss_function(rule: LossRule, device: torch.device) -> Callable[..., Tensor]:
    """(outputs, y) or (outputs, y, weights) -> the mean loss, as torch's losses define it.

    With row weights: sum of weight * row loss / rows; the weights have mean 1.
    """
    function = torch_loss(rule, device)

    def binary(outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        return function(outputs[:, 0], y[:, 0], weight=weights)

    def weighted(outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        if weights is None:
            return function(outputs, y)
        each = function(outputs, y, reduction="none")
        return ((each.mean(dim=1) if each.dim() == 2 else each) * weights).mean()

    return binary if loss_of(rule).target == "share" else weighted
