"""The trace page in a real browser: alone, labels apart, every unit's sum by mouse, tap and key."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest
from model.build import model_of, rows_of
from torch import nn

import vetro
from vetro.report.look_inside import at_row
from vetro.report.network_drawing import MOST_UNITS, drawing_of
from vetro.report.trace_page import trace_page, write_trace

EVIL = '<script>alert("1")</script> & $x_1$ </script>'
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}


def chromium() -> str:
    """The browser's path; installed first where the machine allows it, else the test is skipped."""
    if not shutil.which(CHROMIUM):
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            pytest.skip(f"NOT TESTED IN A BROWSER: no {CHROMIUM}, and no right to install it")
        for command in (
            ["update", "-q"],
            ["install", "-yq", "--no-install-recommends", "chromium"],
        ):
            ended = subprocess.run(["apt-get", *command], capture_output=True, check=False)
            if ended.returncode:
                why = ended.stderr.decode()[-200:]
                pytest.skip(f"NOT TESTED IN A BROWSER: chromium cannot be installed: {why}")
    return CHROMIUM


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    path = chromium()
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@dataclass
class Shown:
    page: object
    faults: list[str] = field(default_factory=list)


@pytest.fixture
def show(browser, tmp_path):
    """Opens a page of HTML; what it asks the network for and complains of is collected."""
    contexts = []

    def opened(content: str, size: str = "desktop", scheme: str = "light") -> Shown:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            has_touch=size == "phone",
            reduced_motion="reduce",
        )
        contexts.append(context)
        path = tmp_path / "trace.html"
        path.write_text(content, encoding="utf-8")
        shown = Shown(context.new_page())
        note = shown.faults.append
        shown.page.on("console", lambda message: note(message.text))
        shown.page.on("pageerror", lambda fault: note(str(fault)))
        shown.page.on("request", lambda request: note(request.url)
                      if not request.url.startswith("file:") else None)  # fmt: skip
        shown.page.goto(path.as_uri())
        return shown

    yield opened
    for context in contexts:
        context.close()


def first(columns):
    return {name: values[:1] for name, values in columns.items()}


@pytest.fixture(scope="module")
def traces():
    columns = rows_of()
    columns[EVIL] = columns.pop("age")
    columns["城市名称很长很长很长很长很长很长"] = columns.pop("day")
    one = model_of(columns, "pressure", activation="relu", hidden=(40, 30), members=3)
    classes = model_of(columns, "grade", activation="relu")
    two = model_of(columns, "pressure", "noise", activation="tanh", members=1)
    score = model_of(columns, "sold", loss="bce")
    chain = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3), nn.Tanh(), nn.Linear(3, 3))
    return {
        "one number": vetro.trace(one, first(columns)),
        "classes": vetro.trace(classes, first(columns)),
        "two numbers": vetro.trace(two, first(columns)),
        "one score": vetro.trace(score, first(columns)),
        "module": vetro.trace(chain, [1.0, -2.0, 0.5]),
    }


@pytest.fixture(params=["one number", "classes", "two numbers", "one score", "module"])
def trace(request, traces):
    return traces[request.param]


def overlaps(page) -> list[tuple[str, str]]:
    """The visible texts of the drawing that lie over each other, or leave the picture."""
    boxes = page.evaluate("""() => {
      const all = [...document.querySelectorAll("svg.network")];
      const svg = all.find(candidate => candidate.getClientRects().length);
      const around = svg.getBoundingClientRect();
      return [["", around.left, around.top, around.right, around.bottom],
        ...[...svg.querySelectorAll("text")].map(t => { const b = t.getBoundingClientRect();
        return [t.textContent, b.left, b.top, b.right, b.bottom]; })];
    }""")
    _, left, top, right, bottom = boxes[0]
    found = [(text, "the edge") for text, x0, y0, x1, y1 in boxes[1:]
             if x0 < left - 1 or y0 < top - 1 or x1 > right + 1 or y1 > bottom + 1]  # fmt: skip
    for one, other in combinations(boxes[1:], 2):
        across = min(one[3], other[3]) - max(one[1], other[1])
        down = min(one[4], other[4]) - max(one[2], other[2])
        # line boxes of fonts are taller than their letters
        if across > 1 and down > 4:
            found.append((one[0], other[0]))
    return found


@pytest.mark.parametrize("size", SIZES)
def test_the_page_stands_alone_and_no_label_lies_over_another(trace, show, size):
    shown = show(trace_page(trace), size, "dark")
    assert overlaps(shown.page) == []
    assert shown.faults == []
    width = shown.page.evaluate("document.documentElement.scrollWidth")
    assert width == SIZES[size][0], "the page scrolls sideways"


def panel_sum(page) -> float:
    """The total that the panel shows, checked against the rows above it."""
    rows = page.locator(".panel .sum tr").all_inner_texts()
    numbers = [float(row.split()[-1].replace("−", "-")) for row in rows]
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1], rel=2e-4, abs=2e-4)
    return numbers[-1]


def test_every_unit_shows_its_sum(trace, show):
    shown = show(trace_page(trace))
    page, drawing = shown.page, drawing_of(trace, trace.chain)
    assert page.locator(".panel h2").inner_text()
    for number, column in enumerate(drawing.columns[1:], start=1):
        for unit in column.drawn:
            page.locator(f'.drawing:not([hidden]) [data-at="{number},{unit}"]').dispatch_event(
                "click"
            )
            assert page.locator(".panel h2").inner_text().startswith(column.units[unit])
            total = panel_sum(page)
            assert total == pytest.approx(float(column.stages[0].values[unit]), rel=1e-4)
            if len(column.stages) > 1:
                last = page.locator(".panel .result").last.inner_text()
                value = float(column.values[unit])
                assert float(last.replace("−", "-")) == pytest.approx(value, rel=1e-4, abs=1e-9)
    assert shown.faults == []


def test_inputs_show_their_cell(traces, show):
    trace = traces["classes"]
    page = show(trace_page(trace)).page
    page.locator('.drawing:not([hidden]) [data-at="0,0"]').click()
    panel = page.locator(".panel").inner_text()
    cell = trace.chain.cells[0]
    assert f"{cell.column}: {cell.shown}" in panel
    assert cell.features[0].working in panel


def test_mouse_tap_and_keyboard(traces, show):
    trace = traces["one number"]
    page = show(trace_page(trace)).page
    drawn = drawing_of(trace, trace.chain).columns[1].drawn
    name = f"h{drawn[1]} "
    at = page.locator(f'.drawing:not([hidden]) [data-at="1,{drawn[1]}"]')
    before = page.locator(".panel h2").inner_text()
    at.hover()
    assert page.locator(".panel h2").inner_text().startswith(name)
    assert page.locator(".drawing:not([hidden]) .picked path").count() > 0
    page.mouse.move(2, 2)
    assert page.locator(".panel h2").inner_text() == before
    page.locator(f'.drawing:not([hidden]) [data-at="1,{drawn[0]}"]').focus()
    page.keyboard.press("Tab")
    assert page.locator(".panel h2").inner_text().startswith(name)
    phone = show(trace_page(trace), "phone").page
    target = phone.locator(f'.drawing:not([hidden]) [data-at="1,{drawn[1]}"]')
    target.scroll_into_view_if_needed()
    target.tap()
    assert phone.locator(".panel h2").inner_text().startswith(name)
    assert target.bounding_box()["height"] >= 17


def test_members_and_the_units_that_are_not_drawn(traces, show):
    trace = traces["one number"]
    page = show(trace_page(trace)).page
    assert page.locator(".members button").count() == 3
    for number, chain in enumerate(trace.chains):
        page.locator(".members button").nth(number).click()
        assert page.locator(".drawing:visible").count() == 1
        answer = page.locator(".panel .result").last.inner_text().split()[0]
        assert float(answer) == pytest.approx(float(chain.answers[0]), rel=1e-4)
    page.locator('.drawing:visible [data-more="1"]').click()
    assert page.locator(".panel .units button").count() == 40
    page.locator(".panel .units button").nth(39).click()
    assert page.locator(".panel .sum").count() == 1
    page.locator(".panel .all").click()
    assert page.locator(".panel .sum tr").count() == 2 + len(trace.subject.features)


def test_a_term_leads_to_its_source(traces, show):
    page = show(trace_page(traces["one number"])).page
    name = page.locator(".panel .sum button").first.inner_text()
    page.locator(".panel .sum button").first.click()
    assert page.locator(".panel h2").inner_text().startswith(f"{name} ")


def test_names_of_the_data_are_never_markup(traces):
    page = trace_page(traces["one number"])
    assert "<script>alert" not in page
    assert len(re.findall(r"</script", page)) == 2
    assert not re.search(r"""(src|href)=|url\(|https?://(?!www\.w3\.org/2000/svg)""", page)


def test_one_member_alone(traces, tmp_path):
    trace = traces["one number"]
    page = trace_page(trace, member=2)
    assert page.count('<svg class="network"') == 1
    assert page.count("data-member=") == 1
    write_trace(trace, tmp_path / "t.html")
    assert (tmp_path / "t.html").read_text(encoding="utf-8") == trace_page(trace)


def test_a_wide_network_keeps_the_largest_terms(show):
    trace = vetro.trace(
        nn.Sequential(nn.Linear(900, 80), nn.ReLU(), nn.Linear(80, 1)), np.ones(900)
    )
    page = trace_page(trace)
    assert len(page) < 700_000
    shown = show(page)
    unit = drawing_of(trace, trace.chain).columns[1].drawn[0]
    shown.page.locator(f'[data-at="1,{unit}"]').click()
    assert panel_sum(shown.page) == pytest.approx(
        float(trace.chain.stages[0].values[unit]), rel=1e-4
    )
    assert shown.faults == []


def test_what_is_drawn_and_what_is_left_out(traces):
    drawing = drawing_of(traces["one number"], traces["one number"].chain)
    assert [len(column.units) for column in drawing.columns[1:]] == [40, 30, 1]
    for column in drawing.columns:
        assert len(column.drawn) <= MOST_UNITS
        assert len(column.drawn) + column.more == len(column.units)
    layer = drawing.columns[2]
    carried = np.abs(drawing.columns[3].stages[0].weight[0] * layer.values)
    assert set(layer.drawn) <= set(np.argsort(-carried)[:MOST_UNITS].tolist())


def test_the_section_of_the_report(show):
    columns = rows_of()
    model = model_of(columns, "pressure", activation="relu", hidden=(20, 20))
    raw = model.members[0].encoder.raw(vetro.inspect(columns, "pressure"))
    section = at_row(model, raw[0], "the first row")
    assert section.startswith('<section id="inside"')
    assert "<script" not in section
    style = files("vetro.report").joinpath("page.css").read_text(encoding="utf-8")
    shown = show(f"<!DOCTYPE html><style>{style}</style><main>{section}</main>")
    assert overlaps(shown.page) == []
    answer = vetro.trace(model, raw[:1]).answers["pressure"]
    assert f"{answer:.6g}" in section
