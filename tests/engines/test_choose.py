"""Which engine is chosen, and what is refused: nothing is replaced in silence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from vetro.engines import choose, native_run
from vetro.engines.choose import engine_for_prediction, engine_for_training
from vetro.errors import VetroError


def refusal(*given: str) -> VetroError:
    with pytest.raises(VetroError) as caught:
        engine_for_training(*given)
    return caught.value


def test_the_native_engine_has_no_cuda() -> None:
    found = refusal("native", "cuda")
    assert found.code == "E604" and "CUDA" in str(found)


def test_an_unknown_engine_is_refused() -> None:
    found = refusal("fastest")
    assert found.code == "E601" and "fastest" in str(found)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device for CUDA")
@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_a_device_that_is_not_there_is_refused(engine: str) -> None:
    assert refusal(engine, "cuda").code.startswith("E")


def test_torch_is_used_when_asked_for_or_when_the_native_engine_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert engine_for_training("torch").engine.name == "torch"
    monkeypatch.setattr(choose, "why_not_native", lambda: "it is not built")
    found = engine_for_training()
    assert (found.engine.name, found.reason) == ("torch", "it is not built")
    assert [notice.code for notice in found.notices] == ["I319"]
    assert engine_for_prediction().name == "torch"
    assert refusal("native").code == "E604"


def test_the_native_engine_is_chosen_on_the_cpu() -> None:
    for wanted in ("auto", "native"):
        found = engine_for_training(wanted, "cpu")
        assert (found.engine.name, found.device, found.notices) == ("native", "cpu", ())
    assert engine_for_prediction().name == "native"


def test_best_parameters_that_overflowed_are_of_no_epoch() -> None:
    """The validation loss was the best, and then the same epoch's last update overflowed."""
    for best, epoch in (([1.0, 2.0], 3), ([1.0, np.inf], 0), ([np.nan, 2.0], 0)):
        trainer = SimpleNamespace(
            best=lambda best=best: np.array(best), best_epoch=3, best_score=0.5, epochs=7
        )
        run: Any = SimpleNamespace(trainer=trainer, _divergence=lambda stopped: None)
        assert native_run.NativeRun.outcome(run, "epochs").best_epoch == epoch
