"""Verify: results of the engine and of torch, recomputed exactly and compared with proven bounds.

Forward, gradient and updates, of a model or of a user's module.  The bounds are those of
rounding.py: how far floating point may be off in any order of the sums, so that a larger difference
is a fault and not rounding.  Comparisons to the last bit find faults within the bounds: the module
must give exactly the bytes that it gives as its classes declare it, and the engine's sums those of
their stated order.  evidence_checks.py checks the evidence in a model's file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vetro.engines.native_core import why_not_native
from vetro.errors import error, issue_warnings
from vetro.glass.rows import reading_asked, rows_of
from vetro.glass.subject import model_of, subject_of
from vetro.glass.verify.verification import Verification
from vetro.glass.verify.verify_model import verify_model
from vetro.model.odd_rows import Unknown
from vetro.tables.options import ReadOptions


def verify(
    module_or_model: Any,
    x: Any,
    y: Any = None,
    loss: Any = None,
    optimizer: Any = None,
    *,
    predictor: Any = None,
    unknown: Unknown = "ignore",
    options: ReadOptions | None = None,
    **reading: Any,
) -> Verification:
    """Recompute outputs, gradients and updates exactly, and compare the returned ones with them.

    For a Model, x is anything that predict accepts.  Gradients and updates are those of the
    recipe's loss and optimizer; they need targets, in the rows or as y.
    unknown, options and reading (decimal=",", missing=("?",)): as in Model.predict.
    For a torch module, x is (rows, inputs).  With y, (rows, outputs) or classes (rows,), the
    gradient of loss(output, y) is checked too (default: MSELoss, or CrossEntropyLoss for whole
    numbers), and with an optimizer its updates.  predictor: an object that should give the module's
    outputs, such as a vetro.Predictor made earlier; its outputs are checked in the same way.

    A module is read as its classes declare it, without hooks and replaced forwards; of a custom
    autograd.Function, the forward is read.  Then the module itself runs, unchanged.  Module,
    optimizer and random generators are left unchanged.

    The bounds: gamma_n = n u / (1 - n u) of the sum of absolute values for a sum of n products in
    any order, u for one operation (Higham 2002, chapters 2 and 3), 4 units in the last place for
    tanh and similar functions, all propagated through the layers; see rounding.py.
    Piecewise linear networks are recomputed in fractions, others in balls of 256 bits.

    Raises E701 for a module that cannot be read, E702 for wrong rows, E313 and E315 for targets
    that vetro.train refuses, E711 if something cannot be recomputed.
    """
    missing = why_not_native()
    if missing:
        raise error("E604", what=missing, fix="Use a machine whose processor has them.")
    how = reading_asked(module_or_model, options, reading)
    with np.errstate(all="ignore"):
        if model_of(module_or_model) is not None:
            subject = subject_of(module_or_model)
            found = verify_model(subject, rows_of(subject, x, how, unknown), y, loss)
        else:
            from vetro.glass.verify.verify_module import verify_module

            found = verify_module(module_or_model, x, y, loss, optimizer, predictor)
    issue_warnings(found.notices)
    return found
