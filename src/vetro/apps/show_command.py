"""`vetro show`: a model's targets and inputs, its quality, and how it was made."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from vetro.apps.inspect_command import column_json, column_rows
from vetro.apps.options import JsonOption, ModelArgument, value_text
from vetro.apps.present import (
    QUALITY,
    facts,
    figure,
    print_json,
    say,
    seconds_text,
    show_notices,
    table,
)
from vetro.errors import counted

if TYPE_CHECKING:
    from vetro.model.model import Model
    from vetro.networks.solvers import Regularisation

MOST_IMPORTANT = 10


def show(
    model: ModelArgument,
    *,
    json: JsonOption = False,
) -> None:
    """Show what a model is and how it was made.

    It shows the model's targets, inputs, quality, network, recipe and evidence.
    """
    from vetro.apps.runs import load_model

    found = load_model(model)
    if json:
        print_json(_json(model, found), found.evidence.notices)
    else:
        _show(found)


def _show(model: Model) -> None:
    from vetro.apps.quality import in_unit, quality_table, unit_of
    from vetro.report.verdict import verdict

    evidence = model.evidence
    inputs = counted(len(model.inputs), "column")
    say(f"Predicts {', '.join(model.targets)} from {inputs}; {model.task}")
    say(verdict(model))
    say()
    quality_table(model)
    say()
    used = [column for column in model.schema if column.role != "ignored"]
    column_rows(used, int(evidence.data.get("rows", 0)), with_targets=True)
    say()
    if evidence.importance:
        rows = [[name, figure(rise, 3)] for name, rise in evidence.importance.items()]
        measure = in_unit("rmse", unit_of(model)) if model.task == "regression" else "log loss"
        table(["column", f"{measure} rises if permuted"], rows[:MOST_IMPORTANT], numbers=[1])
        say()
    facts(_facts(model).items())
    if any(item.is_urgent for item in evidence.notices):
        say()
        show_notices(evidence.notices, sys.stdout, urgent_only=True)


def _facts(model: Model) -> dict[str, str]:
    from vetro.report.origin import inputs_text

    evidence, network = model.evidence, model.network
    data, recipe = evidence.data, model.recipe.to_json()
    sizes = "-".join(map(str, network.sizes))
    members = counted(len(model.members), "member")
    each = " each" if len(model.members) > 1 else ""
    return {
        "network": f"{sizes}, {network.activation}; {members} of "
        f"{counted(network.parameter_count, 'parameter')}{each}",
        "inputs": inputs_text(model),
        "recipe": ", ".join(f"{name} {_entry_text(name, v)}" for name, v in recipe.items()),
        **_regularisation(evidence.regularisation),
        "rows": _split_text(evidence.split, int(data.get("rows", 0))),
        "data": f"{data.get('name', '')}, SHA-256 {data.get('sha256') or 'not computed'}",
        "made": f"{evidence.created} in {seconds_text(sum(evidence.seconds.values()))} "
        f"by the engine {evidence.engine}",
        "versions": ", ".join(f"{name} {found}" for name, found in evidence.versions.items()),
    }


def _regularisation(found: tuple[Regularisation, ...]) -> dict[str, str]:
    from vetro.report.origin import regularisation_text

    return {"regularisation": regularisation_text(found)} if found else {}


_MARKS: dict[tuple[str, float], str] = {
    ("batch_size", 0): "automatic",
    ("bins", 0): "automatic",
    ("patience", 0): "unlimited",
    ("clip_norm", 0): "none",
    ("time", 0): "unlimited",
    ("folds", -1): "automatic",
    ("folds", 0): "none",
    ("holdout", -1): "automatic",
    ("holdout", 0): "none",
}
"""The meaning of the numbers in a recipe that are not amounts."""


def _entry_text(name: str, value: Any) -> str:
    special = _MARKS.get((name, value)) if isinstance(value, int | float) else None
    return special or value_text(value)


def _split_text(split: dict[str, Any], rows: int) -> str:
    if split.get("kind") == "folds":
        text = f"{rows}, in {split['folds']} folds; each predicted by members that did not see it"
    else:
        text = f"{rows}, {split.get('held_out_rows', 0)} of them held out"
    return f"{text}; grouped by {split['grouped_by']}" if split.get("grouped_by") else text


def _json(path: str, model: Model) -> dict[str, Any]:
    from vetro.glass.as_json import as_json
    from vetro.report.verdict import verdict
    from vetro.tables.blocks import NumberBlock

    network = "sizes activation dropout parameters=parameter_count inputs=input_names"
    return {
        "model": path,
        "verdict": verdict(model),
        **as_json(model, "task targets inputs classes"),
        "columns": [column_json(column) for column in model.schema],
        **as_json(model.evidence, f"{QUALITY} training_metrics importance"),
        "network": as_json(model.network, f"{network} outputs=output_names"),
        "bins": {
            block.name: list(block.borders)
            for block in model.blocks
            if isinstance(block, NumberBlock) and block.borders
        },
        "members": [as_json(member, "fold") for member in model.members],
        "recipe": model.recipe,
        **as_json(
            model.evidence,
            "data split stopped regularisation engine engine_reason versions seconds created",
        ),
    }
