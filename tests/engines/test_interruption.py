"""The question whether to stop: its sources, and what an engine does with the answer."""

from __future__ import annotations

import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from engines.jobs import Told
from engines.test_job import ENGINES, job

from vetro.engines import native_engine
from vetro.engines.interruption import Interruption, ctrl_c
from vetro.engines.torch_engine import TorchEngine


class Run(SimpleNamespace):
    __hash__ = object.__hash__


class Asked(Told):
    """Another thread stops all when the first epoch is told."""

    def __init__(self):
        super().__init__()
        self.interruption = Interruption()

    def told(self, running):
        if super()._take(running):
            thread = threading.Thread(target=self.interruption.stop)
            thread.start()
            thread.join()
        return ""


@pytest.mark.parametrize("name", ENGINES)
def test_any_thread_may_stop_a_run_in_any_thread(name):
    engine = TorchEngine() if name == "torch" else native_engine.NativeEngine(2)
    one, watch = job(epochs=1_000_000), Asked()
    thread = threading.Thread(target=engine.run, args=([one, one], watch, 2))
    thread.start()
    thread.join()
    assert watch.outcomes[0].stopped == "interrupted"
    assert all(np.isfinite(outcome.parameters).all() for outcome in watch.outcomes.values())
    assert 0 < watch.outcomes[0].epochs < 1_000_000


@pytest.mark.parametrize(("pressed", "landings"), [(False, 3), (True, 1)])
def test_an_interruption_ends_a_run_between_two_advances(pressed, landings):
    """With trainers that follow a script."""
    states = iter(["time", "hungry", "done"])
    seen = SimpleNamespace(landings=0, fed=0, ended=[])
    run = Run(begun=False, fed=True, hungry=False)

    def feed():
        seen.fed += 1
        run.fed = True

    def land(start=True):
        if not start:
            return []
        seen.landings += 1
        return [(run, next(states))]

    run.looked_at = lambda *, hungry: setattr(run, "hungry", hungry)
    run.feed, run.settle = feed, lambda: setattr(run, "fed", False)
    watch = SimpleNamespace(
        interruption=lambda: "interrupted" if pressed and seen.landings else "",
        begins=lambda running: True,
        told=lambda running: "",
        ends=lambda running, stopped: seen.ended.append(stopped),
    )
    company = native_engine._Company(watch, 1, 1)
    company._running[run] = None
    company.fly(SimpleNamespace(land=land, board=lambda run: None), [])
    assert seen.ended == ["interrupted" if pressed else "epochs"]
    assert (seen.landings, seen.fed) == (landings, 0 if pressed else 1)


def test_ctrl_c_answers_once_and_then_raises():
    with ctrl_c() as interruption:
        assert interruption() == ""
        signal.raise_signal(signal.SIGINT)
        assert interruption() == "interrupted"
        interruption.stop("time")
        assert interruption() == "interrupted"  # the first reason stays
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_signals_are_left_alone():
    seen = []

    def inside():
        with ctrl_c() as interruption:
            seen.append(signal.getsignal(signal.SIGINT))
            interruption.stop()
            seen.append(interruption())

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler, "interrupted"]
