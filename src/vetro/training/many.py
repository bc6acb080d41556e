"""Many trainings of the PyTorch door at once, on all cores.

Each gives the same result as vetro.train, to the last bit.  Trainings that the native engine
understands run together; the others run one after another on the torch engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

import torch
from torch.utils.data import DataLoader

from vetro.engines import ticks
from vetro.engines.interruption import Interruption, ctrl_c
from vetro.errors import error, issue_warnings
from vetro.training.arguments import Request, Training, request
from vetro.training.checks import check_function, contradiction, count_of, invalid
from vetro.training.history import History
from vetro.training.together import Run, run_all

OnProgress = Callable[[int, int], object]


def train_many(
    trainings: Sequence[Training],
    *,
    threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> list[History]:
    """Train every module in place, and return the History of each, in the same order.

    threads: cores to use, None for all; the result does not depend on it.
    on_progress(steps, total): called with the steps done by all trainings together, about 25
    times per second and at the end; returning False ends all trainings, as Ctrl-C does.

    No two trainings may share a module, optimizer or generator.  A training that shuffles
    without a generator gets its own, seeded from torch's global one.  Each module is written
    when its training ends.  Mistakes raise before any module changes, as in vetro.train.  The
    exception is a module that runs on torch: its mistakes raise when its turn comes.  A loss
    that is not finite ends only its own training, with `stopped` "diverged".
    """
    threads = count_of("threads", threads)
    check_function("on_progress", on_progress, "steps", "total")
    for training in trainings:
        if not isinstance(training, Training):
            kind = type(training).__name__
            raise invalid("trainings", kind, "it is not a Training", "Use vetro.Training(...)")
        if isinstance(training.x, DataLoader):
            raise contradiction(
                "a training of train_many has a DataLoader",
                "Use x, y, batch_size and shuffle, or vetro.train",
            )
    _check_apart(trainings)
    requests = [request(training) for training in trainings]
    issue_warnings([notice for asked in requests for notice in asked.notices])
    runs = [Run(_with_generator(asked)) for asked in requests]
    with ctrl_c() as interruption:
        progress = _Progress(runs, interruption, on_progress)
        run_all(runs, progress, threads or 0, progress.report)
    return [run.history for run in runs]


def _check_apart(trainings: Sequence[Training]) -> None:
    """E604 if two trainings change the same object."""
    seen: dict[int, str] = {}
    for one in trainings:
        objects: list[tuple[str, object]] = [
            ("optimizer", one.optimizer),
            ("generator", one.generator),
        ]
        own = {id(value): name for name, value in objects if value is not None}
        if isinstance(one.module, torch.nn.Module):
            learning = (value for value in one.module.parameters() if value.requires_grad)
            own |= {id(value): "module or parameter" for value in learning}
        for key, name in own.items():
            if key in seen:
                raise error(
                    "E604",
                    what=f"two trainings share the same {name}",
                    fix="Give each training its own, such as copy.deepcopy(module).",
                )
        seen |= own


def _with_generator(asked: Request) -> Request:
    training = asked.training
    if not training.shuffle or training.generator is not None:
        return asked
    generator = torch.Generator().manual_seed(int(torch.randint(2**62, (), device="cpu")))
    return replace(asked, training=replace(training, generator=generator))


class _Progress:
    """Reports the steps of all trainings together; its answer is why to end all, "" to go on."""

    def __init__(
        self, runs: Sequence[Run], interruption: Interruption, on_progress: OnProgress | None
    ) -> None:
        self._runs, self._interruption, self._on_progress = runs, interruption, on_progress
        self._total = sum(run.asked.total for run in runs)
        self._next = perf_counter() + ticks.TICK_SECONDS

    def __call__(self) -> str:
        if self._on_progress is not None and perf_counter() >= self._next:
            self.report()
        return self._interruption()

    def report(self) -> None:
        """Report now."""
        if self._on_progress is not None:
            steps = sum(run.steps for run in self._runs)
            if self._on_progress(steps, self._total) is False:
                self._interruption.stop()
            self._next = perf_counter() + ticks.TICK_SECONDS
