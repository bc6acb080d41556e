"""Row 11: whole processes from the shell: vetro --help and vetro fit, compared with two scripts.

The scripts do less: five folds and their error, without report, model file, baselines,
intervals or checks.  All train the same number of epochs with the same batch size, on all cores.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from process import FOLDER

CONCRETE = FOLDER.parent / "examples" / "concrete.csv"
ROWS, INPUTS = 54_000, 9
# Epochs and batch: Vetro's own for 1030 rows; fewer epochs for the many rows, since the scripts
# would take too long.
SIZES = {"1,030 rows": (150, 16), "54,000 rows": (10, 1024)}
SLOW_ROUNDS = 2  # rounds of a command that takes longer than SLOW seconds
SLOW = 5.0


def measure(rounds: int) -> dict[str, dict[str, Any]]:
    """Median seconds of each command, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "large.csv"
        _write(table)
        commands = _commands(table)
        times: dict[str, list[float]] = {name: [] for name in commands}
        problems: dict[str, str] = {}
        for number in range(rounds):
            for name, command in commands.items():
                slow = times[name] and times[name][0] > SLOW
                if name in problems or (slow and number >= SLOW_ROUNDS):
                    continue
                start = time.perf_counter()
                run = Path(folder) / f"run{time.monotonic_ns()}"
                arguments = [text.replace("RUN", str(run)) for text in command]
                done = subprocess.run(
                    arguments, check=False, capture_output=True, text=True, cwd=folder
                )
                times[name].append(time.perf_counter() - start)
                if done.returncode:
                    problems[name] = (done.stderr.strip().splitlines() or ["failed"])[-1]
    return {
        name: {"problem": problems[name]} if name in problems else {"seconds": times[name]}
        for name in commands
    }


def table(result: dict[str, dict[str, Any]]) -> str:
    """The section; a script's time over that of vetro fit on the same table."""
    lines = [
        "### Row 11: whole processes, from the shell, all cores",
        "",
        "| command | seconds | times Vetro's |",
        "|---|---:|---:|",
    ]
    for name, figures in result.items():
        if "problem" in figures:
            lines.append(f"| {name} | failed: {figures['problem']} | |")
            continue
        seconds = statistics.median(figures["seconds"])
        ours = result.get(f"vetro fit, {name.split(', ', 1)[-1]}", {}).get("seconds")
        ratio = f"{seconds / statistics.median(ours):.2f}" if ours else ""
        lines.append(f"| {name} | {seconds:.2f} | {ratio} |")
    return "\n".join(lines)


def _write(path: Path) -> None:
    """A smooth function of nine numbers, with noise."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, INPUTS)).round(4)
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * generator.normal(size=ROWS)
    head = ",".join([f"x{index}" for index in range(INPUTS)] + ["y"])
    np.savetxt(path, np.column_stack([x, y]), fmt="%.4f", delimiter=",", header=head, comments="")


def _commands(large: Path) -> dict[str, list[str]]:
    vetro = str(Path(sys.executable).parent / "vetro")
    scripts = {
        "scikit-learn script": str(FOLDER / "scripts" / "with_scikit_learn.py"),
        "torch script": str(FOLDER / "scripts" / "with_torch.py"),
    }
    found = {"vetro --help": [vetro, "--help"]}
    tables = {
        "1,030 rows": (str(CONCRETE), "compressive_strength"),
        "54,000 rows": (str(large), "y"),
    }
    for size, (source, target) in tables.items():
        epochs, batch = map(str, SIZES[size])
        fit = [vetro, "fit", source, "--target", target, "--run", "RUN", "--quiet"]
        found[f"vetro fit, {size}"] = [*fit, "--epochs", epochs, "--batch-size", batch]
        for label, script in scripts.items():
            found[f"{label}, {size}"] = [sys.executable, script, source, target, epochs, batch]
    return found
