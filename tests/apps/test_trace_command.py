"""`vetro trace` and `vetro parameters`: what they print, write and refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import vetro as package


def test_trace_of_a_row(vetro, fitted: Path, pumps: Path) -> None:
    ended = vetro("trace", fitted, "--row", "17")
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].startswith("flow = ")
    assert lines[0].endswith(" for row 17 of pumps.csv")
    held = pumps.read_text(encoding="utf-8").splitlines()[17].split(",")
    assert lines[1] == f"In the table flow = {float(held[3]):.15g}."
    answer = package.load(fitted / "model.safetensors").predict(pumps)["flow"].to_pylist()[16]
    assert float(lines[0].split()[2]) == pytest.approx(answer, rel=1e-5)
    assert any(held[2] in line for line in lines if line.startswith("  città"))
    assert "members: each network's answer, and the mean" in lines
    assert "--all shows every unit and term" in ended.out


def test_trace_of_values_given(vetro, fitted: Path) -> None:
    given = ["--set", "head=4.5", "--set", "speed=20", "--set", "città=Roma"]
    ended = vetro("trace", fitted, *given)
    assert ended.status == 0
    assert ended.out.splitlines()[0].endswith(" for the row given")
    other = vetro("trace", fitted, "--row", "17", *given).out.splitlines()
    assert other[0].split()[2] == ended.out.split()[2]
    # the table's flow is not that of a row with other values
    assert not any("In the table" in line for line in other)


def test_trace_tells_that_a_value_lies_outside(vetro, fitted: Path) -> None:
    ended = vetro("trace", fitted, "--row", "17", "--set", "head=900")
    assert ended.status == 0
    assert ended.err.startswith("W403 values outside the training range")


def test_other_rows_are_of_no_account(vetro, fitted: Path, tmp_path: Path) -> None:
    """An unseen level, a value far outside and a text that is no number, all in other rows."""
    table = tmp_path / "rows.csv"
    good = ["5,20,Roma", "5.5,21,Milano"]
    table.write_text(
        "\n".join(["head,speed,città", good[0], "900,20,Roma", "4,x,Roma", "5,20,Napoli", good[1]])
        + "\n",
        encoding="utf-8",
    )
    for row, same in ((1, good[0]), (5, good[1])):
        ended = vetro("trace", fitted, "--row", str(row), "--source", table, "--json")
        assert (ended.status, ended.err) == (0, "") and ended.json["messages"] == []
        head, speed, town = same.split(",")
        given = ("--set", f"head={head}", "--set", f"speed={speed}", "--set", f"città={town}")
        assert ended.json["answers"] == vetro("trace", fitted, *given, "--json").json["answers"]
    for row, message in ((2, "W403"), (3, "E113"), (4, "E402")):
        ended = vetro("trace", fitted, "--row", str(row), "--source", table)
        assert ended.err.startswith(message) and (row == 2 or f"line {row + 1}" in ended.err)


def test_trace_all_and_member(vetro, fitted: Path) -> None:
    short = vetro("trace", fitted, "--row", "1").out
    full = vetro("trace", fitted, "--row", "1", "--all", "--member", "2").out
    assert "member 2 follows in full" in full
    assert full.count("layer1.weight[") == 4 * 5
    assert full.count("layer1.weight[") > short.count("layer1.weight[")


def test_trace_json(vetro, fitted: Path) -> None:
    found = vetro("trace", fitted, "--row", "3", "--json").json
    assert (found["row"], found["kind"]) == ("row 3 of pumps.csv", "regression")
    assert [chain["member"] for chain in found["chains"]] == ["member1", "member2"]
    step = found["chains"][0]["stages"][0]["steps"][0]
    total = sum(term["product"] for term in step["terms"]) + step["bias"]["value"]
    assert step["value"] == pytest.approx(total)
    assert (step["name"], step["formula"]) == ("layer1[h0]", "z0 = w . x + b")
    one = vetro("trace", fitted, "--row", "3", "--json", "--member", "2").json
    assert [chain["member"] for chain in one["chains"]] == ["member2"]
    assert one["chains"][0] == found["chains"][1]


def test_trace_html(vetro, fitted: Path, tmp_path: Path) -> None:
    page = tmp_path / "trace.html"
    ended = vetro("trace", fitted, "--row", "3", "--html", page)
    assert (ended.status, ended.out) == (0, f"The trace is in {page}\n")
    assert "row 3 of pumps.csv" in page.read_text(encoding="utf-8")


def test_trace_json_and_html_are_both_written(vetro, fitted: Path, tmp_path: Path) -> None:
    page = tmp_path / "trace.html"
    ended = vetro("trace", fitted, "--row", "3", "--json", "--html", page)
    assert (ended.status, ended.err) == (0, f"The trace is in {page}\n")
    assert ended.json == vetro("trace", fitted, "--row", "3", "--json").json
    assert "row 3 of pumps.csv" in page.read_text(encoding="utf-8")


def test_an_unknown_column_is_told_with_all_that_there_are(vetro, tmp_path: Path) -> None:
    names = [f"measured_quantity_{number}" for number in range(24)]
    table = tmp_path / "wide.csv"
    rows = ["".join(f"{row * k % 7 + row / 10}," for k in range(24)) + str(row) for row in range(9)]
    table.write_text("\n".join([",".join([*names, "y"]), *rows]) + "\n")
    run = tmp_path / "wide"
    given = ("--target", "y", "--hidden", "2", "--epochs", "1", "--folds", "2", "--quiet")
    assert vetro("fit", table, "--run", run, *given).status == 0
    for asked in (("trace", "--row", "1", "--set"), ("bounds", "--over"), ("formula", "--set")):
        err = vetro(asked[0], run, *asked[1:], "sped=1").err
        assert f"Columns: {', '.join(names[:20])} and 4 more" in err, err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "E604 no row to look at is named."),
        (["--row", "0"], "E702 row 0 not found: rows are counted from 1."),
        (["--row", "81"], "E702 row 81 not found: "),
        (["--row", "2", "--source", "one.csv"], "E702 row 2 not found: one.csv has 1 row."),
        (["--row", "x"], 'E601 --row "x" is not valid: a whole number is needed.'),
        (["--row", "1", "--set", "heat=1"], 'E114 column "heat" not found. Did you mean "head"?'),
        (["--row", "1", "--set", "head"], 'E604 --set "head" has no "=".'),
        (["--row", "1", "--set", "città=Bari"], 'E402 column "città"'),
        (["--set", "head=1"], 'E401 columns "speed", "città" are missing'),
        (["--row", "1", "--set", "head=1,500"], 'E106 column "head", row 1: "1,500" may mean'),
        (["--row", "1", "--source", "no.csv"], "E124 no.csv not found."),
        (["--row", "1", "--member", "3"], "E702 member 3 not found: the model has 2."),
        (["--row", "1", "--html", "no/t.html"], "E503 Cannot save the trace: no such folder."),
    ],
)
def test_trace_refuses(vetro, fitted: Path, tmp_path, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.csv").write_text("head,speed,città\n5,20,Roma\n", encoding="utf-8")
    ended = vetro("trace", fitted, *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(message)


def test_parameters(vetro, fitted: Path) -> None:
    ended = vetro("parameters", fitted)
    model = package.load(fitted / "model.safetensors")
    assert ended.status == 0
    assert "member1.layer1.weight[h3 <- head]" in ended.out
    count = 2 * model.network.parameter_count
    assert ended.out.splitlines()[-1] == f"{count} parameters"
    one = vetro("parameters", fitted, "--member", "2", "--match", "H3 <-").out.splitlines()
    assert one[-1] == "5 parameters"
    assert all(line.startswith("member2.layer1.weight[h3 <- ") for line in one[2:-1])
    found = vetro("parameters", fitted, "--json").json["parameters"]
    assert found == dict(package.parameters(model))


def test_parameters_refuse(vetro, fitted: Path) -> None:
    ended = vetro("parameters", fitted, "--match", "layer9")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith('E702 no parameter has "layer9" in its name.')
    assert vetro("parameters", fitted, "--member", "x").err.startswith('E601 --member "x"')


def test_a_trace_is_quick_to_start(fitted: Path) -> None:
    """Nothing heavy that a trace does not need, pandas by way of pyarrow included."""
    code = """
import contextlib, sys
from vetro.apps.command_line import main
with contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(*sys.modules)
"""
    command = [sys.executable, "-c", code, "trace", str(fitted), "--row", "1"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    heavy = {"torch", "scipy", "sklearn", "matplotlib", "flint", "pandas", "rich"}
    assert not heavy & set(loaded)
