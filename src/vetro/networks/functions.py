"""Custom torch.autograd.Functions seen through by their own forward.

For reading a module as it is declared: what a Function computes is its forward; whether its
backward is the derivative of that is for others to check.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.autograd import Function


class _Context:
    """The ctx of a forward that nobody goes back through: takes whatever is saved."""

    needs_input_grad = (True,) * 64

    def _take(self, *values: Any) -> None:
        """Nothing is kept."""

    save_for_backward = save_for_forward = mark_dirty = _take
    mark_non_differentiable = set_materialize_grads = _take


@contextmanager
def functions_by_forward() -> Iterator[None]:
    """Meanwhile Function.apply(...) is the class's own forward(...)."""

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if cls.setup_context is not Function.setup_context:
            return cls.forward(*args, **kwargs)
        return cls.forward(_Context(), *args, **kwargs)

    own = Function.__dict__["apply"]
    Function.apply = classmethod(apply)  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        Function.apply = own  # type: ignore[method-assign]
