"""The trace page in a real browser: alone, labels apart, every unit's sum by mouse, tap and key."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest
import torch
from model.build import model_of, rows_of
from report.conftest import SIZES
from torch import nn

import vetro
from vetro.report.look_inside import at_row
from vetro.report.merged_bins import terms_of
from vetro.report.network_drawing import MOST_UNITS, caption, drawing_of
from vetro.report.trace_page import MOST_WEIGHTS, trace_page, write_trace

EVIL = '<script>alert("1")</script> & $x_1$ </script>'


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
    bins = model_of(columns, "pressure", activation="relu", members=1, bins=8)
    chain = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3), nn.Tanh(), nn.Linear(3, 3))
    return {
        "one number": vetro.trace(one, first(columns)),
        "classes": vetro.trace(classes, first(columns)),
        "two numbers": vetro.trace(two, first(columns)),
        "one score": vetro.trace(score, first(columns)),
        "module": vetro.trace(chain, [1.0, -2.0, 0.5]),
        "bins": vetro.trace(bins, first(columns)),
    }


@pytest.fixture(params=["one number", "classes", "two numbers", "one score", "module", "bins"])
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


def edges(page, selector: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in the window."""
    box = page.locator(selector).first.bounding_box()
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def test_on_a_phone_the_panel_stays_below_the_picture_until_a_unit_is_chosen(traces, show):
    trace = traces["one number"]
    page = show(trace_page(trace), "phone").page
    for scrolled in (0, 300, 600):
        page.evaluate(f"window.scrollTo(0, {scrolled})")
        assert edges(page, ".panel")[1] >= edges(page, ".stage figure")[3]
    lowest = drawing_of(trace, trace.chain).columns[1].drawn[-1]
    unit = f'.drawing:not([hidden]) [data-at="1,{lowest}"]'
    page.locator(unit).scroll_into_view_if_needed()
    page.locator(unit).tap()
    panel = edges(page, ".panel")
    assert panel[3] <= SIZES["phone"][1], "the panel is in the window"
    assert edges(page, unit)[3] <= panel[1], "the unit is not behind it"
    # the value that it all leads to needs no scrolling
    assert edges(page, ".panel .result")[3] <= panel[3]


def test_a_picture_wider_than_the_page_shows_the_answer_and_that_it_goes_on(show):
    layers = [part for _ in range(8) for part in (nn.Linear(20, 20), nn.Tanh())]
    trace = vetro.trace(nn.Sequential(*layers, nn.Linear(20, 1)), np.linspace(-1, 1, 20))
    for size in SIZES:
        page = show(trace_page(trace), size).page
        frame = page.locator(".drawing:not([hidden])")
        _, _, right, _ = edges(page, '[data-at="9,0"]')
        assert right <= edges(page, ".stage figure")[2]
        assert frame.get_attribute("class").split() == ["drawing", "before"]
        frame.evaluate("element => { element.scrollLeft = 100; }")
        page.wait_for_function("document.querySelector('.drawing').classList.contains('after')")
        frame.evaluate("element => { element.scrollLeft = 0; }")
        page.wait_for_function("!document.querySelector('.drawing').classList.contains('before')")
        assert overlaps(page) == []


def test_two_hidden_layers_fit_beside_the_panel_of_a_small_desktop(show):
    columns = rows_of()
    model = model_of(columns, "pressure", activation="relu", hidden=(40, 30), members=1)
    page = show(trace_page(vetro.trace(model, first(columns)))).page
    page.set_viewport_size({"width": 1200, "height": 900})
    frame = page.locator(".drawing:not([hidden])")
    assert frame.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
    assert frame.get_attribute("class") == "drawing"
    bar = page.locator(".panel .sum i").first.bounding_box()
    assert bar["width"] >= 26, "the largest term has a bar that can be seen"
    panel = page.locator(".panel")
    assert panel.evaluate("element => element.scrollWidth - element.clientWidth") <= 0


def test_dashed_units_are_told_where_one_is_drawn():
    module = nn.Sequential(nn.Linear(1, 20), nn.ReLU(), nn.Linear(20, 1))
    with torch.no_grad():
        module[0].weight[:, 0] = torch.linspace(1.0, -0.2, 20)
        module[0].bias.zero_()
    trace = vetro.trace(module, [1.0])
    drawing = drawing_of(trace, trace.chain)
    assert (
        drawing.columns[1].off.any()
        and not drawing.columns[1].off[list(drawing.columns[1].drawn)].any()
    )
    assert "Dashed" not in caption(drawing)
    few = vetro.trace(nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1)), [1.0])
    assert "Dashed" in caption(drawing_of(few, few.chain))


def test_members_that_are_not_in_the_page_are_no_buttons(traces, show):
    trace = traces["one number"]
    page = show(trace_page(trace, member=2)).page
    assert page.locator(".members button").count() == 1
    assert page.locator(".members span").count() == 2
    colours = [page.locator(f".members {tag}").first.evaluate("e => getComputedStyle(e).color")
               for tag in ("button", "span")]  # fmt: skip
    assert colours[0] != colours[1]
    assert "--member N draws another" in page.locator(".lead").inner_text()


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


def bins_of(chain) -> dict[int, int]:
    """The feature of each number's bin, and how many bins are full or in part."""
    return {cell.first + cell.bin.number: cell.bin.number for cell in chain.cells if cell.bin}


def test_all_bins_of_a_number_are_one_term(traces):
    chain = traces["bins"].chain
    stage, bins = chain.stages[0], bins_of(chain)
    assert len(bins) > 1
    terms = terms_of(chain, stage)
    for source, count in zip(terms.sources, terms.bins, strict=True):
        assert count == bins.get(source, 0)
    singles = len(chain.features) - sum(cell.bin.of for cell in chain.cells if cell.bin)
    assert len(terms.sources) == len(terms.names) == singles + len(bins)
    added = np.array([stage.bias_of(unit) for unit in range(len(stage))]) + terms.products.sum(1)
    np.testing.assert_allclose(added, stage.values, rtol=1e-12, atol=1e-12)
    drawing = drawing_of(traces["bins"], chain)
    shares = [f"bin {number}" for number in range(1, 9)]
    drawn = [drawing.columns[0].units[unit] for unit in drawing.columns[0].drawn]
    assert sum(any(name.endswith(share) for share in shares) for name in drawn) <= len(bins)
    assert "what all bins of the number add together" in caption(drawing)
    later = terms_of(chain, chain.stages[2])
    np.testing.assert_array_equal(later.weights, chain.stages[2].weight)
    assert not any(later.bins)


def test_the_page_says_the_bin_and_leads_to_it(traces, show):
    trace = traces["bins"]
    shown = show(trace_page(trace))
    page = shown.page
    cell = next(cell for cell in trace.chain.cells if cell.bin and cell.bin.number > 2)
    drawing = drawing_of(trace, trace.chain)
    page.locator(f'[data-at="1,{drawing.columns[1].drawn[0]}"]').click()
    page.locator(".panel .all").click()
    assert page.locator(".panel .sum tr").count() == 2 + len(
        terms_of(trace.chain, trace.chain.stages[0]).names
    )
    row = page.locator(".panel .sum tr", has_text=f"{cell.column} bins 1 to {cell.bin.number}")
    assert f"{cell.bin.number} bins" in row.inner_text()
    row.locator("button").click()
    panel = page.locator(".panel").inner_text()
    assert f"In {cell.bin.text}; the bins below it are full" in panel
    assert cell.features[cell.bin.number].working in panel
    assert shown.faults == []


def test_a_wide_layer_of_bins_keeps_the_largest_terms(show):
    table = np.random.default_rng(0).normal(size=(80, 31))
    model = model_of(table, "c31", hidden=(128, 3), members=1, bins=32, activation="relu")
    trace = vetro.trace(model, {f"c{place + 1}": table[0, place] for place in range(30)})
    assert trace.chain.stages[0].weight.size > MOST_WEIGHTS
    shown = show(trace_page(trace))
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
    raw = model.encoder.raw(vetro.inspect(columns, "pressure"))
    section = at_row(model, raw[0], "the first row")
    assert section.startswith('<section id="inside"')
    assert "<script" not in section
    style = files("vetro.report").joinpath("page.css").read_text(encoding="utf-8")
    shown = show(f"<!DOCTYPE html><style>{style}</style><main>{section}</main>")
    assert overlaps(shown.page) == []
    answer = vetro.trace(model, raw[:1]).answers["pressure"]
    assert f"{answer:.6g}" in section
