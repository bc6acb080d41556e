"""Formula: equal to the network in fractions, for modules and models of every kind."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from glass.formula_cases import outputs_at, some_row, straight_subject
from model.build import model_of, reference, rows_of, write_csv
from torch import nn

import vetro
from vetro.errors import GlassError, UsageError, VetroError
from vetro.glass.formula.formula import formula
from vetro.glass.formula.region import Region
from vetro.glass.rows import rows_of as read_rows
from vetro.glass.subject import subject_of

ROOT = Path(__file__).parents[2]


def at(found, values) -> list[Fraction]:
    coefficients, intercept = found.exact()
    return [
        b + sum((a * x for a, x in zip(row, values, strict=True)), Fraction(0))
        for row, b in zip(coefficients, intercept, strict=True)
    ]


def equal_everywhere(subject, random: np.random.Generator, points: int = 10) -> None:
    for _ in range(points):
        row = some_row(random, len(subject.inputs))
        found = formula(subject, row)
        assert at(found, [Fraction(x) for x in row]) == outputs_at(subject, row)
        assert found.contains(row)
        assert found.prove_equal(5)


@pytest.mark.parametrize("seed", range(40))
def test_the_formula_of_a_random_network_equals_it_in_fractions(seed: int) -> None:
    random = np.random.default_rng(seed)
    equal_everywhere(straight_subject(random), random, points=4)


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(10))
def test_a_thousand_random_networks_at_ten_points(hundred: int) -> None:
    for seed in range(100):
        random = np.random.default_rng(10_000 + 100 * hundred + seed)
        equal_everywhere(straight_subject(random), random)


def test_the_coefficients_are_torchs_gradient() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 7), nn.LeakyReLU(0.3),
                           nn.Linear(7, 3)).double()  # fmt: skip
    x = torch.randn(4, dtype=torch.float64)
    found = formula(module, x)
    jacobian = torch.autograd.functional.jacobian(lambda v: module(v[None])[0], x).numpy()
    np.testing.assert_allclose(found.coefficients, jacobian, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.value, module(x[None])[0].detach().numpy(), rtol=1e-12)
    assert found.coefficients.shape == (3, 4)
    assert found.intercept.shape == (3,)
    assert found.outputs == ("y0", "y1", "y2")


def test_the_articles_three_layers_give_back_the_running_sums() -> None:
    table = np.loadtxt(ROOT / "examples/running_sums.csv", delimiter=",", skiprows=1)
    inputs, targets = torch.tensor(table[:, :3]).float(), torch.tensor(table[:, 3:]).float()
    torch.manual_seed(2)
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    vetro.train(
        module, inputs, targets, loss=nn.MSELoss(),
        optimizer=torch.optim.SGD(module.parameters(), lr=1e-5), steps=5000,
    )  # fmt: skip
    found = vetro.formula(module, inputs[0])
    assert found.region.everywhere
    assert found.distance.overall == np.inf
    assert "y2 = 1.00 x0 + 1.00 x1 + 1.00 x2" in str(found)
    assert "y1 = 1.00 x0 + 1.00 x1" in str(found)
    np.testing.assert_allclose(found.coefficients, np.tril(np.ones((3, 3))), atol=0.02)
    with torch.no_grad():
        matrix = module[2].weight.double() @ module[1].weight.double() @ module[0].weight.double()
    np.testing.assert_allclose(found.coefficients, matrix.numpy(), rtol=1e-13)


def test_on_a_border_a_unit_counts_as_off_and_the_text_says_so() -> None:
    module = nn.Sequential(nn.Linear(2, 1), nn.ReLU())
    with torch.no_grad():
        module[0].weight[:] = torch.tensor([[1.0, -2.0]])
        module[0].bias[:] = 0.0
    found = formula(module, [4.0, 2.0])
    assert found.coefficients.tolist() == [[0.0, 0.0]]
    assert len(found.region.on_border) == 1
    assert "exactly on the border" in str(found)
    assert "counted as off" in str(found)
    assert found.contains([4.0, 2.0])
    assert found.contains([3.0, 2.0])
    assert not found.contains([5.0, 2.0])
    assert found.distance.overall == 0
    assert found.distance.columns["x0"] == (np.inf, 0.0)
    # one step away, the unit is on
    assert formula(module, [4.5, 2.0]).coefficients.tolist() == [[1.0, -2.0]]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("formula") / "mixed.csv", rows_of(240))


REGRESSIONS = ("relu", "leaky_relu", "identity")


@pytest.mark.parametrize("activation", REGRESSIONS)
@pytest.mark.parametrize("members", (1, 3))
def test_models_with_gaps_categories_and_dates(table, activation, members) -> None:
    model = model_of(table, "pressure", "noise", activation=activation, members=members)
    subject = subject_of(model)
    rows = read_rows(subject, table)
    wanted = reference(model, rows.raw)
    scale = np.abs(wanted).max()
    gaps = np.flatnonzero(np.isnan(rows.raw).any(axis=1))[:2].tolist()
    assert gaps
    for number in [0, *gaps]:
        found = formula(model, rows.raw[number])
        assert found.outputs == ("pressure", "noise")
        np.testing.assert_allclose(found.value, wanted[number], atol=1e-9 * scale)
        values = np.array([float(value) for value in found.at])
        written = found.coefficients @ values + found.intercept
        np.testing.assert_allclose(written, wanted[number], atol=1e-9 * scale)
        assert found.prove_equal(20)
        # wherever it holds, it is the network: also with other levels and gaps
        held = found.holds(rows)
        assert held[number]
        if activation == "identity":
            assert held.all()


def test_it_holds_with_other_levels_where_it_says_so(table) -> None:
    model = model_of(table, "pressure", activation="relu", hidden=(3,), members=2)
    subject = subject_of(model)
    rows = read_rows(subject, table)
    city = subject.inputs.index("city")
    seen = 0
    for number in range(15):
        found = formula(model, rows.raw[number])
        column = model.schema.inputs[city]
        if np.isnan(rows.raw[number, city]):
            assert "city" not in found.distance.stays
            continue
        for code, level in enumerate(column.levels):
            if code == rows.raw[number, city]:
                continue
            raw = rows.raw[number].copy()
            raw[city] = code
            inside = found.contains(raw)
            assert inside == (level in found.distance.stays["city"])
            seen += inside
            if inside:
                values = np.array([term.value(raw[term.column]) for term in found.terms])
                got = found.coefficients @ values + found.intercept
                np.testing.assert_allclose(got, reference(model, raw[None])[0], rtol=1e-9)
    assert seen


def test_an_unseen_text_and_a_gap_that_training_never_had(tmp_path) -> None:
    path = write_csv(tmp_path / "full.csv", rows_of(240, gaps=False))
    model = model_of(path, "pressure", activation="relu")
    raw = read_rows(subject_of(model), path).raw[0].copy()
    inputs = subject_of(model).inputs
    raw[inputs.index("city")] = -2
    raw[inputs.index("age")] = np.nan
    found = formula(model, raw)
    names = [term.name for term in found.terms]
    assert "[age is missing]" in names
    assert "[city = an unseen text]" in names
    np.testing.assert_allclose(found.value, reference(model, raw[None])[0], rtol=1e-9)
    assert found.prove_equal(10)
    assert found.contains(raw)


def test_the_scores_of_a_single_classifier_are_exact(table) -> None:
    for target, loss, names in (
        ("sold", "bce", ("log-odds of yes",)),
        ("grade", "auto", ("score of good", "score of middling", "score of poor")),
    ):
        model = model_of(table, target, activation="relu", members=1, loss=loss)
        subject = subject_of(model)
        rows = read_rows(subject, table)
        found = formula(model, rows.raw[3])
        assert found.kind == "exact"
        assert found.what == "scores"
        assert found.outputs == names
        assert found.prove_equal(20)
        z = found.value
        wanted = reference(model, rows.raw[3:4])[0]
        got = 1 / (1 + np.exp(-z)) if len(z) == 1 else np.exp(z) / np.exp(z).sum()
        np.testing.assert_allclose(got, wanted[-len(z) :], rtol=1e-9)
        assert "probability" in str(found)


def test_several_classifiers_have_a_tangent_and_their_own_exact_formulas(table) -> None:
    model = model_of(table, "grade", activation="relu", members=3)
    found = formula(model, read_rows(subject_of(model), table).raw[3])
    assert found.kind == "tangent"
    assert found.what == "probabilities"
    assert found.outputs == ("good", "middling", "poor")
    assert len(found.members) == 3
    for member in found.members:
        assert member.kind == "exact"
        assert member.prove_equal(10)
    assert "Tangent of the mean probability of 3 members" in str(found)
    np.testing.assert_allclose(found.value.sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(found.coefficients.sum(axis=0), 0, atol=1e-12)


def test_a_wrong_formula_is_found(table) -> None:
    from dataclasses import replace

    from vetro.glass.formula.formula_record import Exact

    model = model_of(table, "pressure", activation="relu")
    found = formula(model, read_rows(subject_of(model), table).raw[0])
    first, *others = found.fractions.coefficients[0]
    wrong = replace(
        found,
        fractions=Exact(((first + Fraction(1, 2**80), *others),), found.fractions.intercept),
    )
    check = wrong.prove_equal(5)
    assert not check
    assert check.verdict == "failed"
    assert check.deviation > 0


REFUSED = [
    (lambda m: formula(m, [1.0, 2.0]), "E702", "shape"),
    (lambda m: formula(m, [[1.0] * 3, [2.0] * 3]), "E702", "2 rows"),
    (lambda m: formula(m, [1.0, 2.0, float("nan")]), "E702", "not finite"),
    (lambda m: formula(m, "abc"), "E702", "numbers"),
    (lambda m: formula(m, [1.0, 2.0, 3.0]).exact(), "E722", "tangent"),
    (lambda m: formula(m, [1.0, 2.0, 3.0]).region, "E722", "tangent"),
    (lambda m: formula(m, [1.0, 2.0, 3.0]).prove_equal(), "E722", "tangent"),
    (lambda m: formula(m, [1.0, 2.0, 3.0], {"x7": (0, 1)}), "E114", "x7"),
    (lambda m: formula(m, [1.0, 2.0, 3.0], {"x0": (2, 3)}), "E721", "leaves out"),
    (lambda m: formula(m, [1.0, 2.0, 3.0], {"x0": (0, float("inf"))}), "E721", "finite"),
    (lambda m: formula(m, [1.0, 2.0, 3.0], -1.0), "E721", "share"),
    (lambda m: formula(m, [1.0, 2.0, 3.0], "wide"), "E721", "share"),
    (lambda m: formula(nn.Sequential(nn.Conv1d(1, 1, 3)), [1.0]), "E701", "Conv"),
    (lambda m: formula("model", [1.0]), "E601", "Module"),
    (lambda m: formula(filled(1e200), [1.0]), "E721", "64 bits"),
]


def filled(value: float) -> nn.Module:
    """Two layers of this number."""
    module = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)).double()
    for parameter in module.parameters():
        nn.init.constant_(parameter, value)
    return module


@pytest.mark.parametrize(("call", "code", "word"), REFUSED)
def test_what_cannot_be_is_refused(call, code, word) -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    with pytest.raises(VetroError, match=word) as refusal:
        call(module)
    assert refusal.value.code == code


def test_a_network_with_a_number_that_is_not_finite_is_refused() -> None:
    module = nn.Linear(3, 1)
    with torch.no_grad():
        module.weight[0, 1] = torch.nan
    with pytest.raises(GlassError, match="not finite"):
        formula(module, [1.0, 2.0, 3.0])


def test_an_infinite_number_of_a_model_is_refused(table) -> None:
    model = model_of(table, "pressure", activation="relu")
    raw = read_rows(subject_of(model), table).raw[0].copy()
    raw[0] = np.inf
    with pytest.raises(GlassError, match="not finite"):
        formula(model, raw)


def test_a_network_without_layers_and_one_without_inputs_that_matter() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():
        module[0].weight[:] = 0
    found = formula(module, [1.0, 2.0])
    assert isinstance(found.region, Region)
    assert found.region.everywhere
    assert found.coefficients.tolist() == [[0.0, 0.0]]
    assert "holds everywhere" in str(found)
    assert found.prove_equal(10)


@pytest.mark.parametrize("points", [0, -1, 1.5, "a", None, True, [1]])
def test_what_is_no_number_of_points(points) -> None:
    found = formula(nn.Linear(2, 1), [0.1, 0.2])
    for check in (found.prove_equal, found.error_seen):
        with pytest.raises(UsageError, match="a whole number of at least 1") as caught:
            check(points)
        assert caught.value.code == "E601"
