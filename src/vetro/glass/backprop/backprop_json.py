"""Backprop as plain data: every layer, parameter and update."""

from __future__ import annotations

from typing import Any

from vetro.glass.as_json import as_json, plain
from vetro.glass.backprop.backprop_record import BackpropRecord, comparison
from vetro.glass.names import value_names


def to_json(found: BackpropRecord) -> dict[str, Any]:
    """Lists follow the order of the rows, of the units and of the flat vector; numbers that are
    not finite or do not exist are None."""
    return {
        "member": found.part.name or None,
        **as_json(found, "rows=places targets"),
        "loss": as_json(
            found.terms,
            "name=shown value formula reduction=rule.reduction divisor terms slope",
        ),
        "signals": _signals(found),
        "gradients": _gradients(found),
        "updates": [as_json(item, "optimizer=title in_use=own new") for item in found.updates],
        **as_json(found, "checks notes"),
    }


def _signals(found: BackpropRecord) -> dict[str, Any]:
    """The error signals of the row with the largest term of the loss."""
    names = value_names(found.subject)
    layers = [
        {
            "layer": layer.where,
            "units": [
                {
                    "unit": unit,
                    "value": float(layer.z[number]),
                    "delta": float(layer.delta[number]),
                    "slope": float(layer.slope[number]),
                    "function": layer.function or None,
                    "sum": float(layer.sum[number]),
                    "off": bool(layer.off[number]),
                }
                for number, unit in enumerate(names[layer.value])
            ],
        }
        for layer in found.signals(found.worst_row)
    ]
    return {"row": found.places[found.worst_row], "layers": layers}


def _gradients(found: BackpropRecord) -> list[dict[str, Any]]:
    """Every parameter, with its central difference if there is one."""
    central = found.central
    measured = zip(plain(central.value), plain(central.allowance), strict=True)
    central_of = dict(zip(central.index.tolist(), measured, strict=True))
    vectors = (
        found.part.parameters,
        found.gradient,
        found.autograd,
        found.rounding.gradient,
        found.twice,
    )
    numbers = zip(*map(plain, vectors), strict=True)
    gradients = []
    for number, (value, gradient, autograd, allowance, twice) in enumerate(numbers):
        difference, central_allowance = central_of.get(number, (None, None))
        gradients.append(
            {
                "parameter": found.names[number],
                "value": value,
                "gradient": gradient,
                "factors": [
                    {"delta": plain(delta), "came_in": plain(came_in)}
                    for delta, came_in in found.factors(number)
                ],
                "autograd": autograd,
                "autograd_allowance": allowance,
                "central_difference": difference,
                "central_allowance": central_allowance,
                "twice": twice,
                "verdict": comparison(found, number) if found.learns[number] else "frozen",
            }
        )
    return gradients
