"""Markup: text, numbers and tables as HTML; every value is escaped here.

Not a template language: functions that return fragments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

from vetro.errors import Words, counted
from vetro.model.evidence import Interval
from vetro.visible import visible

SHARES = ("accuracy", "balanced_accuracy")
_OF_ONE = ("r2", "auc", "f1")
_MOST_MORE = 6
_LABELS = {
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss",
    "auc": "AUC",
    "f1": "F1",
}
LOWER_IS_BETTER = ("rmse", "mae", "log_loss")
MINUS = "−"


def text(value: object) -> str:
    """A value as HTML text, also inside attributes."""
    return escape(visible(str(value), keep="\n"), quote=True)


def said(message: Words) -> str:
    """A message in the words of the command line, like the command at the end of the page."""
    return text(message.worded("command line"))


def number(value: float, digits: int = 3) -> str:
    """A number to `digits` significant digits: 5.14, 12,300, 0.00213, 1.2e-07."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    size = abs(value)
    if size and not 1e-4 <= size < 1e9:
        shown = f"{value:.{digits - 1}e}"
    else:
        places = max(0, digits - 1 - math.floor(math.log10(size))) if size else 0
        shown = f"{value:,.{places}f}"
    return signed(shown)


def signed(shown: str) -> str:
    """A number's text with a true minus sign."""
    return shown.replace("-", MINUS, 1) if shown.startswith("-") else shown


def figure(name: str, value: float) -> str:
    """A figure of a metric: 91.4% for shares, two decimals for R2, AUC and F1."""
    if name in SHARES:
        return f"{value:.1%}"
    if name in _OF_ONE and abs(value) < 1000:
        return _of_one(value, _places(value))
    return number(value)


def _places(value: float) -> int:
    """Two decimals, or as many as keep 0.99996 from reading as 1."""
    places = 2
    while places < 6 and 0.995 <= value < 1.0 and float(f"{value:.{places}f}") >= 1.0:
        places += 1
    return places


def _of_one(value: float, places: int) -> str:
    return f"{value:z.{places}f}".replace("-", MINUS)


IN_UNITS = ("rmse", "mae")
"""Metrics in the target's unit."""


def label(name: str) -> str:
    """The usual name of a metric: RMSE, R², AUC."""
    return _LABELS.get(name, name.replace("_", " "))


def interval(name: str, value: Interval) -> str:
    """The 95% interval in words: "0.89 to 0.92", or an empty text if there is none."""
    if value.low == value.high:
        return ""
    of_one = name in _OF_ONE and max(abs(value.low), abs(value.high)) < 1000
    places = max(_places(value.low), _places(value.high))

    def written(end: float, more: int) -> str:
        if name in SHARES:
            return f"{end:.{1 + more}%}"
        return _of_one(end, places + more) if of_one else number(end, 3 + more)

    return " to ".join(apart(value.low, value.high, written))


def apart(low: float, high: float, written: Callable[[float, int], str]) -> tuple[str, str]:
    """Both ends of an interval, with as many more digits as tell them apart.

    written: the text of an end with so many more digits than usual.
    """
    for more in range(_MOST_MORE):
        ends = written(low, more), written(high, more)
        if ends[0] != ends[1]:
            return ends
    return written(low, 0), written(high, 0)


def listed(items: Sequence[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "", numbers: Sequence[int] = ()
) -> str:
    """A table from fragments of HTML; `numbers` are the columns that are right-aligned."""

    def cell(tag: str, place: int, content: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        side = ' class="number"' if place in numbers else ""
        return f"<{tag}{scope}{side}>{content}</{tag}>"

    lines = [f'<div class="wide"><table class="{kind}"><thead><tr>']
    lines += [cell("th", place, content) for place, content in enumerate(head)]
    lines.append("</tr></thead><tbody>")
    for row in rows:
        lines.append(
            f"<tr>{''.join(cell('td', place, content) for place, content in enumerate(row))}</tr>"
        )
    lines.append("</tbody></table></div>")
    return "\n".join(lines)


def note(content: str) -> str:
    """A remark in small type, plain text; an empty text gives nothing."""
    return f'<p class="note">{text(content)}</p>' if content else ""


def not_drawn(layers: int) -> str:
    """The remark that so many layers are not drawn; nothing if all are."""
    return note(f"{counted(layers, 'more layer')} not drawn." if layers > 0 else "")


def captioned(picture: str, caption: str, keys: str = "") -> str:
    """A picture with its caption, plain text; keys: a legend above it."""
    return f"<figure>{keys}{picture}<figcaption>{text(caption)}</figcaption></figure>"


def notices_list(items: Iterable[tuple[str, str, Words]]) -> str:
    """Messages as (kind, code, words), or an empty text if there are none."""
    lines = [
        f'<li class="{kind}"><code>{text(code)}</code> <span>{said(message)}</span></li>'
        for kind, code, message in items
    ]
    return f'<ul class="notices">{"".join(lines)}</ul>' if lines else ""


def page(title: str, style: str, body: str, after: str = "") -> str:
    """A whole HTML document.  body: the content of <main>; after: what follows, such as scripts."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)} – Vetro</title>
<style>
{style}
</style>
</head>
<body>
<main>
{body}
</main>
{after}</body>
</html>
"""


def section(name: str, title: str, *content: str, lead: str = "") -> str:
    """A section with its heading; `lead` is a sentence below it, plain text."""
    intro = f'<p class="lead">{text(lead)}</p>' if lead else ""
    return f'<section id="{name}"><h2>{text(title)}</h2>{intro}\n{"".join(content)}\n</section>'
