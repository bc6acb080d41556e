"""Results in a notebook: escaped HTML, and progress in a real kernel."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from torch import nn

import vetro
from vetro.notebook import preformatted, table_html

HOSTILE = '<script>alert("x")</script>\x1b[31m & "quoted"'
TABLE = {
    HOSTILE: [float(n % 13) for n in range(60)],
    "b": [float(n % 7) for n in range(60)],
    "y": [float(n % 13 + n % 7) for n in range(60)],
}


class Tags(HTMLParser):
    """The names of all elements, and whether each was closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.seen.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def harmless(text: str) -> None:
    tags = Tags(text)
    assert not tags.open and tags.seen <= {"p", "pre", "table", "thead", "tbody", "tr", "th", "td"}
    assert "\x1b" not in text


def test_texts_and_cells_are_escaped() -> None:
    harmless(preformatted(HOSTILE + "\nsecond line"))
    assert "\n" in preformatted("a\nb")
    harmless(table_html((HOSTILE, "n"), [(HOSTILE, "1")], numbers=(1,)))


@pytest.fixture(scope="module")
def model() -> vetro.Model:
    return vetro.fit(TABLE, "y", hidden=4, epochs=3, folds=2)


def test_every_result_has_html(model: vetro.Model) -> None:
    row = {HOSTILE: [3.0], "b": [2.0]}
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    x, y = torch.rand(20, 2), torch.rand(20, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    history = vetro.train(module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=5)
    box = {"b": (1.0, 2.0)}
    results = [
        model,
        model.evaluate(TABLE),
        vetro.inspect(TABLE, target="y"),
        history,
        vetro.explain_engine(module, loss=nn.MSELoss(), optimizer=optimizer),
        vetro.trace(model, row),
        vetro.formula(model, row),
        vetro.bounds(model, box, seconds=0.1),
        vetro.prove(model, "y <= 1000", box, seconds=1),
        vetro.monotonicity(model, box, seconds=0.1),
        vetro.backprop(module, x[:2], y[:2]),
        vetro.verify(module, x[:2]),
        vetro.diagnose(module, x, y),
    ]
    for result in results:
        harmless(result._repr_html_())
    assert model.score(TABLE) == model.evaluate(TABLE)["r2"].value


def test_progress_in_a_real_kernel() -> None:
    code = f"""
import warnings, vetro
warnings.simplefilter("ignore")
model = vetro.fit({ {name: values for name, values in TABLE.items() if name != HOSTILE} }, "y",
                  hidden=4, epochs=40, folds=2, on_progress=vetro.ProgressBar())
model
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=None, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    shown = [output.data["text/html"] for output in outputs if "data" in output]
    assert "<progress" in shown[0] and shown[0].endswith("done")
    assert "held-out" in shown[-1] and "<table>" in shown[-1]
    assert len([text for text in shown if "<progress" in text]) == 1  # one bar, updated in place


def test_progress_on_a_stream_that_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    module = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    x = torch.rand(10, 1)
    bar = vetro.ProgressBar(total=7)
    vetro.train(module, x, 2 * x, loss=nn.MSELoss(), optimizer=optimizer, steps=7, on_progress=bar)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("100%  step 7 of 7, loss ")
