"""Whether a schedule may be stepped ahead of training, or must be stepped together with it.

The native loop needs the learning rates of many steps at once.  A schedule that computes only
with plain numbers gives the same rates whenever it is stepped.  A schedule that can reach the
module, its gradients or the optimizer may not.  It is stepped when the plain loop would step it:
everything that it could read is written before, and its changes are taken over afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.optim import Optimizer, lr_scheduler, swa_utils
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from vetro.networks.pristine import made_by_torch
from vetro.training.reach import reach_of, reach_of_value

_METHODS = ("step", "get_lr", "state_dict", "load_state_dict", "_update_lr")


@dataclass(frozen=True)
class Pace:
    """looks_ahead: whether the schedule may be stepped ahead and put back.  watched: a clause that
    says why it must see the module and the optimizer as they are at each of its steps; "" if it
    cannot see them."""

    looks_ahead: bool = True
    watched: str = ""

    def __str__(self) -> str:
        """The clause for `reason`; "" if there is nothing to say."""
        clause = f"the schedule is stepped together with training, because {self.watched}"
        return clause if self.watched else ""


def pace_of(schedule: LRScheduler | Callable[[int], float]) -> Pace:
    """The pace of a scheduler or of a function of the step."""
    if not isinstance(schedule, LRScheduler):
        found = reach_of(schedule)
        return Pace(not found, found and f"its function {function_name(schedule)} {found}")
    watched = _touches(schedule)
    return Pace(not watched and not isinstance(schedule, ReduceLROnPlateau), watched)


def function_name(function: Callable[..., Any]) -> str:
    """A function's name, with its file and line if they are known."""
    code = getattr(function, "__code__", None)
    name = getattr(function, "__name__", type(function).__name__)
    if code is None:
        return name
    file = code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{name} ({file}:{code.co_firstlineno})"


def _touches(schedule: LRScheduler) -> str:
    """A clause that says why a scheduler might touch more than learning rates; "" if it cannot."""
    kind = type(schedule)
    if all(getattr(home, kind.__name__, None) is not kind for home in (lr_scheduler, swa_utils)):
        return f"{kind.__name__} is not a class of torch.optim.lr_scheduler"
    for name in _METHODS:
        method = getattr(kind, name, None)
        if name in vars(schedule) or not (method is None or made_by_torch(method)):
            return f"the {name} of {kind.__name__} was replaced"
    for name, value in vars(schedule).items():
        found = _of_value(name, value)
        if found:
            return found
    momenta = [*getattr(schedule, "base_momentums", ()), *getattr(schedule, "max_momentums", ())]
    if getattr(schedule, "cycle_momentum", False):
        groups = schedule.optimizer.param_groups
        momenta += [group.get(key) for group in groups for key in ("base_momentum", "max_momentum")]
        if any(value == 0 for value in momenta if value is not None):
            return f"{kind.__name__} moves the momentum from or to 0"
    return ""


def _of_value(name: str, value: Any) -> str:
    if isinstance(value, Optimizer | Tensor):  # rates may be tensors
        return ""
    if isinstance(value, LRScheduler):
        return _touches(value)
    if isinstance(value, list | tuple):
        return next((found for part in value if (found := _of_value(name, part))), "")
    if callable(value):
        if made_by_torch(value) and hasattr(value, "__code__"):
            return ""
        found = reach_of(value)
        return found and f"its function {function_name(value)} {found}"
    return reach_of_value(value) and f"its {name} is a {type(value).__name__}"
