"""Models for the reports' tests, real fits of small tables of two epochs each; and a browser."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from recipes import PLAIN

from vetro.model.fit import fit_table
from vetro.model.request import FitRequest

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}

# names and levels that would do harm if they were not escaped or were taken for formulas
EVIL = '<script>alert("1")</script> & $x_1$'
EVIL_LEVEL = "</td><b>&amp;$\\frac$"


def fitted(columns, *targets, **recipe):
    request = FitRequest(targets=targets, recipe=replace(PLAIN, epochs=2, seed=1, **recipe))
    return fit_table(columns, request)


def columns(rows: int = 240):
    generator = np.random.default_rng(5)
    a, b = generator.normal(size=(2, rows))
    levels = np.array([EVIL_LEVEL, "plain", "città"])
    kind = generator.integers(0, 3, rows)
    signal = a + 0.5 * b + kind + 0.1 * generator.normal(size=rows)
    return {EVIL: a, "b": b, "kind": levels[kind]}, signal


@pytest.fixture(scope="session")
def one_number():
    table, signal = columns()
    return fitted(table | {"flow [m3/h]": 100.0 * signal}, "flow [m3/h]", folds=3)


@pytest.fixture(scope="session")
def two_classes():
    table, signal = columns()
    return fitted(table | {"y": np.where(signal > 1, "yes", EVIL)}, "y", holdout=0.3)


@pytest.fixture(scope="session")
def many_classes():
    table, signal = columns(600)
    codes = np.clip((signal + 2) * 3, 0, 14).astype(int)
    return fitted(table | {"y": np.array([f"class {c:02}" for c in codes])}, "y", folds=3)


@pytest.fixture(scope="session")
def three_numbers():
    table, signal = columns()
    targets = {f"t{place}": signal * 10.0**place + place for place in range(3)}
    return fitted(table | targets, *targets, folds=2)


@pytest.fixture(params=["one_number", "two_classes", "many_classes", "three_numbers"])
def model(request):
    return request.getfixturevalue(request.param)


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


@pytest.fixture(scope="session")
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
        path = tmp_path / "page.html"
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
