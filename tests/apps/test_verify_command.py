"""`vetro verify`: what passes, what an edited file or table does, and where it does not torch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from recipes import PLAIN_OPTIONS

from vetro.model.files import load_model, save_model


@pytest.fixture
def run(fitted, pumps, tmp_path):
    """A copy of the run, beside a copy of its table, which its recipe names."""
    folder = tmp_path / "run"
    shutil.copytree(fitted, folder)
    table = tmp_path / "pumps.csv"
    shutil.copy(pumps, table)
    recipe = folder / "recipe.toml"
    recipe.write_text(recipe.read_text().replace(str(pumps), str(table)))
    return folder


def edited(run, **changes):
    """The model with other contents, and a seal that fits them."""
    path = run / "model.safetensors"
    model = load_model(path)
    save_model(replace(model, **{name: change(model) for name, change in changes.items()}), path)


def failed(ended):
    assert ended.status == 1, (ended.out, ended.err)
    return [check["name"] for check in ended.json["checks"] if check["verdict"] == "failed"]


def test_a_fit_is_verified(vetro, run):
    ended = vetro("verify", run)
    assert ended.status == 0, ended.out
    assert ended.out.startswith("Verified: ") and "FAILED" not in ended.out
    found = vetro("verify", run, "--json", "--rows", "7").json
    assert found["passed"] and found["rows"] == 7
    assert [check["name"] for check in found["checks"]][:7] == [
        "file: seal and structure",
        "data: the table of the fit",
        "evidence: the split of the rows",
        "evidence: the encoder",
        "evidence: the held-out targets",
        "evidence: held-out predictions, to the bit",
        "evidence: the metrics",
    ]


@pytest.mark.parametrize(
    ("target", "options"),
    [("flow", ("--members", "2")), ("state", ()), ("state", ("--holdout", "0.3"))],
)
def test_every_kind_of_fit_is_verified(vetro, pumps, tmp_path, options, target):
    other = "state" if target == "flow" else "flow"
    run = tmp_path / "fit"
    ended = vetro(
        "fit", pumps, "--target", target, "--drop", other, "--run", run, "--epochs", "2",
        "--hidden", "4", "--quiet", *PLAIN_OPTIONS, "--dropout", "0.1",
        *(options or ("--folds", "2")),
    )  # fmt: skip
    assert ended.status == 0, ended.err
    assert vetro("verify", run).status == 0
    assert vetro("verify", run / "model.safetensors", pumps).status == 0


def nudge(run, place):
    """A weight off by its last bit, and a seal that fits."""

    def members(model):
        first, *rest = model.members
        parameters = first.parameters.copy()
        parameters[place] = np.nextafter(parameters[place], np.float32(np.inf))
        return (replace(first, parameters=parameters), *rest)

    edited(run, members=members)


@pytest.mark.parametrize("place", [17, -1, -2])
def test_a_weight_off_by_its_last_bit_is_found(vetro, run, place):
    nudge(run, place)
    names = failed(vetro("verify", run, "--json"))
    assert "evidence: held-out predictions, to the bit" in names


@pytest.mark.parametrize("place", [3, 4, 10])
def test_fitting_again_finds_what_no_held_out_row_shows(vetro, run, place):
    assert vetro("verify", run, "--refit").status == 0
    nudge(run, place)
    assert "fit: the same parameters again, to the bit" in failed(
        vetro("verify", run, "--json", "--refit")
    )


def change_predicted(model):
    predicted = model.evidence.predicted.copy()
    predicted[4, 0] = np.nextafter(predicted[4, 0], np.inf)
    return replace(model.evidence, predicted=predicted)


def change_actual(model):
    actual = model.evidence.actual.copy()
    actual[2] += 1e-9
    return replace(model.evidence, actual=actual)


def change_metric(model):
    metrics = dict(model.evidence.metrics)
    metrics["r2"] = replace(metrics["r2"], value=metrics["r2"].value + 1e-9)
    return replace(model.evidence, metrics=metrics)


def change_split(model):
    return replace(model.evidence, split={**model.evidence.split, "held_out_rows": 79})


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (change_predicted, "evidence: held-out predictions, to the bit"),
        (change_actual, "evidence: the held-out targets"),
        (change_metric, "evidence: the metrics"),
        (change_split, "evidence: the split of the rows"),
    ],
)
def test_edited_evidence_is_found(vetro, run, change, name):
    edited(run, evidence=change)
    assert failed(vetro("verify", run, "--json")) == [name]


def test_an_edited_scaling_is_found(vetro, run):
    def members(model):
        first, *rest = model.members
        target = first.targets[0]
        moved = replace(target, mean=target.mean + 1e-6)
        return (replace(first, targets=(moved,)), *rest)

    edited(run, members=members)
    assert "evidence: the encoder" in failed(vetro("verify", run, "--json"))


def test_another_seed_is_found(vetro, run):
    edited(run, recipe=lambda model: replace(model.recipe, seed=model.recipe.seed + 1))
    assert failed(vetro("verify", run, "--json"))


def test_a_damaged_file_is_found(vetro, run):
    path = run / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))
    ended = vetro("verify", run)
    assert ended.status == 1
    assert "file: seal and structure" in ended.out and "damaged or edited" in ended.out


def test_a_single_row_is_verified(vetro, run, tmp_path):
    """As another table; it need not be one that a fit could read."""
    lines = (run.parent / "pumps.csv").read_text().splitlines(keepends=True)
    one = tmp_path / "one.csv"
    one.write_text("".join(lines[:2]))
    ended = vetro("verify", run, one)
    assert ended.status == 1 and "is not the table that the model was fitted to" in ended.out
    assert "1 row" in ended.out and "E102" not in ended.err


def test_another_table_is_found(vetro, run):
    table = run.parent / "pumps.csv"
    table.write_text(table.read_text().replace("Roma", "Milano", 1))
    ended = vetro("verify", run)
    assert ended.status == 1 and "is not the table that the model was fitted to" in ended.out
    # the arithmetic is recomputed all the same
    assert "passed     engine: gradients" in ended.out


def test_without_its_table_rows_are_made(vetro, run):
    (run.parent / "pumps.csv").unlink()
    ended = vetro("verify", run)
    assert ended.status == 0, ended.out
    assert "The evidence is not compared" in ended.out and "Name it with --source." in ended.out
    assert "engine: outputs" in ended.out and "no targets" in ended.out


def test_a_remembered_query_is_given_again(vetro, run):
    """It may be somebody else's text: verify runs it as little as predict does."""

    def queried(model):
        options = replace(model.request.options, query="SELECT * FROM data")
        return replace(model.request, options=options)

    edited(run, request=queried)
    ended = vetro("verify", run)
    assert ended.status == 0, ended.out
    assert "a query in a model file is never run. Use --query" in ended.out
    assert "data: the table of the fit" not in ended.out and "engine: outputs" in ended.out
    ended = vetro("verify", run, "--query", "SELECT * FROM data")
    assert "data: the table of the fit" in ended.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--rows", "0"), "E601"),
        (("--rows", "many"), "E601"),
        (("--source", "nowhere.csv"), "E124"),
        (("one.csv", "--source", "other.csv"), "E604"),
    ],
)
def test_refusals(vetro, run, arguments, code):
    ended = vetro("verify", run, *arguments)
    assert ended.status == 2 and ended.err.splitlines()[-1].startswith(code)


def test_no_model_is_refused(vetro, tmp_path):
    assert vetro("verify", tmp_path / "none.safetensors").status == 2


def test_torch_is_not_loaded(run):
    program = (
        "import sys; from vetro.apps.command_line import main\n"
        f"try: main(['verify', {str(run)!r}])\n"
        "except SystemExit as ended: assert not ended.code\n"
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_a_long_run_tells_its_steps(vetro, run, monkeypatch):
    from vetro.apps import live_line

    monkeypatch.setattr(live_line, "WAIT", 60.0)
    assert vetro("verify", run).err == ""
    monkeypatch.setattr(live_line, "WAIT", 0.0)
    ended = vetro("verify", run, "--json", "--refit")
    assert ended.json["passed"]
    lines = ended.err.splitlines()
    assert lines[:3] == ["Reading the table", "Predicting the held-out rows again", "Fitting again"]
    assert "Recomputing the outputs of member 1 of 2" in lines
    assert "Recomputing the updates" in lines and lines[-1] == "Adding up in the engine's order"


def test_a_step_that_takes_long_is_told_while_it_runs(monkeypatch, capsys):
    from vetro.apps import live_line

    monkeypatch.setattr(live_line, "WAIT", 0.01)
    with live_line.LiveLine() as tell:
        tell._text = "Reading the table"  # said by the timer, whose thread is waited for
        tell._timer.join()
        assert capsys.readouterr().err == "Reading the table\n"
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(live_line, "WAIT", 60.0)
    with live_line.LiveLine() as tell:
        tell("Reading the table")
    assert capsys.readouterr().err == ""
