"""vetro.fit as Python calls it: arguments of a wrong kind are refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vetro
from vetro.errors import UsageError

TABLE = {"x": [float(n) for n in range(40)], "y": [float(n % 7) for n in range(40)]}


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ({"target": None}, "E604", 'vetro.fit needs a target. Use target="y".'),
        ({"target": ()}, "E604", "vetro.fit needs a target"),
        ({"target": ["y", 2]}, "E601", "target \"('y', 2)\" is not valid: a text or several"),
        ({"hidden": "64"}, "E601", "Use for example hidden=(64,64)."),
        ({"hidden": 8.5}, "E601", "whole numbers from 1 to 65536 are needed"),
        ({"hidden": (8, True)}, "E601", "whole numbers from 1 to 65536 are needed"),
        ({"inputs": 3}, "E601", "a text or several are needed"),
        ({"missing": 7}, "E601", "a text or several are needed"),
        ({"epochs": "3"}, "E601", "a whole number is needed"),
        ({"learning_rate": None}, "E601", "a number is needed"),
        ({"group": None}, "E601", "a text is needed"),
        ({"header": 0}, "E601", "true or false is needed"),
        ({"engine": None}, "E601", "Use one of: auto, native, torch."),
        ({"bad_rows": "drop"}, "E601", "Use one of: refuse, skip."),
        ({"drop_missing_target": "yes"}, "E601", "true or false is needed"),
        ({"recipe": {"hidden": 3}}, "E601", "a vetro Recipe is needed"),
        ({"recipe": {}}, "E601", "a vetro Recipe is needed"),
        ({"options": "x"}, "E601", "a vetro ReadOptions is needed"),
        ({"options": ""}, "E601", "a vetro ReadOptions is needed"),
        ({"on_progress": 3}, "E601", "a function of one argument is needed"),
        ({"learning_rat": 1}, "E602", 'Did you mean "learning_rate"?'),
    ],
)
def test_arguments_of_a_wrong_kind(arguments: dict[str, Any], code: str, text: str) -> None:
    with pytest.raises(UsageError) as refused:
        vetro.fit(TABLE, **{"target": "y", **arguments})
    assert refused.value.code == code and text in str(refused.value)


@pytest.mark.parametrize("hidden", [6, np.int64(6), [6], np.array([6])])
def test_one_number_is_one_hidden_layer(hidden: Any) -> None:
    settings = {"epochs": np.int64(2), "learning_rate": np.float32(0.01)}
    model = vetro.fit(TABLE, "y", hidden=hidden, holdout=0.25, **settings)
    assert model.recipe.hidden == (6,) and type(model.recipe.epochs) is int
