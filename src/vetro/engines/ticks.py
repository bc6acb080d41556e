"""How often a training is looked at, in seconds."""

TICK_SECONDS = 0.04
"""About the time between two reports of a training, and between two questions whether to go on: 25
per second."""

SHORTEST_SECONDS = 0.001
"""The least time that a compiled trainer runs between two of them."""
