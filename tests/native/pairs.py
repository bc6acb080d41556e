"""A problem of nets.py, stepped by torch and by the native core side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from native.nets import BUFFERS, VECTORS, Problem, nearest
from torch import Tensor
from torch.nn import functional

from vetro import _native

GROUP = (
    "momentum", "dampening", "weight_decay", "beta2", "eps", "alpha", "nesterov", "maximize",
    "amsgrad", "centered",
)  # fmt: skip
CLASSES = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


class TorchSide:
    """The plain loop."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tensors = [
            value.clone().requires_grad_(slot.learns)
            for value, slot in zip(problem.start, problem.net.slots, strict=True)
        ]
        groups: list[dict[str, Any]] = [{"params": []} for _ in problem.groups]
        for tensor, slot, group in zip(
            self.tensors, problem.net.slots, problem.group_of, strict=True
        ):
            if slot.learns:
                groups[group]["params"].append(tensor)
        for group, settings in zip(groups, problem.groups, strict=True):
            group |= {
                key: value
                for key, value in settings.items()
                if key not in ("cycled", "beta1", "beta2")
            }
            if "beta1" in settings:
                group["betas"] = (settings["beta1"], settings["beta2"])
        fused = {} if problem.kind == "rmsprop" else {"fused": True}
        self.used = [number for number, group in enumerate(groups) if group["params"]]
        self.optimizer = CLASSES[problem.kind](
            [groups[number] for number in self.used], lr=0.0, **fused
        )

    def loss(self, rows: np.ndarray, kinks: list[float] | None = None) -> Tensor:
        problem, options = self.problem, self.problem.loss
        chosen = torch.from_numpy(rows.astype(np.int64))
        out = problem.net.forward(self.tensors, problem.x[chosen], kinks)
        y = problem.y[chosen]
        kind = options["kind"]

        def tensor(name: str) -> Tensor | None:
            value = options.get(name)
            return None if value is None else torch.from_numpy(value)

        if kinks is not None and kind in ("l1", "smooth_l1", "huber"):
            kinks.append(nearest(out - y))
        mean = options["reduction"] == "mean"
        if kind == "cross_entropy":
            settings: dict[str, Any] = {
                "weight": tensor("class_weights"),
                "ignore_index": options["ignored"],
                "label_smoothing": options["a"],
            }
            if problem.weights is None:
                return functional.cross_entropy(out, y, reduction=options["reduction"], **settings)
            rows_losses = functional.cross_entropy(out, y, reduction="none", **settings)
            total = (rows_losses * problem.weights[chosen]).sum()
            return total / len(rows) if mean else total
        if kind == "bce":
            losses = functional.binary_cross_entropy_with_logits(
                out,
                y,
                reduction="none",
                weight=tensor("class_weights"),
                pos_weight=tensor("positive_weights"),
            )
        elif kind in ("smooth_l1", "huber"):
            name = "beta" if kind == "smooth_l1" else "delta"
            function = getattr(functional, f"{kind}_loss")
            losses = function(out, y, reduction="none", **{name: options["a"]})
        else:
            losses = getattr(functional, f"{kind}_loss")(out, y, reduction="none")
        if problem.weights is not None:
            losses = losses * problem.weights[chosen, None]
        return losses.mean() if mean else losses.sum()

    def set_rates(self, rates: np.ndarray) -> None:
        for number, group in zip(self.used, self.optimizer.param_groups, strict=True):
            group["lr"] = float(rates[number, 0])
            if "betas" in group:
                group["betas"] = (float(rates[number, 1]), group["betas"][1])
            else:
                group["momentum"] = float(rates[number, 1])

    def step(self, number: int) -> float:
        problem = self.problem
        self.set_rates(problem.rates[number])
        self.optimizer.zero_grad()
        loss = self.loss(problem.order[number])
        loss.backward()
        learning = [tensor for tensor in self.tensors if tensor.requires_grad]
        if problem.clip_norm:
            torch.nn.utils.clip_grad_norm_(learning, problem.clip_norm)
        if problem.clip_value:
            torch.nn.utils.clip_grad_value_(learning, problem.clip_value)
        self.optimizer.step()
        return float(loss.detach())

    def start_from(self, state: dict[str, np.ndarray], optimizer: dict[str, Any]) -> None:
        """Parameters as state() gave them, and the optimizer's own state_dict of then."""
        self.optimizer.load_state_dict(optimizer)
        self.fill(state["parameters"], lambda tensor: tensor.data)

    def update(self, number: int, gradients: np.ndarray) -> None:
        """The optimizer's step with these gradients, clipped already."""
        self.set_rates(self.problem.rates[number])
        for tensor in self.tensors:
            tensor.grad = torch.zeros_like(tensor) if tensor.requires_grad else None
        self.fill(gradients, lambda tensor: tensor.grad)
        self.optimizer.step()

    def fill(self, values: np.ndarray, into: Callable[[Tensor], Tensor | None]) -> None:
        for tensor, slot in zip(self.tensors, self.problem.net.slots, strict=True):
            target = into(tensor)
            if target is not None:
                part = torch.from_numpy(values[slot.offset : slot.end])
                target.copy_(part.reshape(slot.shape))

    def kink(self, number: int) -> float:
        """How near this step's values come to a jump of a slope, from the present state."""
        kinks: list[float] = []
        with torch.no_grad():
            self.loss(self.problem.order[number], kinks)
        return min(kinks, default=1.0)

    def state(self) -> dict[str, np.ndarray]:
        """As the native core's set_state takes it."""
        count = self.problem.net.count
        dtype = self.problem.x.numpy().dtype
        state = {"parameters": flat(self.tensors)}
        for vector, key in zip(VECTORS, BUFFERS[self.problem.kind], strict=True):
            values = np.zeros(count, dtype=dtype)
            for tensor, slot in zip(self.tensors, self.problem.net.slots, strict=True):
                buffer = self.optimizer.state.get(tensor, {}).get(key)
                if buffer is not None:
                    values[slot.offset : slot.end] = buffer.numpy().reshape(-1)
            state[vector] = values
        state["step"] = np.array(
            [
                float(own["step"])
                if "step" in (own := self.optimizer.state.get(tensor, {}))
                else float(own.get("momentum_buffer") is not None)
                for tensor in self.tensors
                if tensor.requires_grad
            ]
        )
        return state


def flat(tensors: list[Tensor]) -> np.ndarray:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).numpy().copy()


def native_side(problem: Problem, **options: Any) -> _native.Trainer:
    """A trainer that starts where torch starts; nothing is fed yet."""
    ranges = [
        _native.Range(slot.offset, slot.end, group)
        for slot, group in zip(problem.net.slots, problem.group_of, strict=True)
        if slot.learns
    ]
    groups = [
        _native.Group(**{key: value for key, value in group.items() if key in GROUP})
        for group in problem.groups
    ]
    weights = None if problem.weights is None else problem.weights.numpy()
    return _native.Trainer(
        problem.net.program(),
        flat(problem.start),
        _native.Rows(problem.x.numpy(), problem.y.numpy(), weights),
        _native.Loss(**problem.loss),
        _native.Optimizer(problem.kind, groups, ranges),
        _native.Settings(
            batch_size=problem.batch,
            total_steps=len(problem.order),
            clip_norm=problem.clip_norm,
            clip_value=problem.clip_value,
            **options,
        ),
    )


def deviation(problem: Problem, ours: np.ndarray, theirs: np.ndarray, least: float = 0.0) -> float:
    """The largest difference, relative to the largest magnitude in its tensor, or to `least`."""
    worst = 0.0
    for slot in problem.net.slots:
        a, b = ours[slot.offset : slot.end], theirs[slot.offset : slot.end]
        if np.isfinite(a).all() != np.isfinite(b).all():
            return np.inf
        size = max(float(np.abs(b).max()), least)
        difference = float(np.abs(a - b).max())
        if difference > 0:
            worst = max(worst, difference / size if size > 0 else np.inf)
    return worst
