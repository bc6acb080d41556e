"""Vetro fits a neural network to a table, at the speed of the machine, and shows every number.

Public names load what they need on first use; importing vetro imports nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vetro import errors
    from vetro.apps.python import fit, inspect, load
    from vetro.engines.explain import explain_engine
    from vetro.model.model import Model
    from vetro.training.arguments import Training
    from vetro.training.history import History
    from vetro.training.many import train_many
    from vetro.training.predictor import Predictor
    from vetro.training.recipe import Recipe
    from vetro.training.train import train

__version__ = "0.1.0"

_HOMES = {
    "History": "vetro.training.history",
    "Model": "vetro.model.model",
    "Predictor": "vetro.training.predictor",
    "Recipe": "vetro.training.recipe",
    "Training": "vetro.training.arguments",
    "errors": "vetro.errors",
    "explain_engine": "vetro.engines.explain",
    "fit": "vetro.apps.python",
    "inspect": "vetro.apps.python",
    "load": "vetro.apps.python",
    "train": "vetro.training.train",
    "train_many": "vetro.training.many",
}

__all__ = [
    "History",
    "Model",
    "Predictor",
    "Recipe",
    "Training",
    "__version__",
    "errors",
    "explain_engine",
    "fit",
    "inspect",
    "load",
    "train",
    "train_many",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vetro' has no attribute {name!r}")
    module = import_module(_HOMES[name])
    value = module if name == "errors" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
