"""Coverage in words: how often intervals held the truth, overall and by thirds, and their width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vetro.errors import counted
from vetro.model.evidence import Coverage
from vetro.report.markup import figure, interval, note, number, section, table, text

if TYPE_CHECKING:
    from vetro.model.model import Model

_MOST_CLASSES = 12
_THIRDS = ("lowest third", "middle third", "highest third")
_OF_CERTAINTY = ("least certain third", "middle third", "most certain third")


def heads(measured: Mapping[str, Coverage], classes: bool) -> list[str]:
    """The heads of a table of coverage: of its name, all rows, each third, the width."""
    first = next(iter(measured.values()))
    thirds = (_OF_CERTAINTY if classes else _THIRDS)[: len(first.thirds)]
    return [title(first, classes), "hold", *thirds, "mean size" if classes else "mean width"]


def title(found: Coverage, classes: bool) -> str:
    """ "90% intervals", or "90% sets" of classes."""
    return f"{100 * found.level:g}% {'sets' if classes else 'intervals'}"


def held(found: Coverage) -> str:
    """The share of all rows with its interval: "89.6% (87.7% to 91.5%)"."""
    span = interval("accuracy", found.covered)
    return f"{share(found.covered.value)} ({span})" if span else share(found.covered.value)


def width(found: Coverage, unit: str) -> str:
    """The mean width with its unit; of sets, the mean number of labels."""
    return f"{number(found.width)} {unit}".rstrip()


def share(value: float) -> str:
    return figure("accuracy", value)


def coverage_table(model: Model) -> str:
    """The section of the page; empty where no coverage was measured."""
    measured = model.evidence.coverage
    if not measured:
        return ""
    classes = bool(model.classes)
    rows = [
        [
            text(name),
            f"<b>{share(found.covered.value)}</b>"
            f"<small>{text(interval('accuracy', found.covered))}</small>",
            *(
                f"{share(third)}<small>{text(_range(found, place, classes))}</small>"
                for place, third in enumerate(found.thirds)
            ),
            text(width(found, model.schema[name].unit)),
        ]
        for name, found in measured.items()
    ]
    head = ["", *heads(measured, classes)[1:]]
    first = next(iter(measured.values()))
    level, name = f"{100 * first.level:g}%", title(first, classes)
    what = "The sets hold the true class" if classes else "The intervals hold the true value"
    lead = (
        f"{what} in about {level} of new rows. This was measured on held-out rows, each with the "
        "errors of other held-out rows. vetro predict --interval adds them to predictions."
    )
    content = table(head, rows, "figures", range(1, len(head)))
    own = _by_class(measured) if classes else ""
    return section("intervals", name, content, own, lead=lead)


def _by_class(measured: Mapping[str, Coverage]) -> str:
    """The shares of the classes, the worst first."""
    (found,) = measured.values()
    order = sorted(found.classes.items(), key=lambda item: item[1])
    shown = [[text(label), share(part)] for label, part in order[:_MOST_CLASSES]]
    more = len(order) - len(shown)
    rest = f"{counted(more, 'more class', 'more classes')} held more often." if more > 0 else ""
    return table(["true class", "held by its set"], shown, "figures", [1]) + note(rest)


def _range(found: Coverage, place: int, classes: bool) -> str:
    """Which predictions the third has: "below 28.3"."""
    ends = [share(end) if classes else number(end) for end in found.borders]
    if not ends:
        return ""
    if place == 0:
        return f"up to {ends[0]}"
    return f"above {ends[-1]}" if place == len(ends) else f"{ends[place - 1]} to {ends[place]}"
