"""What all tests share: hypothesis repeats itself here, and searches anew in `make test-long`."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest
from hypothesis import settings

# torch and scikit-learn take a thread a core, and wait in a loop for each other: with a worker of
# pytest on each core, small steps take ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile(os.environ.get("VETRO_HYPOTHESIS", "repeatable"))

# A shell starts what runs in the background with Ctrl-C ignored, and nohup ignores the end of a
# terminal; children inherit both, and the tests of these signals would wait for ever.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was left out is said at the end, once for each reason; and what aarch64 came to."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        reason = str(report.longrepr[-1]).removeprefix("Skipped: ")
        if "NOT TESTED" in reason:
            counts[reason] += 1
    for reason, count in sorted(counts.items()):
        terminalreporter.write_line(f"{reason} ({count} tests)", yellow=True)
    passed = [one for one in terminalreporter.getreports("passed") if "aarch64" in one.keywords]
    if passed:
        terminalreporter.write_line(f"aarch64, under an emulator: {len(passed)} tests passed")
