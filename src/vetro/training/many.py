"""Many trainings of the PyTorch door at once, on all cores.

Each gives the same result as vetro.train, to the last bit.  Trainings that the native engine
understands run together; the others run one after another on the torch engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter

import torch
from torch.utils.data import DataLoader

from vetro.engines import torch_loop
from vetro.engines.interrupts import interrupts
from vetro.engines.native_loop import MOST_ROWS
from vetro.errors import TrainingError, error, issue_warnings
from vetro.networks.refusal import NotUnderstood
from vetro.training.arguments import Request, Training, request
from vetro.training.checks import check_function, contradiction, count_of, invalid
from vetro.training.ending import Ended, conclude
from vetro.training.flights import Flights
from vetro.training.history import History
from vetro.training.native_door import NativeDoor
from vetro.training.stepping import Stepping
from vetro.training.torch_door import run_in_torch

OnProgress = Callable[[int, int], object]

_ROWS_TOGETHER = 8 * MOST_ROWS
"""The most row numbers in the windows of all networks together."""


def train_many(
    trainings: Sequence[Training],
    *,
    threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> list[History]:
    """Train every module in place, and return the History of each, in the same order.

    threads: cores to use, None for all; the result does not depend on it.
    on_progress(steps, total): called with the steps done by all trainings together, about every
    0.1 s and at the end; returning False ends all trainings, as Ctrl-C does.

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
    with _schedules(ones):
        total = sum(one.asked.total for one in ones)

        def tick(elsewhere: int) -> bool:
            steps = sum(len(one.history.loss) for one in ones if not one.running) + elsewhere
            return on_progress is None or on_progress(steps, total) is not False

        goes_on = _run_together(ones, tick, threads or 0)
        for one in ones:
            if one.door is None:
                goes_on = goes_on and _runs_apart(one, tick)
                one.history.stopped = one.history.stopped or "interrupted"
    return [one.history for one in ones]


@dataclass(eq=False)
class _One:
    """The state of one training."""

    asked: Request
    history: History
    stepping: Stepping | None = None
    door: NativeDoor | None = None
    running: bool = False
    began: float = 0.0

    def end(self, ended: Ended) -> None:
        """Complete the history; a divergence does not raise, since the others go on."""
        self.running = False
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
    generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
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


def _run_together(ones: Sequence[_One], tick: Callable[[int], bool], threads: int) -> bool:
    """Run the trainings that the native engine understands until each has ended.

    False if all were asked to end.  No module changes before Vetro has read all trainings; the
    first ones already advance meanwhile.
    """
    running: dict[_One, NativeDoor] = {}
    with interrupts() as interrupted:
        try:
            with Flights[_One](threads) as flights:
                landed = _set_off(ones, running, flights, interrupted)
                return _fly(running, flights, landed, tick, interrupted)
        except KeyboardInterrupt:
            return False
        finally:
            for one, door in running.items():
                _end(one, door, "interrupted")


def _set_off(
    ones: Sequence[_One],
    running: dict[_One, NativeDoor],
    flights: Flights[_One],
    interrupted: Callable[[], bool],
) -> list[tuple[_One, str]]:
    """Prepare the trainings that the native engine understands.

    Returns those that landed meanwhile, each with its status.  After a mistake, every training is
    as if it had not been fed.
    """
    share = _ROWS_TOGETHER // max(1, len(ones))
    landed: list[tuple[_One, str]] = []
    try:
        for one in ones:
            if interrupted():
                break
            door = _door(one, share)
            if door is None:
                continue
            one.door, running[one] = door, door
            one.began, one.running = perf_counter(), True
            door.loop.feed()
            flights.board(one, door.session.trainer)
            flights.set_off()
            if flights.have_landed:
                landed += flights.land()
    except BaseException:
        flights.land(start=False)
        for one, door in running.items():
            door.loop.take_back()
            one.door, one.running = None, False
        running.clear()
        raise
    return landed


def _door(one: _One, share: int) -> NativeDoor | None:
    """The training as the native engine takes it; share: the most row numbers in its window."""
    assert one.stepping is not None
    window = max(1, min(one.asked.total, share // one.asked.batch_size))
    try:
        return NativeDoor(one.asked, one.history, one.stepping, threads=1, window=window)
    except NotUnderstood as why:
        one.history.reason = str(why)
        return None


def _fly(
    running: dict[_One, NativeDoor],
    flights: Flights[_One],
    landed: list[tuple[_One, str]],
    tick: Callable[[int], bool],
    interrupted: Callable[[], bool],
) -> bool:
    """Let the trainings continue until each has ended; False if they were asked to end."""

    def serve(landed: list[tuple[_One, str]]) -> None:
        for one, word in landed:
            door = running[one]
            if _goes_on(one, door, word):
                flights.board(one, door.session.trainer)
            else:
                del running[one]

    next_tick = perf_counter() + torch_loop.TICK_SECONDS
    goes_on = True
    while running and goes_on:
        flights.set_off()
        serve(landed)
        goes_on = not interrupted()
        if goes_on and (perf_counter() >= next_tick or not running):
            goes_on = tick(sum(flights.steps.get(one, 0) for one in running))
            next_tick = perf_counter() + torch_loop.TICK_SECONDS
        landed = flights.land(start=bool(running) and goes_on)
    serve([(one, word) for one, word in landed if word not in ("time", "hungry")])
    return goes_on


def _goes_on(one: _One, door: NativeDoor, word: str) -> bool:
    """Whether a trainer with the status `word` has more to do; if not, its training has ended."""
    trainer = door.session.trainer
    first = not one.history.loss and (trainer.steps > 0 or word == "diverged")
    if first and not door.agrees(float(trainer.losses(0)[0])):
        door.loop.take_back()
        one.door, one.running, one.history.reason = None, False, door.doubt
        return False
    if word == "hungry":
        door.loop.settle()
        door.loop.feed()
    elif word != "time":
        _end(one, door, door.loop.ended(word))
        return False
    return True


def _end(one: _One, door: NativeDoor, reason: str) -> None:
    door.loop.settle(reason == "diverged")
    door.write_back(reason)
    one.end(door.ended(reason))


def _runs_apart(one: _One, tick: Callable[[int], bool]) -> bool:
    """Run one training on the torch engine; False if it was asked to end."""
    assert one.stepping is not None
    one.began, one.running = perf_counter(), True
    ended = run_in_torch(one.asked, one.history, one.stepping, tick, fallen=True)
    one.end(ended)
    return ended.reason != "interrupted"
