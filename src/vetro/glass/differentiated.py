"""What backprop differentiates: a module of the user's, or one member of a model as a module.

Both become rows as the network reads them, a loss by name, and an optimizer of torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, VetroError, error, nearest, shown
from vetro.glass.figures import figure
from vetro.glass.loss_terms import LossRule
from vetro.glass.rows import Rows, part_inputs, rows_of
from vetro.glass.subject import Part, Subject, of_lowering, subject_of
from vetro.glass.update_terms import KINDS, USUAL, UpdateRule
from vetro.model.model import Model
from vetro.networks.refusal import NotUnderstood
from vetro.tables.schema import Column
from vetro.training.plan import NUMBER_LOSSES, resolve_loss
from vetro.training.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from vetro.networks.lower_module import Lowering
    from vetro.training.arguments import Request

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Differentiated:
    """x: (rows, features) as the network reads them; y: as the rule takes it.

    asked: module, loss, optimizer and rows as vetro.train takes them; lowering: of that module.
    given: whether the user gave the optimizer, or it is the recipe's.  rules: the updates to
    show.  targets: a text for each row.  notes: sentences.
    """

    subject: Subject
    part: Part
    places: tuple[str, ...]
    x: Floats
    y: NDArray[Any]
    rule: LossRule
    asked: Request
    lowering: Lowering
    given: bool
    rules: tuple[UpdateRule, ...]
    targets: tuple[str, ...]
    notes: tuple[str, ...]
    notices: tuple[Notice, ...]


def differentiated(
    thing: Any, x: Any, y: Any, loss: Any, optimizer: Any, member: int
) -> Differentiated:
    """Both doors; E701, E710, and the messages of vetro.train."""
    if isinstance(thing, Model) or (isinstance(thing, Subject) and thing.model is not None):
        return _of_model(subject_of(thing), x, y, loss, optimizer, member)
    if isinstance(thing, Subject):
        thing = thing.module
    return _of_module(thing, x, y, loss, optimizer)


def _of_module(module: Any, x: Any, y: Any, loss: Any, optimizer: Any) -> Differentiated:
    import torch

    from vetro.networks.lower_module import lower_module

    if not isinstance(module, torch.nn.Module):
        subject_of(module)  # refuses it
    notes = []
    x, y = _one_row(module, x, y)
    loss, note = _loss(loss, y)
    notes += [note] if note else []
    asked = _request(module, x, y, loss, optimizer)
    try:
        lowering = lower_module(module, inputs=_width(asked.x), training=False)
    except NotUnderstood as reason:
        raise error("E701", reason=reason) from None
    if any(part.training and "Dropout" in type(part).__name__ for part in module.modules()):
        notes.append("Dropout is left out, as in eval mode.")
    subject = of_lowering(module, lowering)
    if optimizer is None:
        rules = tuple(UpdateRule(kind, **USUAL[kind]) for kind in KINDS)  # type: ignore[arg-type]
        notes.append("No optimizer is given: the updates are those of torch's own settings.")
    else:
        rate = float(optimizer.param_groups[0]["lr"])
        rules = tuple(UpdateRule(kind, **{**USUAL[kind], "rate": rate}) for kind in KINDS)  # type: ignore[arg-type]
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
    from vetro.glass.autograd import rule_of

    rows = asked.rows
    x = asked.x.detach().double().numpy().reshape(rows, -1)
    rule = rule_of(asked.training.loss, lowering, asked.y)
    target = asked.y.detach().numpy()
    if rule.kind == "other":
        y: NDArray[Any] = target
    elif rule.kind == "cross_entropy":
        y = target
        targets = targets or tuple(subject.outputs[c] if c >= 0 else "none" for c in target)
    else:
        y = target.astype(np.float64).reshape(rows, -1)
        targets = targets or tuple(_listed(subject.outputs, row) for row in y)
    return Differentiated(
        subject,
        part,
        places or tuple(f"row {number}" for number in range(1, rows + 1)),
        x,
        y,
        rule,
        asked,
        lowering,
        given,
        rules,
        targets,
        notes,
        (*notices, *asked.notices),
    )


def _request(module: Any, x: Any, y: Any, loss: Any, optimizer: Any) -> Request:
    """The arguments, checked as vetro.train checks them."""
    import torch

    from vetro.training.arguments import Training, request

    if optimizer is None:
        parameters = list(module.parameters()) or [torch.nn.Parameter(torch.zeros(1))]
        optimizer = torch.optim.SGD(parameters, lr=1e-3)
    return request(Training(module, x, y, loss=loss, optimizer=optimizer, steps=1))


def _loss(loss: Any, y: Any) -> tuple[Any, str]:
    """The loss given, by its name too, or the one that suits the targets; and a note."""
    from torch import nn

    losses: dict[str, Any] = {
        "mse": nn.MSELoss, "l1": nn.L1Loss, "smooth_l1": nn.SmoothL1Loss, "huber": nn.HuberLoss,
        "bce": nn.BCEWithLogitsLoss, "cross_entropy": nn.CrossEntropyLoss,
    }  # fmt: skip
    if isinstance(loss, str):
        if loss not in losses:
            mend = f"Use one of: {', '.join(losses)}; or a loss of torch."
            raise error("E601", argument="loss", value=loss, reason="it is unknown", mend=mend)
        return losses[loss](), ""
    if loss is not None:
        return loss, ""
    whole = "int64" in str(getattr(y, "dtype", "")) and getattr(y, "ndim", 0) == 1
    name = "cross_entropy" if whole else "mse"
    return losses[name](), f"No loss is given: {name} suits these targets."


def _one_row(module: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Bare numbers of a single row as one row of a matrix, where the first layer's width tells."""
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
    """Lists and plain numbers of Python as a tensor of the module's dtype; all else as it is."""
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
    subject: Subject, x: Any, y: Any, loss: Any, optimizer: Any, member: int
) -> Differentiated:
    from vetro.networks.lift import lift
    from vetro.networks.lower_module import lower_module

    model = subject.model
    assert model is not None
    if optimizer is not None:
        what = "an optimizer is given, but a model's is its recipe's"
        raise error("E710", what=what, mend="Leave it out, or give model.module's own network.")
    if not 1 <= member <= len(subject.parts):
        mend = f"Use a whole number from 1 to {len(subject.parts)}."
        raise error(
            "E601", argument="member", value=member, reason="there is no such member", mend=mend
        )
    part = subject.parts[member - 1]
    rows = rows_of(subject, x)
    rule = _model_loss(model, loss)
    encoded, targets = _targets(subject, part, rows, y, rule)
    module = lift(model.network, part.parameters)
    import torch

    inputs = torch.from_numpy(part_inputs(part, rows))
    recipe = model.recipe
    asked = _request(
        module, inputs, torch.from_numpy(encoded), _loss(rule, None)[0],
        _recipe_optimizer(module, recipe),
    )  # fmt: skip
    lowering = lower_module(module, inputs=model.network.inputs, training=False)
    notes = []
    if len(subject.parts) > 1:
        notes.append(
            f"This is member {member} of {len(subject.parts)}: each was trained by itself."
        )
    if model.network.dropout:
        notes.append("Dropout is left out, as in predicting.")
    if recipe.class_weight == "balanced" and len(rows) > 1:
        notes.append("Every row counts alike here; in training classes were balanced.")
    return _finish(
        subject, part, asked, lowering, True, _recipe_rules(recipe), tuple(notes),
        rows.places, targets, rows.notices,
    )  # fmt: skip


def _model_loss(model: Model, loss: Any) -> str:
    """The recipe's loss, or the one named in its place."""
    recipe = model.recipe
    if loss is not None and not isinstance(loss, str):
        mend = f"Use one of: {', '.join(NUMBER_LOSSES)}, cross_entropy, bce."
        raise error(
            "E601", argument="loss", value=type(loss).__name__, mend=mend,
            reason="a model takes the name of a loss",
        )  # fmt: skip
    own = resolve_loss(recipe, model.task, len(model.classes))
    if loss is None:
        return own
    asked = resolve_loss(replace(recipe, loss=loss), model.task, len(model.classes))
    if (asked == "bce") != (own == "bce"):
        reason = f"the network's outputs were made for {own}"
        mend = f"Use {own}."
        raise error("E601", argument="loss", value=loss, reason=reason, mend=mend)
    return asked


def _recipe_optimizer(module: Any, recipe: Recipe) -> Any:
    import torch

    rule = _recipe_rules(recipe)[KINDS.index(recipe.optimizer)]
    settings: dict[str, Any] = {"lr": rule.rate, "weight_decay": rule.weight_decay}
    if recipe.optimizer in ("sgd", "rmsprop"):
        settings["momentum"] = rule.momentum
    kinds: dict[str, Any] = {
        "sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
    }  # fmt: skip
    return kinds[recipe.optimizer](module.parameters(), **settings)


def _recipe_rules(recipe: Recipe) -> tuple[UpdateRule, ...]:
    """Each optimizer at the recipe's rate; the recipe's own with all of its settings."""
    found = []
    for kind in KINDS:
        if kind == recipe.optimizer:
            momentum = recipe.momentum if kind in ("sgd", "rmsprop") else 0.0
            rule = UpdateRule(
                kind, recipe.learning_rate, momentum=momentum, weight_decay=recipe.weight_decay
            )
        else:
            rule = UpdateRule(kind, **{**USUAL[kind], "rate": recipe.learning_rate})  # type: ignore[arg-type]
        found.append(rule)
    return tuple(found)


def _targets(
    subject: Subject, part: Part, rows: Rows, y: Any, loss: str
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The targets as the network's loss takes them, and a text for each row."""
    model, encoder = subject.model, part.encoder
    assert model is not None and encoder is not None
    columns = model.schema.targets
    raw = np.stack(
        [_raw(column, rows, y, number, columns) for number, column in enumerate(columns)], axis=1
    )
    if model.classes:
        codes = raw[:, 0].astype(np.int64)
        texts = tuple(f"{columns[0].name} = {model.classes[code]}" for code in codes)
        if loss == "bce":
            return codes.astype(np.float32).reshape(-1, 1), texts
        return codes, texts
    scaled = np.empty(raw.shape, dtype=np.float32)
    for number, target in enumerate(encoder.number_targets):
        scaled[:, number] = target.encode(raw[:, number])
    units = subject.answer_units
    texts = tuple(
        ", ".join(
            f"{column.name} = {figure(value)}{f' {unit}' if unit else ''}"
            for column, value, unit in zip(columns, row, units, strict=True)
        )
        for row in raw
    )
    return scaled, texts


def _raw(column: Column, rows: Rows, y: Any, number: int, columns: tuple[Column, ...]) -> Floats:
    """One target of every row, in its unit, or as its class's code."""
    if isinstance(y, Mapping):
        for name in y:
            known = [item.name for item in columns]
            if name not in known:
                raise error(
                    "E114", role="target", name=name, hint=nearest(str(name), known),
                    columns=", ".join(known),
                )  # fmt: skip
        y = y.get(column.name)
    elif y is not None and len(columns) > 1:
        y = _column(y, number, len(columns), len(rows))
    if y is None:
        table = rows.table
        if table is None or column.name not in table.values:
            raise _unknown(f'the target "{column.name}" is not among the values of the row')
        found = np.asarray(table.values[column.name], dtype=np.float64)
        wrong = np.isnan(found) | ((found < 0) & (column.kind == "category"))
        if wrong.any():
            place = rows.places[int(np.flatnonzero(wrong)[0])] if rows.places else "the row"
            raise _unknown(f'the target "{column.name}" is empty or unknown in {place}')
        return found
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    values = np.atleast_1d(np.asarray(y, dtype=object)).reshape(-1)
    if len(values) != len(rows):
        what = f'{len(values)} values of the target "{column.name}" for {len(rows)} rows'
        raise error("E710", what=what, mend="Give one for each row.")
    return np.array([_value(column, value) for value in values])


def _column(y: Any, number: int, targets: int, rows: int) -> Any:
    values = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y, dtype=object)
    if values.ndim == 1 and rows == 1:
        values = values[None]
    if values.ndim != 2 or values.shape[1] != targets:
        what = f"the targets have shape {values.shape} where ({rows}, {targets}) is expected"
        raise error("E710", what=what, mend="Give one number for each target of each row.")
    return values[:, number]


def _value(column: Column, value: Any) -> float:
    """A number in the target's unit, or the code of a label."""
    from vetro.tables.targets import class_labels

    if column.kind in ("category", "flag"):
        labels = class_labels(column)
        text = str(value)
        if text not in labels:
            mend = f"Use one of: {', '.join(labels)}."
            hint = nearest(text, labels)
            raise error(
                "E710", what=f'"{shown(text)}" is no class of "{column.name}"', mend=hint + mend
            )
        return float(labels.index(text))
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if not np.isfinite(found):
        what = f'"{shown(str(value))}" is no value of the target "{column.name}"'
        raise error("E710", what=what, mend="Give a number.")
    return found


def _unknown(what: str) -> VetroError:
    return error("E710", what=what, mend="Give it: y=..., or --target-value VALUE.")
