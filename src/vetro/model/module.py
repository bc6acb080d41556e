"""A model as a torch module: raw numbers in, raw answers out, encoder and mean included.

It is for torch programs, exports and gradients.  Vetro itself does not predict with it: predict.py
uses an engine.  The formulas are those of tables/blocks.py and tables/targets.py.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from vetro.model.parts import Member, ModelParts
from vetro.networks.lift import lift
from vetro.tables.blocks import PERIODS, Block, DateBlock, NumberBlock
from vetro.tables.encoder import Encoder
from vetro.tables.level_blocks import LevelBlock


class TableModule(nn.Module):
    """(rows, input columns) -> (rows, targets) in the targets' units, or (rows, classes)
    probabilities: the mean of the members' answers.

    A row is as Encoder.raw gives it, the columns in the order of `columns`: numbers as they
    are, dates as days since 1970-01-01, flags as 0 or 1, categories as the index of
    their level, NaN if missing, any other code for an unseen level.  Use float64 if
    float32 cannot hold the numbers, such as dates with a time.  The answer has the type of
    the rows; the encoder computes in float64, the networks in float32, unless the module
    is moved to another type.  It begins in eval mode; its parameters can be trained further.
    """

    def __init__(self, model: ModelParts) -> None:
        super().__init__()
        self.columns = model.inputs
        self.outputs = model.classes or model.targets
        self.encoder = EncoderModule(model.encoder)
        self.members = nn.ModuleList(MemberModule(model, member) for member in model.members)
        self.eval()

    def forward(self, rows: Tensor) -> Tensor:
        if not rows.is_floating_point():
            rows = rows.to(torch.float64)
        encoded = self.encoder(rows)
        answers = [member(encoded) for member in self.members]
        return torch.stack(answers).mean(dim=0).to(rows.dtype)


class MemberModule(nn.Module):
    """One member: its network, and the way back to the targets' units or probabilities."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, model: ModelParts, member: Member) -> None:
        super().__init__()
        self.network = lift(model.network, member.parameters)
        encoder = model.encoder_of(member)
        self.classes = len(encoder.classes)
        targets = encoder.number_targets
        self.register_buffer("mean", _float64([target.mean for target in targets]))
        self.register_buffer("deviation", _float64([target.deviation for target in targets]))

    def forward(self, encoded: Tensor) -> Tensor:
        weight = next(self.network.parameters())
        outputs = self.network(encoded.to(weight.dtype)).to(self.mean.dtype)
        if not self.classes:
            decoded: Tensor = outputs * self.deviation + self.mean
            return decoded
        if outputs.shape[1] == 1:
            outputs = torch.cat([torch.zeros_like(outputs), outputs], dim=1)
        return torch.softmax(outputs, dim=1)


class EncoderModule(nn.Module):
    """(rows, input columns) raw -> (rows, width) encoded; one module per column, side by side."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_block_module(block) for block in encoder.inputs)

    def forward(self, rows: Tensor) -> Tensor:
        return torch.cat([block(rows[:, i]) for i, block in enumerate(self.blocks)], dim=1)


class NumberModule(nn.Module):
    """A number, flag or date without cycles: (x - mean) * scale, the shares of the bins, the
    indicator."""

    mean: Tensor
    scale: Tensor
    median: Tensor
    borders: Tensor

    def __init__(self, block: NumberBlock | DateBlock) -> None:
        super().__init__()
        self.register_buffer("mean", _float64(block.mean))
        self.register_buffer("scale", _float64(block.scale))
        self.register_buffer("median", _float64(block.median))
        self.register_buffer("borders", _float64(getattr(block, "borders", ())))
        self.days = getattr(block, "days", True)
        self.periods = [PERIODS[cycle] for cycle in getattr(block, "cycles", ())]
        self.indicator = block.indicator
        self.indicator_trained = block.indicator_trained

    def forward(self, values: Tensor) -> Tensor:
        missing = torch.isnan(values)
        filled = torch.where(missing, self.median, values.to(self.median.dtype))
        parts = []
        if self.days:
            # A scale of 0 gives 0 for every value, infinity included.
            scaled = (filled - self.mean) * self.scale
            parts.append(torch.where(self.scale == 0, torch.zeros_like(scaled), scaled))
        if len(self.borders) > 1:
            low, width = self.borders[:-1], torch.diff(self.borders)
            parts += torch.clamp((filled[:, None] - low) / width, 0.0, 1.0).unbind(dim=1)
        for period in self.periods:
            angle = torch.remainder(filled, period) / period * (2 * math.pi)
            parts += [torch.sin(angle), torch.cos(angle)]
        if self.indicator:
            parts.append((missing & self.indicator_trained).to(filled.dtype))
        return torch.stack(parts, dim=1) if parts else filled.new_zeros(len(filled), 0)


class CategoryModule(nn.Module):
    """A category's code: one row of a fixed table."""

    table: Tensor

    def __init__(self, block: LevelBlock) -> None:
        super().__init__()
        self.levels = len(block.levels)
        # Row c + 2 for code c: -2 unseen, -1 missing, then the levels.
        codes = np.arange(-2, self.levels)
        table = np.zeros((self.levels + 2, block.width))
        block.write(table, codes)
        self.register_buffer("table", _float64(table))

    def forward(self, codes: Tensor) -> Tensor:
        missing = torch.isnan(codes)
        whole = (codes >= -1) & (codes < self.levels) & (codes == torch.floor(codes))
        row = torch.where(whole, codes, torch.full_like(codes, -2.0))
        row = torch.where(missing, torch.full_like(codes, -1.0), row)
        return self.table[row.to(torch.int64) + 2]


def _block_module(block: Block) -> nn.Module:
    return CategoryModule(block) if isinstance(block, LevelBlock) else NumberModule(block)


def _float64(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
