"""Lock-step: both sides start each step from torch's state, and are compared after it."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from native.nets import Problem
from native.pairs import TorchSide, deviation, flat, native_side

from vetro import _native

# Nearer to a jump of a slope than this, a value may fall on either side of it.
NEAR = {8: 1e-13, 4: 3e-6}


@dataclass
class Result:
    """worst: the largest deviation of loss, gradients, parameters and the optimizer's buffers;
    what: of which, at which step.

    kinks: steps left out because a value lay on a jump of a slope.  amplified: steps in which
    an optimizer divided a gradient of mere rounding by its own size; the update was then
    compared with torch's for the same gradient.  rounding: steps of float32 in which the network
    is so ill-conditioned that torch's own gradient is that far from the float64 one: neither may
    then be further off than four times the other, beside the limit.
    """

    worst: float = 0.0
    what: str = ""
    kinks: int = 0
    amplified: int = 0
    rounding: int = 0

    def note(self, value: float, what: str) -> None:
        if not value <= self.worst:
            self.worst, self.what = value, what


def reach(problem: Problem, rows: int, gradients: np.ndarray) -> float:
    """The size of the terms that a gradient of this problem is a sum of, roughly.

    Terms of opposite sign may cancel, down to a gradient that consists of rounding alone;
    what is left is compared beside the size of the terms.
    """
    whole = rows * problem.net.widths[-1] if problem.loss["reduction"] == "sum" else 1
    return max(min(float(whole), problem.clip_norm or np.inf) / 10, np.abs(gradients).max() / 100)


def true_gradients(side: TorchSide, rows: np.ndarray) -> np.ndarray:
    """The gradient in float64 of the present float32 numbers."""
    problem = copy.copy(side.problem)
    problem.x = problem.x.double()
    problem.y = problem.y.double() if problem.y.is_floating_point() else problem.y
    problem.weights = None if problem.weights is None else problem.weights.double()
    problem.loss = {
        name: value.astype(np.float64) if isinstance(value, np.ndarray) else value
        for name, value in problem.loss.items()
    }
    twin = copy.copy(side)
    twin.problem = problem
    twin.tensors = [t.detach().double().requires_grad_(t.requires_grad) for t in side.tensors]
    twin.loss(rows).backward()
    return flat([t.new_zeros(t.shape) if t.grad is None else t.grad for t in twin.tensors])


def lock_step(problem: Problem, limit: float) -> Result:
    theirs, ours = TorchSide(problem), native_side(problem)
    result = Result()
    for number, order in enumerate(problem.order):
        start, before = theirs.state(), copy.deepcopy(theirs.optimizer.state_dict())
        ours.set_state(_native.State(**start))
        ours.feed(order, problem.rates[number : number + 1])
        kink = theirs.kink(number)
        truth = true_gradients(theirs, order) if problem.x.element_size() == 4 else None
        loss = theirs.step(number)
        status = ours.advance(60.0)
        if not np.isfinite(loss):
            result.note(0.0 if status == "diverged" else np.inf, "divergence")
            break
        gradients = flat(
            [t.new_zeros(t.shape) if t.grad is None else t.grad for t in theirs.tensors]
        )
        least = reach(problem, len(order), gradients)
        step = Result()
        step.note(abs(ours.losses(number)[0] - loss) / max(abs(loss), 1.0), "loss")
        step.note(deviation(problem, ours.gradients(), gradients, least), "gradients")
        if step.worst > limit and kink < NEAR[problem.x.element_size()]:
            result.kinks += 1
            continue
        if step.worst > limit and truth is not None:
            own = deviation(problem, ours.gradients(), truth, least)
            other = deviation(problem, gradients, truth, least)
            if own <= limit + 4 * other:
                result.rounding += 1
                continue
        update = compare_update(problem, ours, theirs, least)
        if update.worst > limit >= step.worst:
            again = TorchSide(problem)
            again.start_from(start, before)
            again.update(number, ours.gradients())
            update = compare_update(problem, ours, again, least)
            result.amplified += 1
        for part in (step, update):
            result.note(part.worst, f"{part.what} at step {number}, kink {kink:.1g}")
    return result


def compare_update(problem: Problem, ours, theirs: TorchSide, least: float) -> Result:
    result = Result()
    result.note(deviation(problem, ours.parameters(), flat(theirs.tensors)), "parameters")
    state, oracle = ours.state(), theirs.state()
    for name in ("first_moment", "second_moment", "third"):
        found = getattr(state, name)
        if found is not None:
            squares = name == "second_moment" or ("adam" in problem.kind and name == "third")
            size = least**2 if squares else least
            result.note(deviation(problem, found, oracle[name], size), name)
    return result
