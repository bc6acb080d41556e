"""Backprop as plain data: every layer, parameter and update."""

from __future__ import annotations

import math
from typing import Any

from vetro.glass.backprop.backprop_record import BackpropRecord, comparison
from vetro.glass.names import value_names


def to_json(found: BackpropRecord) -> dict[str, Any]:
    """Lists follow the order of the rows, of the units and of the flat vector; numbers that are
    not finite or do not exist are None."""
    terms = found.terms
    return {
        "member": found.part.name or None,
        "rows": list(found.places),
        "targets": list(found.targets),
        "loss": {
            "name": terms.shown,
            "value": terms.value,
            "formula": terms.formula,
            "reduction": terms.rule.reduction,
            "divisor": terms.divisor,
            "terms": terms.terms.tolist(),
            "slope": terms.slope.tolist(),
        },
        "signals": _signals(found),
        "gradients": _gradients(found),
        "updates": [
            {"optimizer": item.title, "in_use": item.own, "new": list(map(plain, item.new))}
            for item in found.updates
        ],
        "checks": [check.to_json() for check in found.checks],
        "notes": list(found.notes),
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
    places = {int(index): place for place, index in enumerate(found.central.index)}
    rows = []
    for number, name in enumerate(found.names):
        place = places.get(number)
        factors = [
            {"delta": delta.tolist(), "came_in": came_in.tolist()}
            for delta, came_in in found.factors(number)
        ]
        rows.append(
            {
                "parameter": name,
                "value": float(found.part.parameters[number]),
                "gradient": float(found.gradient[number]),
                "factors": factors,
                "autograd": plain(found.autograd[number]),
                "autograd_allowance": plain(found.rounding.gradient[number]),
                "central_difference": None if place is None else plain(found.central.value[place]),
                "central_allowance": (
                    None if place is None else plain(found.central.allowance[place])
                ),
                "twice": plain(found.twice[number]),
                "verdict": comparison(found, number) if found.learns[number] else "frozen",
            }
        )
    return rows


def plain(value: Any) -> float | None:
    """A float, None where it is not finite."""
    return float(value) if math.isfinite(value) else None
