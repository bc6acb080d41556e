"""The results as Markdown and JSON, and where they are kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import machine
from contestants import ENTRIES
from workloads import Workload

FOLDER = Path(__file__).parent.parent / "build" / "benchmarks"


def training(work: Workload, threads: int, clock: str, result: dict[str, dict[str, Any]]) -> str:
    """One workload's section."""
    where = "one core" if threads == 1 else f"all {threads} cores"
    where += ", processor time" if clock == "processor" else ""
    unit = "µs per step of one network" if work.members > 1 else "µs per step"
    heads = [unit, "times Vetro's", "goal", "of the floor", "first call, s", "steps timed"]
    lines = [
        f"### Row {work.name}: {work.title}, {where}",
        "",
        f"| contestant | {' | '.join(heads)} |",
        f"|---|{'---:|' * len(heads)}",
    ]
    for key, figures in result.items():
        label = ENTRIES[key].label
        if "microseconds" not in figures:
            lines.append(f"| {label} | not measured: {figures['problem']} | | | | | |")
            continue
        times = "" if figures["times"] is None else number(figures["times"])
        bar = f"{work.bars[key]:g}" if threads == 1 and key in work.bars else ""
        lines.append(
            f"| {label} | {number(figures['microseconds'])} | {times} | {bar} "
            f"| {figures['share']:.0%} | {figures['first']:.2f} | {figures['steps']} |"
        )
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits, with a mark at thousands: 0.912, 27.4, 1,820."""
    if value < 100:
        return f"{value:#.3g}"
    return f"{value:,.0f}"


def write_json(results: dict[str, object]) -> None:
    """All results, together with those of earlier runs of other rows."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "benchmarks.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(before | results, indent=1))


def save(document: Path, sections: dict[str, str]) -> None:
    """Puts sections between their markers; new ones at the end of the marked part."""
    text = document.read_text()
    text = _between(text, "machine", machine.text())
    for name, section in sections.items():
        text = _between(text, name, section)
    document.write_text(text)


def _between(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- benchmark {name} -->", f"<!-- end {name} -->"
    block = f"{begin}\n{content}\n{end}"
    if begin in text:
        return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: block, text, flags=re.S)
    last = "<!-- end of tables -->"
    return text.replace(last, f"{block}\n\n{last}")
