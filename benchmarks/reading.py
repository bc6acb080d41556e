"""Reading a million rows of twenty numbers: Vetro compared with pandas, time and memory.

    python benchmarks/reading.py [rows]

Each reading runs in its own process, the contenders in turn, three rounds.  A row shows the
median time, and by how much the peak of resident memory exceeds the memory before reading (the
largest of the rounds).  "matrix" is rows x 20 doubles.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COLUMNS = 20
ROWS = 1_000_000
ROUNDS = 3
CONTENDERS = {
    "pandas": "pandas read_csv + to_numpy (float64)",
    "stack": "vetro read_table + stack (float64)",
    "encode": "vetro read_table + Encoder.encode (float32)",
}


def write_table(path: Path, rows: int) -> None:
    """Normal random numbers times 100, with four decimals, as CSV."""
    import pyarrow as pa
    import pyarrow.csv

    generator = np.random.default_rng(0)
    columns = {
        f"c{index}": (generator.normal(size=rows) * 100).round(4) for index in range(COLUMNS)
    }
    pa.csv.write_csv(pa.table(columns), path)


def read_with_pandas(path: str) -> np.ndarray:
    """The peer."""
    import pandas

    return pandas.read_csv(path).to_numpy()


def read_and_stack(path: str) -> np.ndarray:
    """Table, then one float64 matrix of its values."""
    from vetro.tables.read import read_table

    return read_table(path).matrix()


def read_and_encode(path: str) -> np.ndarray:
    """Table, then the float32 matrix that a network is trained on."""
    from vetro.tables.encoder import Encoder
    from vetro.tables.read import read_table
    from vetro.tables.roles import assign_roles

    table = assign_roles(read_table(path), targets=["c0"])
    return Encoder.fit(table).encode(table)


def measure_one(contender: str, path: str) -> dict[str, float]:
    """Seconds and peak memory of one reading, in this process."""
    if contender == "pandas":
        import pandas  # noqa: F401

        read = read_with_pandas
    else:
        import duckdb  # noqa: F401
        import pyarrow.compute  # noqa: F401

        import vetro.tables.encoder
        import vetro.tables.read
        import vetro.tables.roles  # noqa: F401

        read = read_and_stack if contender == "stack" else read_and_encode
    page = resource.getpagesize()
    base = int(Path("/proc/self/statm").read_text().split()[1]) * page
    start = time.perf_counter()
    matrix = read(path)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - base
    return {"seconds": seconds, "peak": peak, "rows": len(matrix)}


def measure(rounds: int = ROUNDS, rows: int = ROWS) -> dict[str, list[dict[str, float]]]:
    """Seconds and peaks of each contender's rounds."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numbers.csv"
        write_table(path, rows)
        for _ in range(rounds):
            for name, found in results.items():
                command = [sys.executable, __file__, "--one", name, str(path)]
                output = subprocess.run(command, check=True, capture_output=True, text=True)
                found.append(json.loads(output.stdout))
                assert found[-1]["rows"] == rows, "not all rows were read"
    return results


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """The section: median seconds, largest peak."""
    rows = int(results["pandas"][0]["rows"])
    matrix = rows * COLUMNS * 8
    peer = statistics.median(item["seconds"] for item in results["pandas"])
    lines = [
        f"### Row 12: reading {rows:,} x {COLUMNS} numbers from a CSV file",
        "",
        "| reading | seconds | times pandas | peak above base, MB | times the matrix |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found in results.items():
        seconds = statistics.median(item["seconds"] for item in found)
        peak = max(item["peak"] for item in found)
        lines.append(
            f"| {CONTENDERS[name]} | {seconds:.2f} | {seconds / peer:.2f} "
            f"| {peak / 1e6:.0f} | {peak / matrix:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure_one(sys.argv[2], sys.argv[3])))
    else:
        print(table(measure(rows=int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)))
