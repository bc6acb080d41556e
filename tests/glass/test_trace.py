"""The trace against torch in float64, the encoder and the engine; its formulas evaluated."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from model.build import model_of, reference
from torch import nn

import vetro
from vetro.errors import VetroError
from vetro.glass.rows import rows_of
from vetro.glass.subject import subject_of
from vetro.glass.trace.trace_steps import signed
from vetro.glass.trace.trace_sums import sum_of
from vetro.glass.trace.trace_text import lines

FUNCTIONS = {name: getattr(math, name) for name in ("sin", "cos", "exp", "sqrt", "pi", "tanh")}
FUNCTIONS |= {
    "relu": lambda z: max(0.0, z),
    "gelu": lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2,
    "silu": lambda z: z / (1 + math.exp(-z)),
}


def table(rows: int = 150):
    """Numbers with gaps, a category with gaps and a rare level, a date, a flag."""
    draw = np.random.default_rng(3)
    size, heat = draw.normal(50, 9, rows), draw.normal(size=rows)
    kind = draw.choice(["oak", "pine", "fir"], rows).astype(object)
    kind[:2] = "yew"
    kind[5::17] = None
    day = np.datetime64("2020-01-01") + draw.integers(0, 900, rows).astype("timedelta64[D]")
    gaps = size.copy()
    gaps[3::11] = np.nan
    flag = draw.choice(["yes", "no"], rows)
    y = size + 3 * heat + (kind == "oak")
    return {
        "size [m]": gaps, "heat": heat, "kind": kind, "day": day.astype(str), "wet": flag,
    }, y  # fmt: skip


@pytest.fixture(scope="module")
def models():
    columns, y = table()
    grade = np.array(["low", "mid", "high"])[np.digitize(y, [45, 55])]
    dry = np.where(grade == "low", "yes", "no")
    dropping = model_of(columns | {"dry": dry}, "dry", activation="relu")
    return {
        "one number": model_of(columns | {"y [kg]": y}, "y [kg]", members=3, activation="relu"),
        "two numbers": model_of(columns | {"a": y, "b": -100 * y}, "a", "b", members=1),
        "classes": model_of(columns | {"grade": grade}, "grade", activation="gelu"),
        "two classes": replace(dropping, network=replace(dropping.network, dropout=0.2)),
        "one score": model_of(columns | {"dry": dry}, "dry", loss="bce", activation="silu"),
        "linear": model_of(columns | {"y": y}, "y", hidden=()),
        "bins": model_of(columns | {"y [kg]": y}, "y [kg]", activation="relu", bins=9),
    }


NAMES = ("one number", "two numbers", "classes", "two classes", "one score", "linear", "bins")


@pytest.fixture(params=NAMES)
def model(request, models):
    return models[request.param]


def row(number: int):
    columns, _ = table()
    return {name: [values[number]] for name, values in columns.items()}


def rows(model, number: int):
    return rows_of(subject_of(model), table()[0], only=range(number, number + 1))


@pytest.mark.parametrize("number", [0, 3, 5, 20])
def test_a_models_answer_is_the_engines(model, number):
    found = vetro.trace(model, rows(model, number))
    expected = reference(model, rows(model, number).raw)[0]
    own = np.array(list(found.answers.values()))
    # the trace reads the features as the engine does, rounded to float32
    np.testing.assert_allclose(own, expected, rtol=3e-6, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_allclose(list(found.engine.values()), own, rtol=1e-5)
    differences = [abs(a - b) for a, b in zip(own, found.engine.values(), strict=True)]
    assert found.deviation == max(differences)
    if model.classes:
        assert found.label == model.predict(row(number))[model.targets[0]][0]
        assert sum(found.answers.values()) == pytest.approx(1)


@pytest.mark.parametrize("number", [0, 3, 5, 20])
def test_every_number_follows_from_its_formula(model, number):
    found = vetro.trace(model, rows(model, number))
    encoded = model.encoder.encode(rows(model, number).table)[0]
    assert len(found.chains) == len(model.members)
    for chain in found.chains:
        features = [step for cell in chain.cells for step in cell.features]
        assert [step.name for step in features] == [f"x[{name}]" for name in
                                                    model.network.input_names]  # fmt: skip
        np.testing.assert_array_equal([step.value for step in features], encoded)
        for step in [*features, *chain.ending]:
            if step.working:
                assert evaluated(step.working) == pytest.approx(step.value, rel=2e-4, abs=2e-4)
        for stage in chain.stages:
            for unit, step in enumerate(stage.steps()):
                assert step.value == stage.values[unit]
                if stage.kind == "affine":
                    products = math.fsum(term.product for term in step.terms)
                    assert products + step.bias[1] == pytest.approx(
                        step.value, rel=1e-12, abs=1e-12
                    )
                elif stage.kind == "activation":
                    assert evaluated(step.working) == pytest.approx(step.value, abs=1e-4)


@pytest.mark.parametrize("number", [0, 3, 5, 20])
def test_a_number_is_in_one_bin(models, number):
    """The bin of the trace is the one whose share is broken, or whose border is the number."""
    model = models["bins"]
    found = vetro.trace(model, rows(model, number))
    for cell, block in zip(found.chain.cells, model.blocks, strict=True):
        if not getattr(block, "borders", ()):
            assert cell.bin is None
            continue
        given = float(rows(model, number).raw[0][model.inputs.index(cell.column)])
        given = block.median if math.isnan(given) else given
        shares = [step.value for step in cell.features[1 : 1 + block.bins]]
        assert shares[: cell.bin.number - 1] == [1.0] * (cell.bin.number - 1)
        assert shares[cell.bin.number :] == [0.0] * (block.bins - cell.bin.number)
        assert (cell.bin.share, cell.bin.of) == (shares[cell.bin.number - 1], len(shares))
        assert cell.bin.low <= given <= cell.bin.high
        assert (given - cell.bin.low) / (cell.bin.high - cell.bin.low) == pytest.approx(
            cell.bin.share, abs=1e-7
        )
        assert [step.name for step in cell.telling[:2]] == [
            f"x[{cell.column}]", f"x[{cell.column} bin {cell.bin.number}]"
        ]  # fmt: skip
    data = json.loads(json.dumps(found.to_json()))["chains"][0]["cells"]
    assert data[1]["bin"]["number"] == found.chain.cells[1].bin.number
    assert len(data[1]["features"]) == 10
    assert "bin" not in data[2]


@pytest.mark.parametrize(
    ("value", "number", "share"), [(-9.0, 1, 0.0), (0.0, 1, 0.0), (1.0, 2, 0.0), (2.0, 2, 0.5),
                                   (3.0, 2, 1.0), (99.0, 2, 1.0)]
)  # fmt: skip
def test_bins_at_borders_and_outside(value, number, share):
    model = model_of({"x": [0.0, 1.0, 3.0] * 9, "y": [0.0, 1.0, 2.5] * 9}, "y", bins=2)
    found = vetro.trace(model, {"x": value}).chain.cells[0]
    assert (found.bin.number, found.bin.share) == (number, share)
    assert found.bin.text == ("bin 1 of 2: 0 to 1", "bin 2 of 2: 1 to 3")[number - 1]
    for step in found.features[1:]:
        working = step.working or step.formula.partition(" = ")[2].replace("x", f"({value})")
        text = working.replace(f"ma({value})", "max")
        assert eval(text, {"__builtins__": {}}, {"min": min, "max": max}) == step.value


def test_full_bins_are_one_line_of_a_sum(models):
    model = models["bins"]
    for number in range(12):
        chain = vetro.trace(model, rows(model, number)).chain
        stage, bins = chain.stages[0], [cell.bin for cell in chain.cells if cell.bin]
        full = [one.number - (one.share < 1.0) for one in bins]
        for unit in range(len(stage)):
            summed = sum_of(stage, unit)
            everything = range(len(summed.products))
            terms = {term.source: term.product for term in stage.terms(unit)}
            assert len(everything) == len(terms) - sum(max(0, count - 1) for count in full)
            assert summed.sources(np.array(everything)) == len(terms)
            for line in summed.lines(everything):
                column, _, last = line.source.partition(" bins 1 to ")
                parts = [terms.pop(f"{column} bin {k + 1}") for k in range(int(last or 0))]
                expected = math.fsum(parts or [terms.pop(line.source)])
                assert line.product == pytest.approx(expected, rel=1e-12, abs=1e-15)
                if not line.working.endswith("weights"):
                    assert evaluated(line.working) == pytest.approx(line.product, abs=1e-4)
            assert not terms
            total = summed.total(np.array(everything)) + stage.bias_of(unit)
            assert total == pytest.approx(stage.values[unit], rel=1e-12, abs=1e-12)


def test_the_text_shows_one_line_of_bins_for_each_number(models):
    model = models["bins"]
    found = vetro.trace(model, rows(model, 0))
    shown = lines(found)
    assert "  the bins below that of a number are full, 1; those above it are empty, 0" in shown
    with_bins = [cell for cell in found.chain.cells if cell.bin]
    for cell in with_bins:
        assert sum(f"bin {cell.bin.number} of 9: " in line for line in shown) >= 1
        assert sum(f"x[{cell.column} bin " in line for line in shown) == 1
    everything = "\n".join(lines(found, everything=True))
    assert everything.count("x[heat bin ") == 9


def evaluated(working: str) -> float:
    """What a person would get who types the working into a calculator."""
    text = re.sub(r"(\S+) mod (\S+?)([) ])", r"(\1 % \2)\3", working.split(" = ")[0])
    return eval(text.replace("2 pi (", "2 * pi * ("), {"__builtins__": {}}, FUNCTIONS)


def test_terms_carry_the_parameters_names(models):
    model = models["one number"]
    found, parameters = vetro.trace(model, row(0)), vetro.parameters(model)
    told = {}
    for chain in found.chains:
        for step in (step for stage in chain.stages for step in stage.steps()):
            named = [(term.parameter, term.weight) for term in step.terms]
            for name, value in [*named, *([step.bias] if step.bias else [])]:
                told[f"{chain.part.name}.{name}"] = value
    assert told == dict(parameters)


def test_cells_tell_what_stands_for_what_is_missing(models):
    model = models["one number"]
    cells = {cell.column: cell for cell in vetro.trace(model, rows(model, 3)).chain.cells}
    size = cells["size [m]"]
    assert (size.text, size.unit, size.shown) == ("missing", "m", "missing")
    assert size.note.startswith("replaced by the median, ")
    assert [step.value for step in size.features][1] == 1
    kinds = {step.name: step.value for step in
             vetro.trace(model, rows(model, 5)).chain.cells[2].features}  # fmt: skip
    assert kinds["x[kind=<missing>]"] == 1
    assert sum(kinds.values()) == 1
    rare = vetro.trace(model, rows(model, 0)).chain.cells[2]
    assert rare.text == "yew"
    assert rare.note.startswith("counts as <other>")


def test_units_stand_with_cells_and_answers(models):
    found = vetro.trace(models["one number"], row(0))
    assert found.units == {"y [kg]": "kg"}
    assert found.chain.ending[0].unit == "kg"
    assert str(found).startswith("y [kg] = ")
    assert str(found).splitlines()[0].endswith(" kg")


def test_the_member_nearest_the_mean_is_chosen(models):
    found = vetro.trace(models["one number"], row(0))
    mean = found.answers["y [kg]"]
    apart = [abs(chain.answers[0] - mean) for chain in found.chains]
    assert apart[found.chosen] == min(apart)
    assert np.mean([chain.answers[0] for chain in found.chains]) == pytest.approx(mean)
    assert "member 2 follows in full" in lines(found, member=2)[2]
    with pytest.raises(VetroError, match=r"member 4 not found: there are 3 members"):
        found.member(4)


def test_what_the_table_holds_is_told(models):
    columns, y = table()
    given = {name: values[:1] for name, values in columns.items()}
    found = vetro.trace(models["one number"], given | {"y [kg]": y[:1]})
    assert float(found.actual["y [kg]"]) == pytest.approx(y[0], rel=1e-14)
    assert "In the table y [kg] = " in str(found)
    assert vetro.trace(models["one number"], given).actual == {}


def test_units_that_are_off_are_marked(models):
    found = vetro.trace(models["one number"], row(20))
    some = False
    for chain in found.chains:
        for before, stage in zip(chain.stages, chain.stages[1:], strict=False):
            if stage.kind == "activation":
                np.testing.assert_array_equal(stage.off, before.values <= 0)
                np.testing.assert_array_equal(stage.values[stage.off], 0)
                some = some or bool(stage.off.any())
            else:
                assert not stage.off.any()
    assert some
    assert "of them off" in str(found)


@pytest.mark.parametrize(
    "layer",
    [nn.ReLU(), nn.LeakyReLU(0.1), nn.ELU(), nn.ELU(0.5), nn.Tanh(), nn.Sigmoid(), nn.SiLU(),
     nn.GELU(), nn.GELU(approximate="tanh"), nn.Softplus(), nn.Softplus(2.0, 1.0)],
    ids=str,
)  # fmt: skip
def test_the_formula_of_an_activation_is_what_it_computes(layer):
    module = nn.Sequential(nn.Linear(1, 1), layer).double()
    for value in (-2.0, -0.3, 0.0, 0.4, 3.0):
        found = vetro.trace(module, [value])
        stage = found.chain.stages[1]
        text = stage.formula.split(" = ")[-1]
        if match := re.fullmatch(r"(z) where (.*), else (.*)", text):
            text = f"{match[1]} if {match[2]} else {match[3]}"
        elif match := re.fullmatch(r"(.*), (z) where (.*)", text):
            text = f"{match[2]} if {match[3]} else {match[1]}"
        text = re.sub(
            r"([\d.]) (?=[z(])|(z) (?=\()|(\) )(?=\()", r"\1\2\3 * ", text.replace("^", "**")
        )
        names = FUNCTIONS | {"z": stage.read[0][0], "ln": math.log, "erf": math.erf}
        expected = layer(torch.tensor(stage.read[0][0], dtype=torch.float64)).item()
        assert eval(text, {"__builtins__": {"max": max}}, names) == pytest.approx(expected), text


class Residual(nn.Module):
    """Scaling, layer norm, a residual sum, dropout, a shared layer: what lowering knows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.again = nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 6)
        self.drop, self.last = nn.Dropout(0.5), nn.Linear(6, 2, bias=False)

    def forward(self, x):
        h = torch.tanh(self.norm(self.first(x * 0.5 + 1)))
        h = h + nn.functional.leaky_relu(self.again(self.drop(h)))
        return torch.sigmoid(self.last(nn.functional.gelu(self.again(h)) - h))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_module_against_torch(dtype):
    torch.manual_seed(0)
    module = Residual().to(dtype)
    module.train()
    x = np.array([1.0, 2.0, -3.0, 0.5])
    found = vetro.trace(module, x)
    assert module.training
    with torch.no_grad():
        expected = Residual.forward(module.double().eval(), torch.from_numpy(x)[None])[0]
    np.testing.assert_allclose(list(found.answers.values()), expected, rtol=1e-12)
    assert found.deviation < (1e-6 if dtype == torch.float32 else 1e-14)
    kinds = {stage.kind for stage in found.chain.stages}
    assert kinds >= {"scale", "affine", "layer_norm", "activation", "add"}
    for stage in found.chain.stages:
        if stage.kind in ("scale", "layer_norm", "add"):
            for step in stage.steps():
                assert evaluated(step.working) == pytest.approx(step.value, abs=1e-3), step
    assert " of " in next(s for s in found.chain.stages if s.kind == "add").formula


def test_the_three_layers_of_the_article():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    found = vetro.trace(module, torch.tensor([32.0, 48.0, 49.0]))
    step = found.chain.stages[1].step(2)
    assert (step.name, step.formula) == ("1 (Linear)[h2]", "h2 = w . h + b")
    assert step.terms[0].parameter == "1.weight[h2 <- h0]"
    assert step.terms[0].weight == module[1].weight[2, 0].item()
    assert step.bias == ("1.bias[h2]", module[1].bias[2].item())
    assert list(found.answers) == ["y0", "y1", "y2"]
    assert "vetro.verify" in str(found)


def test_a_single_output_without_a_dimension():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, x):
            return self.layer(x).squeeze(-1)

    found = vetro.trace(Flat(), [[1.0, 2.0]])
    assert list(found.answers) == ["y0"]
    assert found.deviation < 1e-6


def test_json_is_complete_and_strict(model):
    found = vetro.trace(model, row(0))
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    terms = biases = 0
    for chain in data["chains"]:
        for step in (step for stage in chain["stages"] for step in stage["steps"]):
            terms += len(step.get("terms", []))
            biases += "bias" in step
    assert terms + biases == model.network.parameter_count * len(model.members)
    assert data["answers"] == found.answers
    assert len(data["members"]) == len(model.members)
    assert len(found.to_json(member=1)["chains"]) == 1


def test_the_text_shows_the_largest_and_all_on_request():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 1))
    found = vetro.trace(module, torch.linspace(-1, 1, 30))
    short, full = str(found).splitlines(), lines(found, everything=True)
    stage = found.chain.stages[0]
    products = np.abs(stage.weight * stage.read[0])
    unit = int(np.argmax(found.chain.stages[1].values))
    shown = [line for line in short if f"0.weight[h{unit} <- " in line]
    best = np.argsort(-products[unit])[:8]
    assert [line.split("<- ")[1].split("]")[0] for line in shown] == [f"x{j}" for j in best]
    assert any(line.strip().startswith("22 smaller terms") for line in short)
    assert sum("0.weight[" in line for line in full) == 600
    off = next(line for line in short if line.strip().startswith("off:")).split()[1:]
    assert off == [f"h{j}" for j in np.flatnonzero(found.chain.stages[1].off)]
    assert max(map(len, short)) <= 130


def test_lines_of_the_text_add_up():
    """The products, the rest and the bias that a person sees give the sum below them."""
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(30, 12), nn.Tanh(), nn.Linear(12, 2))
    text = lines(vetro.trace(module, torch.linspace(-1, 2, 30)))
    sums, total = 0, 0.0
    for line in text:
        number = re.search(r"(?:\]|terms|\* \S+|\+ b) {3,}(-?[\d.e-]+)$", line)
        if " = w . " in line:
            assert total == pytest.approx(float(number[1]), abs=1e-4)
            sums, total = sums + 1, 0.0
        elif number:
            total += float(number[1])
    assert sums == 3
    short = next(line for line in text if re.match(r"  h\d+ .*others", line))
    products = [float(p.replace(" ", "")) for p in re.findall(r"[=+-] ?(-?[\d.]+)(?= \()", short)]
    signs = [-1 if mark == "- " else 1 for mark in re.findall(r"([=+-] )-?[\d.]+ \(", short)]
    z = math.tanh(sum(p * s for p, s in zip(products, signs, strict=True)))
    assert z == pytest.approx(float(short.split()[1]), abs=1e-2)


def test_a_row_far_outside_is_no_crash(models):
    values = row(0) | {"heat": [1e300]}
    found = vetro.trace(models["one number"], values)
    assert not math.isfinite(found.answers["y [kg]"])
    assert "not a number" in str(found) or "infinity" in str(found)
    assert [notice.code for notice in found.notices] == ["W403"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([1.0, 2.0], "E702"),
        ([1.0, 2.0, math.nan], "E702"),
        (np.zeros((2, 3)), "E702"),
        ("a.csv", "E702"),
    ],
)
def test_wrong_rows_of_a_module(given, code):
    with pytest.raises(VetroError) as caught:
        vetro.trace(nn.Linear(3, 1), given)
    assert caught.value.code == code


def test_wrong_rows_of_a_model(models):
    columns, _ = table()
    for given, code in (
        ({"heat": 1.0}, "E401"),
        (row(0) | {"kind": ["ash"]}, "E402"),
        (columns, "E702"),
        ([1.0], "E702"),
    ):
        with pytest.raises(VetroError) as caught:
            vetro.trace(models["one number"], given)
        assert caught.value.code == code


@pytest.mark.parametrize("thing", [nn.LSTM(2, 2), nn.Conv1d(1, 1, 1)])
def test_modules_that_are_no_chains_are_refused(thing):
    with pytest.raises(VetroError) as caught:
        vetro.trace(thing, [1.0, 2.0])
    assert caught.value.code == "E701"
    with pytest.raises(VetroError, match="it is neither"):
        vetro.trace("model.safetensors", [1.0])


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (5e-324, 20.0, "+ 4.9407e-324"),
        (-1.5e308, 1e-300, "- 1.500000000000000e308"),
        (-2.5, 1e308, "- 2.5"),
        (123456.789, 1.0, "+ 123456.789"),
    ],
)
def test_a_term_of_any_size_has_its_digits(value: float, unit: float, text: str) -> None:
    shown = signed(value, unit)
    assert shown[:2] == text[:2]
    assert float(shown[2:]) == pytest.approx(float(text[2:]), rel=1e-4)
