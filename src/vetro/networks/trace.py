"""Tracing: running a forward once on stand-ins, to read its operations.

The forward runs on a twin of the module whose parameters are stand-ins, so it can only change
the twin.  lower_calls.py has the meaning of the calls.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import nn

from vetro.networks import lower_calls
from vetro.networks.assembly import Assembly
from vetro.networks.functions import functions_by_forward
from vetro.networks.module_checks import title, without_global_hooks
from vetro.networks.refusal import NotUnderstood
from vetro.networks.standin import RowCount, StandIn, Storage, Value, Weight, method
from vetro.networks.twin import Twin

_TORCH = str(Path(torch.__file__).parent)
_HERE = str(Path(__file__).parent)


def trace(
    module: nn.Module, assembly: Assembly, training: bool | None, declared: bool = False
) -> tuple[int, bool]:
    """The value that the forward returns, and whether its shape is (rows,); NotUnderstood if the
    forward cannot be read.  training: the mode to read it in.  declared: see lower_module."""
    for parameter in module.parameters():
        assembly.dtype = parameter.dtype
        break
    traced = _Trace(module, assembly, training, declared)
    if not declared:
        return traced.run()
    with without_global_hooks(), functions_by_forward():
        return traced.run()


class _Trace:
    """One run of a forward on stand-ins."""

    def __init__(
        self, module: nn.Module, assembly: Assembly, training: bool | None, declared: bool
    ) -> None:
        self.assembly = assembly
        self.module = module
        self.refused: NotUnderstood | None = None
        self.twin = Twin(
            module, lambda parameter: StandIn(self, Weight(parameter)), training, declared
        )

    def run(self) -> tuple[int, bool]:
        chance = RandomState()
        try:
            with torch.enable_grad():
                output = self.twin.module(self.tensor(0))
        except Exception as caught:
            if self.refused is None:
                raise self._refused_by(caught) from caught
        finally:
            moved = chance.restore()
        if self.refused is not None:
            # Also if the forward caught the exception and continued.
            raise self.refused from None
        name = type(self.module).__name__
        if moved:
            raise NotUnderstood(f"the forward of {name} draws random numbers ({moved})")
        changed = self.twin.changed()
        if changed:
            raise NotUnderstood(f"the forward of {name} changes {changed}")
        if not isinstance(output, StandIn) or not isinstance(output.held, Value):
            kind = "no tensor" if isinstance(output, StandIn) else f"a {type(output).__name__}"
            raise NotUnderstood(f"the forward of {name} returns {kind}, not one tensor")
        return output.held.storage.value, output.held.squeezed

    # The interface for lower_calls.py

    def tensor(self, value: int, squeezed: bool = False) -> StandIn:
        """A new tensor that holds `value`."""
        return StandIn(self, Value(Storage(value), squeezed))

    def standin(self, held: Value | Weight | RowCount) -> StandIn:
        return StandIn(self, held)

    def guess_inputs(self) -> int:
        """The number of inputs of the module's first layer."""
        for part in self.module.modules():
            if isinstance(part, nn.Linear):
                return part.in_features
        raise NotUnderstood("asks for the number of inputs, which is not known")

    def refuse(self, reason: str) -> NotUnderstood:
        """The refusal of the present call, with its place; stored, as the forward may catch it."""
        frames = _frames(sys._getframe(1))
        self.refused = self._placed(reason, frames)
        return self.refused

    def where(self) -> str:
        """The innermost layer that is running, or the line of code."""
        line, part, _ = self._place(_frames(sys._getframe(1)))
        return part or line

    # The interface for stand-ins

    def call(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of an operator, a torch function, or (if target is a text) a method."""
        name = lower_calls.name_of(target)
        if any(isinstance(argument, StandIn) and argument.tracer is not self for argument in args):
            raise self.refuse("{forward} uses tensors of an earlier call")
        handler = lower_calls.find(target)
        if handler is None:
            raise self.refuse(f"{{{name}}} is not an operation that the native engine has")
        if not torch.is_grad_enabled():
            raise self.refuse("{forward} computes without gradients")
        if torch.is_autocast_enabled("cpu"):
            raise self.refuse("{forward} turns on autocast")
        try:
            return handler(self, *args, **kwargs)
        except NotUnderstood as refused:
            if refused is self.refused:
                raise
            raise self.refuse(str(refused)) from None
        except TypeError:
            raise self.refuse(f"{name} is called with arguments that are not understood") from None

    def attribute(self, standin: StandIn, name: str) -> Any:
        """The attribute of a tensor: its shape, dtype, ..., or a method."""
        held = standin.held
        if isinstance(held, RowCount):
            raise self.refuse("{forward} computes with the number of rows")
        if isinstance(held, Weight) and name in ("shape", "requires_grad", "ndim"):
            parameter = held.parameter.T if held.transposed else held.parameter
            return getattr(parameter, name)
        simple = {"dtype": self.assembly.dtype, "device": torch.device("cpu"), "is_cuda": False}
        if name in simple:
            return simple[name]
        if name in ("shape", "ndim", "T", "mT"):
            return self.call(name, (standin,), {})
        if not callable(getattr(torch.Tensor, name)):
            raise self.refuse(f"{{forward}} uses .{name}")
        return method(standin, name)

    # Places

    def _refused_by(self, caught: Exception) -> NotUnderstood:
        """The refusal for an exception of the forward itself, or of torch within it."""
        frames = []
        step = caught.__traceback__
        while step is not None:
            frames.append((step.tb_frame, step.tb_lineno))
            step = step.tb_next
        first_line = str(caught).strip().partition("\n")[0]
        _, part, _ = self._place(reversed(frames))
        if part:
            return self._placed(
                "{call} is not an operation that the native engine has", frames[::-1]
            )
        return self._placed(
            f"{{forward}} raised {type(caught).__name__}: {first_line}", frames[::-1]
        )

    def _placed(self, reason: str, frames: Any) -> NotUnderstood:
        line, part, forward = self._place(frames)
        opened, closed = reason.find("{"), reason.find("}")
        if opened >= 0:
            word = reason[opened + 1 : closed]
            if word == "forward":
                word = f"the forward of {forward}"
            elif part:
                word = part
            reason = reason[:opened] + word + reason[closed + 1 :]
        elif part:
            reason = f"{part}: {reason}"
        return NotUnderstood(f"{line}: {reason}" if line else reason)

    def _place(self, frames: Any) -> tuple[str, str, str]:
        """From the innermost frame outwards: the line of the user's code, the torch layer that it
        called, if any, and the class of the forward."""
        part = ""
        for frame, number in frames:
            file = frame.f_code.co_filename
            if file.startswith(_HERE):
                continue
            owner = frame.f_locals.get("self")
            known = self.twin.names.get(id(owner)) if isinstance(owner, nn.Module) else None
            if file.startswith((_TORCH, "<frozen")):
                if not part and isinstance(owner, nn.Module) and frame.f_code.co_name == "forward":
                    part = title(known or "", owner)
                continue
            forward = type(owner if isinstance(owner, nn.Module) else self.module).__name__
            file = file.replace("\\", "/").rpartition("/")[2]
            return f"{file}:{number}", part, forward
        return "", part, type(self.module).__name__


def _frames(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """The frames from this one outwards, up to the beginning of the trace."""
    while frame is not None and frame.f_code is not _Trace.run.__code__:
        yield frame, frame.f_lineno
        frame = frame.f_back


class RandomState:
    """The states of the generators that a forward may draw from."""

    def __init__(self) -> None:
        self._torch = torch.get_rng_state()
        self._python = random.getstate()
        self._numpy: Any = np.random.get_state()

    def restore(self) -> str:
        """Restore the generators; returns the name of one that had moved, "" if none had."""
        moved = ""
        if not torch.equal(self._torch, torch.get_rng_state()):
            torch.set_rng_state(self._torch)
            moved = "torch"
        if self._python != random.getstate():
            random.setstate(self._python)
            moved = "random"
        now: Any = np.random.get_state()
        if self._numpy[2] != now[2] or not np.array_equal(self._numpy[1], now[1]):
            np.random.set_state(self._numpy)
            moved = "numpy.random"
        return moved
