"""The report: one HTML file that says how good a model is and how it was made.

It shows the evidence and computes only pictures.  It needs no network access and no script, and
reads the same on a screen, light or dark, and on paper.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from vetro.atomic import write_whole
from vetro.model.kept import kept_model
from vetro.report.coverage import coverage_table
from vetro.report.diagnose_pictures import units_over
from vetro.report.look_inside import look_inside
from vetro.report.markup import page, text
from vetro.report.origin import made, schema_table, warnings_list
from vetro.report.quality import importance_bars, quality_table, target_table, tiles
from vetro.report.verdict import verdict
from vetro.report.views import class_views, curves, regression_views

if TYPE_CHECKING:
    from vetro.model.model import Model
    from vetro.tables.table import Table


def write_report(model: Model, path: str | Path, inside: str = "", source: str = "") -> None:
    """Write the report of a model, atomically; E503 if it cannot be written.

    inside: its glass_sections, if they were made while the table was available.  source: how the
    command that repeats the fit names the table; without one, by the name that the model keeps.
    """
    content = report_page(model, inside, source).encode()
    write_whole(path, content, "the report")


def glass_sections(model: Model, table: Table) -> str:
    """The page's sections about the inside of the networks; table: the one that was fitted.

    Uses only the parts of the evidence that are known before anything is measured.
    """
    return look_inside(model) + units_over(model, table)


def report_page(model: Model, inside: str = "", source: str = "") -> str:
    """The whole page as text; see write_report."""
    model = kept_model(model)
    evidence = model.evidence
    style = files("vetro.report").joinpath("page.css").read_text(encoding="utf-8")
    name = str(evidence.data.get("name", ""))
    targets = ", ".join(column.name for column in model.schema.targets)
    views = class_views(model) if evidence.task == "classification" else regression_views(model)
    parts = [
        quality_table(model),
        target_table(model),
        coverage_table(model),
        views,
        importance_bars(model),
        inside or look_inside(model),
        curves(model),
        warnings_list(evidence.notices),
        schema_table(model),
        made(model, source),
    ]
    body = f"""<header>
<p class="kicker">Vetro report · {text(name)} · {text(evidence.created[:10])}</p>
<h1>{text(targets)}</h1>
<p class="verdict">{text(verdict(model))}</p>
{tiles(model)}
</header>
{"".join(parts)}"""
    return page(f"{targets} from {name}", style, body)
