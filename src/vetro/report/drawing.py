"""Drawing: matplotlib figures as small inline SVG with the colours of the page's style.

Colours are placeholders here and CSS variables in the page, so that one picture serves
light, dark and paper.  The user's text never enters a figure: it is escaped and inserted
afterwards, so that "$" and "<" in names have no effect.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vetro.report.markup import text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# placeholder -> the CSS variable that replaces it in the page
INK, MUTED, LINE, FIRST, SECOND = "#000001", "#000002", "#000003", "#000004", "#000005"
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", FIRST: "--first", SECOND: "--second"}
# of the series of several classes: the page's --series-1 ... --series-8
SERIES = tuple(f"#00001{number}" for number in range(1, 9))
_VARIABLES |= {color: f"--series-{number}" for number, color in enumerate(SERIES, start=1)}
# for dots made into pixels: readable on white and on black
DOTS = "#2f8fb0"
# with more dots than this, pixels need less space than paths
MOST_DOTS = 1500
_SHEETS = 12
# in points: font size of tick labels and of names, line height as a multiple, tick length, gaps
_TICK_SIZE, _NAME_SIZE, _LINE, _TICK, _PAD = 8.0, 8.5, 1.25, 3.0, 3.5


def square(width: float = 3.3, height: float = 3.0) -> tuple[Figure, Axes]:
    """A figure (inches) with one plain set of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.patch.set_alpha(0.0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0.0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)
    axes.tick_params(
        colors=MUTED, labelcolor=MUTED, labelsize=_TICK_SIZE, length=_TICK, pad=_PAD, width=0.6
    )
    axes.grid(True, color=LINE, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.margins(0.04)
    return figure, axes


def name_axes(axes: Axes, horizontal: str, vertical: str) -> None:
    """The axes' labels; {names in braces} are filled in by `svg`."""
    axes.set_xlabel(horizontal, color=INK, fontsize=_NAME_SIZE)
    axes.set_ylabel(vertical, color=INK, fontsize=_NAME_SIZE)


def whole_ticks(axis: Axis, nbins: int | Literal["auto"] = "auto") -> None:
    """Whole numbers only at the ticks; nbins: at most this many intervals."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=nbins, integer=True))


def _shorter(path: re.Match[str]) -> str:
    """A path's d: a hundredth of a point is precise enough, and a line of no length is h0."""
    short = re.sub(r"(\.\d\d)\d+", r"\1", path[1])
    short = re.sub(r"M (\S+ \S+) \nL \1 \n", r"M\1h0", short)
    return f' d="{short}"'


def _set_margins(figure: Figure) -> None:
    """Make room for the tick labels and the axes' names, estimated from their letters: a layout
    engine draws every text to measure it, which takes as long as the picture."""
    from matplotlib.ticker import MaxNLocator

    (axes,) = figure.axes
    width, height = (72 * inches for inches in figure.get_size_inches())
    for _ in range(2):  # how many ticks there are depends on the room
        below, beside = _tick_labels(axes.xaxis), _tick_labels(axes.yaxis)
        widest = max(map(_width, below.values()), default=0.0)
        left = _TICK + _PAD + max(map(_width, beside.values()), default=0.0) + _PAD
        bottom = _TICK + _PAD + _LINE * _TICK_SIZE + _PAD
        top = _PAD + _LINE * _TICK_SIZE * (1.0 if axes.yaxis.get_offset_text().get_text() else 0.5)
        name = _LINE * _NAME_SIZE
        right = _PAD
        if below:  # the last label may reach beyond the axis
            first, last = axes.xaxis.get_transform().transform(np.array(axes.get_xlim()))
            after = (last - max(below)) / (last - first) * (width - left - name)
            right += max(0.0, widest / 2 - after)
        across, up = width - left - name - right, height - bottom - name - top
        axes.set_position(
            ((left + name) / width, (bottom + name) / height, across / width, up / height)
        )
        locator = axes.xaxis.get_major_locator()
        if isinstance(locator, MaxNLocator) and len(below) * (widest + 2 * _PAD) > across:
            locator.set_params(nbins=max(2, int(across / (widest + 2 * _PAD))))
    axes.xaxis.set_label_coords(0.5, -bottom / up)
    axes.yaxis.set_label_coords(-left / across, 0.5)


def _tick_labels(axis: Axis) -> dict[float, str]:
    """The tick labels of an axis: their transformed positions and their texts."""
    low, high = sorted(axis.get_view_interval())
    places = [place for place in axis.get_majorticklocs() if low <= place <= high]
    labels = axis.get_major_formatter().format_ticks(places)
    axis.get_offset_text().set_text(axis.get_major_formatter().get_offset())
    return dict(zip(axis.get_transform().transform(np.array(places)), labels, strict=True))


def _width(label: str) -> float:
    """The width of a tick's label in points: digits are as wide as each other in most fonts."""
    return _TICK_SIZE * sum(0.34 if letter in ".," else 0.66 for letter in label)


def dots(axes: Axes, horizontal: Any, vertical: Any) -> None:
    """A cloud of points, as pixels when there are many; the more points, the fainter."""
    alpha = max(0.12, min(0.6, 60 / max(1, len(horizontal)) ** 0.7))
    if len(horizontal) > MOST_DOTS:
        axes.scatter(
            horizontal, vertical, s=4, color=DOTS, alpha=alpha, linewidths=0, rasterized=True
        )
        return
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    # Lines of no length with round ends take a sixth of the text that one marker per point takes.
    # Within one path overlapping points do not get darker, so there are several paths.
    points = np.column_stack([horizontal, vertical])
    for first in range(_SHEETS):
        own = points[first::_SHEETS]
        codes = np.tile([Path.MOVETO, Path.LINETO], len(own))
        path = Path(np.repeat(own, 2, axis=0), codes)
        path.should_simplify = False
        axes.add_artist(
            PathPatch(path, fill=False, color=FIRST, alpha=alpha, linewidth=3, capstyle="round")
        )
    axes.update_datalim(points)
    axes.autoscale_view()


def svg(figure: Figure, title: str, values: Mapping[str, str] | None = None) -> str:
    """The figure as an <svg> element for HTML, with `title` for screen readers.

    values: the text that replaces {name} in the figure; the user's text, escaped here.
    """
    import matplotlib as mpl

    _set_margins(figure)
    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        figure.savefig(file, format="svg", dpi=200, metadata={"Date": None})
    content = file.getvalue()
    content = content[content.index("<svg") :]
    content = re.sub(r"<metadata>.*?</metadata>", "", content, flags=re.DOTALL)
    content = re.sub(r"<!--.*?-->\n?", "", content, flags=re.DOTALL)
    content = re.sub(r' d="([^"]*)"', _shorter, content)
    opening = re.search(r'viewBox="[^"]*"', content)
    box = opening.group() if opening else ""
    content = re.sub(
        r"<svg[^>]*>",
        lambda found: f'<svg {box} role="img" aria-label="{text(title)}">',
        content,
        count=1,
    )
    # Ids of parts are useless and would occur several times in the page; parts that are
    # referred to have an id made from the salt.
    content = re.sub(r'<g id="[^"]*">', "<g>", content)
    # the page's own font
    content = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", content)
    for color, variable in _VARIABLES.items():
        content = content.replace(color, f"var({variable})")
    for name, value in (values or {}).items():
        content = content.replace(f"{{{name}}}", text(value))
    return content.strip()
