"""What `vetro show` says of a recipe."""

from __future__ import annotations

import pytest

from vetro.apps.show_command import _entry_text
from vetro.training.recipe import Recipe


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("folds", -1, "automatic"),
        ("holdout", -1.0, "automatic"),
        ("time", 0.0, "unlimited"),
        ("batch_size", 0, "automatic"),
        ("batch_size", 32, "32"),
        ("bins", 0, "automatic"),
        ("seed", 0, "0"),
        ("dropout", 0.0, "0"),
    ],
)
def test_a_number_that_is_no_amount_is_a_word(name: str, value: float, text: str) -> None:
    assert _entry_text(name, value) == text


def test_no_default_is_negative() -> None:
    assert not any(_entry_text(*item).startswith("-") for item in Recipe().to_json().items())
