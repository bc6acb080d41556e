"""The command that repeats a fit, from the request that a model keeps."""

from __future__ import annotations

import shlex
from dataclasses import fields

from vetro.model.request import FitRequest
from vetro.settings import column_list, option_name
from vetro.tables.options import ReadOptions
from vetro.training.recipe import Recipe

_REPEATED = ("missing",)


def repeat_command(source: str, request: FitRequest) -> str:
    """`vetro fit ...` with every choice that is not the default, quoted for a shell."""
    words = ["vetro", "fit", source]
    words += ["--target", column_list(request.targets)]
    if request.inputs:
        words += ["--input", column_list(request.inputs)]
    if request.drop:
        words += ["--drop", column_list(request.drop)]
    if request.weight:
        words += ["--weight", request.weight]
    if request.group:
        words += ["--group", request.group]
    if request.drop_missing_target:
        words.append("--drop-missing-target")
    for chosen, default in ((request.options, ReadOptions()), (request.recipe, Recipe())):
        for entry in fields(chosen):
            value = getattr(chosen, entry.name)
            if value != getattr(default, entry.name):
                words += _option(entry.name, value)
    if request.engine != "auto":
        words += ["--engine", request.engine]
    return shlex.join(words)


def _option(name: str, value: object) -> list[str]:
    option = option_name(name)
    if name == "keep":
        return []
    if isinstance(value, bool):
        return [option if value else "--no-" + option.removeprefix("--")]
    if name == "hidden" and isinstance(value, tuple):
        return [option, ",".join(str(units) for units in value) or "none"]
    if name in _REPEATED and isinstance(value, tuple):
        return [word for item in value for word in (option, str(item))]
    if isinstance(value, tuple):
        return [option, column_list(value)]
    return [option, f"{value:g}" if isinstance(value, float) else str(value)]
