"""vetro.ProgressBar: progress for Python, as a line on a terminal or a bar in a notebook.

It displays the arguments of on_progress and does not know how training works.  The command line has
its own progress display.
"""

from __future__ import annotations

import math
import sys
import time
from html import escape
from typing import Any, TextIO

SECONDS = 0.1
"""The shortest time in seconds between two drawings; the end is always drawn."""


class ProgressBar:
    """on_progress=vetro.ProgressBar() for vetro.fit, vetro.train and vetro.train_many.

    total: number of steps of the whole training.  It serves vetro.train, which does not pass it to
    on_progress; without it, only the steps done are shown.  In a notebook, the bar appears in the
    cell's output.  On a terminal, it is a line on stderr that overwrites itself.  Elsewhere, only
    the last line is written.
    """

    def __init__(self, total: int | None = None) -> None:
        self._total = total
        self._drawn = -math.inf
        self._display: Any = None

    def __call__(self, *progress: Any) -> None:
        """Show the progress of training; takes the arguments of any on_progress in Vetro."""
        share, text, done = self._state(*progress)
        now = time.monotonic()
        if now - self._drawn < SECONDS and not done:
            return
        self._drawn = now
        self._draw(share, text, done)

    def _state(self, *progress: Any) -> tuple[float | None, str, bool]:
        """The share done (None: unknown), a text, and whether training is over."""
        if len(progress) == 1:
            (fit,) = progress
            if fit.step != "training":
                return (1.0 if fit.step == "done" else None), str(fit.step), fit.step == "done"
            text = f"training, fold {fit.fold} of {fit.folds}, epoch {fit.epoch} of {fit.epochs}"
            if fit.validation is not None:
                text += f", validation loss {fit.validation:.4g}"
            return fit.share, text, False
        if len(progress) == 2:
            steps, total = progress
            return steps / max(total, 1), f"{steps:,} of {total:,} steps", steps >= total
        step, loss, _ = progress
        of = f" of {self._total:,}" if self._total else ""
        share = step / self._total if self._total else None
        over = self._total is not None and step >= self._total
        return share, f"step {step:,}{of}, loss {loss:.6g}", over

    def _draw(self, share: float | None, text: str, done: bool) -> None:
        show = _notebook_display()
        if show is None:
            _line(sys.stderr, share, text, done)
            return
        value = "" if share is None else f' value="{share:.4f}"'
        html = {"text/html": f"<progress{value}></progress> {escape(text)}", "text/plain": text}
        if self._display is None:
            self._display = show(html, raw=True, display_id=True)
        else:
            self._display.update(html, raw=True)


def _line(stream: TextIO, share: float | None, text: str, done: bool) -> None:
    percent = "" if share is None else f"{share:4.0%}  "
    if stream.isatty():
        stream.write(f"\r\x1b[K{percent}{text}" + ("\n" if done else ""))
        stream.flush()
    elif done:
        stream.write(f"{percent}{text}\n")


def _notebook_display() -> Any:
    """IPython's display if this runs in a notebook, else None.  It imports nothing itself."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell else None
    if running is None or not hasattr(running, "kernel"):
        return None
    return sys.modules["IPython.display"].display
