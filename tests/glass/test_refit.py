"""A fit that is made again: the same parameters pass, one last bit is found and named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import vetro
from vetro.glass.verify.evidence_checks import refit_check


def columns() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    a, b = random.normal(size=(2, 120))
    return {"a": a, "b": b, "y": a - 0.5 * b + 0.1 * random.normal(size=120)}


def fitted(**recipe: Any) -> vetro.Model:
    return vetro.fit(columns(), target="y", epochs=2, hidden=(4,), **recipe)


@pytest.mark.filterwarnings("ignore::vetro.errors.VetroWarning")
@pytest.mark.parametrize("split", [{"holdout": 0.3}, {"folds": 2}])
def test_a_changed_bit_is_found_and_named(split: dict[str, Any]) -> None:
    model = fitted(**split)
    several = len(model.members) > 1
    same = refit_check(model, columns())
    count = sum(member.parameters.size for member in model.members)
    assert same.verdict == "passed" and same.detail.startswith(f"{count} parameters")
    if several:
        fewer = refit_check(replace(model, members=model.members[:1]), columns())
        assert (
            fewer.verdict == "failed"
            and f"the new fit has {len(model.members)} members" in fewer.detail
        )
    numbers = model.members[-1].parameters
    numbers.flags.writeable = True
    numbers[1] = np.nextafter(numbers[1], np.float32(np.inf))
    other = refit_check(model, columns())
    assert other.verdict == "failed"
    assert other.detail.startswith(f"member{len(model.members)}: " if several else "layer1.weight[")
