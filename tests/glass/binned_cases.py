"""Modules behind an encoder with bins: subjects for the tests of the glass, of any shape."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from vetro.glass.subject import Subject, of_lowering
from vetro.networks.lower_module import lower_module
from vetro.tables.blocks import Block, NumberBlock
from vetro.tables.encoder import Encoder
from vetro.tables.targets import NumberTarget


def block_of(random: np.random.Generator, name: str, bins: int, indicator: bool) -> NumberBlock:
    """A number around 0 with up to `bins` bins of very different widths; 0 for none."""
    borders: tuple[float, ...] = ()
    if bins:
        widths = 10.0 ** random.uniform(-2, 0.5, bins)
        borders = tuple((np.concatenate([[0.0], np.cumsum(widths)]) - widths.sum() / 2).tolist())
    mean, scale, median = random.normal(), 10.0 ** random.uniform(-1, 1), random.normal()
    return NumberBlock(name, mean, scale, median, indicator, indicator, borders)


def encoder_of(blocks: tuple[Block, ...], outputs: int) -> Encoder:
    """An encoder whose targets are the network's outputs themselves."""
    return Encoder(blocks, tuple(NumberTarget(f"y{k}", 0.0, 1.0) for k in range(outputs)))


def behind(encoder: Encoder, module: nn.Module) -> Subject:
    """A module that reads the encoder's features, as a subject of the encoder's columns."""
    subject = of_lowering(module, lower_module(module, training=False))
    parts = tuple(replace(part, encoder=encoder) for part in subject.parts)
    names: dict[str, Any] = {"inputs": encoder.columns, "units": ("",) * len(encoder.columns)}
    return replace(subject, parts=parts, features=encoder.input_names, **names)
