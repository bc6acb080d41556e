"""Looks for differences to torch in native cores that are named, as a program of its own.

Reads lines "SEEDS CORE.so" and answers each with one line: what differs first, or "nothing".
Every core is loaded in a process forked for it, so that torch is imported once.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

import vetro


def first_difference(core: str, seeds: int) -> str:
    spec = importlib.util.spec_from_file_location("vetro._native", core)
    module = importlib.util.module_from_spec(spec)
    sys.modules["vetro._native"] = vetro._native = module
    spec.loader.exec_module(module)

    from native.lockstep import lock_step
    from native.nets import random_problem
    from native.test_equality import LIMITS, dead_units, used_twice

    for kind in ("sgd", "adam"):
        try:
            dead_units(torch.float64, kind)
        except AssertionError:
            return "dead units of relu"
    if not used_twice(torch.float64).worst <= LIMITS[torch.float64]:
        return "a value used twice"
    for seed in range(seeds // 10):
        dtype = (torch.float64, torch.float32)[seed % 2]
        result = lock_step(random_problem(seed, dtype, 3, coded=True), LIMITS[dtype])
        if not result.worst <= LIMITS[dtype]:
            return f"seed {seed} with codes: {result}"
    for seed in range(seeds):
        dtype = (torch.float64, torch.float32)[seed % 2]
        result = lock_step(random_problem(seed, dtype, 5), LIMITS[dtype])
        if not result.worst <= LIMITS[dtype]:
            return f"seed {seed}: {result}"
    return "nothing"


def main() -> None:
    torch.set_num_threads(1)
    for line in sys.stdin:
        seeds, core = line.rstrip("\n").split(" ", 1)
        child = os.fork()
        if child == 0:
            try:
                print(first_difference(core, int(seeds)), flush=True)
                os._exit(0)
            except Exception as error:
                print(f"ERROR {type(error).__name__}: {error}", flush=True)
                os._exit(1)
        if os.waitpid(child, 0)[1] not in (0, 256):
            print("the process crashed", flush=True)


if __name__ == "__main__":
    main()
