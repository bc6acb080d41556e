"""Vetro fits a neural network to a table, at the speed of the machine, and shows every number.

Public names load what they need on first use; importing vetro imports nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vetro import errors
    from vetro.apps.progress_bar import ProgressBar
    from vetro.apps.python import fit, inspect, load
    from vetro.engines.explain import explain_engine
    from vetro.glass.backprop.backprop import Backprop, backprop
    from vetro.glass.bounds.bounds import Bounds, bounds
    from vetro.glass.bounds.monotonicity import monotonicity
    from vetro.glass.bounds.prove import Proof, prove
    from vetro.glass.diagnose.diagnose import Diagnosis, diagnose
    from vetro.glass.formula.formula import Formula, formula
    from vetro.glass.names import parameters
    from vetro.glass.trace.trace import Trace, trace
    from vetro.glass.verify.verification import Verification
    from vetro.glass.verify.verify import verify
    from vetro.model.model import Model
    from vetro.training.arguments import Training
    from vetro.training.history import History
    from vetro.training.many import train_many
    from vetro.training.predictor import Predictor
    from vetro.training.recipe import Recipe
    from vetro.training.train import train

__version__ = "0.1.0"

_HOMES = {
    "Backprop": "vetro.glass.backprop.backprop",
    "Bounds": "vetro.glass.bounds.bounds",
    "Diagnosis": "vetro.glass.diagnose.diagnose",
    "Formula": "vetro.glass.formula.formula",
    "History": "vetro.training.history",
    "Model": "vetro.model.model",
    "ProgressBar": "vetro.apps.progress_bar",
    "Predictor": "vetro.training.predictor",
    "Proof": "vetro.glass.bounds.prove",
    "Recipe": "vetro.training.recipe",
    "Trace": "vetro.glass.trace.trace",
    "Training": "vetro.training.arguments",
    "Verification": "vetro.glass.verify.verification",
    "backprop": "vetro.glass.backprop.backprop",
    "bounds": "vetro.glass.bounds.bounds",
    "diagnose": "vetro.glass.diagnose.diagnose",
    "errors": "vetro.errors",
    "explain_engine": "vetro.engines.explain",
    "fit": "vetro.apps.python",
    "formula": "vetro.glass.formula.formula",
    "inspect": "vetro.apps.python",
    "load": "vetro.apps.python",
    "monotonicity": "vetro.glass.bounds.monotonicity",
    "parameters": "vetro.glass.names",
    "prove": "vetro.glass.bounds.prove",
    "trace": "vetro.glass.trace.trace",
    "train": "vetro.training.train",
    "train_many": "vetro.training.many",
    "verify": "vetro.glass.verify.verify",
}

__all__ = [
    "Backprop",
    "Bounds",
    "Diagnosis",
    "Formula",
    "History",
    "Model",
    "Predictor",
    "ProgressBar",
    "Proof",
    "Recipe",
    "Trace",
    "Training",
    "Verification",
    "__version__",
    "backprop",
    "bounds",
    "diagnose",
    "errors",
    "explain_engine",
    "fit",
    "formula",
    "inspect",
    "load",
    "monotonicity",
    "parameters",
    "prove",
    "trace",
    "train",
    "train_many",
    "verify",
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
