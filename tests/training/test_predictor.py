"""vetro.Predictor against the module itself."""

import numpy as np
import pytest
import torch
from torch import nn

import vetro
from vetro.engines.native_core import why_not_native
from vetro.errors import PredictionError, UsageError

pytestmark = pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())


def network(dtype=torch.float64):
    torch.manual_seed(0)
    layers = [nn.Linear(5, 33), nn.SiLU(), nn.Dropout(0.5), nn.Linear(33, 17), nn.Tanh()]
    return nn.Sequential(*layers, nn.LayerNorm(17), nn.Linear(17, 3)).to(dtype)


@pytest.mark.parametrize("rows", [0, 1, 2, 9, 100, 5000])
def test_it_is_the_module_in_eval_mode(rows):
    module = network()
    modes = [part.training for part in module.modules()]
    x = torch.randn(rows, 5).double()
    predictor = vetro.Predictor(module)
    assert [part.training for part in module.modules()] == modes
    with torch.no_grad():
        expected = module.eval()(x)
    found = predictor(x)
    assert type(found) is torch.Tensor
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    array = predictor(x.numpy())
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(array, found.numpy())
    for out, like in ((np.zeros((rows, 3)), x.numpy()), (torch.zeros(rows, 3).double(), x)):
        assert predictor(like, out=out) is out
        np.testing.assert_array_equal(np.asarray(out), array)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_bits_for_any_number_of_rows_and_threads(dtype):
    module = network(dtype)
    x = torch.randn(3000, 5, dtype=dtype)
    whole = vetro.Predictor(module, threads=1)(x)
    assert torch.equal(whole, vetro.Predictor(module, threads=3)(x))
    predictor = vetro.Predictor(module)
    for size in (1, 3, 8, 9, 16, 100):
        parts = [predictor(part.contiguous()) for part in x[:100].split(size)]
        assert torch.equal(torch.cat(parts), whole[:100]), size


def test_what_does_not_fit_is_refused():
    predictor = vetro.Predictor(network())
    x = np.zeros((4, 5))
    for wrong in (x[:, :4], x.astype(np.float32), x[:, ::-1], x[0], "x", torch.zeros(2, 5)):
        with pytest.raises(PredictionError) as caught:
            predictor(wrong)
        assert caught.value.code == "E405"
    for out in (np.zeros((4, 2)), np.zeros((3, 3)), np.zeros((4, 3), np.float32)):
        with pytest.raises(PredictionError):
            predictor(x, out)
    with pytest.raises(UsageError, match="Conv2d"):
        vetro.Predictor(nn.Conv2d(1, 1, 1))
    with pytest.raises(UsageError, match="threads"):
        vetro.Predictor(network(), threads=0)
