"""Views: the page's pictures with their captions, for regression and classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vetro.glass.diagnose.course import LayerCourse, layer_courses
from vetro.model.metrics import predicted_codes
from vetro.report import class_pictures, pictures
from vetro.report.drawing import SERIES
from vetro.report.markup import captioned, not_drawn, note, section, table, text

if TYPE_CHECKING:
    from vetro.model.model import Model

_MOST_TARGETS = 12
_MOST_CLASSES = 12
_MOST_CONFUSIONS = 15


def curves(model: Model) -> str:
    """The section of learning curves; empty where no history was kept."""
    history = model.evidence.history
    if not history:
        return ""
    keys = _legend([("--muted", "training rows"), ("--first", "validation rows")])
    caption = (
        "Loss by epoch, mean per row in scaled units; one pair of curves for each network. "
        "Dots mark the epochs whose parameters were kept."
    )
    picture = f'<div class="broad">{pictures.learning_curves(history)}</div>'
    figure = captioned(picture, caption, keys)
    return section("learning", "Learning curves", figure, _layers(layer_courses(history)))


def _layers(courses: Sequence[LayerCourse]) -> str:
    """Each layer's weights and gradients over training."""
    if not courses:
        return ""
    networks = len(courses[0].kept)
    over = f", the median of {networks} networks" if networks > 1 else ""
    shown = courses[: len(SERIES)]
    keys = _legend([(f"--series-{k}", item.layer) for k, item in enumerate(shown, start=1)])
    more = len(courses) - len(shown)
    figures = [
        captioned(pictures.layer_sizes(courses, "weights"), f"Weights of each layer{over}."),
        captioned(
            pictures.layer_sizes(courses, "gradients"),
            f"Gradients of each layer in the last step of each epoch{over}.",
        ),
    ]
    return f'{keys}<div class="two">{"".join(figures)}</div>{not_drawn(more)}'


_OF_NUMBERS = (
    (
        pictures.predicted_against_actual,
        "Actual against predicted values; on the line both are equal.",
    ),
    (
        pictures.residuals,
        "Residuals; the line joins the means of ten groups and should be near 0.",
    ),
    (
        pictures.residual_histogram,
        "Histogram of residuals; 95% lie between the dashed lines.",
    ),
)
"""The pictures of one target's predictions, with their captions."""


def regression_views(model: Model) -> str:
    """For each target: actual against predicted, residuals, their histogram."""
    evidence, targets = model.evidence, model.schema.targets
    if not len(evidence.actual):
        return ""
    rows = []
    for place, target in enumerate(targets[:_MOST_TARGETS]):
        actual, predicted = evidence.actual[:, place], evidence.predicted[:, place]
        figures = [
            captioned(draw(actual, predicted, target.name, target.unit), caption)
            for draw, caption in _OF_NUMBERS
        ]
        name = f"<h3>{text(target.name)}</h3>" if len(targets) > 1 else ""
        rows.append(f'{name}<div class="three">{"".join(figures)}</div>')
    left = len(targets) - _MOST_TARGETS
    if left > 0:
        rows.append(note(f"{left} more targets are only in the table above."))
    return section("predictions", "Predictions on held-out rows", *rows, lead=_kept(model))


def class_views(model: Model) -> str:
    """Confusion matrix, ROC, precision-recall and calibration."""
    evidence = model.evidence
    names = model.classes
    if not len(evidence.actual):
        return ""
    actual = evidence.actual.astype(np.int64)
    predicted = np.asarray(evidence.predicted, dtype=np.float64)
    codes = class_pictures.shown_classes(actual, len(names))
    two = len(names) == 2
    drawn = [(class_pictures.curve_variable(place, len(codes)), names[code])
             for place, code in enumerate(codes)]  # fmt: skip
    keys = _legend([] if two else drawn)
    of = f"of {names[1]}" if two else "of each class against the rest"
    share = "; the dashed line is its share of the rows" if two else ""
    what = f"rows are {names[1]}" if two else "the predicted class is right"
    figures = [
        captioned(
            class_pictures.roc(actual, predicted, codes),
            f"ROC curve {of}; the dashed line is a random guess.",
        ),
        captioned(
            class_pictures.precision_recall(actual, predicted, codes),
            f"Precision and recall {of}{share}.",
        ),
        captioned(
            class_pictures.calibration(actual, predicted),
            f"Calibration: how often {what}, by predicted probability, with 95% intervals; on the "
            "dashed line both are equal.",
        ),
    ]
    return section(
        "predictions",
        "Predictions on held-out rows",
        _confusion(actual, predicted, names),
        keys,
        f'<div class="three">{"".join(figures)}</div>',
        lead=_kept(model),
    )


def _confusion(
    actual: NDArray[np.int64], predicted: NDArray[np.float64], names: tuple[str, ...]
) -> str:
    """Rows: the actual class, columns: the predicted one; of many classes the worst confusions."""
    count = len(names)
    codes = actual * count + predicted_codes(predicted)
    matrix = np.bincount(codes, minlength=count * count).reshape(count, count)
    if count > _MOST_CLASSES:
        wrong = matrix.copy()
        np.fill_diagonal(wrong, 0)
        places = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSIONS]
        rows = [
            [text(names[place // count]), text(names[place % count]), f"{wrong.flat[place]:,}"]
            for place in places
            if wrong.flat[place]
        ]
        content = table(["actual", "predicted", "rows"], rows, "figures", [2])
        return f"<h3>The most frequent confusions</h3>{content}"
    totals = np.maximum(matrix.sum(axis=1), 1)
    lines = []
    for row, name in enumerate(names):
        cells = []
        for column in range(count):
            share = matrix[row, column] / totals[row]
            kind = "right" if row == column else "wrong"
            cells.append(
                f'<td class="{kind}" style="--share:{share:.3f}">{matrix[row, column]:,}'
                f"<small>{share:.1%}</small></td>"
            )
        lines.append(f'<tr><th scope="row">{text(name)}</th>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in names)
    return (
        '<p class="note">Confusion matrix: rows are the actual class, columns the predicted '
        'one; percentages are of the row.</p><div class="wide"><table class="confusion">'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _legend(keys: list[tuple[str, str]]) -> str:
    items = [
        f'<li><i style="background:var({variable})"></i>{text(name)}</li>'
        for variable, name in keys
    ]
    return f'<ul class="legend">{"".join(items)}</ul>' if items else ""


def _kept(model: Model) -> str:
    kept, rows = len(model.evidence.actual), model.evidence.split["held_out_rows"]
    return f"Drawn from {kept:,} of the {rows:,} held-out rows." if kept < rows else ""
