"""The names of the activations of a network for a table.  Light: the command line lists them."""

from __future__ import annotations

from typing import Literal

ActivationName = Literal["relu", "tanh", "gelu", "silu", "leaky_relu", "sigmoid", "identity"]
