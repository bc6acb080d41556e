"""What a program puts in the place of torch's own functions is seen, and torch then runs."""

import functools
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

import vetro
from vetro.engines.explain import understand
from vetro.engines.native_core import why_not_native
from vetro.networks.pristine import _check_forward, check_rules
from vetro.networks.refusal import NotUnderstood

pytestmark = pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())


def problem():
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    return module, torch.optim.Adam(module.parameters(), lr=0.1)


def doubled(function):
    return lambda *arguments, **options: 2 * function(*arguments, **options)


def passing(function):
    @functools.wraps(function)
    def same(*arguments, **options):
        return function(*arguments, **options)

    return same


REPLACED = {
    "Adam.step": (torch.optim.Adam, "step", passing),
    "ReLU.forward": (nn.ReLU, "forward", doubled),
    "nn.functional.relu": (functional, "relu", doubled),
    "nn.functional.linear": (functional, "linear", doubled),
    "nn.functional.mse_loss": (functional, "mse_loss", passing),
    "MSELoss.forward": (nn.MSELoss, "forward", doubled),
    "Module.__call__": (nn.Module, "__call__", passing),
    "Module._call_impl": (nn.Module, "_call_impl", passing),
    "Tensor.backward": (torch.Tensor, "backward", passing),
    "torch.tanh": (torch, "tanh", lambda function: torch.sin),
    "Optimizer.zero_grad": (torch.optim.Optimizer, "zero_grad", passing),
    "optim.adam.adam": (sys.modules["torch.optim.adam"], "adam", passing),
    "optim.adam._single_tensor_adam": (
        sys.modules["torch.optim.adam"],
        "_single_tensor_adam",
        passing,
    ),
    "Adam._init_group": (torch.optim.Adam, "_init_group", passing),
}


@pytest.mark.parametrize("name", REPLACED)
def test_what_was_replaced_is_seen(name, monkeypatch):
    owner, key, replace = REPLACED[name]
    module, optimizer = problem()
    understand(module, nn.MSELoss(), optimizer)
    monkeypatch.setattr(owner, key, replace(getattr(owner, key)))
    with pytest.raises(NotUnderstood, match=f"the program has replaced {name} of torch"):
        understand(module, nn.MSELoss(), optimizer)
    monkeypatch.undo()
    understand(module, nn.MSELoss(), optimizer)


def test_another_classes_forward(monkeypatch):
    module, optimizer = problem()
    monkeypatch.setattr(nn.ReLU, "forward", nn.Tanh.forward)
    with pytest.raises(NotUnderstood, match=r"replaced ReLU\.forward"):
        understand(module, nn.MSELoss(), optimizer)


def test_a_replaced_forward_trains_as_the_plain_loop(monkeypatch):
    monkeypatch.setattr(nn.ReLU, "forward", doubled(nn.ReLU.forward))
    x, y = torch.randn(8, 3), torch.randn(8, 2)
    module, optimizer = problem()
    with pytest.warns(vetro.errors.VetroWarning, match="has replaced"):
        history = vetro.train(module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=5)
    other, its = problem()
    for loss in history.loss:
        its.zero_grad()
        value = nn.MSELoss()(other(x), y)
        value.backward()
        its.step()
        assert value.item() == loss
    with pytest.raises(vetro.errors.UsageError, match=r"replaced ReLU\.forward"):
        vetro.Predictor(module)


def once_more(function):
    """A function of the program in the place of one of torch's, which changes gradients."""

    @functools.wraps(function)
    def changed(given, *arguments, **options):
        result = function(given, *arguments, **options)
        for parameter in changed.module.parameters():
            if parameter.grad is None:
                parameter.grad = torch.ones_like(parameter)
            parameter.grad.mul_(0.5)
        return result

    return changed


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (torch.Tensor, "backward"),
        (torch.optim.Optimizer, "zero_grad"),
        (nn.utils, "clip_grad_norm_"),
    ],
    ids=str,
)
def test_the_torch_engine_calls_what_was_replaced(owner, name, monkeypatch):
    changed = once_more(getattr(owner, name))
    monkeypatch.setattr(owner, name, changed)
    x, y = torch.randn(8, 3), torch.randn(8, 2)
    changed.module, optimizer = problem()
    with pytest.warns(vetro.errors.VetroWarning, match="has replaced"):
        vetro.train(
            changed.module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=5, clip_norm=0.1
        )
    trained = changed.module
    changed.module, optimizer = problem()
    for _ in range(5):
        optimizer.zero_grad()
        nn.MSELoss()(changed.module(x), y).backward()
        nn.utils.clip_grad_norm_(changed.module.parameters(), 0.1)
        optimizer.step()
    pairs = zip(trained.parameters(), changed.module.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


class Watching(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {}))


def test_modes():
    module, optimizer = problem()
    with Watching(), pytest.raises(NotUnderstood, match="the torch mode Watching is active"):
        understand(module, nn.MSELoss(), optimizer)
    with torch.device("cpu"):
        understand(module, nn.MSELoss(), optimizer)
    saved = torch.autograd.graph.saved_tensors_hooks(lambda t: 2 * t, lambda t: t)
    with saved, pytest.raises(NotUnderstood, match="hooks on the tensors saved for backward"):
        understand(module, nn.MSELoss(), optimizer)
    with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
        understand(module, nn.MSELoss(), optimizer)


def test_schedulers_wrap_the_step_and_are_no_replacement():
    module, optimizer = problem()
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    understand(module, nn.MSELoss(), optimizer)


FIRST_OF_ITS_KIND = """
import os
import sys
import traceback
import torch
import torch._dynamo
from torch import nn
from vetro.networks.pristine import check_rules

module = nn.Linear(3, 2, bias=False)
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            check_rules(nn.MSELoss(), getattr(torch.optim, name)(module.parameters(), lr=0.1))
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_the_first_optimizer_of_a_process():
    """torch wraps `step` when it makes the first optimizer of a class; the order is the user's.

    Each is made in a fork of one process that has made none: loading torch takes longer.
    """
    names = ("Adam", "AdamW", "SGD", "RMSprop", "NAdam", "LBFGS")
    command = [sys.executable, "-c", FIRST_OF_ITS_KIND, *names]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ended.stdout.splitlines() == [f"{name} 0" for name in names], ended.stderr


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 2)])
        self.named = nn.ModuleDict({"a": nn.Tanh()})

    def forward(self, x):
        return self.layers[1](self.named["a"](self.layers[0](x)))


def test_containers_have_no_forward():
    module = Listed()
    understand(module, nn.MSELoss(), torch.optim.AdamW(module.parameters()))


def test_every_layer_of_torch_is_its_own():
    """Whatever torch.nn has, as installed, is not taken for replaced."""
    for kind in vars(nn).values():
        if isinstance(kind, type) and issubclass(kind, nn.Module) and kind is not nn.Module:
            _check_forward(kind)
    for kind in vars(torch.optim).values():
        if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer):
            check_rules(nn.MSELoss(), object.__new__(kind))
