"""Diagnose against planted faults, and torch and NumPy as oracles of its figures."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from glass.binned_cases import behind, block_of, encoder_of
from torch import nn

import vetro
from vetro.errors import VetroError
from vetro.figures import figure
from vetro.glass.diagnose.course import courses, layer_courses
from vetro.glass.diagnose.findings import findings
from vetro.glass.drawn import drawn_rows
from vetro.glass.rows import Rows, answers
from vetro.report.diagnose_pictures import what_units_do
from vetro.tables.level_blocks import OrderedBlock
from vetro.training.history import EpochRecord


def codes(found) -> list[str]:
    return [item.code for item in found.findings]


def message(found, code: str) -> str:
    return next(item.message for item in found.findings if item.code == code)


@pytest.fixture
def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 2))


@pytest.fixture
def x():
    torch.manual_seed(1)
    return torch.randn(200, 4)


def test_a_healthy_module_has_nothing_to_tell(module, x):
    with torch.no_grad():
        module[2].bias.zero_()
    found = vetro.diagnose(module, x, module(x).detach() + torch.randn(200, 2))
    assert codes(found) == []
    assert "nothing stands out" in str(found)


def test_planted_units_are_found(module, x):
    with torch.no_grad():
        module[0].weight[3] *= 500
        module[0].weight[5] = -module[0].weight[4]
        module[0].bias[5] = -module[0].bias[4]
        module[2].bias[:5] = 50.0
        module[2].bias[6] = -50.0
    found = vetro.diagnose(module, x)
    (first,), (second,) = found.layers
    assert first.saturated.nonzero()[0].tolist() == [3]
    assert first.duplicates == ((4, 5),)
    assert second.dead.nonzero()[0].tolist() == [6]
    assert second.always_on.nonzero()[0].tolist()[:5] == [0, 1, 2, 3, 4]
    assert set(codes(found)) >= {"W741", "W742", "W743", "W744"}
    assert "dead units, 0 on all 200 rows: 1 of 8 relu units" in message(found, "W741")
    assert "h4 = h5" in message(found, "W743") and "(h3)" in message(found, "W744")
    with torch.no_grad():
        hidden = module[:2](x)
    np.testing.assert_allclose(first.mean, hidden.mean(0), atol=1e-6)
    np.testing.assert_allclose(first.deviation, hidden.std(0, unbiased=False), atol=1e-6)


def test_pull_is_the_norm_of_each_rows_gradient(module, x):
    """Also where a layer is used twice, and with a layer norm."""

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.again = nn.Linear(4, 6), nn.Linear(6, 6)
            self.norm, self.last = nn.LayerNorm(6), nn.Linear(6, 2)

        def forward(self, given):
            h = torch.tanh(self.first(given))
            return self.last(self.norm(torch.tanh(self.again(torch.tanh(self.again(h))))))

    y = torch.randn(200, 2)
    for net in (module, Twice()):
        found = vetro.diagnose(net, x, y).influence
        for row in (0, 7, 199):
            loss = nn.functional.mse_loss(net(x[row : row + 1]), y[row : row + 1])
            gradients = torch.autograd.grad(loss, list(net.parameters()))
            norm = torch.cat([part.reshape(-1) for part in gradients]).norm()
            assert found.pull[row] == pytest.approx(norm.item(), rel=1e-4)
            assert found.loss[row] == pytest.approx(loss.item(), rel=1e-4)


def test_leverage_is_the_diagonal_of_the_hat_matrix(module, x):
    found = vetro.diagnose(module, x, torch.randn(200, 2)).influence
    with torch.no_grad():
        hidden = module[:4](x).double().numpy()
    design = np.hstack([np.ones((200, 1)), hidden])
    hat = design @ np.linalg.pinv(design, rcond=1e-10)
    np.testing.assert_allclose(found.leverage, np.diag(hat), atol=1e-5)
    few = vetro.diagnose(module, x[:8], torch.randn(8, 2))
    assert np.isnan(few.influence.leverage).all() and str(few)


def test_a_wrong_target_pulls_hardest(module, x):
    y = module(x).detach() + 0.1 * torch.randn(200, 2)
    y[17] = 1000.0
    found = vetro.diagnose(module, x, y)
    assert int(np.argmax(found.influence.pull)) == 17
    assert "row 18 (" in message(found, "W747")


def test_classes_and_losses_of_ones_own(module, x):
    found = vetro.diagnose(module, x, torch.randint(2, (200,)))
    assert found.influence is not None and len(found.influence.pull) == 200
    own = vetro.diagnose(module, x, torch.randn(200, 2), lambda o, t: (o - t).pow(4).mean())
    assert own.influence is None and "not known" in str(own)


def test_inputs_that_hardly_matter(module, x):
    with torch.no_grad():
        module[0].weight[:, 2] = 0.0
        module[0].weight[:, 1] *= 1e-3
    found = vetro.diagnose(module, x)
    assert found.relevance.effect[2] == found.relevance.weight[2] == 0
    assert "x1 (" in message(found, "W745") and "x2 (0%)" in message(found, "W745")
    # over a range a thousand times as large the input matters again
    x = x.clone()
    x[:, 1] *= 1000
    assert "x1" not in message(vetro.diagnose(module, x), "W745")


def test_gradients_that_fade(x):
    torch.manual_seed(0)
    layers = [nn.Linear(4, 8)]
    for _ in range(12):
        layers += [nn.Sigmoid(), nn.Linear(8, 8)]
    module = nn.Sequential(*layers, nn.Sigmoid(), nn.Linear(8, 1))
    found = vetro.diagnose(module, x, torch.randn(200, 1))
    assert "those of 0.weight are" in message(found, "W749")
    loss = nn.functional.mse_loss(module(x), torch.zeros(200, 1))
    assert loss.isfinite()


def test_nothing_given_is_changed(module, x):
    module[1] = nn.Dropout(0.5)
    before = copy.deepcopy(module.state_dict())
    state = torch.random.get_rng_state()
    vetro.diagnose(module, x, torch.randn(200, 2, generator=torch.Generator()))
    assert module.training and module[1].training
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ((), "E741"),
        ((torch.rand(3, 4) * torch.nan,), "E702"),
        ((torch.rand(3, 4), torch.rand(2, 2)), "E315"),
        ((torch.rand(3, 4), torch.rand(3, 5)), "E315"),
        ((torch.rand(3, 4), torch.rand(3, 2, device="meta")), "E741"),
        ((torch.rand(3, 4), torch.rand(3, 2).to_sparse()), "E741"),
        ((torch.rand(3, 4), "flow"), "E741"),
        ((torch.rand(3, 4), [[1, 2], [3]]), "E741"),
        ((torch.rand(3, 4), {1.0, 2.0}), "E741"),
        ((torch.rand(3, 4), np.array([["1", "2"]] * 3)), "E741"),
        ((torch.rand(3, 4), 1.0), "E315"),
    ],
)
def test_mistakes(module, given, code):
    with pytest.raises(VetroError) as refused:
        vetro.diagnose(module, *given)
    assert refused.value.code == code


NESTED = torch.nested.nested_tensor([torch.rand(4), torch.rand(3)], layout=torch.jagged)


@pytest.mark.parametrize("targets", [None, torch.rand(3, 2)])
@pytest.mark.parametrize(
    "given",
    [
        "pumps.csv", b"12", Path("pumps.csv"), [[1, 2, 3, 4], [1, 2]], [[1, None, 3, 4]],
        torch.rand(5), torch.rand(3, 5), torch.rand(3, 2, 4), torch.tensor(1.0), 7, object(),
        torch.rand(0, 4), [], np.array([[1, 2, "a", None]], dtype=object), {"x0": [1.0]}, {1.0},
        (row for row in [1.0]), torch.rand(3, 4, device="meta"), torch.rand(3, 4).to_sparse(),
        torch.rand(3, 4, dtype=torch.complex64), torch.rand(3, 4).bfloat16(), NESTED,
        torch.full((3, 4), torch.inf), np.full((3, 4), 1e300),
    ],
)  # fmt: skip
def test_rows_that_are_none_are_refused_as_a_trace_refuses_them(module, given, targets):
    refused = []
    for ask in (lambda: vetro.diagnose(module, given, targets), lambda: vetro.trace(module, given)):
        with pytest.raises(VetroError) as found:
            ask()
        refused.append((found.value.code, str(found.value)))
    assert refused[0] == refused[1] and refused[0][0] == "E702"


def test_rows_in_any_form_are_the_same_rows(module, x):
    """As a trace takes them; also whole numbers, which autograd alone would not."""
    y, whole = torch.randn(200, 2), torch.randint(-3, 3, (200, 4))
    wanted = vetro.diagnose(module, whole.float(), y).influence.pull
    frame = pd.DataFrame(whole.numpy())
    for given in (whole, whole.numpy(), whole.tolist(), whole.double(), frame):
        for targets in (y, y.numpy(), y.tolist(), y.double(), y.numpy().astype(np.longdouble)):
            found = vetro.diagnose(module, given, targets)
            np.testing.assert_allclose(found.influence.pull, wanted, rtol=1e-6)
    one = vetro.diagnose(module, [1.0, 2.0, 3.0, 4.0], [0.5, 1.0])
    assert one.rows == 1 and len(one.influence.pull) == 1


def test_few_rows_say_nothing_of_units(model, module, x):
    """Of a single row every unit is dead or always on, and no input moves anything."""
    fitted, table = model
    y = torch.randn(200, 2)
    for rows in (1, 2, 9):
        few = vetro.diagnose(module, x[:rows], y[:rows])
        assert few.findings == () and "too few rows to say" in str(few)
        say = "1 row says" if rows == 1 else f"{rows} rows say"
        assert f"{say} too little about units, inputs" in str(few)
        for word in ("dead", "always on", "effect", "nothing stands out", "1 rows", "all 1"):
            assert word not in str(few)
        page = what_units_do(few)
        assert "1 rows" not in page and "Nothing stands out" not in page and say in page
    enough = vetro.diagnose(module, x[:10], y[:10])
    assert "W741" in codes(enough) and "dead" in str(enough) and "too little" not in str(enough)
    # what the history tells is told of any rows
    shrunk = tuple(
        with_sizes(one, (one.weights[0], one.weights[1] * (1e-3 if one.epoch == 8 else 1)))
        for one in fitted.evidence.history
    )
    worse = replace(fitted, evidence=replace(fitted.evidence, history=shrunk))
    one = {name: values[:1] for name, values in read_csv(table).items()}
    assert codes(vetro.diagnose(worse, one)) == ["W750"]
    assert json.loads(json.dumps(vetro.diagnose(worse, one).to_json(), allow_nan=False))["notes"]


def test_a_layer_of_one_unit_is_told_in_the_singular(x):
    module = nn.Sequential(nn.Linear(4, 1), nn.ReLU(), nn.Linear(1, 1))
    with torch.no_grad():
        module[0].bias[0] = -50.0
    told = message(vetro.diagnose(module, x), "W741")
    assert told.startswith("0 (Linear): dead units, 0 on all 200 rows: 1 of 1 relu unit")


def with_sizes(record, weights, *gradients):
    """The record with other weights, and perhaps other gradients."""
    sizes = dict(zip(("weights", "gradients"), (weights, *gradients), strict=False))
    return replace(record, ended=replace(record.ended, **sizes))


def read_csv(table):
    return pd.read_csv(table).to_dict("list")


def test_the_course_of_training():
    def record(epoch, validation, best, member=1):
        columns = (1, member, epoch, 1 / epoch, validation, 0.1 / epoch, best, 0.0)
        return EpochRecord.of(columns)

    history = [record(1, 1.0, True), record(2, 0.5, True), record(3, 0.6, False),
               record(4, 0.75, False), record(1, 3.0, True, 2)]  # fmt: skip
    first, second = courses(history)
    assert (first.best, first.best_epoch, first.epochs) == (0.5, 2, 4)
    assert (first.training_first, first.training_last) == (1.0, 0.25)
    assert first.risen == pytest.approx(0.5)
    assert (first.rate_most, first.rate_last) == (0.1, 0.025)
    assert second.epochs == 1 and second.risen == 0


def test_the_course_of_layers():
    def record(epoch, weights, gradients, member=1):
        rest = (1.0, 1.0, 0.1, False, 0.0)
        return EpochRecord.of((1, member, epoch, *rest, weights, gradients))

    history = [record(1, (1.0, 2.0), (0.5, 0.1)), record(2, (0.5, 2.0), (0.25, 0.2)),
               record(1, (3.0, 4.0), (1.5, 0.3), 2)]  # fmt: skip
    first, second = layer_courses(history)
    assert (first.layer, second.layer) == ("layer1", "layer2")
    assert first.weights.tolist() == [2.0, 0.5] and first.gradients.tolist() == [1.0, 0.25]
    assert first.kept.tolist() == [0.5, 1.0] and second.kept.tolist() == [1.0, 1.0]
    assert layer_courses([EpochRecord.of((1, 1, 1, 1.0, 1.0, 0.1, True, 0.0))]) == ()
    assert layer_courses([]) == ()


def test_a_layer_that_shrinks_away_is_found(model):
    fitted, table = model
    found = vetro.diagnose(fitted, table)
    assert "W750" not in {item.code for item in found.findings}
    assert "Weights and gradients over training" in str(found)
    (shown,) = [line for line in str(found).splitlines() if "layer1, gradient" in line]
    assert figure(float(found.layer_courses[0].gradients[-1]), 3) in shown
    shrunk = tuple(
        with_sizes(one, (one.weights[0], one.weights[1] * (1e-3 if one.epoch == 8 else 1)))
        for one in fitted.evidence.history
    )
    worse = replace(fitted, evidence=replace(fitted.evidence, history=shrunk))
    told = message(vetro.diagnose(worse, table), "W750")
    assert told.startswith("in 3 of 3 networks, the weights of layer2 shrank to")
    older = tuple(with_sizes(one, (), ()) for one in fitted.evidence.history)
    plain = vetro.diagnose(replace(fitted, evidence=replace(fitted.evidence, history=older)), table)
    assert plain.layer_courses == () and "over training (root" not in str(plain)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    draw = np.random.default_rng(0)
    rows = 300
    a, b = draw.normal(size=(2, rows))
    kind = draw.choice(["u", "v", "w"], size=rows)
    noise = draw.normal(size=rows)
    y = 3 * a + b * (kind == "u") + 0.1 * draw.normal(size=rows)
    data = {"a": a, "b": b, "kind": kind, "noise": noise, "y": y}
    folder = tmp_path_factory.mktemp("diagnose")
    table = folder / "made.csv"
    lines = [",".join(data)] + [",".join(map(str, row)) for row in zip(*data.values(), strict=True)]
    table.write_text("\n".join(lines) + "\n")
    return vetro.fit(table, target="y", epochs=8, folds=3, members=1, hidden=(8,)), table


def test_members_disagree_as_their_own_predictions_do(model):
    fitted, table = model
    found = vetro.diagnose(fitted, table)
    assert found.agreement.answers.shape == (3, 300, 1)
    predicted = np.asarray(fitted.predict(str(table))["y"])
    np.testing.assert_allclose(
        found.agreement.answers.mean(0)[:, 0], predicted, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(found.agreement.spread, found.agreement.answers.std(0))
    assert len(found.courses) == 3 and found.courses[0].epochs == 8
    assert found.relevance.columns[int(np.argmax(found.relevance.effect))] == "a"
    assert found.importance and "error if permuted" in str(found)


def test_the_effect_of_a_number_in_bins_is_how_far_it_moves_the_answer():
    """Of a straight network, which any row describes: compared with its answers along a grid."""
    draw = np.random.default_rng(6)
    blocks = tuple(block_of(draw, f"x{k}", bins, k == 2) for k, bins in enumerate((6, 0, 3)))
    torch.manual_seed(6)
    subject = behind(encoder_of(blocks, 1), nn.Linear(13, 1).double())
    rows = draw.normal(0, 1.2, (300, 3))
    found = vetro.diagnose(subject, rows).relevance.effect
    moved = []
    for column in range(3):
        ends = rows[:, column].min(), rows[:, column].max()
        grid = np.repeat(rows[:1], 4001, axis=0)
        grid[:, column] = np.linspace(*ends, 4001)
        moved.append(np.ptp(answers(subject, Rows(grid))))
    np.testing.assert_allclose(found, np.array(moved) / max(moved), rtol=2e-3)


def test_the_effect_of_levels_in_order_is_that_of_their_ranks():
    draw = np.random.default_rng(7)
    levels = ("good", "bad", "fair", "best")
    order = OrderedBlock("grade", levels, (0.4, -1.2, -0.4, 1.2), "bad", "best", "fair")
    block = block_of(draw, "x1", 4, False)
    torch.manual_seed(5)
    subject = behind(encoder_of((order, block), 1), nn.Linear(9, 1).double())
    rows = np.stack([draw.integers(0, 3, 200), draw.normal(0, 1.2, 200)], axis=1)  # none is "best"
    found = vetro.diagnose(subject, rows).relevance.effect
    grids = (np.array([0.0, 1.0, 2.0]), np.linspace(rows[:, 1].min(), rows[:, 1].max(), 4001))
    moved = []
    for column, values in enumerate(grids):
        grid = np.repeat(rows[:1], len(values), axis=0)
        grid[:, column] = values
        moved.append(np.ptp(answers(subject, Rows(grid))))
    np.testing.assert_allclose(found, np.array(moved) / max(moved), rtol=2e-3)


def test_a_member_that_stands_alone_is_found(model):
    fitted, table = model
    odd = replace(fitted.members[0], parameters=-2 * fitted.members[0].parameters)
    found = vetro.diagnose(replace(fitted, members=(odd, *fitted.members[1:])), table)
    assert message(found, "W740").startswith("member1 differs from the others")


def test_without_a_table_rows_are_drawn_from_the_ranges(model):
    fitted, _ = model
    rows = drawn_rows(fitted, 500)
    for place, column in enumerate(fitted.schema.inputs):
        values = rows.raw[:, place]
        if column.kind == "category":
            assert set(values) == {0.0, 1.0, 2.0}
        else:
            assert column.minimum <= values.min() < values.max() <= column.maximum
    assert np.array_equal(rows.raw, drawn_rows(fitted, 500).raw)
    found = vetro.diagnose(fitted)
    assert found.drawn and found.influence is None
    assert "each column evenly from its range" in str(found) and "drawn rows" in str(found)


def test_rows_without_targets_are_told(model):
    fitted, _ = model
    rows = {"a": [0.1, 0.2], "b": [1.0, 0.0], "kind": ["u", "v"], "noise": [0.0, 0.0]}
    found = vetro.diagnose(fitted, rows)
    assert found.influence is None and "no targets" in str(found)
    assert vetro.diagnose(fitted, rows, [1.0, 2.0]).influence is not None
    partly = vetro.diagnose(fitted, {**rows, "y": ["1.5", ""]})
    assert np.isnan(partly.influence.pull).tolist() == [False, True]
    assert "1 row without a target" in str(partly)
    with pytest.raises(VetroError, match="Give the rows too"):
        vetro.diagnose(fitted, None, [1.0])


def test_odd_targets_of_a_model_are_refused(model):
    fitted, _ = model
    raw = np.zeros((2, 4))
    y = torch.rand(2)
    odd = (y.to("meta"), y.to_sparse(), y.bfloat16(), NESTED)
    for y in odd:
        with pytest.raises(VetroError, match="not plain real numbers") as refused:
            vetro.diagnose(fitted, raw, y)
        assert refused.value.code == "E710"
    with pytest.raises(VetroError, match=r"1 value of the target \"y\" for 2 rows"):
        vetro.diagnose(fitted, raw, [1.0])


def test_targets_beyond_the_rows_that_are_looked_at(model, module):
    fitted, _ = model
    raw, y = np.zeros((5001, 4)), np.zeros(5001)
    for targets in (y, y.tolist(), {"y": y}):
        assert vetro.diagnose(fitted, raw, targets).rows == 5000
    assert vetro.diagnose(module, raw, np.zeros((5001, 2))).rows == 5000
    with pytest.raises(VetroError, match="x has 5001 rows, y has 5002"):
        vetro.diagnose(module, raw, np.zeros((5002, 2)))


def test_json_is_plain_and_findings_have_codes(model):
    fitted, table = model
    found = vetro.diagnose(fitted, table)
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["rows"] == 300 == len(data["pulls"])
    assert [item["code"] for item in data["findings"]] == [item.code for item in findings(found)]
    assert len(data["layers"][0]) == 3 and len(data["layers"][0][0]["on"]) == 8


def test_pictures_are_fragments_whose_colours_the_page_decides(model, module, x):
    fitted, table = model
    for found in (
        vetro.diagnose(fitted, table),
        vetro.diagnose(fitted),
        vetro.diagnose(module, x, torch.randint(2, (200,))),
        vetro.diagnose(nn.Linear(4, 1), x),
    ):
        page = what_units_do(found)
        assert page.startswith("<section") and page.endswith("</section>")
        assert "#00000" not in page and ">nan<" not in page
        drawn = len(found.layers) + (found.agreement is not None) + (found.influence is not None)
        assert page.count("<svg") == drawn
