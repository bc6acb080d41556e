"""Drawing: matplotlib figures as small inline SVG whose colours the page's style decides.

Colours are placeholders here and CSS variables in the page, so that one picture serves
light, dark and paper.  Text of the user never enters a figure: it is put in afterwards,
escaped, so that "$" and "<" in names mean nothing.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vetro.report.markup import text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# placeholder -> the CSS variable that stands for it in the page
INK, MUTED, LINE, FIRST, SECOND = "#000001", "#000002", "#000003", "#000004", "#000005"
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", FIRST: "--first", SECOND: "--second"}
# of the series of several classes: the page's --series-1 ... --series-8
SERIES = tuple(f"#00001{number}" for number in range(1, 9))
_VARIABLES |= {color: f"--series-{number}" for number, color in enumerate(SERIES, start=1)}
# for dots made into pixels: readable on white and on black
DOTS = "#2f8fb0"
# above so many dots, pixels are smaller than paths
MOST_DOTS = 1500


def square(width: float = 3.3, height: float = 3.0) -> tuple[Figure, Axes]:
    """A figure (inches) with one calm set of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0.0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)
    axes.tick_params(colors=MUTED, labelcolor=MUTED, labelsize=8, length=3, width=0.6)
    axes.grid(True, color=LINE, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.margins(0.04)
    return figure, axes


def name_axes(axes: Axes, horizontal: str, vertical: str) -> None:
    """The axes' labels; {names in braces} are filled in by `svg`."""
    axes.set_xlabel(horizontal, color=INK, fontsize=8.5)
    axes.set_ylabel(vertical, color=INK, fontsize=8.5)


def dots(axes: Axes, horizontal: Any, vertical: Any) -> None:
    """A cloud of points, as pixels when there are many; more points are fainter."""
    many = len(horizontal) > MOST_DOTS
    axes.scatter(
        horizontal,
        vertical,
        s=4 if many else 9,
        color=DOTS,
        alpha=max(0.12, min(0.6, 60 / max(1, len(horizontal)) ** 0.7)),
        linewidths=0,
        rasterized=many,
    )


def svg(figure: Figure, title: str, values: Mapping[str, str] | None = None) -> str:
    """The figure as an <svg> element for HTML, with `title` for those who cannot see it.

    values: what stands for {name} in the figure's texts; user text, escaped here.
    """
    import matplotlib as mpl

    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        figure.savefig(file, format="svg", dpi=200, metadata={"Date": None})
    content = file.getvalue()
    content = content[content.index("<svg") :]
    content = re.sub(r"<metadata>.*?</metadata>", "", content, flags=re.DOTALL)
    content = re.sub(r"<!--.*?-->\n?", "", content, flags=re.DOTALL)
    opening = re.search(r'viewBox="[^"]*"', content)
    box = opening.group() if opening else ""
    content = re.sub(
        r"<svg[^>]*>",
        lambda found: f'<svg {box} role="img" aria-label="{text(title)}">',
        content,
        count=1,
    )
    # names of parts are of no use and would stand several times in the page; what is
    # referred to has a name made from the salt
    content = re.sub(r'<g id="[^"]*">', "<g>", content)
    # the page's own font
    content = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", content)
    for color, variable in _VARIABLES.items():
        content = content.replace(color, f"var({variable})")
    for name, value in (values or {}).items():
        content = content.replace(f"{{{name}}}", text(value))
    return content.strip()
