"""Outputs of a user's module, computed by the native engine.

It needs no autograd, and with `out` allocates nothing.  It copies the parameters when it is made.
The table door predicts elsewhere.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vetro.engines.native_core import why_not_native
from vetro.engines.native_engine import NativeEngine
from vetro.errors import error
from vetro.networks.lower_module import lower_module
from vetro.networks.refusal import NotUnderstood
from vetro.training.checks import count_of
from vetro.training.misuse import refusal


class Predictor:
    """predictor(x) is module(x) in eval mode and without gradients.

    x: (rows, inputs), contiguous, of the module's dtype.  An array gives an array, a tensor gives
    a tensor: (rows, outputs), or `out`, into which the outputs are written.  threads: None for
    all cores; few rows use only one.  E604 if the native engine does not understand the module.
    """

    __slots__ = ("_native", "_squeezed", "_wanted")

    def __init__(self, module: nn.Module, threads: int | None = None) -> None:
        threads = count_of("threads", threads)
        if not isinstance(module, nn.Module):
            raise refusal(f"module is a {type(module).__name__}", "Give a torch.nn.Module")
        why = why_not_native()
        try:
            if why:
                raise NotUnderstood(why)
            lowering = lower_module(module, training=False)
        except NotUnderstood as reason:
            raise error(
                "E604",
                what=f"the native engine cannot run this: {reason}",
                fix="Call the module itself.",
            ) from None
        network = lowering.network
        self._native = NativeEngine(threads or 0).predictor(network, lowering.flat())
        self._squeezed = lowering.squeezed
        self._wanted = f"contiguous rows (n, {network.inputs}) of {network.dtype}"

    @overload
    def __call__(self, x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]: ...

    @overload
    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor: ...

    def __call__(self, x: Any, out: Any = None) -> Any:
        """The outputs of rows x; E405 if x or out does not fit."""
        try:
            # the common case first: each comparison here costs a part of a microsecond
            if type(x) is np.ndarray and not self._squeezed:
                return self._native(x, out)
            return self._any(x, out)
        except ValueError as wrong:
            given = tuple(getattr(x, "shape", ())), getattr(x, "dtype", type(x).__name__)
            raise error(
                "E405",
                what=f"{wrong}; x is {given[0]} of {given[1]}",
                fix=f"Give {self._wanted}.",
            ) from None

    def _any(self, x: Any, out: Any) -> Any:
        rows = x.detach().numpy() if isinstance(x, Tensor) else x
        into = out.detach().numpy() if isinstance(out, Tensor) else out
        if self._squeezed and into is not None:
            into = into[:, np.newaxis]
        outputs = self._native(rows, into)
        if out is not None:
            return out
        if self._squeezed:
            outputs = outputs[:, 0]
        return torch.from_numpy(outputs) if isinstance(x, Tensor) else outputs
