"""Texts cut to the room that they have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vetro.report.svg_text import cut, width_of


def slow(content: str, room: float, size: float) -> str:
    """What cut does, as one would say it: characters are taken off until the rest has room."""
    if width_of(content, size) <= room:
        return content
    while content and width_of(content + "…", size) > room:
        content = content[:-1]
    return content.rstrip() + "…"


@given(st.text("aWi .漢%", max_size=40), st.integers(0, 300).map(lambda room: room + 0.123))
def test_cut_takes_off_what_has_no_room(content, room):
    assert cut(content, room, 13.0) == slow(content, room, 13.0)


def test_a_name_of_millions_of_letters():
    """Work that grows with the square of the length would not end."""
    assert cut("n" * 5_000_000, 100.0, 13.0).endswith("n…")
    assert cut("n" * 5_000_000, 1e12, 13.0) == "n" * 5_000_000
