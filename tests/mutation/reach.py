"""Which tests run which functions, and how long they take: found by running them once."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from mutation.mutants import PACKAGE, ROOMS

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
QUIET = ("-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""hypothesis is imported before pytest could rewrite its assertions, which changes nothing."""


def function_of(code: CodeType) -> str:
    """file:Class.method of the outermost function that a code object is in."""
    file = Path(code.co_filename).relative_to(PACKAGE).as_posix()
    outermost = code.co_qualname.split(".<locals>")[0]
    return f"{file}:{'' if outermost.startswith('<') else outermost}"


@dataclass(eq=False)
class Recorder:
    """A plugin for pytest: what each test calls, what its fixtures called, and the seconds."""

    tests: dict[str, Any] = field(default_factory=dict)
    fixtures: dict[str, Any] = field(default_factory=dict)
    not_passed: set[str] = field(default_factory=set)
    _codes: set[CodeType] = field(default_factory=set)
    _shared: float = 0.0

    def __post_init__(self) -> None:
        self._rooms = tuple(str(PACKAGE / room) for room in ROOMS)

    def _called(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if code.co_filename.startswith(self._rooms):
            self._codes.add(code)

    def _begin(self) -> tuple[set[CodeType], float]:
        outside, self._codes = self._codes, set()
        sys.settrace(self._called)
        threading.settrace(self._called)
        return outside, time.perf_counter()

    def _end(self, outside: set[CodeType], since: float) -> dict[str, Any]:
        found = sorted({function_of(code) for code in self._codes})
        self._codes |= outside
        return {"seconds": time.perf_counter() - since, "functions": found}

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Any:
        state = self._begin()
        try:
            return (yield)
        finally:
            found = self._end(*state)
            if fixturedef.scope != "function":
                self.fixtures[_key(fixturedef)] = found
                self._shared += found["seconds"]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> Any:
        state = self._begin()
        self._shared = 0.0
        try:
            return (yield)
        finally:
            found = self._end(*state)
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            found["seconds"] -= self._shared
            known = item._fixtureinfo.name2fixturedefs.values()
            found["fixtures"] = [_key(one) for several in known for one in several]
            self.tests[item.nodeid] = found

    def pytest_runtest_logreport(self, report: Any) -> None:
        if not report.passed:
            self.not_passed.add(report.nodeid)

    def result(self) -> dict[str, tuple[float, list[str]]]:
        """By test that passed: the seconds with its fixtures, and the functions it runs."""
        found = {}
        for name, test in self.tests.items():
            if name in self.not_passed:
                continue
            shared = [self.fixtures[key] for key in test["fixtures"] if key in self.fixtures]
            functions = {one for each in (test, *shared) for one in each["functions"]}
            seconds = test["seconds"] + sum(each["seconds"] for each in shared)
            found[name] = (round(seconds, 3), sorted(functions))
        return found


def _key(fixture: Any) -> str:
    return f"{fixture.baseid}::{fixture.argname}"


def kept(files: Sequence[str]) -> Path:
    """Where the record of these test files is kept while no source changes."""
    digest = hashlib.sha256(" ".join(files).encode())
    for path in sorted([*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")]):
        digest.update(path.read_bytes())
    return ROOT / "build" / "mutation" / f"reach-{digest.hexdigest()[:16]}.json"


def record(files: Sequence[str], to: Path) -> None:
    """Runs these test files in this process and writes what they reach."""
    recorder = Recorder()
    pytest.main(["-q", "-m", "not long", *QUIET, *files], plugins=[recorder])
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(recorder.result()))
