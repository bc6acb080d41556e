"""The native core against torch: lock-step, free run, and zeros that stay zeros.

The claims are numerics.md's, section 2.  A difference counts relative to the largest
magnitude in its tensor: a gradient that is a sum of cancelling terms has no digits of its own.
"""

import numpy as np
import pytest
import torch
from native.lockstep import lock_step
from native.nets import Net, Operation, random_problem
from native.pairs import TorchSide, deviation, flat, native_side

from vetro import _native

LIMITS = {torch.float64: 1e-12, torch.float32: 5e-5}


@pytest.fixture(autouse=True)
def one_thread():
    """torch's threads cost more than they give on networks of this size."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def check_lock_steps(seeds, steps=20, coded=False):
    """Even seeds in float64, odd ones in float32; few networks with a step not to be judged.

    coded: with inputs that are stored as codes, which torch multiplies as they are.
    """
    exceptions = 0
    for seed in seeds:
        dtype = (torch.float64, torch.float32)[seed % 2]
        result = lock_step(random_problem(seed, dtype, steps, coded=coded), LIMITS[dtype])
        assert result.worst <= LIMITS[dtype], f"seed {seed}: {result}"
        exceptions += bool(result.kinks + result.amplified + result.rounding)
    assert exceptions <= 1 + len(seeds) / 50


def check_free_runs(seeds, steps=200):
    for seed in seeds:
        problem = random_problem(seed, torch.float64, steps, tame=True)
        theirs, ours = TorchSide(problem), native_side(problem)
        ours.feed(np.concatenate(problem.order), problem.rates)
        status = ours.advance(60.0)
        losses = np.array([theirs.step(number) for number in range(steps)])
        finite = int(np.isfinite(losses).cumprod().sum())
        found = ours.losses()
        assert (status, len(found)) == (
            ("done", steps) if finite == steps else ("diverged", finite + 1)
        )
        # what is left of a loss that falls to nothing has the rounding of where it began
        scale = max(losses[:finite].max(initial=0), 1e-3)
        assert np.allclose(found[:finite], losses[:finite], rtol=1e-9, atol=1e-9 * scale), (
            f"seed {seed}"
        )
        if finite < steps:
            continue
        worst = deviation(problem, ours.parameters(), flat(theirs.tensors))
        assert worst <= 1e-9, f"seed {seed}: {worst}"


def test_lock_step():
    check_lock_steps(range(60))


def test_lock_step_with_codes():
    check_lock_steps(range(60), steps=6, coded=True)


def test_free_run():
    check_free_runs(range(15))


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_lock_step_whole(part):
    check_lock_steps(range(part * 200, part * 200 + 200))


@pytest.mark.long
@pytest.mark.parametrize("part", range(5))
def test_lock_step_with_codes_whole(part):
    check_lock_steps(range(part * 100, part * 100 + 100), coded=True)


@pytest.mark.long
@pytest.mark.parametrize("part", range(5))
def test_free_run_whole(part):
    check_free_runs(range(part * 100, part * 100 + 100))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw", "rmsprop"])
def test_dead_units_stay_dead(dtype, kind):
    dead_units(dtype, kind)


def dead_units(dtype, kind):
    """Units of relu that no row wakes: their gradients are zero, and their weights stay."""
    net = Net(dtype, [3])
    net.affine(20)
    net.activation("relu")
    net.affine(4)
    net.activation("relu")
    net.affine(2)
    rows, steps = 77, 10
    torch.manual_seed(0)
    x, y = torch.rand(rows, 3, dtype=dtype), torch.randn(rows, 2, dtype=dtype)
    start = torch.randn(net.count, dtype=dtype) * 0.1
    dead = np.zeros(net.count, dtype=bool)
    for unit in range(0, 20, 3):
        start[unit * 3 : unit * 3 + 3] = -start[unit * 3 : unit * 3 + 3].abs()
        start[60 + unit] = -0.5  # inputs are not negative: never above zero
        dead[unit * 3 : unit * 3 + 3] = dead[60 + unit] = True
        dead[80 + unit : 160 : 20] = True  # what leaves a unit that gives zero
    trainer = _native.Trainer(
        net.program(),
        start.numpy(),
        _native.Rows(x.numpy(), y.numpy()),
        _native.Loss("mse"),
        _native.Optimizer(kind, [_native.Group(momentum=0.5)], [_native.Range(0, net.count)]),
        _native.Settings(batch_size=rows, total_steps=steps),
    )
    trainer.feed(None, np.tile([1e-2, 0.5], (steps, 1, 1)))
    assert trainer.advance(10.0) == "done"
    assert (trainer.gradients()[dead] == 0).all()
    assert (trainer.parameters()[dead] == start.numpy()[dead]).all()
    assert (trainer.parameters()[~dead] != start.numpy()[~dead]).any()


@pytest.mark.parametrize(
    ("function", "a", "b"),
    [("leaky_relu", -0.5, 0), ("leaky_relu", 1.5, 0), ("leaky_relu", 0, 0), ("elu", -1, 0),
     ("elu", 0, 0), ("elu", 3, 0), ("softplus", 0.1, 0.05), ("softplus", -1, 20)],
)  # fmt: skip
def test_unusual_numbers_of_functions(function, a, b):
    problem = random_problem(5, torch.float64, 10)
    replace_net(problem, Net(torch.float64, [6]), lambda net: net.activation(function, a, b))
    assert lock_step(problem, 1e-12).worst <= 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_value_used_twice_and_weights_used_twice(dtype):
    assert used_twice(dtype).worst <= LIMITS[dtype]


def used_twice(dtype):
    """x + x, a sum with the input, and one layer three times: gradients add up."""

    def middle(net):
        layer = net.operations[0]
        net.add(Operation("add", (1, 1)), 6)
        net.activation("tanh")
        for _ in range(2):
            net.add(Operation("affine", (net.last,), weight=layer.weight, bias=layer.bias), 6)
        net.add(Operation("add", (net.last, 0)), 6)
        net.add(Operation("add", (net.last, 2)), 6)

    problem = random_problem(1, dtype, 10)
    replace_net(problem, Net(dtype, [6]), middle)
    return lock_step(problem, LIMITS[dtype])


def replace_net(problem, net, middle):
    """6 inputs, an affine layer, `middle`, another one; 50 rows; squared error."""
    net.affine(6)
    middle(net)
    net.affine(2)
    numbers = torch.Generator().manual_seed(3)

    def normal(*shape):
        return torch.randn(*shape, generator=numbers, dtype=torch.float64).to(net.dtype)

    problem.net, problem.x, problem.y = net, normal(50, 6), normal(50, 2)
    problem.weights, problem.batch = None, 20
    problem.start = [normal(*slot.shape) * 0.4 for slot in net.slots]
    problem.group_of = [0] * len(net.slots)
    problem.loss = {"kind": "mse", "reduction": "mean", "a": 0.0}
    sizes = (20, 20, 10)
    problem.order = [
        np.arange(sizes[number % 3], dtype=np.int32) for number in range(len(problem.order))
    ]
