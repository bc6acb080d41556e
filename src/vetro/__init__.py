"""Vetro fits a neural network to a table, at the speed of the machine, and shows every number.

Public names load what they need on first use; importing vetro imports nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vetro import errors as errors
    from vetro import optim as optim
    from vetro.apps.progress_bar import ProgressBar as ProgressBar
    from vetro.apps.python import fit as fit
    from vetro.apps.python import inspect as inspect
    from vetro.apps.python import load as load
    from vetro.engines.explain import explain_engine as explain_engine
    from vetro.glass.backprop.backprop import Backprop as Backprop
    from vetro.glass.backprop.backprop import backprop as backprop
    from vetro.glass.bounds.bounds import Bounds as Bounds
    from vetro.glass.bounds.bounds import bounds as bounds
    from vetro.glass.bounds.monotonicity import monotonicity as monotonicity
    from vetro.glass.bounds.prove import Proof as Proof
    from vetro.glass.bounds.prove import prove as prove
    from vetro.glass.diagnose.diagnose import Diagnosis as Diagnosis
    from vetro.glass.diagnose.diagnose import diagnose as diagnose
    from vetro.glass.formula.formula import Formula as Formula
    from vetro.glass.formula.formula import formula as formula
    from vetro.glass.names import parameters as parameters
    from vetro.glass.trace.trace import Trace as Trace
    from vetro.glass.trace.trace import trace as trace
    from vetro.glass.verify.verification import Verification as Verification
    from vetro.glass.verify.verify import verify as verify
    from vetro.model.model import Model as Model
    from vetro.training.arguments import Training as Training
    from vetro.training.find_learning_rate import find_learning_rate as find_learning_rate
    from vetro.training.history import History as History
    from vetro.training.many import train_many as train_many
    from vetro.training.predictor import Predictor as Predictor
    from vetro.training.recipe import Recipe as Recipe
    from vetro.training.train import train as train

__version__ = "0.1.0"

_NAMES = {
    "apps.progress_bar": "ProgressBar",
    "apps.python": "fit inspect load",
    "engines.explain": "explain_engine",
    "errors": "errors",
    "glass.backprop.backprop": "Backprop backprop",
    "glass.bounds.bounds": "Bounds bounds",
    "glass.bounds.monotonicity": "monotonicity",
    "glass.bounds.prove": "Proof prove",
    "glass.diagnose.diagnose": "Diagnosis diagnose",
    "glass.formula.formula": "Formula formula",
    "glass.names": "parameters",
    "glass.trace.trace": "Trace trace",
    "glass.verify.verification": "Verification",
    "glass.verify.verify": "verify",
    "model.model": "Model",
    "optim": "optim",
    "training.arguments": "Training",
    "training.find_learning_rate": "find_learning_rate",
    "training.history": "History",
    "training.many": "train_many",
    "training.predictor": "Predictor",
    "training.recipe": "Recipe",
    "training.train": "train",
}
"""The public names by the module that holds them."""

_HOMES = {name: f"vetro.{home}" for home, names in _NAMES.items() for name in names.split()}

if not TYPE_CHECKING:  # a checker takes the names imported above
    __all__ = ["__version__"]
    __all__ += list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vetro' has no attribute {name!r}")
    module = import_module(_HOMES[name])
    value = module if name in ("errors", "optim") else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(["__version__", *_HOMES])
