"""`vetro backprop`: text, JSON, options and what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest
from recipes import TINY

import vetro as package
from vetro.glass.rows import rows_of
from vetro.glass.subject import subject_of


@pytest.fixture(scope="module")
def classes(vetro, pumps):
    """The run folder of a tiny fit of a class, from numbers with gaps and a category."""
    table = pumps.parent / "gaps.csv"
    lines = pumps.read_text(encoding="utf-8").splitlines()
    lines[3] = "," + lines[3].partition(",")[2]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = pumps.parent / "classes"
    ended = vetro(
        "fit", table, "--target", "state", "--drop", "flow", "--loss", "bce", "--run", run, *TINY
    )
    assert ended.status == 0, ended.err
    return run


@pytest.fixture(scope="module")
def several(vetro, pumps):
    """The run folder of a tiny fit of two targets."""
    run = pumps.parent / "several"
    ended = vetro("fit", pumps, "--target", "flow,speed", "--drop", "state", "--run", run, *TINY)
    assert ended.status == 0, ended.err
    return run


def test_text_tells_loss_signals_gradients_updates_and_checks(vetro, fitted):
    ended = vetro("backprop", fitted, "--row", "3", "--member", "2")
    assert ended.status == 0, ended.err
    for part in (
        "row 3 of pumps.csv, member 2 of 2", "Loss ", "(target flow = ", "layer1 (4 units",
        "delta of the unit x its input", "AdamW(rate 0.01, weight decay 0.1)", "RMSprop(",
        "Without optimizer.zero_grad()", "passed  gradients agree with autograd",
        "passed  gradients agree with central differences", "agrees with the engine",
    ):  # fmt: skip
        assert part in ended.out
    assert "failed" not in ended.out


@pytest.mark.parametrize("kind", ["fitted", "classes", "several"])
def test_json_passes_every_check_on_each_kind_of_model(vetro, kind, request):
    data = vetro("backprop", request.getfixturevalue(kind), "--row", "3", "--json").json
    assert [check["verdict"] for check in data["checks"]] == ["passed"] * 5
    # the gradient of a weight is its input times the gradient of the unit's bias
    of = {row["parameter"]: row for row in data["gradients"]}
    for name, row in of.items():
        if name.startswith("layer1.weight"):
            unit = name.split("[")[1].split(" ")[0]
            came_in = row["factors"][0]["came_in"][0]
            bias = of[f"layer1.bias[{unit}]"]["gradient"]
            assert row["gradient"] == pytest.approx(came_in * bias, rel=1e-12, abs=1e-15)


def test_the_loss_is_that_of_scaled_units(vetro, fitted, pumps):
    data = vetro("backprop", fitted, "--row", "3", "--json").json
    model = package.load(fitted / "model.safetensors")
    subject = subject_of(model)
    row = rows_of(subject, str(pumps), only=range(2, 3))
    member = model.members[0]
    x = model.encoder.encode_raw(row.raw)
    views = model.network.views(member.parameters)
    hidden = np.maximum(x @ views["layer1.weight"].T + views["layer1.bias"], 0)
    output = hidden @ views["layer2.weight"].T + views["layer2.bias"]
    target = member.targets[0]
    error = output[0, 0] - (row.table.values["flow"][0] - target.mean) / target.deviation
    assert data["loss"]["value"] == pytest.approx(error**2, rel=1e-4)


def test_targets_of_ones_own(vetro, fitted, classes, several):
    row = ("--set", "head=4", "--set", "speed=20", "--set", "città=Roma")
    assert vetro("backprop", fitted, *row, "--target-value", "30").status == 0
    assert vetro("backprop", classes, *row, "--target-value", "low").status == 0
    both = ("--target-value", "flow=30", "--target-value", "speed=20")
    assert vetro("backprop", several, "--row", "1", *both).status == 0
    missing = vetro("backprop", fitted, *row)
    assert missing.status == 2 and "E710" in missing.err and "--target-value" in missing.err
    wrong = vetro("backprop", classes, *row, "--target-value", "lo")
    assert wrong.status == 2 and 'Did you mean "low"?' in wrong.err
    assert "E710" in vetro("backprop", fitted, *row, "--target-value", "much").err
    assert "E604" in vetro("backprop", several, "--row", "1", "--target-value", "3").err


def test_one_parameter_and_all_of_them(vetro, fitted):
    name = "layer1.weight[h2 <- speed]"
    ended = vetro("backprop", fitted, "--row", "3", "--parameter", name, "--all")
    assert f"Updates of {name}" in ended.out and " more" not in ended.out
    wrong = vetro("backprop", fitted, "--row", "3", "--parameter", "layer1.weight[h2 <- sped]")
    assert wrong.status == 2 and f'Did you mean "{name}"?' in wrong.err
    assert wrong.err.endswith(" vetro parameters lists the names.\n")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), "E604"),
        (("--row", "0"), "E702"),
        (("--row", "81"), "E702"),
        (("--row", "one"), "E601"),
        (("--row", "1", "--set", "hed=3"), "E114"),
        (("--row", "1", "--member", "3"), "E702"),
    ],
)
def test_wrong_options(vetro, fitted, options, code):
    ended = vetro("backprop", fitted, *options)
    assert ended.status == 2 and ended.err.startswith(code)


def test_models_in_python(fitted, classes, several, pumps):
    model = package.load(fitted / "model.safetensors")
    found = package.backprop(model, str(pumps))
    assert found and len(found.x) == 80
    assert found.contributions("layer2.bias[flow]").shape == (80,)
    row = {"head": 4.0, "speed": 20.0, "città": "Roma"}
    assert package.backprop(model, row, 30.0, "huber").terms.rule.kind == "huber"
    assert package.backprop(model, row, {"flow": 30.0})
    two = package.load(several / "model.safetensors")
    assert package.backprop(two, {"head": 4.0, "città": "Roma"}, [30.0, 20.0])
    label = package.load(classes / "model.safetensors")
    assert package.backprop(label, row, "high", member=2)
    for wrong in ({"flo": 3.0}, [1.0, 2.0], "much", float("nan")):
        with pytest.raises(package.errors.VetroError):
            package.backprop(model, row, wrong)
    for options in ({"loss": "cross_entropy"}, {"member": 3}, {"optimizer": object()}):
        with pytest.raises(package.errors.VetroError):
            package.backprop(model, row, 30.0, **options)
