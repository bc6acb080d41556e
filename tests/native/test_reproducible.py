"""The same bits: for any number of threads, on any instruction set, in one call or in pieces."""

import os
import subprocess

import numpy as np
import pytest
import torch
from native.building import (
    HERE,
    aarch64_tools,
    build_driver,
    compiler,
    drive,
    kernel_command,
    run,
    runs_here,
)
from native.nets import random_problem
from native.pairs import flat, native_side

from vetro import _native
from vetro.engines.native_records import state_arrays, state_counters


def same(lines, others):
    """Case by case; the first line, the set, may differ."""
    assert len(lines) == len(others) > 80
    differing = [f"{a}\n{b}" for a, b in zip(lines[1:], others[1:], strict=True) if a != b]
    assert not differing, "\n".join(differing)


@pytest.fixture(scope="module")
def reference(driver):
    lines = drive(driver)
    assert not [line for line in lines if "NOT FINITE" in line or "DIFFERS" in line]
    return lines


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_threads(driver, reference, threads):
    same(reference, drive(driver, f"threads={threads}"))


@pytest.mark.parametrize("isa", HERE)
def test_instruction_sets(driver, reference, isa):
    runs_here(isa)
    lines = drive(driver, "threads=2", isa=isa)
    assert lines[0] == f"set {isa}"
    same(reference, lines)


def test_the_shapes_of_avx512_on_avx2(driver, reference, tmp_path):
    """The code for AVX-512, with its own tiles and tails, on any processor: the same bits."""
    runs_here("avx512_on_avx2")
    kernel = tmp_path / "kernel.o"
    run(kernel_command("avx512_on_avx2", kernel, ("-O1",)))
    others = [one for one in driver.parent.glob("*.o") if one.name != "kernel_avx2.o"]
    program = tmp_path / "driver"
    run([compiler(), *others, kernel, "-pthread", "-o", program])
    for words in (["threads=2"], ["pieces"]):
        lines = drive(program, *words, isa="avx512_on_avx2")
        assert lines[0] == "set avx512_on_avx2"
        same(reference, lines)


def test_fed_in_pieces(driver, reference):
    same(reference, drive(driver, "pieces", "threads=2"))


def test_a_set_that_is_not_there_is_not_replaced(driver):
    done = subprocess.run(
        [driver],
        check=False,
        env={**os.environ, "VETRO_ISA": "sse9"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (3, "no instruction set\n")


def outcome(trainer):
    arrays = (trainer.parameters(), trainer.gradients(), trainer.losses())
    return [one.tobytes() for one in arrays], [epoch(one) for one in trainer.epochs_from()]


def epoch(ended):
    names = ("training", "validation", "learning_rate", "best", "weights", "gradients")
    return tuple(getattr(ended, name) for name in names)


@pytest.mark.parametrize("seed", range(12))
def test_two_halves_with_a_checkpoint_between(seed):
    """state() into a new trainer, at steps that cut an epoch, is the run that was never cut."""
    problem = random_problem(seed, (torch.float32, torch.float64)[seed % 2], 23)
    options = {"keep_best": True, "plateau": 2, "measured": [(0, flat(problem.start).size)]}
    whole = native_side(problem, threads=1, **options)
    whole.feed(np.concatenate(problem.order), problem.rates)
    assert whole.advance(60.0) == "done"
    cut = 9
    first, second = (native_side(problem, threads=2, **options) for _ in range(2))
    first.feed(np.concatenate(problem.order[:cut]), problem.rates[:cut])
    assert first.advance(60.0) == "hungry"
    second.set_state(first.state())
    second.feed(np.concatenate(problem.order[cut:]), problem.rates[cut:])
    assert second.advance(60.0) == "done"
    assert np.array_equal(whole.parameters(), second.parameters())
    assert np.array_equal(whole.gradients(), second.gradients())
    assert np.array_equal(whole.best(), second.best())
    assert np.array_equal(whole.losses(cut), second.losses())
    done = first.epochs
    ended = whole.epochs_from()
    assert [len(one.weights) for one in ended] == [1] * whole.epochs
    assert [epoch(one) for one in ended[done:]] == [epoch(one) for one in second.epochs_from()]
    arrays = state_arrays(whole.state())
    assert arrays.keys() == state_arrays(second.state()).keys() >= {"parameters", "best", "step"}
    for name, values in arrays.items():
        assert np.array_equal(values, getattr(second.state(), name)), name
    assert state_counters(whole.state()) == state_counters(second.state())


@pytest.mark.parametrize("seed", range(6))
def test_short_turns_change_nothing(seed):
    """advance(0) over and over, alone or beside others in advance_many."""
    problems = [random_problem(100 + 7 * seed + k, torch.float32, 60) for k in range(5)]

    def fed():
        trainers = [native_side(problem, threads=1) for problem in problems]
        for trainer, problem in zip(trainers, problems, strict=True):
            trainer.feed(np.concatenate(problem.order), problem.rates)
        return trainers

    together, alone = fed(), fed()
    while set(_native.advance_many(together, 0.001, threads=3)) != {"done"}:
        pass
    for one, other in zip(together, alone, strict=True):
        while other.advance(0.0) != "done":
            pass
        assert outcome(one) == outcome(other)


@pytest.mark.long
@pytest.mark.aarch64
def test_the_engine_on_aarch64(tmp_path, reference):
    """The driver, cross-compiled, under an emulator."""
    cross, emulator = aarch64_tools()
    program = build_driver(tmp_path, sets=("neon",), by=cross, link=["-static"])
    lines = drive(program, "threads=2", prefix=[emulator])
    assert lines[0] == "set neon"
    same(reference, lines)
