"""Many trainings of the PyTorch door at once, on all cores.

Each gives the same result as vetro.train, to the last bit.  Trainings that the native engine
understands run together; the others run one after another on the torch engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from time import perf_counter

import torch
from torch.utils.data import DataLoader

from vetro.engines import ticks
from vetro.engines.interruption import Interruption, ctrl_c
from vetro.engines.job import Job
from vetro.engines.native_engine import NativeEngine
from vetro.errors import TrainingError, error, issue_warnings
from vetro.networks.refusal import NotUnderstood
from vetro.training.arguments import Request, Training, request
from vetro.training.checks import check_function, contradiction, count_of, invalid
from vetro.training.ending import Ended, conclude
from vetro.training.history import History
from vetro.training.native_door import NativeDoor, Watching
from vetro.training.stepping import Stepping
from vetro.training.torch_door import run_in_torch

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
    ones = [_One(_with_generator(asked), History()) for asked in requests]
    with _schedules(ones), ctrl_c() as interruption:
        progress = _Progress(ones, interruption, on_progress)
        _run_together(ones, progress, threads or 0)
        for one in ones:
            if one.door is None:
                if not progress():
                    _run_apart(one, progress)
                one.history.stopped = one.history.stopped or progress()
    return [one.history for one in ones]


@dataclass(eq=False)
class _One:
    """The state of one training."""

    asked: Request
    history: History
    stepping: Stepping | None = None
    door: NativeDoor | None = None
    began: float = 0.0

    @property
    def steps(self) -> int:
        """Steps done, as far as is known."""
        return self.door.steps if self.door is not None else len(self.history.loss)

    def end(self, ended: Ended) -> None:
        """Complete the history; a divergence does not raise, since the others go on."""
        self.history.seconds = perf_counter() - self.began
        if self.stepping is not None:
            self.stepping.finish()
        try:
            conclude(self.asked, self.history, ended)
        except TrainingError as diverged:
            if diverged.code != "E317":
                raise


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


@contextmanager
def _schedules(ones: Sequence[_One]) -> Iterator[None]:
    """Give each training its schedule; on leaving, put back learning rates that functions vary."""
    try:
        for one in ones:
            one.stepping = one.asked.stepping()
        yield
    finally:
        for one in ones:
            if one.stepping is not None:
                one.stepping.finish()


class _Progress:
    """Reports the steps of all trainings together; its answer is why to end all, "" to go on."""

    def __init__(
        self, ones: Sequence[_One], interruption: Interruption, on_progress: OnProgress | None
    ) -> None:
        self._ones, self._interruption, self._on_progress = ones, interruption, on_progress
        self._total = sum(one.asked.total for one in ones)
        self._next = perf_counter() + ticks.TICK_SECONDS

    def __call__(self) -> str:
        if self._on_progress is not None and perf_counter() >= self._next:
            self.report()
        return self._interruption()

    def report(self) -> None:
        """Report now."""
        if self._on_progress is not None:
            steps = sum(one.steps for one in self._ones)
            if self._on_progress(steps, self._total) is False:
                self._interruption.stop()
            self._next = perf_counter() + ticks.TICK_SECONDS


def _run_together(ones: Sequence[_One], progress: _Progress, threads: int) -> None:
    """Run the trainings that the native engine understands until each has ended.

    No module changes before Vetro has read all trainings; the first ones already advance meanwhile.
    """
    running: list[_One] = []
    doors: list[NativeDoor] = []

    def jobs() -> Iterator[Job]:
        for one in ones:
            door = _door(one)
            if door is not None:
                one.door, one.began = door, perf_counter()
                running.append(one)
                doors.append(door)
                yield door.job

    def on_end(number: int) -> None:
        running[number].end(doors[number].ended())

    with suppress(KeyboardInterrupt):
        NativeEngine(threads).run(jobs(), Watching(progress, doors, on_end), len(ones))
    for one in running:
        if one.door is not None and one.door.doubt:
            one.history.reason, one.door = one.door.doubt, None
    if running:
        progress.report()


def _door(one: _One) -> NativeDoor | None:
    """The training as the native engine takes it; None if it cannot."""
    assert one.stepping is not None
    try:
        return NativeDoor(one.asked, one.history, one.stepping)
    except NotUnderstood as why:
        one.history.reason = str(why)
        return None


def _run_apart(one: _One, progress: _Progress) -> None:
    """Run one training on the torch engine."""
    assert one.stepping is not None
    one.began = perf_counter()
    one.end(run_in_torch(one.asked, one.history, one.stepping, None, progress, fallen=True))
    progress.report()
