"""`vetro bounds` and `vetro prove` as whole commands."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from apps.terminal import screens


def test_bounds(vetro, fitted: Path) -> None:
    ended = vetro("bounds", fitted, "--over", "head=2..4", "--seconds", "0.3")
    assert ended.status == 0
    assert "certainly between" in ended.out
    assert "head" in ended.out and "2 to 4" in ended.out
    found = vetro("bounds", fitted, "--over", "head=2..4", "--seconds", "0.3", "--json").json
    (item,) = found["ranges"].values()
    assert item["low"] <= item["lowest_found"] <= item["highest_found"] <= item["high"]
    assert found["over"]["head"] == [2, 4]
    assert sorted(found["over"]["città"]) == ["Milano", "Roma"]
    assert not found["interrupted"]


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
    assert sorted(found["over"]["città"]) == ["Milano", "Roma"]


def test_open_ends_go_to_the_end_of_the_training_range(vetro, fitted: Path) -> None:
    def ends(setting: str) -> list[float]:
        ended = vetro("bounds", fitted, "--over", setting, "--seconds", "0", "--json")
        assert ended.status == 0, ended.err
        return ended.json["over"]["head"]

    least, most = ends("head=..")
    assert 1 <= least < 2 and 8 < most <= 9
    assert ends("head=4..") == [4, most]
    assert ends("head=..4") == [least, 4]
    for setting in ("head=40..", "head=..0"):
        ended = vetro("bounds", fitted, "--over", setting)
        assert ended.status == 2 and ended.err.startswith('E731 column "head": its training range')
        assert ended.err.endswith("Give both ends.\n")


@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        ("head", "E604", 'Use for example --over "head=1.013..8.857".'),
        ("hed", "E604", 'Use for example --over "head=1.013..8.857".'),
        ("head=1..2..3", "E604", 'is not a range. Use --over "head=1.013..8.857".'),
        (
            "head=20..10",
            "E731",
            '20 to 10 is empty: its low end is above its high end. Use --over "head=10..20".',
        ),
        ("head=tall", "E731", 'Give a number, or a range such as --over "head=1.013..8.857".'),
        ("head=tall..", "E731", 'Give a number, or a range such as --over "head=1.013..8.857".'),
        ("head=nan", "E731", "not a finite number"),
        ("head=1,500..3", "E731", '"1,500" may mean 1.5 or 1500. Write 1.5000, or 1500.'),
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


def fit_of(vetro, folder: Path, rows: int, epochs: str, answer: Callable[..., float]) -> Path:
    draw = random.Random(0)
    lines = [",".join([*(f"x{k}" for k in range(12)), "y"])]
    for _ in range(rows):
        row = [draw.gauss(0, 1) for _ in range(12)]
        lines.append(",".join(f"{value:.4f}" for value in (*row, answer(*row))))
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    ended = vetro("fit", folder / "table.csv", "--target", "y", "--run", folder / "run", "--epochs",
                  epochs, "--folds", "2", "--hidden", "32,32", "--quiet")  # fmt: skip
    assert ended.status == 0, ended.err
    return folder / "run"


@pytest.fixture(scope="module")
def broad(vetro, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit of twelve columns whose bounds are never tight."""
    folder = tmp_path_factory.mktemp("broad")
    return fit_of(vetro, folder, 80, "3", lambda *x: x[0] * x[1] + abs(x[2]))


@pytest.fixture(scope="module")
def steady(vetro, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good fit of a sum of twelve columns.

    It rises with each too steadily to be refuted and too loosely to be proved, on any machine.
    """
    return fit_of(vetro, tmp_path_factory.mktemp("steady"), 300, "400", lambda *x: sum(x))


@pytest.mark.parametrize(
    "arguments",
    [("bounds",), ("bounds", "--json"), ("prove", "--monotone"), ("prove", "y <= {high}")],
)
def test_ctrl_c_ends_with_what_is_known(
    vetro, broad: Path, steady: Path, arguments: tuple[str, ...]
) -> None:
    """A real signal to a real process, once its line stands on the terminal."""
    command, *options = arguments
    model = steady if "--monotone" in options else broad
    if command == "prove" and "--monotone" not in options:
        (found,) = vetro("bounds", broad, "--seconds", "1", "--json").json["ranges"].values()
        options = [f"y <= {found['highest_found'] * 0.8 + found['high'] * 0.2}"]
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vetro", command, str(model), *options, "--seconds", "120"],
        stdout=subprocess.PIPE, stderr=follower, text=True, env={**os.environ, "COLUMNS": "90"},
    )  # fmt: skip
    os.close(follower)
    shown, pressed = "", False
    for shown in screens(leader):
        if "Ctrl-C ends" in shown and not pressed:
            process.send_signal(signal.SIGINT)
            pressed = True
    out, _ = process.communicate()
    assert pressed and process.returncode == 130, shown
    assert "Traceback" not in shown
    if "--json" in options:
        assert json.loads(out)["interrupted"]
    elif command == "bounds":
        assert "certainly between" in out and "Interrupted after" in out
    else:
        assert "nterrupted after" in out


def test_prove_refuses(vetro, fitted: Path) -> None:
    err = vetro("prove", fitted).err
    assert err.startswith("E604 vetro prove needs CLAIM")
    command = re.search(r"Use vetro (.*?), or", err)
    assert command and vetro(*shlex.split(command[1]), "--seconds", "0").status == 0
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
