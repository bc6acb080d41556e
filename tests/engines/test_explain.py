"""Losses as the native engine takes them, and the sentence that explains the choice."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import vetro
from vetro.engines import explain, native_core
from vetro.engines.explain import REASON, EngineChoice
from vetro.errors import VetroError
from vetro.networks.losses.rule import LossRule
from vetro.networks.lower_module import Lowering, lower_module
from vetro.networks.refusal import NotUnderstood
from vetro.networks.torch_losses import check_target, describe_loss

Loss = Callable[..., Any]


def module(outputs: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, outputs))


def lowering(outputs: int = 3) -> Lowering:
    return lower_module(module(outputs))


class Squeezed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Any:
        return self.fc(x).squeeze(-1)


class OwnLoss(nn.MSELoss):
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return super().forward(input, target) + 1


WEIGHTS = torch.tensor([1.0, 2.0, 3.0])

UNDERSTOOD: list[tuple[Loss, tuple[Any, ...]]] = [
    (nn.MSELoss(), ("mse", "mean", 0.0)),
    (nn.MSELoss(reduction="sum"), ("mse", "sum", 0.0)),
    (nn.L1Loss(), ("l1", "mean", 0.0)),
    (nn.SmoothL1Loss(), ("smooth_l1", "mean", 1.0)),
    (nn.SmoothL1Loss(beta=0.3), ("smooth_l1", "mean", 0.3)),
    (nn.SmoothL1Loss(beta=0.0), ("l1", "mean", 0.0)),
    (nn.HuberLoss(delta=2.5), ("huber", "mean", 2.5)),
    (nn.BCEWithLogitsLoss(), ("bce", "mean", 0.0)),
    (nn.CrossEntropyLoss(label_smoothing=0.1), ("cross_entropy", "mean", 0.1)),
    (functional.mse_loss, ("mse", "mean", 0.0)),
    (functional.huber_loss, ("huber", "mean", 1.0)),
    (functional.cross_entropy, ("cross_entropy", "mean", 0.0)),
    (functools.partial(functional.smooth_l1_loss, beta=0.5), ("smooth_l1", "mean", 0.5)),
    (functools.partial(functional.mse_loss, reduction="sum"), ("mse", "sum", 0.0)),
]


@pytest.mark.parametrize(("loss", "wanted"), UNDERSTOOD)
def test_losses(loss: Loss, wanted: tuple[Any, ...]) -> None:
    found = describe_loss(loss, lowering())
    assert (found.kind, found.reduction, found.a) == wanted
    assert found.class_weights is None and found.positive_weights is None


def test_weights_of_losses() -> None:
    found = describe_loss(nn.CrossEntropyLoss(WEIGHTS, ignore_index=2), lowering())
    assert found.class_weights is not None and found.class_weights.tolist() == [1, 2, 3]
    assert found.ignored == 2
    found = describe_loss(nn.BCEWithLogitsLoss(WEIGHTS, pos_weight=torch.tensor([2.0])), lowering())
    assert found.class_weights is not None and found.class_weights.tolist() == [1, 2, 3]
    assert found.positive_weights is not None and found.positive_weights.tolist() == [2, 2, 2]
    assert found.positive_weights.dtype == np.float64
    assert found.positive_weights.flags.c_contiguous


def own(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).square().mean()


def hooked() -> nn.Module:
    loss = nn.MSELoss()
    loss.register_forward_hook(lambda *arguments: None)
    return loss


REFUSED: list[tuple[Loss, str]] = [
    (own, r"the loss own \(test_explain\.py:\d+\) is not one"),
    (OwnLoss(), "the loss OwnLoss is not one"),
    (nn.PoissonNLLLoss(), "the loss PoissonNLLLoss is not one"),
    (nn.MSELoss(reduction="none"), "the loss has reduction='none'"),
    (functools.partial(functional.mse_loss, weight=WEIGHTS), "the loss has the option weight"),
    (nn.BCEWithLogitsLoss(torch.ones(5)), r"the loss's weight has shape \(5,\)"),
    (nn.BCEWithLogitsLoss(torch.ones(8, 3)), r"the loss's weight has shape \(8, 3\)"),
    (nn.CrossEntropyLoss(WEIGHTS.double()), "torch.float64"),
    (nn.CrossEntropyLoss(WEIGHTS.clone().requires_grad_()), "on a device or learns"),
    (hooked(), "the loss MSELoss has a forward hook"),
]


@pytest.mark.parametrize(("loss", "sentence"), REFUSED)
def test_refused_losses(loss: Loss, sentence: str) -> None:
    with pytest.raises(NotUnderstood, match=sentence):
        describe_loss(loss, lowering())


def test_targets() -> None:
    mse, classes = LossRule("mse"), LossRule("cross_entropy")
    check_target(mse, lowering(), torch.ones(7, 3))
    check_target(mse, lower_module(Squeezed()), torch.ones(7))
    check_target(classes, lowering(), torch.zeros(7, dtype=torch.int64))
    wrong = [
        (mse, lowering(), torch.ones(7, 1), r"shape \(7, 1\), the output \(7, 3\)"),
        (mse, lower_module(Squeezed()), torch.ones(7, 1), r"the output \(7,\)"),
        (mse, lowering(), torch.ones(7, 3).double(), "the target is torch.float64"),
        (classes, lowering(), torch.ones(7, 3), "probabilities of classes"),
        (classes, lowering(), torch.zeros(7, 1, dtype=torch.int64), r"shape \(7, 1\)"),
        (mse, lowering(), torch.ones(7, 3, device="meta"), "the target is on meta"),
    ]
    for loss, network, target, sentence in wrong:
        with pytest.raises(NotUnderstood, match=sentence):
            check_target(loss, network, target)
    with pytest.raises(NotUnderstood, match="cross entropy needs one per class"):
        describe_loss(nn.CrossEntropyLoss(), lower_module(Squeezed()))


def choice(net: nn.Module, loss: Loss | None = None) -> EngineChoice:
    return vetro.explain_engine(net, loss or nn.MSELoss(), torch.optim.Adam(net.parameters()))


@pytest.mark.usefixtures("native")
class TestChoice:
    def test_native(self) -> None:
        found = choice(module())
        assert found == EngineChoice("native", REASON)
        assert str(found) == f"native: {REASON}"

    def test_the_reason_names_the_module(self) -> None:
        found = choice(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)))
        assert found.engine == "torch"
        assert found.reason.startswith("1 (BatchNorm1d) is not an operation")

    def test_the_reason_names_the_line(self) -> None:
        class Net(Squeezed):
            def forward(self, x: Tensor) -> Any:
                return torch.sin(self.fc(x))

        found = choice(Net())
        assert found.engine == "torch"
        assert found.reason.startswith("test_explain.py:")
        assert "torch.sin" in found.reason

    def test_loss_and_optimizer_have_reasons(self) -> None:
        assert "own (test_explain.py:" in choice(module(), own).reason
        net = module()
        optimizer = torch.optim.Adagrad(net.parameters())
        assert "Adagrad" in vetro.explain_engine(net, nn.MSELoss(), optimizer).reason

    def test_active_dropout_stays_with_torch(self) -> None:
        net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 1))
        found = choice(net)
        assert found.engine == "torch"
        assert found.reason.startswith("1 (Dropout) is active, and its masks come from torch's")
        assert choice(net.eval()).engine == "native"


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that has the native engine."""
    monkeypatch.setattr(explain, "why_not_native", lambda: "")


def test_without_the_native_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    native_core.core.cache_clear()
    native_core.why_not_native.cache_clear()
    try:
        with monkeypatch.context() as changed:
            changed.setattr(native_core, "import_module", missing)
            found = choice(module())
        assert found.engine == "torch"
        assert found.reason.startswith("the native engine is not built")
    finally:
        native_core.core.cache_clear()
        native_core.why_not_native.cache_clear()


def test_without_an_instruction_set(monkeypatch: pytest.MonkeyPatch) -> None:
    class Core:
        @staticmethod
        def isa() -> str:
            return ""

    native_core.why_not_native.cache_clear()
    try:
        with monkeypatch.context() as changed:
            changed.setattr(native_core, "core", lambda: Core)
            assert "none of the instruction sets" in choice(module()).reason
    finally:
        native_core.why_not_native.cache_clear()


def test_other_objects_are_a_usage_error() -> None:
    with pytest.raises(VetroError, match="module"):
        vetro.explain_engine(nn.Linear, nn.MSELoss(), None)  # type: ignore[arg-type]
