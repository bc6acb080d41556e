"""Faults to plant in torch modules, in the engine and in what it returns, for verify to find.

Each is a function of pytest's monkeypatch that gives what vetro.verify then says; `clean` is the
same without the fault.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

import vetro
from vetro.engines import native_run
from vetro.glass.learning import engine_run, torch_steps
from vetro.glass.verify import recomputing, verify_model, verify_module

ROWS = 40
Fault = Callable[[Any], Any]
FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    FAULTS[function.__name__] = function
    return function


def net(dtype: torch.dtype = torch.float32, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    torch.manual_seed(3)
    layers = (nn.Linear(5, 24), activation(), nn.Linear(24, 24), activation(), nn.Linear(24, 2))
    return nn.Sequential(*layers).to(dtype)


def rows(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(ROWS, 5, generator=generator, dtype=torch.float64)
    y = torch.randn(ROWS, 2, generator=generator, dtype=torch.float64)
    return x.to(dtype), y.to(dtype)


def adam(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr=1e-3)


def verified(module: nn.Module, optimizer: Any = None, loss: Any = None) -> Any:
    x, y = rows(next(module.parameters()).dtype)
    return vetro.verify(module, x, y, loss or nn.MSELoss(), optimizer or adam(module))


def nudged(values: Any, index: Any) -> None:
    """One unit in the last place up."""
    values[index] = np.nextafter(values[index], values.dtype.type(np.inf))


def nudge(parameter: Tensor, index: Any) -> None:
    with torch.no_grad():
        parameter[index] = torch.nextafter(parameter[index], torch.tensor(torch.inf).to(parameter))


def clean(monkeypatch: Any) -> Any:
    return verified(net())


# What runs beside the forward


def hooked(layer: int, hook: Any, **options: Any) -> Any:
    module = net(**options)
    module[layer].register_forward_hook(hook)
    return verified(module)


@fault
def hook_scales_by_a_last_bit(monkeypatch):
    return hooked(0, lambda module, given, out: out * (1 + 2**-23))


@fault
def hook_moves_one_unit(monkeypatch):
    shift = torch.zeros(24)
    shift[7] = 1e-7
    return hooked(1, lambda module, given, out: out + shift)


@fault
def hook_limits_what_is_large(monkeypatch):
    return hooked(3, lambda module, given, out: out.clamp(max=1.5))


@fault
def hook_of_a_smooth_network(monkeypatch):
    return hooked(1, lambda module, given, out: out * (1 - 2**-24), activation=nn.Tanh)


@fault
def hook_in_float64(monkeypatch):
    return hooked(2, lambda module, given, out: out * (1 + 2**-52), dtype=torch.float64)


@fault
def hook_changes_one_row(monkeypatch):
    def hook(module, given, out):
        out = out.clone()
        out[5, 1] += 1e-6
        return out

    return hooked(4, hook)


@fault
def pre_hook_changes_the_input(monkeypatch):
    module = net()
    module[2].register_forward_pre_hook(lambda module, given: (given[0] * 1.0001,))
    return verified(module)


@fault
def hook_for_all_modules(monkeypatch):
    handle = register_module_forward_hook(
        lambda module, given, out: out + 1e-6 if isinstance(module, nn.ReLU) else None
    )
    try:
        return verified(net())
    finally:
        handle.remove()


@fault
def forward_replaced_on_the_object(monkeypatch):
    module = net()
    module[1].forward = lambda x: torch.nn.functional.leaky_relu(x, 1e-4)
    return verified(module)


# A weight off by one unit in the last place


@fault
def weight_nudged_while_running(monkeypatch):
    module = net()

    def nudging(part, given):
        nudge(part.weight.data, (3, 4))

    def back(part, given, out):
        part.weight.data[3, 4] = torch.nextafter(part.weight[3, 4], torch.tensor(-torch.inf))

    module[2].register_forward_pre_hook(nudging)
    module[2].register_forward_hook(back)
    return verified(module)


@fault
def weight_nudged_for_good(monkeypatch):
    module = net()
    module[0].register_forward_pre_hook(lambda part, given: nudge(part.bias, 2))
    return verified(module)


class Drifting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.layer.weight.add_(1e-7)
        return self.layer(x)


@fault
def forward_changes_its_weight(monkeypatch):
    return verified(Drifting())


def stale(layer: int, index: Any, **options: Any) -> Any:
    module = net(**options)
    predictor = vetro.Predictor(module)
    nudge(module[layer].weight, index)
    x, _ = rows(next(module.parameters()).dtype)
    return vetro.verify(module, x, predictor=predictor)


@fault
def predictor_stale_in_its_first_layer(monkeypatch):
    return stale(0, (20, 1))


@fault
def predictor_stale_in_the_middle(monkeypatch):
    return stale(2, (5, 3))


@fault
def predictor_stale_at_its_end(monkeypatch):
    return stale(4, (1, 8))


@fault
def predictor_stale_and_smooth(monkeypatch):
    return stale(2, (0, 9), activation=nn.GELU)


@fault
def predictor_of_another_module(monkeypatch):
    module, other = net(), net()
    with torch.no_grad():
        other[0].weight *= 1.001
    return vetro.verify(module, rows()[0], predictor=vetro.Predictor(other))


def engine_nudged(monkeypatch: Any, slot: int, place: int, **options: Any) -> Any:
    """The engine's copy of a weight differs by one unit in the last place."""
    own = verify_module.part_outputs

    def outputs(part, x):
        parameters = part.parameters.copy()
        nudged(parameters, part.network.slots[slot].offset + place)
        return own(dataclasses.replace(part, parameters=parameters), x)

    for home in (recomputing, verify_model, verify_module):
        monkeypatch.setattr(home, "part_outputs", outputs)
    return verified(net(**options))


@fault
def engine_weight_in_the_first_layer(monkeypatch):
    return engine_nudged(monkeypatch, 0, 17)


@fault
def engine_weight_in_the_middle(monkeypatch):
    return engine_nudged(monkeypatch, 2, 100)


@fault
def engine_bias_at_the_end(monkeypatch):
    return engine_nudged(monkeypatch, 5, 1)


@fault
def engine_weight_in_float64(monkeypatch):
    return engine_nudged(monkeypatch, 2, 60, dtype=torch.float64)


def engine_returns(monkeypatch: Any, change: Any) -> Any:
    own = verify_module.part_outputs

    def outputs(part, x):
        found = own(part, x)
        change(found)
        return found

    for home in (recomputing, verify_model, verify_module):
        monkeypatch.setattr(home, "part_outputs", outputs)
    return verified(net())


@fault
def engine_output_off_by_a_bit(monkeypatch):
    return engine_returns(monkeypatch, lambda found: nudged(found, (12, 0)))


@fault
def engine_rows_exchanged(monkeypatch):
    def exchange(found):
        found[[2, 3]] = found[[3, 2]]

    return engine_returns(monkeypatch, exchange)


@fault
def engine_returns_nan(monkeypatch):
    return engine_returns(monkeypatch, lambda found: found.__setitem__((1, 1), np.nan))


# Gradients


def function_of(forward: Any, backward: Any) -> Any:
    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = forward(x)
            ctx.save_for_backward(x, out)
            return out

        @staticmethod
        def backward(ctx, gradient):
            return backward(gradient, *ctx.saved_tensors)

    class Layer(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Custom.apply(x)

    return Layer


def custom(forward: Any, backward: Any) -> Any:
    return verified(net(activation=function_of(forward, backward)))


def right_function(monkeypatch: Any) -> Any:
    return custom(torch.relu, lambda g, x, out: g * (x > 0))


@fault
def backward_passes_everything(monkeypatch):
    return custom(torch.relu, lambda g, x, out: g)


@fault
def backward_of_the_wrong_sign(monkeypatch):
    return custom(torch.relu, lambda g, x, out: -g * (x > 0))


@fault
def backward_off_by_a_thousandth(monkeypatch):
    return custom(torch.relu, lambda g, x, out: g * (x > 0) * 1.001)


@fault
def backward_forgets_a_square(monkeypatch):
    return custom(torch.tanh, lambda g, x, out: g * (1 - out))


@fault
def backward_from_the_input(monkeypatch):
    return custom(torch.sigmoid, lambda g, x, out: g * x * (1 - x))


@fault
def backward_clips(monkeypatch):
    return custom(torch.tanh, lambda g, x, out: (g * (1 - out * out)).clamp(-1e-3, 1e-3))


@fault
def parameter_hook_doubles(monkeypatch):
    module = net()
    module[2].weight.register_hook(lambda g: g * 2)
    return verified(module)


@fault
def parameter_hook_adds_noise(monkeypatch):
    module = net()
    module[0].bias.register_hook(lambda g: g + 1e-5)
    return verified(module)


@fault
def backward_hook_scales_by_a_last_bit(monkeypatch):
    module = net()
    module[2].register_full_backward_hook(lambda part, into, out: (into[0] * (1 + 2**-23),))
    return verified(module)


def engine_steps(monkeypatch: Any, change: Any, optimizer: Any = None) -> Any:
    """What the engine's step returned is changed: change(step)."""
    own = engine_run.steps_of

    def steps(*arguments, **options):
        found = own(*arguments, **options)
        for step in found:
            change(step)
        return found

    monkeypatch.setattr(engine_run, "steps_of", steps)
    module = net()
    return verified(module, optimizer(module) if optimizer else None)


@fault
def engine_gradient_of_one_weight(monkeypatch):
    return engine_steps(monkeypatch, lambda step: step.gradient.__setitem__(40, 0.0))


@fault
def engine_gradient_not_divided(monkeypatch):
    return engine_steps(monkeypatch, lambda step: np.multiply(step.gradient, 80, step.gradient))


@fault
def engine_parameter_off_by_a_bit(monkeypatch):
    return engine_steps(monkeypatch, lambda step: nudged(step.after.parameters, 33))


@fault
def engine_moment_off_by_a_millionth(monkeypatch):
    def change(step):
        step.after.second[50] *= 1 + 2**-20

    return engine_steps(monkeypatch, change)


# Updates


def other_settings(monkeypatch: Any, optimizer: Any, **changed: Any) -> Any:
    """The engine steps by another rule than it was asked to."""
    own = native_run.core_optimizer

    def optimizer_of(updates):
        rules = tuple(dataclasses.replace(rule, **changed) for rule in updates.rules)
        return own(dataclasses.replace(updates, rules=rules))

    monkeypatch.setattr(native_run, "core_optimizer", optimizer_of)
    module = net()
    return verified(module, optimizer(module.parameters()))


def sgd(parameters: Any) -> Any:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, dampening=0.1)


@fault
def dampening_forgotten(monkeypatch):
    return other_settings(monkeypatch, sgd, dampening=0.0)


@fault
def nesterov_by_mistake(monkeypatch):
    return other_settings(
        monkeypatch, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), nesterov=True
    )


@fault
def maximized(monkeypatch):
    return other_settings(monkeypatch, lambda p: torch.optim.SGD(p, lr=1e-3), maximize=True)


@fault
def another_beta(monkeypatch):
    return other_settings(monkeypatch, torch.optim.Adam, beta2=0.99899)


@fault
def another_eps(monkeypatch):
    return other_settings(
        monkeypatch, lambda p: torch.optim.Adam(p, lr=0.01, eps=1e-6), eps=1.01e-6
    )


@fault
def decay_forgotten(monkeypatch):
    return other_settings(
        monkeypatch, lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=1e-3), weight_decay=0.0
    )


@fault
def amsgrad_forgotten(monkeypatch):
    return other_settings(
        monkeypatch, lambda p: torch.optim.Adam(p, lr=0.5, amsgrad=True), amsgrad=False
    )


@fault
def mean_not_taken_away(monkeypatch):
    return other_settings(
        monkeypatch, lambda p: torch.optim.RMSprop(p, centered=True), centered=False
    )


def steps_of_torch(monkeypatch: Any, change: Any) -> Any:
    """The same of torch's own step."""
    own = torch_steps.steps_of

    def steps(*arguments, **options):
        found = own(*arguments, **options)
        change(found)
        return found

    monkeypatch.setattr(torch_steps, "steps_of", steps)
    return verified(net())


@fault
def torch_parameter_off_by_a_bit(monkeypatch):
    return steps_of_torch(monkeypatch, lambda found: nudged(found[1].after.parameters, 3))


@fault
def torch_takes_a_step_twice(monkeypatch):
    def twice(found):
        found[0] = dataclasses.replace(found[0], after=found[1].after)

    return steps_of_torch(monkeypatch, twice)
