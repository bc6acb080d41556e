"""vetro.ProgressBar: progress for Python, as a line on a terminal or a bar in a notebook.

It shows what on_progress is called with and knows nothing of training.  The command line has a
progress display of its own.
"""

from __future__ import annotations

import math
import sys
import time
from html import escape
from typing import Any, TextIO

SECONDS = 0.1
"""It is drawn at most so often, and always at the end."""


class ProgressBar:
    """on_progress=vetro.ProgressBar() for vetro.fit, vetro.train and vetro.train_many.

    total: steps of the whole training, for vetro.train, which does not pass them on; without it
    the steps are counted.  In a notebook it draws a bar in the cell's output, on a terminal a line
    on stderr that is written again and again; elsewhere it writes the last line only.
    """

    def __init__(self, total: int | None = None) -> None:
        self._total = total
        self._drawn = -math.inf
        self._display: Any = None

    def __call__(self, *progress: Any) -> None:
        """Show where training stands; the arguments of any on_progress of Vetro."""
        share, text, done = self._standing(*progress)
        now = time.monotonic()
        if now - self._drawn < SECONDS and not done:
            return
        self._drawn = now
        self._draw(share, text, done)

    def _standing(self, *progress: Any) -> tuple[float | None, str, bool]:
        """The share done (None: unknown), a text, and whether it is over."""
        if len(progress) == 1:
            (fit,) = progress
            if fit.step != "training":
                return (1.0 if fit.step == "done" else None), str(fit.step), fit.step == "done"
            text = f"training, fold {fit.fold} of {fit.folds}, epoch {fit.epoch} of {fit.epochs}"
            if math.isfinite(fit.validation):
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
    """IPython's display where a notebook runs this, else None.  It imports nothing itself."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell else None
    if running is None or not hasattr(running, "kernel"):
        return None
    return sys.modules["IPython.display"].display
