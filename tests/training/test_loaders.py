"""A DataLoader as x: the plain loop over it is the oracle, to the state of the generators."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from training.native_cases import adam, assert_close

import vetro
from vetro.engines.native_core import why_not_native
from vetro.errors import TrainingError, UsageError

ROWS = 24
torch.manual_seed(6)
X, Y = torch.randn(ROWS, 3).double(), torch.randn(ROWS, 2).double()
ALL = TensorDataset(X, Y)


class Own(Dataset):
    """One of a user's own."""

    def __len__(self):
        return ROWS

    def __getitem__(self, row):
        return X[row], Y[row]


def doubled(batch):
    return 2 * torch.stack([x for x, _ in batch]), torch.stack([y for _, y in batch])


NATIVE = {
    "in order": lambda g: DataLoader(ALL, batch_size=7),
    "shuffled": lambda g: DataLoader(ALL, batch_size=7, shuffle=True, generator=g),
    "by torch's generator": lambda g: DataLoader(ALL, batch_size=7, shuffle=True),
    "whole batches": lambda g: DataLoader(ALL, batch_size=8, shuffle=True, generator=g),
    "drop_last": lambda g: DataLoader(ALL, 7, shuffle=True, drop_last=True, generator=g),
    "a part": lambda g: DataLoader(Subset(ALL, range(3, 20)), 4, shuffle=True, generator=g),
    "rows of a part": lambda g: DataLoader(ALL, 4, sampler=SubsetRandomSampler(range(11), g)),
    "drawn by weight": lambda g: DataLoader(
        ALL, 5, sampler=WeightedRandomSampler(torch.ones(ROWS), 30, generator=g)
    ),
    "with replacement": lambda g: DataLoader(
        ALL, 6, sampler=RandomSampler(ALL, replacement=True, num_samples=40, generator=g)
    ),
    "more than all": lambda g: DataLoader(
        ALL, 6, sampler=RandomSampler(ALL, num_samples=29, generator=g)
    ),
    "batch sampler": lambda g: DataLoader(
        ALL, batch_sampler=BatchSampler(RandomSampler(ALL, generator=g), 7, False)
    ),
    "batch sampler of whole batches": lambda g: DataLoader(
        ALL, batch_sampler=BatchSampler(SubsetRandomSampler(range(11), g), 4, True)
    ),
}
TORCH = {
    "batch sampler of an own sampler": lambda g: DataLoader(
        ALL, batch_sampler=BatchSampler([5, 3, 8, 1, 2, 0, 9], 3, False)
    ),
    "own dataset": lambda g: DataLoader(Own(), batch_size=7, shuffle=True, generator=g),
    "own collate_fn": lambda g: DataLoader(ALL, 7, shuffle=True, generator=g, collate_fn=doubled),
    "own batch sampler": lambda g: DataLoader(ALL, batch_sampler=[[0, 1, 2], [3, 4], [5]]),
}
LENGTHS = [{"epochs": 5}, {"steps": 11}, {"steps": 12}, {"steps": 700}]


def network():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2)).double()


def plain_loop(loader, module, optimizer, epochs=0, steps=0):
    """The loop of the documentation."""
    losses = []

    def step(x, y):
        optimizer.zero_grad()
        value = nn.MSELoss()(module(x), y)
        value.backward()
        optimizer.step()
        losses.append(value.item())

    for _ in range(epochs):
        for x, y in loader:
            step(x, y)
    while len(losses) < steps:
        for x, y in loader:
            step(x, y)
            if len(losses) == steps:
                break
    return losses


def compare(make, engine, length):
    module, other = network(), network()
    optimizer, its = adam(module), adam(other)
    generator, its_generator = (torch.Generator().manual_seed(2) for _ in range(2))
    torch.manual_seed(9)
    history = vetro.train(
        module, make(generator), loss=nn.MSELoss(), optimizer=optimizer, engine=engine, **length
    )
    state = torch.get_rng_state()
    torch.manual_seed(9)
    losses = plain_loop(make(its_generator), other, its, **length)
    assert history.loss == pytest.approx(losses, rel=1e-9)
    assert_close((module, optimizer), (other, its))
    assert torch.equal(generator.get_state(), its_generator.get_state())
    assert torch.equal(state, torch.get_rng_state())
    return history


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
@pytest.mark.parametrize("length", LENGTHS, ids=str)
@pytest.mark.parametrize("name", NATIVE)
def test_as_the_plain_loop(name, length):
    assert compare(NATIVE[name], "native", length).engine == "native"


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
@pytest.mark.parametrize(
    ("owner", "name"), [(DataLoader, "__iter__"), (TensorDataset, "__getitem__")]
)
def test_what_the_program_replaced_runs(owner, name, monkeypatch):
    """A replaced method that gives other rows: the torch engine calls it, as the plain loop."""
    own = getattr(owner, name)

    def moved(self, *given):
        found = own(self, *given)
        return (found[0] + 1, found[1]) if given else ((x + 1, y) for x, y in found)

    monkeypatch.setattr(owner, name, moved)
    with pytest.warns(vetro.errors.VetroWarning, match=f"has replaced {owner.__name__}.{name}"):
        assert compare(NATIVE["shuffled"], "auto", {"epochs": 2}).engine == "torch"


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
def test_rows_that_do_not_exist():
    module = network()
    loader = DataLoader(ALL, 4, sampler=SubsetRandomSampler([3, ROWS]))
    with pytest.raises(TrainingError, match=f"draws row {ROWS}, but there are {ROWS} rows"):
        vetro.train(module, loader, loss=nn.MSELoss(), optimizer=adam(module), epochs=1)


@pytest.mark.parametrize("length", LENGTHS[:3], ids=str)
@pytest.mark.parametrize("name", {**NATIVE, **TORCH})
def test_as_the_plain_loop_on_torch(name, length):
    compare({**NATIVE, **TORCH}[name], "torch", length)


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
@pytest.mark.parametrize("name", TORCH)
def test_what_runs_on_torch(name):
    module = network()
    loader = TORCH[name](None)
    with pytest.warns(vetro.errors.VetroWarning, match="W322 .* the DataLoader"):
        history = vetro.train(module, loader, loss=nn.MSELoss(), optimizer=adam(module), epochs=1)
    assert history.engine == "torch"


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
@pytest.mark.parametrize("engine", ["native", "torch"])
def test_it_goes_on_after_patience(engine):
    """Stopped early, the loader and its generator are where the plain loop leaves them."""
    generator, its = (torch.Generator().manual_seed(2) for _ in range(2))
    module = network()
    loader = DataLoader(ALL, batch_size=7, shuffle=True, generator=generator)
    history = vetro.train(
        module, loader, loss=nn.MSELoss(), optimizer=adam(module), epochs=300, engine=engine,
        validation=(X, -Y), patience=2,
    )  # fmt: skip
    assert history.stopped == "patience"
    for _ in range(len(history.validation)):
        list(DataLoader(ALL, batch_size=7, shuffle=True, generator=its))
    assert torch.equal(generator.get_state(), its.get_state())


def test_a_dataset_of_tensors():
    losses = []
    for given in ((X, Y), (ALL,), (Subset(ALL, range(ROWS)),)):
        module = network()
        history = vetro.train(
            module, *given, loss=nn.MSELoss(), optimizer=adam(module), steps=5, batch_size=4,
            validation=TensorDataset(X[:5], Y[:5]),
        )  # fmt: skip
        losses.append((history.loss, history.validation))
    assert losses[0] == losses[1] == losses[2]


class Named(Own):
    def __getitem__(self, row):
        return {"x": X[row], "y": Y[row]}


class Endless(IterableDataset):
    def __iter__(self):
        return iter([(X[0], Y[0])])


@pytest.mark.parametrize(
    ("given", "settings", "words"),
    [
        ((ALL, Y), {}, "x is a TensorDataset, which holds the targets"),
        ((DataLoader(ALL), Y), {}, "x is a DataLoader, which holds the targets"),
        ((X,), {}, "y is not given"),
        ((TensorDataset(X, Y, Y),), {}, r"holds 3 tensors. Give TensorDataset\(x, y\)"),
        ((Own(),), {}, r"Use torch.utils.data.DataLoader\(dataset"),
        ((DataLoader(Named()),), {}, "gives a dict of 2, and not a pair of tensors"),
        ((DataLoader(Endless()),), {}, "the DataLoader has no length"),
        ((DataLoader(ALL, 99, drop_last=True),), {}, "the DataLoader gives no batches"),
        ((DataLoader(ALL),), {"batch_size": 3}, "Give batch_size to the DataLoader"),
        ((DataLoader(ALL),), {"shuffle": True}, "Give shuffle to the DataLoader"),
        ((DataLoader(ALL),), {"sample_weight": torch.ones(ROWS)}, "without a DataLoader"),
        ((DataLoader(ALL),), {"validation": DataLoader(ALL)}, r"Use validation=\(x, y\)"),
    ],
)
def test_refusals(given, settings, words):
    module = network()
    before = copy.deepcopy(module.state_dict())
    settings = {"steps": 3, "engine": "torch", **settings}
    with pytest.raises((TrainingError, UsageError), match=words):
        vetro.train(module, *given, loss=nn.MSELoss(), optimizer=adam(module), **settings)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_many_networks_take_no_loader():
    module = network()
    training = vetro.Training(
        module, DataLoader(ALL), loss=nn.MSELoss(), optimizer=adam(module), steps=3
    )
    with pytest.raises(UsageError, match="has a DataLoader"):
        vetro.train_many([training])


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
@pytest.mark.parametrize("shuffle", [False, True])
def test_drop_last_without_a_loader(shuffle):
    """As a DataLoader's: a last batch that is shorter is left out."""
    runs = []
    for engine in ("native", "torch"):
        module = network()
        optimizer = adam(module)
        history = vetro.train(
            module, X, Y, loss=nn.MSELoss(), optimizer=optimizer, epochs=3, batch_size=7,
            drop_last=True, shuffle=shuffle, engine=engine,
            generator=torch.Generator().manual_seed(1) if shuffle else None,
        )  # fmt: skip
        runs.append((module, optimizer, history))
    assert len(runs[0][2].loss) == 9
    assert_close(runs[0][:2], runs[1][:2])
    other, its, generator = network(), None, torch.Generator().manual_seed(1)
    its = adam(other)
    for _ in range(3):
        order = torch.randperm(ROWS, generator=generator) if shuffle else torch.arange(ROWS)
        for rows in order[:21].reshape(3, 7):
            its.zero_grad()
            nn.MSELoss()(other(X[rows]), Y[rows]).backward()
            its.step()
    assert_close(runs[0][:2], (other, its))
