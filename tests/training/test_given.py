"""Rows as frames, lists and arrays, and what holds no numbers."""

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from torch import nn

import vetro
from vetro.errors import TrainingError

ROWS = 12
torch.manual_seed(1)
X, Y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
CLASSES = torch.randint(0, 2, (ROWS,))
FRAME, TARGETS = pd.DataFrame(X.numpy(), columns=list("abc")), pd.DataFrame(Y.numpy())


def train(x, y, loss=None, **settings):
    torch.manual_seed(2)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    return vetro.train(
        module, x, y, loss=loss or nn.MSELoss(), optimizer=optimizer, steps=3, **settings
    ).loss


GIVEN = {
    "pandas": (FRAME, TARGETS),
    "pandas float64": (FRAME.astype("float64"), TARGETS),
    "pandas Float64": (FRAME.astype("Float64"), TARGETS.astype("Float32")),
    "polars": (pl.DataFrame(X.numpy()), pl.DataFrame(Y.numpy())),
    "lists": (X.tolist(), Y.tolist()),
    "tuples of tensors": (tuple(X), list(Y)),
    "arrays": (X.numpy(), Y.double().numpy()),
}


@pytest.mark.parametrize("name", GIVEN)
def test_the_same_as_tensors(name):
    assert train(*GIVEN[name]) == train(X, Y)
    assert train(*GIVEN[name], validation=list(GIVEN[name])) == train(X, Y)


@pytest.mark.parametrize(
    "classes",
    [
        CLASSES.tolist(),
        pd.Series(CLASSES.numpy()),
        pd.Series(CLASSES.numpy()).astype("Int8"),
        pl.Series(CLASSES.numpy()),
    ],
)
def test_classes(classes):
    loss = nn.CrossEntropyLoss()
    assert train(X, classes, loss) == train(X, CLASSES, loss)


def test_whole_numbers_and_flags_of_a_frame_are_numbers():
    frame = pd.DataFrame({"a": range(ROWS), "b": [1.5] * ROWS, "c": [True, False] * 6})
    numbers = torch.tensor(frame.astype("float64").to_numpy(), dtype=torch.float32)
    assert train(frame, TARGETS) == train(numbers, Y)
    assert train(pl.DataFrame(frame), Y) == train(numbers, Y)
    assert train(frame.to_numpy(dtype=float).tolist(), Y) == train(numbers, Y)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (FRAME.assign(c="Rome"), Y, 'x column "c" is .*, not numbers .first value "Rome"'),
        (FRAME.assign(c=pd.Categorical(["a"] * ROWS)), Y, 'x column "c" is category'),
        (FRAME.assign(c=pd.Timestamp("2020")), Y, 'x column "c" is datetime64'),
        (FRAME.assign(c=pd.array([1, None] * 6, dtype="Int64")), Y, "x holds nan .first in row 1"),
        (pl.DataFrame(FRAME).with_columns(c=pl.lit("x")), Y, 'x column "c" is String'),
        (FRAME, pd.Series(["yes"] * ROWS), 'y is .*, not numbers .first value "yes"'),
        (FRAME.iloc[::-1], TARGETS, "different indexes .first in row 0: 11 and 0"),
        (FRAME[[]], Y, "x is a frame without columns"),
        ([["a", 1, 2]] * ROWS, Y, 'x holds "a", which is not a number'),
        ([[None, 1, 2]] * ROWS, Y, 'x holds "None", which is not a number'),
        ([[1, 2], [1]], Y, "x is a list of rows of different lengths"),
        ([torch.ones(2), torch.ones(3)], Y, "x is a list of tensors of different shapes"),
        ({"a": [1]}, Y, "x is of the kind dict"),
        (np.ma.masked_less(X.numpy(), 0), Y, "x is a masked array, and .* values are masked"),
        (X.to("meta"), Y, "x is on the meta device"),
        (X, Y.to_sparse(), r"y is a sparse_coo tensor. Use y.to_dense\(\)"),
        (X, Y[:, 0].tolist(), "Give 2 targets per row"),
    ],
)
def test_what_holds_no_numbers(x, y, words):
    with pytest.raises(TrainingError, match=words):
        train(x, y, engine="torch")


def test_sparse_rows_are_the_plain_loops_own_matter():
    assert train(X.to_sparse(), Y, engine="torch") == pytest.approx(train(X, Y), rel=1e-5)
    with pytest.raises(TrainingError, match=r"x is a sparse_coo tensor. Use x.to_dense\(\)"):
        train(X.to_sparse(), Y, batch_size=4)


@pytest.mark.parametrize(
    ("y", "fix"),
    [
        (Y[:, 0], "Use y.reshape(-1, 1)."),
        (Y[:, 0].tolist(), "Use torch.tensor(y).reshape(-1, 1)."),
        (pd.Series(Y[:, 0].numpy()), "Use torch.tensor(y.to_numpy()).reshape(-1, 1)."),
    ],
)
def test_the_fix_fits_what_was_given(y, fix):
    module = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pytest.raises(TrainingError) as caught:
        vetro.train(module, X, y, loss=nn.MSELoss(), optimizer=optimizer, steps=1)
    assert str(caught.value).endswith(fix)
    fixed = eval(fix.removeprefix("Use ").removesuffix("."), {"torch": torch, "y": y})
    vetro.train(module, X, fixed, loss=nn.MSELoss(), optimizer=optimizer, steps=1, engine="torch")


def test_numbers_of_any_kind():
    losses = train(X, Y)
    for steps in (np.int64(3), np.int8(3), torch.tensor(3)):
        module = nn.Linear(3, 2)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        history = vetro.train(
            module, X, Y, loss=nn.MSELoss(), optimizer=optimizer, steps=steps,
            batch_size=np.int32(4), clip_norm=np.float32(1), shuffle=np.bool_(True),
        )  # fmt: skip
        assert len(history.loss) == 3
    assert all(map(math.isfinite, losses))
