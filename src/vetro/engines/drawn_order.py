"""Orders that torch's generator draws, ahead of the native engine, and that are put back.

The native engine needs the rows of many steps at once, while the plain loop draws an order when
an epoch begins.  So orders are drawn ahead from the same generator.  If training ends sooner,
the generator is put back to where the plain loop would have left it.
"""

from __future__ import annotations

import torch

from vetro.engines.orders import Numbers, Order


class Drawn(Order):
    """Slices of one torch.randperm per epoch, of `rows` rows from `generator` (None: torch's own).

    epoch_rows: fewer than rows where a last slice that is shorter is left out.
    """

    def __init__(
        self, rows: int, epoch_rows: int, batch_size: int, generator: torch.Generator | None
    ) -> None:
        self.batch_size, self.epoch_rows = batch_size, epoch_rows
        self._rows = rows
        self._generator = torch.default_generator if generator is None else generator
        self._done = 0
        # the orders from the epoch of step `_done` on, the first one known only if it began
        self._first_epoch = 0
        self._orders: list[Numbers] = []
        self._began_with = 0
        self._before: torch.Tensor | None = None

    def take(self, first: int, steps: int) -> Numbers:
        """The rows of these steps; draws the orders of the epochs that have not begun."""
        epochs = self.epochs(first, steps)
        del self._orders[: epochs.start - self._first_epoch]
        self._first_epoch = epochs.start
        self._began_with = len(self._orders)
        missing = len(epochs) - len(self._orders)
        if missing > 0:
            self._before = self._generator.get_state()
            self._orders += [self._permutation() for _ in range(missing)]
        return self.part(self._orders, first, steps)

    def commit(self, steps: int, begun: int) -> None:
        """The generator is put where the plain loop leaves it, with the orders drawn of the epochs
        that began."""
        last = -(-(self._done + begun) // self.steps_an_epoch)
        self._done += steps
        if self._before is not None and last < self._first_epoch + len(self._orders):
            self._generator.set_state(self._before)
            again = max(0, last - self._first_epoch - self._began_with)
            for _ in range(again):
                self._permutation()
            del self._orders[self._began_with + again :]
        self._before = None
        self._began_with = len(self._orders)

    def _permutation(self) -> Numbers:
        # torch.randperm draws the same numbers for every integer dtype
        generator = self._generator
        order: Numbers = torch.randperm(
            self._rows, generator=generator, dtype=torch.int32, device=generator.device
        ).numpy(force=True)
        return order[: self.epoch_rows]
