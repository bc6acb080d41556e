"""The torch engine compared with a loop written by hand: running sums, full-batch steps.

It measures the cost of vetro.train when the native engine cannot run.  It is not a row of run.py.

    python benchmarks/plain_loop.py [steps] [rounds]

Both start from the same initial weights and rows; the program checks that they end with the
same bits.  They run in turn on one thread, and each is first in every other round.  There are
many short rounds, because other programs disturb a long one.  The row shows the median times
and the median, over the rounds, of plain / vetro: above 1, Vetro is faster.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

import vetro


def rows() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    inputs = torch.randint(0, 100, (1000, 3)).float()
    return inputs, inputs.cumsum(1)


def fresh() -> tuple[nn.Module, nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    return module, nn.MSELoss(), torch.optim.SGD(module.parameters(), lr=1e-5)


def plain(steps: int) -> tuple[float, nn.Module, list[float]]:
    """Seconds, module and losses of the loop written by hand, which also keeps its losses."""
    (x, y), (module, loss, optimizer) = rows(), fresh()
    losses = []
    start = time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(module(x), y)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return time.perf_counter() - start, module, losses


def through_vetro(steps: int) -> tuple[float, nn.Module, list[float]]:
    """The same through vetro.train, its checks included."""
    (x, y), (module, loss, optimizer) = rows(), fresh()
    start = time.perf_counter()
    history = vetro.train(module, x, y, loss=loss, optimizer=optimizer, steps=steps, engine="torch")
    return time.perf_counter() - start, module, history.loss


def compare(steps: int, rounds: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio of a round."""
    times: dict[Callable[[int], tuple[float, nn.Module, list[float]]], list[float]] = {
        plain: [],
        through_vetro: [],
    }
    for number in range(rounds):
        results = {}
        for contender in (plain, through_vetro) if number % 2 else (through_vetro, plain):
            seconds, module, losses = contender(steps)
            times[contender].append(seconds)
            results[contender] = (module.state_dict(), losses)
        (mine, my_losses), (its, its_losses) = results[through_vetro], results[plain]
        if my_losses != its_losses or not all(torch.equal(mine[name], its[name]) for name in its):
            raise SystemExit("the two loops differ: nothing to compare")
    ratios = [by_hand / ours for by_hand, ours in zip(*times.values(), strict=True)]
    return (*(statistics.median(seconds) for seconds in times.values()), statistics.median(ratios))


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    torch.set_num_threads(1)
    compare(50, 1)  # the first calls load parts of torch
    by_hand, ours, ratio = compare(steps, rounds)
    print("| work | plain loop | vetro.train (torch) | plain / vetro |")
    print("|---|---|---|---|")
    print(
        f"| 1000x3, 3-3-3-3, SGD, {steps} full-batch steps | {by_hand / steps * 1e6:.0f} us/step "
        f"| {ours / steps * 1e6:.0f} us/step | {ratio:.3f} |"
    )


if __name__ == "__main__":
    main()
