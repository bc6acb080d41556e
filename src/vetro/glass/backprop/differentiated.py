"""The subject of backprop: a user's module, or one member of a model as a module.

Both become rows as the network reads them, a loss by name, and a torch optimizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, Setting, error
from vetro.figures import figure
from vetro.glass.learning.loss_terms import OtherLoss
from vetro.glass.learning.model_targets import model_loss, recipe_rules, targets_of
from vetro.glass.learning.update_terms import USUAL
from vetro.glass.rows import Rows, kind_of, part_inputs, rows_of
from vetro.glass.subject import Part, Subject, model_of, of_lowering, subject_of
from vetro.model.odd_rows import Unknown
from vetro.networks.losses.rule import LossRule
from vetro.networks.losses.table import LOSSES, loss_of
from vetro.networks.refusal import NotUnderstood
from vetro.networks.updates.rule import UpdateRule
from vetro.tables.options import ReadOptions

if TYPE_CHECKING:
    import torch

    from vetro.networks.lower_module import Lowering
    from vetro.training.arguments import Request

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Differentiated:
    """x: (rows, features) as the network reads them; y: as the rule takes it.

    asked: module, loss, optimizer and rows in vetro.train's form; lowering: of that module.
    given: whether the optimizer is the user's or the recipe's, not a default.  rules: the updates
    to show.  targets: a text for each row.  notes: sentences.
    """

    subject: Subject
    part: Part
    places: tuple[str, ...]
    x: Floats
    y: NDArray[Any]
    rule: LossRule | OtherLoss
    asked: Request
    lowering: Lowering
    given: bool
    rules: tuple[UpdateRule, ...]
    targets: tuple[str, ...]
    notes: tuple[str, ...]
    notices: tuple[Notice, ...]


def differentiated(
    thing: Any,
    x: Any,
    y: Any,
    loss: Any,
    optimizer: Any,
    member: int,
    unknown: Unknown = "refuse",
    options: ReadOptions | None = None,
) -> Differentiated:
    """Both doors; E701, E710, and the messages of vetro.train."""
    if model_of(thing) is not None:
        subject = subject_of(thing)
        rows = rows_of(subject, x, options, unknown)
        return _of_model(subject, rows, y, loss, optimizer, member)
    if isinstance(thing, Subject):
        thing = thing.module
    return _of_module(thing, x, y, loss, optimizer)


def _of_module(module: Any, x: Any, y: Any, loss: Any, optimizer: Any) -> Differentiated:
    import torch

    from vetro.glass.backprop.autograd import judge
    from vetro.networks.functions import functions_by_forward
    from vetro.networks.lower_module import lower_module

    if not isinstance(module, torch.nn.Module):
        subject_of(module)  # raises the error that names the reason
    notes = []
    x, y = _one_row(module, x, y)
    loss, note = asked_loss(loss, y)
    notes += [note] if note else []
    asked = request_of(module, x, y, loss, optimizer)
    notes += _gradients_there(module, asked.notices)
    # these concern training only: here .grad is not changed, and every module runs in eval mode
    kept = [one for one in asked.notices if one.code not in ("W310", "W314")]
    asked = replace(asked, notices=kept)
    try:
        with functions_by_forward():  # autograd uses their own backward, and is compared with this
            lowering = lower_module(module, inputs=_width(asked.x), training=False)
    except NotUnderstood as reason:
        with suppress(RuntimeError, TypeError, ValueError, IndexError):
            judge(asked)  # if the rows are wrong, that error explains more
        raise error("E701", reason=reason) from None
    judge(asked)
    if any(part.training and "Dropout" in type(part).__name__ for part in module.modules()):
        notes.append("Dropout is left out, as in eval mode.")
    subject = of_lowering(module, lowering)
    if optimizer is None:
        rules = USUAL
        notes.append("No optimizer is given: the updates use torch's default settings.")
    else:
        rate = float(optimizer.param_groups[0]["lr"])
        rules = tuple(replace(rule, rate=rate) for rule in USUAL)
    return _finish(
        subject, subject.parts[0], asked, lowering, optimizer is not None, rules, tuple(notes)
    )


def _finish(
    subject: Subject,
    part: Part,
    asked: Request,
    lowering: Lowering,
    given: bool,
    rules: tuple[UpdateRule, ...],
    notes: tuple[str, ...],
    places: tuple[str, ...] = (),
    targets: tuple[str, ...] = (),
    notices: tuple[Notice, ...] = (),
) -> Differentiated:
    from vetro.glass.backprop.autograd import rule_of

    rows = len(asked.x)
    x = asked.x.detach().double().numpy().reshape(rows, -1)
    rule = rule_of(asked.training.loss, lowering, asked.y)
    target = asked.y.detach().numpy()
    if isinstance(rule, OtherLoss):
        y: NDArray[Any] = target
    elif loss_of(rule).target == "class":
        y = target
        targets = targets or tuple(subject.outputs[c] if c >= 0 else "none" for c in target)
    else:
        y = target.astype(np.float64).reshape(rows, -1)
        targets = targets or tuple(_listed(subject.outputs, row) for row in y)
    return Differentiated(
        subject=subject,
        part=part,
        places=places or tuple(f"row {number}" for number in range(1, rows + 1)),
        x=x,
        y=y,
        rule=rule,
        asked=asked,
        lowering=lowering,
        given=given,
        rules=rules,
        targets=targets,
        notes=notes,
        notices=(*notices, *asked.notices),
    )


def _gradients_there(module: torch.nn.Module, notices: Sequence[Notice]) -> list[str]:
    """A note on gradients in .grad, which vetro.train would discard and backprop leaves alone."""
    if not any(one.code == "W310" for one in notices):
        return []
    name = next(n for n, p in module.named_parameters() if p.grad is not None and p.grad.any())
    return [
        f"{name}.grad already holds a gradient. It is neither counted nor changed here; in a loop "
        "without zero_grad(), backward() adds to it."
    ]


def request_of(module: Any, x: Any, y: Any, loss: Any, optimizer: Any) -> Request:
    """The arguments, checked as vetro.train checks them."""
    import torch

    from vetro.training.arguments import Training, request

    for name, values in (("x", x), ("y", y)):
        if isinstance(values, torch.Tensor) and (values.is_meta or values.layout != torch.strided):
            what = f"{name} is {kind_of(values)}, not numbers"
            raise error("E315", what=what, fix="Give a dense tensor that holds its numbers.")
    if optimizer is None:
        parameters = list(module.parameters()) or [torch.nn.Parameter(torch.zeros(1))]
        optimizer = torch.optim.SGD(parameters, lr=1e-3)
    return request(Training(module, x, y, loss=loss, optimizer=optimizer, steps=1))


def asked_loss(loss: Any, y: Any) -> tuple[Any, str]:
    """The given loss or the loss of that name, else the one that suits the targets; and a note."""
    from torch import nn

    losses: dict[str, Any] = {
        kind: getattr(nn, one.torch_class) for kind, one in LOSSES.items() if one.torch_class
    }
    if isinstance(loss, str):
        if loss not in losses:
            fix = f"Use one of: {', '.join(losses)}; or a loss of torch."
            raise error(
                "E601", argument=Setting("loss"), value=loss, reason="it is unknown", fix=fix
            )
        return losses[loss](), ""
    if loss is not None:
        return loss, ""
    whole = "int64" in str(getattr(y, "dtype", "")) and getattr(y, "ndim", 0) == 1
    name = "cross_entropy" if whole else "mse"
    return losses[name](), f"No loss is given: {name} suits these targets."


def _one_row(module: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The numbers of a single row as one row of a matrix, if they fit the first layer's width."""
    from torch import nn

    x, y = _tensor(module, x), _tensor(module, y)
    first = next((part for part in module.modules() if isinstance(part, nn.Linear)), None)
    if first is None or getattr(x, "ndim", 0) != 1 or first.in_features != len(x) or len(x) == 1:
        return x, y
    if getattr(y, "ndim", 2) == 0:
        whole = "float" not in str(y.dtype)
        return x[None], y[None] if whole else y[None, None]
    return x[None], y[None] if getattr(y, "ndim", 2) == 1 and len(y) > 1 else y


def _tensor(module: Any, values: Any) -> Any:
    """Lists and plain numbers of Python as a tensor of the module's dtype; others unchanged."""
    import torch

    if not isinstance(values, (list, tuple, float, int)) or isinstance(values, bool):
        return values
    parameter = next(module.parameters(), torch.zeros(1))
    try:
        found = torch.tensor(values)
    except (TypeError, ValueError, RuntimeError):
        return values
    return found.to(parameter.dtype) if found.is_floating_point() else found


def _width(x: torch.Tensor) -> int | None:
    return int(x.shape[1]) if x.dim() == 2 else None


def _of_model(
    subject: Subject, rows: Rows, y: Any, loss: Any, optimizer: Any, member: int
) -> Differentiated:
    from vetro.glass.backprop.autograd import as_module

    model = subject.model
    assert model is not None
    if optimizer is not None:
        what = "an optimizer is given, but a model uses its recipe's optimizer"
        raise error("E710", what=what, fix="Leave it out, or give model.module's own network.")
    if not 1 <= member <= len(subject.parts):
        fix = f"Use a whole number from 1 to {len(subject.parts)}."
        raise error(
            "E601", argument=Setting("member"), value=member, reason="it is unknown", fix=fix
        )
    part = subject.parts[member - 1]
    name = model_loss(model, loss)
    encoded, targets = targets_of(subject, part, rows, y, name)
    notes = []
    if len(subject.parts) > 1:
        notes.append(
            f"This is member {member} of {len(subject.parts)}; each was trained separately."
        )
    if model.network.dropout:
        notes.append("Dropout is left out, as in predicting.")
    if model.recipe.class_weight == "balanced" and len(rows) > 1:
        notes.append("All rows have equal weight here; in training the classes were balanced.")
    asked, lowering = as_module(part, part_inputs(part, rows), encoded, asked_loss(name, None)[0])
    return _finish(
        subject, part, asked, lowering, True, recipe_rules(model.recipe), tuple(notes),
        rows.places, targets, rows.notices,
    )  # fmt: skip


def _listed(names: tuple[str, ...], values: Floats, most: int = 4) -> str:
    pairs = [f"{n} = {figure(float(v))}" for n, v in zip(names[:most], values, strict=False)]
    more = len(names) - most
    return ", ".join(pairs) + (f" and {more} more" if more > 0 else "")
