"""Whole commands: what they print, write and exit with."""

from __future__ import annotations

import csv
import inspect
import io
import json
import os
import shutil
import sys
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from recipes import PLAIN, TINY
from sklearn.metrics import r2_score

import vetro as package
from vetro.apps import command_line
from vetro.apps.recipe_file import read_recipe, write_recipe
from vetro.model.request import FitRequest


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(("name", "file"), command_line.COMMANDS.items())
def test_a_listed_command_has_the_help_of_its_function(name: str, file: str) -> None:
    function = getattr(import_module(f"vetro.apps.{file}"), name)
    assert command_line._help(name) == inspect.getdoc(function)


# inspect


def test_inspect(vetro, pumps: Path) -> None:
    ended = vetro("inspect", pumps)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("pumps.csv: 80 rows, 5 columns\n")
    lines = {line.split()[0]: line.split() for line in ended.out.splitlines() if line}
    assert lines["città"][1:4] == ["category", "2:", "Milano,"]
    assert lines["head"][1] == "number"
    assert "role" not in lines["column"]


def test_inspect_with_target(vetro, pumps: Path) -> None:
    out = vetro("inspect", pumps, "--target", "state", "--drop", "flow").out
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert lines["state"][1:3] == ["category", "target"]
    assert lines["flow"][1:3] == ["number", "ignored"]
    assert lines["head"][1:3] == ["number", "input"]
    assert "I211" in lines


def test_inspect_json(vetro, pumps: Path) -> None:
    found = vetro("inspect", pumps, "--json", "--target", "flow").json
    assert (found["rows"], found["task"], found["name"]) == (80, "regression", "pumps.csv")
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["città"]["levels"] == ["Milano", "Roma"]
    values = [float(row["head"]) for row in rows_of(pumps.read_text(encoding="utf-8"))]
    assert (columns["head"]["minimum"], columns["head"]["maximum"]) == (min(values), max(values))
    assert {message["code"] for message in found["messages"]} >= {"I211"}


def test_inspect_tells_warnings_and_reading(vetro) -> None:
    Path("t.csv").write_text("id;x;k\n1;1.234,5;3\n2;2,5;3\n3;7,5;3\n")
    ended = vetro("inspect", "t.csv")
    assert 'I105 Read with separator ";" and decimal ","' in ended.out
    assert 'W116 column "k" always equals 3; ignored.' in ended.out
    assert ended.out.index("I105") < ended.out.index("W116")


def test_inspect_200_columns(vetro, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"a column with a rather long name, number {i} €" for i in range(200)]
    with Path("wide.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([[i * j + 0.5 for i in range(200)] for j in range(1, 5)])
    out = vetro("inspect", "wide.csv").out
    assert all(name in out for name in names)
    monkeypatch.setenv("COLUMNS", "60")
    out = vetro("inspect", "wide.csv").out
    assert max(map(len, out.splitlines()[:300])) <= 60


# fit


def test_fit_leaves_a_run(fitted: Path, pumps: Path) -> None:
    assert sorted(path.name for path in fitted.iterdir()) == [
        "held-out.csv", "history.csv", "log.txt", "model.safetensors", "recipe.toml",
        "report.html",
    ]  # fmt: skip
    assert (
        "http-equiv" in (fitted / "report.html").read_text()
        or "<html" in (fitted / "report.html").read_text()
    )
    history = rows_of((fitted / "history.csv").read_text())
    assert [(row["fold"], row["epoch"]) for row in history] == [
        (str(fold), str(epoch)) for fold in (1, 2) for epoch in (1, 2, 3)
    ]
    found = read_recipe(fitted / "recipe.toml")
    assert found.source == str(pumps)
    assert found.request == FitRequest(
        targets=("flow",),
        drop=("state",),
        recipe=replace(PLAIN, epochs=3, folds=2, holdout=0.0, hidden=(4,)),
    )
    log = (fitted / "log.txt").read_text()
    assert "Reading the table" in log
    assert "2 networks; epoch 3/3" in log


def test_fit_prints_the_verdict_and_what_to_do_next(vetro, pumps: Path) -> None:
    arguments = [argument for argument in TINY if argument != "--quiet"]
    ended = vetro("fit", pumps, "--target", "flow", "--drop", "state", *arguments)
    assert ended.status == 0
    first = ended.out.splitlines()[0]
    assert "flow" in first
    assert "boosted trees" in ended.out
    assert "Model    runs/pumps-1/model.safetensors\n" in ended.out
    assert "Report   runs/pumps-1/report.html\n" in ended.out
    assert "Held out runs/pumps-1/held-out.csv\n" in ended.out
    # The command it suggests works as it stands.
    suggested = next(line for line in ended.out.splitlines() if line.startswith("Next "))
    again = vetro(*suggested.split()[2:])
    assert again.status == 0, again.err
    assert len(rows_of(Path("predictions.csv").read_text(encoding="utf-8"))) == 80
    # Progress and warnings go to stderr, each warning once.
    assert "2 networks; epoch 3/3" in ended.err
    assert "epoch" not in ended.out
    codes = [line.split()[0] for line in ended.err.splitlines() if line.startswith("W")]
    assert len(codes) == len(set(codes))


def test_fit_json_and_a_recipe_file(vetro, pumps: Path) -> None:
    request = FitRequest(
        targets=("state",), drop=("flow",), recipe=replace(PLAIN, epochs=9, folds=2, hidden=(3,))
    )
    write_recipe(Path("recipe.toml"), str(pumps), request)
    ended = vetro("fit", "--recipe", "recipe.toml", "--epochs", "2", "--json", "--quiet")
    assert ended.err == ""
    found = ended.json
    assert (found["task"], found["targets"]) == ("classification", ["state"])
    assert list(found) == [
        "run", "model", "report", "held_out", "interrupted", "verdict", "task", "targets",
        "judged_by", "metrics", "per_target", "baselines", "baselines_per_target", "comparisons",
        "comparisons_per_target", "coverage", "split", "stopped", "seconds", "messages",
    ]  # fmt: skip
    assert found["interrupted"] is False
    assert set(found["metrics"]["accuracy"]) == {"value", "low", "high"}
    assert found["split"]["folds"] == 2
    used = read_recipe(Path(found["run"]) / "recipe.toml").request
    assert (used.recipe.epochs, used.recipe.hidden, used.drop) == (2, (3,), ("flow",))
    # The recipe that a run writes gives the same model again.
    again = vetro("fit", "--recipe", f"{found['run']}/recipe.toml", "--json", "--quiet").json
    assert again["metrics"] == found["metrics"]


def test_fit_that_is_refused_leaves_nothing(vetro, pumps: Path) -> None:
    ended = vetro("fit", pumps, "--target", "flwo", "--quiet")
    assert ended.status == 2
    assert ended.out == ""
    assert ended.err.startswith('E114 target "flwo" not found. Did you mean "flow"? Columns: head')
    assert list(Path().iterdir()) == []


def test_diverged_training_keeps_the_best(vetro, pumps: Path) -> None:
    ended = vetro(
        "fit", pumps, "--target", "flow", *TINY, "--drop", "state,città",
        "--lr", "2", "--optimizer", "sgd", "--schedule", "constant", "--epochs", "50",
    )  # fmt: skip
    assert ended.status == 2
    assert ended.err.startswith("E301 Diverged at ")
    assert "(now 2)" in ended.err
    assert sorted(path.name for path in Path("runs/pumps-1").iterdir()) == [
        "held-out.csv", "history.csv", "log.txt", "model.safetensors", "recipe.toml",
        "report.html",
    ]  # fmt: skip
    assert "E301 Diverged" in Path("runs/pumps-1/log.txt").read_text()
    assert vetro("predict", "runs/pumps-1", pumps).status == 0


# predict and evaluate


def test_predict_to_stdout_and_files(vetro, fitted: Path, pumps: Path) -> None:
    ended = vetro("predict", fitted, pumps, "--keep", "città,head")
    assert (ended.status, ended.err) == (0, "")
    shown = rows_of(ended.out)
    assert list(shown[0]) == ["città", "head", "flow"]
    original = rows_of(pumps.read_text(encoding="utf-8"))
    assert [row["città"] for row in shown] == [row["città"] for row in original]
    flows = np.array([float(row["flow"]) for row in shown])
    expected = package.load(fitted / "model.safetensors").predict(pumps)["flow"].to_numpy()
    np.testing.assert_array_equal(flows, expected)
    for name in ("p.csv", "p.parquet", "p.jsonl"):
        ended = vetro("predict", fitted / "model.safetensors", pumps, "-o", name)
        assert (ended.status, ended.out) == (0, f"80 rows predicted to {name}\n"), ended.err
    np.testing.assert_array_equal(pq.read_table("p.parquet")["flow"].to_numpy(), flows)
    lines = [json.loads(line)["flow"] for line in Path("p.jsonl").read_text().splitlines()]
    np.testing.assert_array_equal(lines, flows)


def test_predict_probabilities(vetro, pumps: Path) -> None:
    run = vetro("fit", pumps, "--target", "state", "--drop", "flow", "--json", *TINY).json["run"]
    rows = rows_of(vetro("predict", run, pumps, "--probabilities").out)
    assert list(rows[0]) == ["state", "P(high)", "P(low)"]
    for row in rows:
        high, low = float(row["P(high)"]), float(row["P(low)"])
        assert abs(high + low - 1) < 1e-9
        assert row["state"] == ("high" if high > low else "low")


def test_predict_intervals(vetro, fitted: Path, pumps: Path) -> None:
    rows = rows_of(vetro("predict", fitted, pumps, "--interval", "0.8").out)
    assert list(rows[0]) == ["flow", "low(flow)", "high(flow)", "far"]
    expected = package.load(fitted / "model.safetensors").predict(pumps, interval=0.8)
    for name in rows[0]:
        assert [float(row[name]) for row in rows] == expected[name].to_pylist()
    refused = vetro("predict", fitted, pumps, "--interval", "90").err
    assert refused.startswith('E601 --interval "90')
    assert vetro("predict", fitted, pumps, "--interval", "high").err.startswith("E601 --interval")


def test_coverage_is_shown(vetro, fitted: Path, pumps: Path) -> None:
    shown, found = vetro("show", fitted).out, vetro("show", fitted, "--json").json["coverage"]
    (line,) = [text for text in shown.splitlines() if text.startswith("90% intervals")]
    assert [word in line for word in ("hold", "lowest third", "highest third", "mean width")]
    assert f"{found['flow']['covered']['value']:.1%} (" in shown
    Path("new.csv").write_text(pumps.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    ended = vetro("evaluate", fitted, "new.csv", "--interval", "0.5")
    assert "50% intervals" in ended.out
    measured = vetro("evaluate", fitted, "new.csv", "--json").json["coverage"]["flow"]
    assert (measured["level"], measured["rows"]) == (0.9, 80)


def test_predict_unknown_level(vetro, fitted: Path) -> None:
    Path("new.csv").write_text("head,speed,città\n3,20,Roma\n4,21,Bari\n", encoding="utf-8")
    ended = vetro("predict", fitted, "new.csv", "-o", "p.csv", "--unknown", "refuse")
    assert ended.status == 2
    assert ended.err.startswith('E402 column "città", line 3: "Bari" was not seen in training.')
    assert not Path("p.csv").exists()
    ended = vetro("predict", fitted, "new.csv", "-o", "p.csv")
    assert ended.status == 0
    assert ended.err.startswith(
        'W404 column "città": "Bari" was not seen in training (1 row, first'
    )
    assert len(rows_of(Path("p.csv").read_text())) == 2
    ended = vetro("predict", fitted, "new.csv", "--unknown", "maybe")
    assert ended.err.startswith('E601 --unknown "maybe" is not valid')


def test_evaluate(vetro, fitted: Path, pumps: Path) -> None:
    lines = pumps.read_text(encoding="utf-8").splitlines()
    Path("new.csv").write_text("\n".join([lines[0], *lines[20:60]]), encoding="utf-8")
    found = vetro("evaluate", fitted, "new.csv", "--json").json
    assert (found["rows"], found["messages"]) == (40, [])
    actual = [float(row["flow"]) for row in rows_of(Path("new.csv").read_text(encoding="utf-8"))]
    predicted = [float(row["flow"]) for row in rows_of(vetro("predict", fitted, "new.csv").out)]
    assert found["metrics"]["r2"]["value"] == pytest.approx(r2_score(actual, predicted))
    assert "on 40 rows" in vetro("evaluate", fitted, "new.csv").out


def test_evaluating_on_the_training_table_is_said(vetro, fitted: Path, pumps: Path) -> None:
    ended = vetro("evaluate", fitted, pumps)
    assert ended.err.startswith("W407 ")
    assert "these figures are too good" in ended.err


# show and runs


def test_show(vetro, fitted: Path, pumps: Path) -> None:
    ended = vetro("show", fitted)
    assert ended.status == 0
    assert ended.out.startswith("Predicts flow from 3 columns; regression\n")
    found = vetro("show", fitted / "model.safetensors", "--json").json
    assert found["inputs"] == ["head", "speed", "città"]
    assert found["recipe"] == read_recipe(fitted / "recipe.toml").request.recipe.to_json()
    assert found["network"]["sizes"][-2:] == [4, 1]
    assert f"SHA-256 {found['data']['sha256']}" in ended.out
    assert vetro("inspect", pumps, "--json").json["sha256"] == found["data"]["sha256"]
    widths = found["network"]["sizes"]
    assert found["network"]["parameters"] == sum(n * m + m for n, m in pairwise(widths))


def test_runs(vetro, fitted: Path) -> None:
    assert vetro("runs").out == "No runs in runs/\n"
    Path("runs").mkdir()
    shutil.copytree(fitted, "runs/pumps-1")
    shutil.copytree(fitted, "runs/pumps-2")
    request = read_recipe(fitted / "recipe.toml")
    other = replace(PLAIN, epochs=3, folds=2, holdout=0.0, hidden=(5, 5))
    write_recipe(
        Path("runs/pumps-2/recipe.toml"),
        request.source,
        FitRequest(targets=("flow",), drop=("state",), recipe=other),
    )
    Path("runs/pumps-2/checkpoint.safetensors").write_text("")
    shutil.copytree(fitted, "runs/pumps-3")
    Path("runs/pumps-3/model.safetensors").write_bytes(b"damaged")
    ended = vetro("runs", "--json")
    found = {Path(run["run"]).name: run for run in ended.json["runs"]}
    assert ended.json["differing"] == ["hidden"]
    assert [run["state"] for run in found.values()] == ["finished", "interrupted", "damaged (E505)"]
    assert found["pumps-1"]["metrics"] == vetro("show", fitted, "--json").json["metrics"]
    assert found["pumps-3"]["metrics"] == {}
    out = vetro("runs").out
    assert out.startswith("pumps: flow\n")
    lines = {line.split()[0]: line.split() for line in out.splitlines()[2:] if line}
    assert lines["run"][-1] == "hidden"
    assert lines["pumps-2"][-1] == "5,5"
    assert lines["pumps-2"][1] == "interrupted"


def test_runs_are_sorted_by_quality(vetro, pumps: Path) -> None:
    for epochs in ("1", "40"):
        vetro("fit", pumps, "--target", "flow", "--drop", "state", *TINY, "--epochs", epochs)
    found = vetro("runs", "--json").json
    scores = [run["metrics"]["r2"]["value"] for run in found["runs"]]
    assert scores == sorted(scores, reverse=True)
    assert found["differing"] == ["epochs"]


# how it ends


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fti"], 'E604 vetro has no command "fti". Did you mean "fit"? See vetro --help.'),
        (["fit"], "E604 vetro fit needs SOURCE. See vetro fit --help."),
        (
            ["fit", "a.csv"],
            "E604 vetro fit needs --target. Name the column to predict with --target; vetro",
        ),
        (["fit", "a", "--flg"], 'E604 vetro fit has no option --flg. Did you mean "--flag"?'),
        (["fit", "--epochs"], "E604 Option '--epochs' requires an argument."),
        (["fit", "a", "b"], "E604 Got unexpected extra argument(s) (b). See vetro fit --help."),
        (["fit", "a", "--target", "y", "--epochs", "x"], 'E601 --epochs "x" is not valid: a whole'),
        (
            ["fit", "a", "--target", "y", "--lr", "-1"],
            'E601 --learning-rate "-1.0" is not valid: it must be',
        ),
        (["fit", "a", "--target", "y", "--time", "x"], 'E601 --time "x" is not valid: a time'),
        (["fit", "a", "--target", "y", "--hidden", "0,4"], "E601 --hidden"),
        (["fit", "a", "--target", "y", "--optimizer", "x"], 'E601 --optimizer "x" is not valid'),
        (["fit", "a", "--target", "y", "--holdout", "2"], 'E601 --holdout "2.0" is not valid'),
        (["fit", "a", "--target", "y", "--bad-rows", "x"], 'E601 --bad-rows "x" is not valid'),
        (["fit", "a.csv", "--target", "y", "--quiet"], "E124 a.csv not found."),
        (["fit", "--recipe", "no.toml"], "E507 no.toml not found. Check --recipe."),
        (["fit", "--resume"], "E504 Cannot resume: no interrupted run in runs/."),
        (["fit", "--resume", "no"], "E507 no/recipe.toml not found."),
        (["predict"], "E604 vetro predict needs MODEL. See vetro predict --help."),
        (["predict", "m"], "E604 vetro predict needs SOURCE. See vetro predict --help."),
        (["predict", "m", "s"], "E507 m not found."),
        (["show", "."], "E507 model.safetensors not found. Give a model file or a run folder."),
        (["runs", "no"], "E507 no not found. Give a folder of runs."),
        (["runs", "//u:word@host/db"], "E507 the address not found. Give a folder of runs."),
        (["inspect", "no.csv"], "E124 no.csv not found."),
        (["--verbose"], "E604 vetro has no option --verbose."),
    ],
)
def test_wrong_arguments(vetro, arguments: list[str], message: str) -> None:
    ended = vetro(*arguments)
    assert ended.err.startswith(message)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("place", [0, 2])
def test_debug_shows_the_traceback(vetro, place: int) -> None:
    arguments = ["inspect", "no.csv"]
    arguments.insert(place, "--debug")
    ended = vetro(*arguments)
    assert "Traceback (most recent call last)" in ended.err
    assert ended.err.splitlines()[-1].startswith("E124 no.csv not found.")
    assert ended.status == 2


def test_a_fault_of_vetro_exits_1(vetro, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no way")

    monkeypatch.setattr(command_line, "app_for", fail)
    ended = vetro("runs")
    assert ended.status == 1
    assert ended.err.startswith("E900 Vetro failed: RuntimeError: no way.")
    assert "Traceback" not in ended.err
    assert "Traceback" in vetro("runs", "--debug").err


def test_help_and_version(vetro) -> None:
    ended = vetro()
    assert (ended.status, ended.err) == (0, "")
    for command in ("inspect", "fit", "predict", "evaluate", "show", "runs"):
        assert f"\n  {command} " in ended.out
        own = vetro(command, "--help")
        assert (own.status, own.err) == (0, "")
        assert own.out.startswith(f"Usage: vetro {command} ")
    assert vetro("--version").out == f"vetro {package.__version__}\n"


def test_a_reader_that_goes_away(vetro_process, pumps: Path, tmp_path: Path) -> None:
    process = vetro_process("inspect", pumps, cwd=tmp_path, PYTHONUNBUFFERED="1")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() in (0, 1)


def test_an_ascii_terminal_is_no_fault(vetro_process, pumps: Path, tmp_path: Path) -> None:
    process = vetro_process(
        "inspect", pumps, cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "citt\\xe0" in out


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is needed")
@pytest.mark.parametrize(("setting", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_only_where_wanted(setting: dict[str, str], coloured: bool, tmp_path: Path) -> None:
    import pty
    import subprocess

    leader, follower = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm"}
    subprocess.run(
        [sys.executable, "-m", "vetro", "inspect", "no.csv"],
        stderr=follower, env=environment | setting, cwd=tmp_path, check=False,
    )  # fmt: skip
    os.close(follower)
    text = os.read(leader, 10_000).decode()
    os.close(leader)
    assert text.startswith("\x1b[1;31mE124\x1b[0m no.csv" if coloured else "E124 no.csv")
