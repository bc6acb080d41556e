"""`vetro tour`: a walk from the first linear layer to a fitted table, step by step.

This file has the walk; tour/ has the texts, tour/screen.py and tour/page.py the display.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from vetro.apps.options import valued
from vetro.apps.present import console, message, visible
from vetro.errors import VetroError, error

if TYPE_CHECKING:
    from vetro.apps.tour.content import Step, Tour
    from vetro.apps.tour.running import Ran, Session

OWN_TABLE = 19
"""The step that asks for the reader's own table."""

OPENING = 0
"""The number before the first step's."""

Ask = Callable[[str], str]
"""Asks the reader for an answer; EOFError or KeyboardInterrupt if they leave."""


def tour(
    *,
    lang: Annotated[
        str, typer.Option("--lang", metavar="en|it", help="Language.", show_default=True)
    ] = "en",
    step: Annotated[str, valued("--step", "N", "Show only this step.")] = "",
    plain: Annotated[
        bool, typer.Option("--plain", help="Print everything as Markdown and ask nothing.")
    ] = False,
) -> None:
    """Walk from the first linear layer to a network of your own, every number proved.

    Each step shows a few lines of PyTorch, runs them, and lets Vetro prove the numbers.
    """
    from vetro.apps.tour.content import LANGUAGES, tour_in
    from vetro.apps.tour.running import Session

    if lang not in LANGUAGES:
        raise error("E751", language=lang, languages=", ".join(LANGUAGES))
    shown = tour_in(lang)
    numbers = _numbers(shown, step)
    asking = not plain and sys.stdin.isatty() and sys.stdout.isatty()
    with Session(shown.steps) as session:
        if asking:
            with suppress(ImportError):
                import readline  # noqa: F401  (input() then edits its line)
            Walk(shown, session, input).go(numbers)
        else:
            _print_all(shown, session, numbers)


def _numbers(shown: Tour, step: str) -> range:
    """The steps asked for: one, or all."""
    total = len(shown.steps)
    if not step:
        return range(1, total + 1)
    if not (step.isascii() and step.isdigit() and 1 <= int(step) <= total):
        raise error("E752", step=step, total=total)
    return range(int(step), int(step) + 1)


def _print_all(shown: Tour, session: Session, numbers: range) -> None:
    from vetro.apps.tour.page import step_text

    if len(numbers) > 1:
        print(f"# {shown.title}\n\n{shown.introduction}\n")
    print(shown.words["loading"], file=sys.stderr, flush=True)
    for number in numbers:
        step = shown.steps[number - 1]
        print(step_text(shown, step, session.run(number)), end="\n\n", flush=True)


class _Elsewhere(Exception):
    """The reader wants another step before this one was shown completely."""

    def __init__(self, number: int) -> None:
        self.number = number


class Walk:
    """The interactive walk.  ask: returns the reader's answer to a prompt, like input()."""

    def __init__(self, shown: Tour, session: Session, ask: Ask) -> None:
        from vetro.apps.tour.screen import Screen

        self._tour = shown
        self._words = shown.words
        self._session = session
        self._ask = ask
        self._place = OPENING
        self._console = console()
        self._screen = Screen(self._console, self._pause)

    def go(self, numbers: range) -> None:
        """Show these steps in order, until the reader leaves or the last is done."""
        only = len(numbers) == 1
        self._place = numbers[0] if only else OPENING
        word = "done"
        try:
            while self._place <= numbers[-1]:
                try:
                    self._show(self._place)
                    wanted = None if only else self._choice(self._words["prompt"])
                    self._place = self._place + 1 if wanted is None else wanted
                except _Elsewhere as jump:
                    self._place = jump.number
        except (EOFError, KeyboardInterrupt):
            self._console.print()
            word = "left"
        if not only:
            self._console.print(self._words[word].format(number=max(self._place, 1)))

    def _show(self, number: int) -> None:
        from vetro.apps.tour.screen import opening, step_items

        if number == OPENING:
            items = opening(self._tour)
        else:
            step = self._tour.steps[number - 1]
            items = step_items(self._tour, step, self._run(step))
        for item in items:
            self._screen.show(item)
        self._console.print()

    def _run(self, step: Step) -> Ran:
        own = OWN_TABLE in (step.number, *step.needs)
        while True:
            if own and not self._session.has_run(OWN_TABLE):
                self._session.change = {"own": cell} if (cell := self._own_table()) else {}
            word = "running" if self._session.has_run(1) else "loading"
            try:
                with self._console.status(self._words[word]):
                    return self._session.run(step.number)
            except VetroError as refusal:
                if not own:
                    raise
                message(refusal.code, refusal.words, sys.stdout)

    def _own_table(self) -> str:
        """The cell that names the reader's table, "" for the tour's table."""
        from vetro.apps.tour.own_table import columns_of, own_cell, place_of

        while True:
            source = place_of(self._ask(self._words["ask_table"]))
            if not source:
                return ""
            try:
                names = columns_of(source)
                shown = visible(", ".join(names))
                self._console.print(self._words["columns"].format(names=shown))
                target = self._ask(self._words["ask_target"]).strip()
                return own_cell(source, target or names[-1])
            except VetroError as refusal:
                message(refusal.code, refusal.words, sys.stdout)

    def _choice(self, prompt: str) -> int | None:
        """The step that the reader wants, None for the next; EOFError if they leave."""
        while True:
            answer = self._ask(prompt).strip().lower()
            self._screen.answered()
            if not answer:
                return None
            if answer == "q":
                raise EOFError
            if answer == "b":
                return max(self._place - 1, 1)
            if answer.isdecimal() and 1 <= int(answer) <= len(self._tour.steps):
                return int(answer)
            word = "help" if answer == "?" else "unclear"
            self._console.print(self._words[word].format(total=len(self._tour.steps)))

    def _pause(self) -> None:
        """The screen is full: wait, then continue or go to another step."""
        if (wanted := self._choice(self._words["more"])) is not None:
            raise _Elsewhere(wanted)
