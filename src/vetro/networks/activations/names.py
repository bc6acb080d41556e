"""The names of the activations; each is the function of that name in the file of that name.

Light: the command line lists them.
"""

from __future__ import annotations

from typing import Literal

ActivationName = Literal["relu", "tanh", "gelu", "silu", "leaky_relu", "sigmoid", "identity"]
"""Those of a network for a table."""

AnyActivation = Literal[ActivationName, "elu", "gelu_tanh", "softplus"]
"""All; the others are read from torch modules."""
