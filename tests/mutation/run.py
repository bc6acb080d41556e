"""Plants small faults into the glass and the engines, one at a time, and reports what survives.

    python tests/mutation/run.py --count 300 --seed 1 [--within glass/bounds] [--file RESULTS]

For each mutant the tests run that reach its function, the fastest first, until one of them fails.
A mutant that none of them notices survives: either a test is missing, or there is nothing to
notice. `explained.toml` then says why.

No maintained tool fits. mutmut leaves out decorated functions, dataclasses among them, and all
code at module level, where the constants of the proofs stand. cosmic-ray starts a new process for
each mutant, and importing torch takes longer than most tests. Here each mutant is a fork of one
process that has imported everything except the package. No source file is changed.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import pytest
from mutation.mutants import PACKAGE, Mutant, mutated, sample
from mutation.reach import QUIET, ROOT, kept, record

HEAVY = (
    "torch", "torch.fx", "torch._dynamo", "numpy", "scipy.optimize", "scipy.special",
    "scipy.stats", "scipy.linalg", "duckdb", "pyarrow", "pandas", "polars", "flint", "openpyxl",
    "sklearn.linear_model", "sklearn.ensemble", "hypothesis", "hypothesis.strategies",
    "typer.testing", "rich.console", "rich.table", "safetensors.numpy",
)  # fmt: skip
TESTS = ("tests/glass", "tests/engines", "tests/training")
EXPLAINED = Path(__file__).with_name("explained.toml")


@dataclass(frozen=True)
class Outcome:
    """verdict: killed, timed out, survived, not run.  by: the test that failed first."""

    mutant: Mutant
    verdict: str
    by: str
    seconds: float


class _Loader(importlib.machinery.SourceFileLoader):
    tree: ast.Module

    def get_code(self, fullname: str) -> Any:
        return compile(self.tree, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Gives the mutated module in place of the file's."""

    def __init__(self, mutant: Mutant) -> None:
        parts = ("vetro", *Path(mutant.file).with_suffix("").parts)
        self.name = ".".join(parts).removesuffix(".__init__")
        self.loader = _Loader(self.name, str(PACKAGE / mutant.file))
        self.loader.tree = mutated(mutant)

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(
            fullname, self.loader.path, loader=self.loader
        )


class Chosen:
    """A plugin for pytest: these tests alone, in this order; the first that fails."""

    def __init__(self, names: Sequence[str]) -> None:
        self.order = {name: place for place, name in enumerate(names)}
        self.failed = ""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> Any:
        result = yield
        items[:] = sorted(
            (item for item in items if item.nodeid in self.order),
            key=lambda item: self.order[item.nodeid],
        )
        return result

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def covering(
    mutant: Mutant, reached: dict[str, tuple[float, list[str]]], budget: float
) -> tuple[list[str], float]:
    """The tests that run the mutant's function, the fastest first, until the budget of seconds
    is used up; at module level those of the whole module."""
    key = f"{mutant.file}:{mutant.scope}"
    tests = [name for name, (_, functions) in reached.items() if key in functions]
    if not tests:  # run at import, or a class's own body
        start = f"{mutant.file}:"
        tests = [n for n, (_, fs) in reached.items() if any(f.startswith(start) for f in fs)]
    tests.sort(key=lambda name: reached[name][0])
    chosen, total = [], 0.0
    for name in tests:
        if chosen and total + reached[name][0] > budget:
            break
        chosen.append(name)
        total += reached[name][0]
    return chosen, total


def forked(work: Callable[[], str], cpu: float) -> tuple[str, str]:
    """What the work says in a process of its own: ("done", answer), ("ended", "") or
    ("timed out", "")."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(reading)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu), int(cpu) + 5))
        resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
        try:
            os.write(writing, work().encode())
        finally:
            os._exit(0)
    os.close(writing)
    end = time.monotonic() + 10 * cpu
    status = None
    while status is None and time.monotonic() < end:
        found, code = os.waitpid(child, os.WNOHANG)
        status = code if found else None
        time.sleep(0.05)
    if status is None:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode()
    late = status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU)
    return ("timed out" if late else "done" if answer else "ended"), answer


def judged(mutant: Mutant | None, tests: list[str], seconds: float) -> tuple[str, str]:
    """The verdict on a mutant, or on the package as it is."""

    def work() -> str:
        if mutant is not None:
            sys.meta_path.insert(0, _Finder(mutant))
        chosen = Chosen(tests)
        files = list(dict.fromkeys(name.split("::")[0] for name in tests))
        code = pytest.main(["-x", "-q", *QUIET, *files], plugins=[chosen])
        return json.dumps([int(code), chosen.failed])

    ended, answer = forked(work, 20 + 2 * seconds)
    if ended == "timed out":
        return "timed out", ""
    if ended == "ended":
        return "killed", "the process ended"
    code, failed = json.loads(answer)
    return ("survived", "") if code == 0 else ("killed", failed or f"pytest ended with {code}")


def prepare(path: Path | None = None) -> dict[str, tuple[float, list[str]]]:
    """Imports what the tests import, but not the package; by test what it reaches, as recorded
    in the file."""
    os.chdir(ROOT)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in HEAVY:
        importlib.import_module(name)
    # this tree's package, and not the one that the environment was installed from
    sys.meta_path[:] = [f for f in sys.meta_path if not type(f).__module__.startswith("_editable")]
    sys.path.insert(0, str(PACKAGE.parent))
    path = path or kept(TESTS)
    if not path.exists():
        forked(lambda: str(record(TESTS, path)), 3600)
    assert "vetro" not in sys.modules
    reached: dict[str, tuple[float, list[str]]] = json.loads(path.read_text())
    return reached


def explained() -> dict[str, str]:
    """Reasons why a mutant cannot be noticed, by its name."""
    with EXPLAINED.open("rb") as stream:
        return {one["name"]: one["why"] for one in tomllib.load(stream)["mutant"]}


def unexplained(outcomes: Sequence[Outcome], why: dict[str, str]) -> list[str]:
    """The mutants that nothing noticed, and for which no reason is given."""
    alive = [one for one in outcomes if one.verdict in ("survived", "not run")]
    return [one.mutant.name for one in alive if one.mutant.name not in why]


def run(
    mutants: Sequence[Mutant],
    reached: dict[str, tuple[float, list[str]]],
    budget: float,
    told: Callable[[Outcome], None],
) -> list[Outcome]:
    found = []
    for mutant in mutants:
        since = time.monotonic()
        tests, seconds = covering(mutant, reached, budget)
        verdict, by = judged(mutant, tests, seconds) if tests else ("not run", "")
        found.append(Outcome(mutant, verdict, by, time.monotonic() - since))
        told(found[-1])
    return found


def arguments() -> argparse.Namespace:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("--count", type=int, default=300)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--within", default="", help="files below src/vetro that begin so")
    words.add_argument("--names", type=Path, help="only these mutants of all, one a line")
    words.add_argument("--budget", type=float, default=60.0, help="seconds of tests per mutant")
    words.add_argument("--reach", type=Path, help="a record in build/mutation, though it is older")
    words.add_argument("--file", type=Path, help="results, one line of JSON each; those are kept")
    return words.parse_args()


def main() -> None:
    given = arguments()
    mutants = sample(10**9 if given.names else given.count, given.seed, given.within)
    if given.names:
        names = set(given.names.read_text().splitlines())
        mutants = [mutant for mutant in mutants if mutant.name in names]
    done = set()
    if given.file and given.file.exists():
        done = {json.loads(line)["mutant"] for line in given.file.read_text().splitlines()}
    why = explained()

    def told(one: Outcome) -> None:
        print(f"{one.verdict:9} {one.seconds:5.1f} s  {one.mutant.name}  {one.by}", flush=True)
        if given.file:
            line = {
                "mutant": one.mutant.name, "line": one.mutant.line, "verdict": one.verdict,
                "by": one.by, "seconds": round(one.seconds, 1),
            }  # fmt: skip
            with given.file.open("a") as stream:
                stream.write(json.dumps(line) + "\n")

    left = [mutant for mutant in mutants if mutant.name not in done]
    found = run(left, prepare(given.reach), given.budget, told)
    counts = Counter(one.verdict for one in found)
    print(", ".join(f"{verdict}: {count}" for verdict, count in counts.items()))
    raise SystemExit(bool(unexplained(found, why)))


if __name__ == "__main__":
    main()
