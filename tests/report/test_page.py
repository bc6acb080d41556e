"""The report as a file: valid, alone, escaped, complete, and equal to the evidence."""

import re
from dataclasses import replace
from functools import cache
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from report.conftest import columns

import vetro
from vetro.errors import VetroError
from vetro.report.markup import figure, interval, number
from vetro.report.origin import inputs_text
from vetro.report.page import glass_sections, report_page, write_report
from vetro.report.verdict import verdict
from vetro.tables.read import read_table

VOID = {"meta", "br", "hr", "img", "link", "input"}
SVG = {"path", "use", "rect", "image", "g", "svg", "defs", "clippath", "text", "style"}
LOADS = {"src", "href", "xlink:href", "data", "action", "srcset"}


class Checker(HTMLParser):
    """Balance, ids, references and texts of a page."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.tags, self.references, self.texts = [], [], set(), [], []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.note(attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)
        self.note(attributes)

    def note(self, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in LOADS:
                self.references.append(value)
            assert not name.startswith("on"), f"{name} would run a script"

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.texts.append(data.strip())


def parsed(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    return checker


rendered = cache(report_page)
"""A page is written once for all tests that read it."""


@pytest.fixture
def page(model):
    return rendered(model)


def test_the_page_is_balanced_and_its_ids_are_its_own(page):
    checker = parsed(page)
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))


def test_nothing_is_loaded(page):
    """References lead into the page or are pictures in it; no script, no import, no address."""
    checker = parsed(page)
    assert {"script", "link", "iframe", "object"} & checker.tags == set()
    for reference in checker.references:
        inside = reference.startswith("#") and reference[1:] in checker.ids
        assert inside or reference.startswith("data:image/png;base64,")
    for target in re.findall(r"url\(#([^)]*)\)", page):
        assert target in checker.ids
    assert "://" not in page
    assert "@import" not in page


def test_names_and_levels_are_escaped_and_shown(model, page):
    assert "<script" not in page.lower()
    assert "<b>&amp;$" not in page
    evil = model.schema.columns[0].name
    assert evil.startswith("<script>")
    assert evil in parsed(page).texts
    assert model.schema["kind"].levels[0] in " ".join(parsed(page).texts)


def test_every_section_is_there(model, page):
    found = re.findall(r'<section id="(\w+)">', page)
    expected = [
        "quality", "intervals", "predictions", "importance", "inside", "learning", "warnings",
        "schema", "made",
    ]  # fmt: skip
    if len(model.targets) > 1:
        expected.insert(1, "targets")
    assert found == expected
    pictures = {1: 7, 3: 13}[len(model.targets)]
    assert page.count("<svg") == pictures


def test_with_the_table_the_units_are_shown(one_number):
    """What the units do over the table's own rows, and the same page but for that section."""
    inputs, signal = columns()
    table = read_table(inputs | {"flow [m3/h]": 100.0 * signal}, schema=one_number.schema)
    page = report_page(one_number, glass_sections(one_number, table))
    without = report_page(one_number)
    section = re.search(r'<section id="units">.*?</section>', page, flags=re.DOTALL)
    assert section is not None
    assert f"Based on {table.rows:,} rows" in section[0]
    assert page.replace(section[0], "") == without


def test_a_model_without_a_median_row_has_no_look_inside(one_number):
    evidence = replace(one_number.evidence, median_row=())
    assert 'id="inside"' not in report_page(replace(one_number, evidence=evidence))


def test_the_checks_stand_with_their_margins(one_number):
    """The page's checks are verify's at the median row."""
    found = vetro.verify(one_number, np.array(one_number.evidence.median_row))
    texts = parsed(rendered(one_number)).texts
    assert found and len(found.checks) >= 3
    for check in found.checks:
        assert check.name in texts
        if check.share > 0:
            assert f"{check.share:.1%}" in texts


def test_the_figures_are_the_evidences(model, page):
    texts = parsed(page).texts
    for name, value in model.evidence.metrics.items():
        assert figure(name, value.value) in texts
        assert interval(name, value) in texts
    for baseline in model.evidence.baselines.values():
        for name, value in baseline.items():
            assert figure(name, value) in texts
    for target, metrics in model.evidence.per_target.items():
        assert target in texts
        assert all(interval(name, value) in texts for name, value in metrics.items())
    for notice in model.evidence.notices:
        assert notice.words.worded("command line") in texts
    assert model.evidence.coverage
    for target, found in model.evidence.coverage.items():
        assert target in texts
        for share in (found.covered.value, *found.thirds, *found.classes.values()):
            assert f"{share:.1%}" in texts or len(found.classes) > 12
        assert number(found.width) in " ".join(texts)
        for border in found.borders:
            shown = f"{border:.1%}" if found.classes else number(border)
            assert any(text.endswith(f" {shown}") for text in texts)
    assert model.evidence.data["sha256"] in texts
    assert verdict(model) in texts


def test_the_rows_of_the_encoders_statistics_are_told(one_number, two_classes, three_numbers):
    """With folds all rows, and each network's own for targets; else those trained on."""
    assert inputs_text(one_number) == (
        "3 columns as 6 features, the same for all networks; means, medians and levels are of the "
        "inputs of all 240 rows, targets are scaled by each network's own training rows"
    )
    assert inputs_text(two_classes) == (
        "3 columns as 6 features; means, medians and levels are of the inputs of the 168 "
        "training rows"
    )
    first, *others = three_numbers.blocks
    some = replace(three_numbers, blocks=(replace(first, borders=(0.0, 1.0, 2.0, 3.0)), *others))
    assert "3 columns as 9 features, numbers in 3 bins, the same" in inputs_text(some)


def test_the_best_of_each_figure_is_marked(one_number):
    evidence = one_number.evidence
    judged = [evidence.metrics["rmse"].value] + [b["rmse"] for b in evidence.baselines.values()]
    marked = re.findall(r'<strong class="best">([^<]*)</strong>', rendered(one_number))
    assert marked[0] == figure("rmse", min(judged))
    assert len(marked) >= 3


def test_colours_are_the_styles_own(page):
    """No placeholder is left, and every variable used is declared for light and dark."""
    assert not re.search(r"#0000[01]\d\b", page)
    used = set(re.findall(r"var\((--[\w-]+)\)", page)) - {"--share", "--natural"}
    light, dark = re.findall(r":root \{(.*?)\}", page, flags=re.DOTALL)[:2]
    for name in used:
        assert f"{name}:" in light
        assert f"{name}:" in dark


def test_units_are_on_the_axes(one_number):
    assert one_number.schema.targets[0].unit == "m3/h"
    texts = parsed(rendered(one_number)).texts
    assert "predicted, m3/h" in texts
    assert "actual, m3/h" in texts


def test_the_confusion_matrix_counts_every_row(two_classes):
    page = rendered(two_classes)
    cells = re.findall(r'<td class="(?:right|wrong)"[^>]*>([\d,]+)<small>', page)
    counts = [int(cell.replace(",", "")) for cell in cells]
    assert len(counts) == 4
    assert sum(counts) == len(two_classes.evidence.actual)
    right = counts[0] + counts[3]
    accuracy = two_classes.evidence.metrics["accuracy"].value
    assert right / sum(counts) == pytest.approx(accuracy)


def test_many_classes_give_the_worst_confusions(many_classes):
    page = rendered(many_classes)
    assert "The most frequent confusions" in page
    assert 'class="confusion"' not in page


def test_each_picture_is_small(page):
    for picture in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        assert len(picture) < 200_000


def test_the_same_model_gives_the_same_page(one_number):
    assert report_page(one_number) == report_page(one_number)


def test_it_is_written_whole_or_refused(one_number, tmp_path):
    target = tmp_path / "report.html"
    write_report(one_number, target)
    assert target.read_text(encoding="utf-8") == rendered(one_number)
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(VetroError) as caught:
        write_report(one_number, tmp_path / "none" / "report.html")
    assert caught.value.code == "E503"


def test_many_rows_are_drawn_as_pixels():
    import numpy as np

    from vetro.report.pictures import residuals

    generator = np.random.default_rng(0)
    few, many = (generator.normal(size=(2, rows)) for rows in (200, 20_000))
    assert "data:image/png" not in residuals(*few, "y", "")
    picture = residuals(*many, "y", "")
    assert "data:image/png" in picture
    assert len(picture) < 200_000


def test_text_comes_back(page):
    assert unescape(re.search(r"<title>(.*?)</title>", page).group(1)).endswith("Vetro")


def test_the_command_is_given_for_a_file_only(one_number):
    assert "To make it again" not in rendered(one_number)
    data = one_number.evidence.data | {"name": "my <pumps>.csv"}
    model = replace(one_number, evidence=replace(one_number.evidence, data=data))
    texts = parsed(rendered(model)).texts
    assert any(item.startswith('vetro fit "my <pumps>.csv" --target') for item in texts)
