"""The report in a real browser: pictures that hold their texts, a phone, and paper."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest
from report.conftest import SIZES, columns

from vetro.glass.diagnose.course import LayerCourse
from vetro.report import class_pictures, pictures
from vetro.report.page import glass_sections, report_page
from vetro.tables.read import read_table

TEXTS = """() => [...document.querySelectorAll("figure svg:not(.network)")].map(svg => {
  const box = element => { const b = element.getBoundingClientRect();
    return [element.textContent.trim(), b.left, b.top, b.right, b.bottom]; };
  return [box(svg), ...[...svg.querySelectorAll("text")].map(box)];
})"""


def crowded(page) -> list[tuple[str, str]]:
    """Texts of pictures that leave them or lie over each other."""
    found = []
    for (_, left, top, right, bottom), *texts in page.evaluate(TEXTS):
        found += [
            (text, "the edge")
            for text, x0, y0, x1, y1 in texts
            if x0 < left - 1 or y0 < top - 1 or x1 > right + 1 or y1 > bottom + 1
        ]
        for one, other in combinations(texts, 2):
            across = min(one[3], other[3]) - max(one[1], other[1])
            down = min(one[4], other[4]) - max(one[2], other[2])
            if across > 1 and down > 3:
                found.append((one[0], other[0]))
    return found


def drawn() -> dict[str, str]:
    """Pictures of numbers of all sizes."""
    draw = np.random.default_rng(0)
    actual = draw.normal(size=400)
    found = {}
    for size in (1.0, -1e3, 123456.0, 1e-5, 3e9, 1e-12):
        values = size * (actual + 4), size * (actual + 4 + 0.1 * draw.normal(size=400))
        for name in ("predicted_against_actual", "residuals", "residual_histogram"):
            found[f"{name} {size:g}"] = getattr(pictures, name)(*values, "flow", "m3/h")
    near = 1e7 + actual
    found["near"] = pictures.predicted_against_actual(near, near + 0.1, "flow", "")
    for epochs in (1, 2, 30, 12345):
        sizes = np.geomspace(1.0, 3e-4, epochs)
        course = LayerCourse("layer1", sizes, sizes / 7, np.ones(1))
        found[f"sizes {epochs}"] = pictures.layer_sizes([course], "weights")
    codes = draw.integers(0, 2, 400)
    shares = np.clip(0.5 + 0.3 * (codes - 0.5) + 0.1 * actual, 0.01, 0.99)
    probabilities = np.stack([1 - shares, shares], axis=1)
    found["roc"] = class_pictures.roc(codes, probabilities, [1])
    found["precision"] = class_pictures.precision_recall(codes, probabilities, [1])
    found["calibration"] = class_pictures.calibration(codes, probabilities)
    return found


def test_ticks_are_numbers_in_full():
    assert {">0.001<", ">0.0005<"} <= set(re.findall(r">0\.\d+<", drawn()["sizes 30"]))
    assert len(drawn()["residuals 1"]) < 25_000


def test_every_picture_holds_its_texts(show):
    style = files("vetro.report").joinpath("page.css").read_text(encoding="utf-8")
    figures = "".join(f"<figure>{picture}</figure>" for picture in drawn().values())
    body = f'<main><div class="three">{figures}</div></main>'
    page = show(f"<!DOCTYPE html><style>{style}</style>{body}").page
    assert crowded(page) == []


@pytest.fixture(scope="module")
def reports(one_number, many_classes):
    inputs, signal = columns()
    table = read_table(inputs | {"flow [m3/h]": 100.0 * signal}, schema=one_number.schema)
    return {
        "number": report_page(one_number, glass_sections(one_number, table)),
        "classes": report_page(many_classes),
    }


@pytest.fixture(params=["number", "classes"])
def report(request, reports):
    return reports[request.param]


@pytest.mark.parametrize("size", SIZES)
def test_the_report_fits_the_window(report, show, size):
    shown = show(report, size)
    assert shown.page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
    assert crowded(shown.page) == [] and shown.faults == []


def test_a_phone_breaks_no_word_and_no_column_of_a_formula(report, show):
    page = show(report, "phone").page
    heights = page.evaluate(
        """() => [...document.querySelectorAll(".schema tbody tr")].flatMap(row =>
        [...row.cells].slice(1, 3).map(cell => { const range = document.createRange();
          range.selectNodeContents(cell); return range.getBoundingClientRect().height; }))"""
    )
    assert heights and max(heights) < 25, "kinds and roles stand on one line"
    formula = page.locator("pre.formula")
    assert formula.evaluate("e => getComputedStyle(e).whiteSpace") == "pre"
    curve = page.locator("#learning figure svg").first.bounding_box()
    assert curve["width"] >= 600, "the letters of a broad picture can be read"


def test_paper_keeps_a_heading_with_what_follows(report, show):
    page = show(report).page
    page.emulate_media(media="print")
    style = "e => [getComputedStyle(e).breakAfter, getComputedStyle(e).breakInside]"
    assert page.locator("#inside > .lead").evaluate(style) == ["avoid", "avoid"]
    ends = page.locator("section > .note:last-child")
    assert all(ends.nth(place).evaluate(style)[0] == "auto" for place in range(ends.count()))
