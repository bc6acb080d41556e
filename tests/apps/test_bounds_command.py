"""`vetro bounds` and `vetro prove` as whole commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def test_bounds(vetro, fitted: Path) -> None:
    ended = vetro("bounds", fitted, "--over", "head=2..4", "--seconds", "0.3")
    assert ended.status == 0
    assert "certainly between" in ended.out
    assert "head" in ended.out and "2 to 4" in ended.out
    found = vetro("bounds", fitted, "--over", "head=2..4", "--seconds", "0.3", "--json").json
    (item,) = found["ranges"].values()
    assert item["low"] <= item["lowest_found"] <= item["highest_found"] <= item["high"]
    assert found["over"]["head"] == "2 to 4"


def test_levels_and_repeated_options(vetro, fitted: Path) -> None:
    found = vetro(
        "bounds",
        fitted,
        "--over",
        "città=Milano",
        "--over",
        "città=Roma",
        "--seconds",
        "0",
        "--json",
    ).json
    assert found["over"]["città"] == "Milano, Roma" or found["over"]["città"] == "Milano or Roma"


@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        ("head", "E604", "Use --over COLUMN=VALUE."),
        ("head=1..2..3", "E604", "is not a range"),
        ("head=20..10", "E731", "20 to 10 is empty"),
        ("head=nan", "E731", "not a finite number"),
        ("hed=1..2", "E114", 'Did you mean "head"?'),
        ("città=Rom", "E731", 'Did you mean "Roma"?'),
    ],
)
def test_what_is_no_box(vetro, fitted: Path, setting: str, code: str, words: str) -> None:
    ended = vetro("bounds", fitted, "--over", setting)
    assert ended.status == 2 and ended.out == ""
    assert ended.err.startswith(code) and words in ended.err


def test_prove_ends_with_its_verdict(vetro, fitted: Path) -> None:
    proved = vetro("prove", fitted, "-1000000 <= flow <= 1000000", "--seconds", "5")
    assert proved.status == 0 and proved.out.startswith("proved: ")
    refuted = vetro("prove", fitted, "flow >= 1000000")
    assert refuted.status == 1 and refuted.out.startswith("refuted: ")
    assert vetro("prove", fitted, "flow >= 1000000", "--json").json["counterexample"]
    table = vetro("prove", fitted, "--monotone", "--seconds", "1")
    assert table.status == 0 and table.out.startswith("answer")


def test_prove_refuses(vetro, fitted: Path) -> None:
    assert vetro("prove", fitted).err.startswith("E604 vetro prove needs CLAIM")
    assert vetro("prove", fitted, "flow >= 0", "--monotone").err.startswith("E604 --monotone takes")
    ended = vetro("prove", fitted, "flow is fine")
    assert ended.status == 2 and ended.err.startswith("E734") and '"A rises with C"' in ended.err
    assert vetro("bounds", fitted, "--seconds", "soon").err.startswith("E601")


def test_no_torch_for_a_model(fitted: Path) -> None:
    code = (
        "import sys\n"
        "from vetro.apps.command_line import main\n"
        "try:\n    main(['bounds', sys.argv[1], '--seconds', '0'])\n"
        "except SystemExit:\n    pass\n"
        "print('torch' in sys.modules, 'scipy' in sys.modules, 'sklearn' in sys.modules)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(fitted)], capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines()[-1] == "False False False"
