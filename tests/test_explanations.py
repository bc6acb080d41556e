"""Every message is explained, its example reads as the message does, and the page is today's."""

from __future__ import annotations

from pathlib import Path

from vetro.apps.messages_page import messages_page
from vetro.catalogue import CATALOGUE
from vetro.explanations import explanations

ROOT = Path(__file__).parents[1]


def test_every_message_is_explained_and_no_other() -> None:
    assert list(explanations()) == list(CATALOGUE)


def test_examples_fill_every_placeholder() -> None:
    for code, found in explanations().items():
        for door in ("command line", "python"):
            text = found.example.worded(door)
            assert text and "{" not in text.replace("'{", ""), code
            assert "{" not in found.remedy.worded(door), code
            meaning = found.meaning.worded(door)
            assert len(meaning) > 20 and "{" not in meaning, code


def test_the_page_is_todays() -> None:
    assert (ROOT / "docs" / "messages.md").read_text(encoding="utf-8") == messages_page()
