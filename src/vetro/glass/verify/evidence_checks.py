"""Checking that a model's data give its stored evidence again.

The table is read and split again as in the fit, and the encoder is built again.  Each held-out
row is predicted again by the members that never saw it.  The results must be equal to the bit,
since the engine gives the same bytes on every machine.  A model whose numbers were edited, even by
one bit, no longer gives the stored predictions.  verify.py checks whether the arithmetic is right.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import counted
from vetro.glass.check import Check
from vetro.glass.names import parameter_names
from vetro.glass.subject import subject_of
from vetro.glass.verify.comparison import Place, same_bits
from vetro.model.asked_table import read_for, with_roles
from vetro.model.held_out import held_out
from vetro.model.members import Ensemble
from vetro.model.metrics import figures
from vetro.model.model import Model
from vetro.model.own_table import chosen_over, fingerprint_of
from vetro.model.split import split_rows
from vetro.tables.left_out import weights_of
from vetro.tables.options import ReadOptions
from vetro.tables.table import Table

DOUBLE = 2.0**-52
_PLAIN = ReadOptions()


def reread(model: Model, source: Any, options: ReadOptions = _PLAIN) -> Table | None:
    """The model's table read again as in the fit; None if the source is a different table.

    options: how to read it; they override the fit's own.  A query stored in the model may be
    another person's text, so it is never run: ValueError if the options do not give one.
    """
    reading = _reading(model, options)
    # Another table, such as a single row, may not even be readable as a table to fit.
    if not reading.query and fingerprint_of(source) not in ("", model.evidence.data.get("sha256")):
        return None
    table = read_for(source, model.request, reading)
    if table.fingerprint != model.evidence.data.get("sha256"):
        return None
    return with_roles(table, model.request)


def _reading(model: Model, given: ReadOptions) -> ReadOptions:
    if model.request.options.query and not given.query:
        raise ValueError("a remembered query is not run")
    return chosen_over(model.request.options, given)


def data_check(model: Model, table: Table | None, shown: str) -> Check:
    """The check that the model was fitted to this table."""
    name = "data: the table of the fit"
    kept = str(model.evidence.data.get("sha256", ""))
    if table is None:
        detail = f"{shown} is not the table that the model was fitted to (SHA-256 differs)."
        return Check(name, "failed", detail=detail)
    return Check(name, "passed", detail=f"{shown} has the stored SHA-256 {kept[:16]}...")


def evidence_checks(model: Model, table: Table) -> tuple[Check, ...]:
    """The checks of the evidence; table: the one that the model was fitted to, from `reread`."""
    evidence, recipe = model.evidence, model.recipe
    split = split_rows(table, recipe)
    checks = [_split(split.to_json(), evidence.split)]
    ensemble = Ensemble(table, recipe, split, model.task, weights_of(table), "cpu")
    if len(model.members) == split.parts * recipe.members:
        checks.append(_encoder(model, ensemble))
    if not all(checks):
        return tuple(checks)
    found = held_out(model, ensemble)
    predicted, actual = found.predicted[found.kept], found.actual[found.kept]
    names = model.classes or model.targets
    rows = found.rows[found.kept]

    def place(index: tuple[int, ...]) -> str:
        column = f"{names[index[1]]} in " if len(index) > 1 else ""
        return f"{column}{table.place_of(int(rows[index[0]]))}"

    count = counted(len(rows), "held-out row")
    detail = f"{count} predicted again by the members that never saw them, all numbers the same"
    checks += [
        _bits("evidence: the held-out targets", actual, evidence.actual, place, count),
        _bits(
            "evidence: held-out predictions, to the bit",
            predicted,
            evidence.predicted,
            place,
            detail,
        ),
        _figures(model, found.actual, found.predicted, ensemble, found.rows),
    ]
    return tuple(checks)


def refit_check(model: Model, source: Any, options: ReadOptions = _PLAIN) -> Check:
    """Whether a new fit gives the same parameters, byte by byte, as it must.

    options: as in `reread`.

    The same table, request and engine give the same bytes on every machine, unless the fit had a
    time limit.  Takes as long as the fit itself.
    """
    from vetro.model.fit import fit_table

    name = "fit: the same parameters again, to the bit"
    if model.recipe.time:
        detail = "the fit had a time limit, so a new fit may end differently."
        return Check(name, "undecided", detail=detail)
    again = fit_table(source, replace(model.request, options=_reading(model, options)))
    subject = subject_of(model)
    names = parameter_names(subject)
    if len(again.members) != len(model.members):
        return Check(name, "failed", detail=f"the new fit has {len(again.members)} members.")
    for part, other in zip(subject.parts, again.members, strict=True):
        prefix = f"{part.name}: " if part.name else ""
        found = same_bits(
            name, part.parameters, other.parameters, _parameter_place(prefix, names), ""
        )
        if not found:
            return found
    count = len(names) * len(subject.parts)
    return Check(name, "passed", 0.0, 0.0, f"{count} parameters of a new fit, all the same.")


def _parameter_place(prefix: str, names: list[str]) -> Place:
    return lambda index: f"{prefix}{names[index[0]]}"


def _split(again: dict[str, Any], stored: dict[str, Any]) -> Check:
    name = "evidence: the split of the rows"
    wrong = [entry for entry in stored if again.get(entry) != stored[entry]]
    if wrong:
        detail = f"{wrong[0]} is {stored[wrong[0]]}, read again {again.get(wrong[0])}."
        return Check(name, "failed", detail=detail)
    kind = f"{again['folds']} folds" if again["folds"] else "a part held out"
    return Check(
        name, "passed", detail=f"{kind}, {counted(again['held_out_rows'], 'row')} held out."
    )


def _encoder(model: Model, ensemble: Ensemble) -> Check:
    """Inputs from the rows that some member learnt from, and each member's targets from its own
    training rows, computed again."""
    name = "evidence: the encoder"
    again = ensemble.encoder_of_all.inputs
    wrong = [block.name for block in model.blocks if block not in again]
    if wrong:
        detail = f"the encoding of {wrong[0]} differs from that of the rows."
        return Check(name, "failed", detail=detail)
    for number, member in enumerate(model.members):
        if member.targets != ensemble.encoder(*ensemble.part_of(number)).targets:
            detail = f"the scaling of member{number + 1} differs from that of its training rows."
            return Check(name, "failed", detail=detail)
    columns, members = counted(len(model.blocks), "input"), counted(len(model.members), "member")
    detail = f"{columns} and the targets of {members}, the same statistics of the rows."
    return Check(name, "passed", detail=detail)


def _bits(name: str, again: NDArray[Any], stored: NDArray[Any], place: Any, told: str) -> Check:
    if again.shape != stored.shape:
        detail = f"{stored.shape[0]} rows are stored, {again.shape[0]} are held out."
        return Check(name, "failed", detail=detail)
    given = np.asarray(stored).astype(again.dtype)
    found = same_bits(name, given, again, place, told)
    return found if found else replace(found, detail=f"stored: {found.detail}")


def _figures(
    model: Model,
    actual: NDArray[Any],
    predicted: NDArray[np.float64],
    ensemble: Ensemble,
    rows: NDArray[np.intp],
) -> Check:
    """The stored metrics, computed again; the bound allows sums in any order."""
    name = "evidence: the metrics"
    weights = None if ensemble.weights is None else ensemble.weights[rows]
    again = figures(model.task, actual, predicted, weights)
    stored = {key: interval.value for key, interval in model.evidence.metrics.items()}
    if set(again) != set(stored):
        return Check(name, "failed", detail=f"{', '.join(stored)} are stored.")
    bound = 4.0 * (len(rows) + 8) * DOUBLE
    worst = max(again, key=lambda key: abs(again[key] - stored[key]) / max(1.0, abs(again[key])))
    apart = abs(again[worst] - stored[worst])
    limit = bound * max(1.0, abs(again[worst]))
    if not apart <= limit:
        detail = f"{worst} is stored as {stored[worst]!r}, measured again {again[worst]!r}."
        return Check(name, "failed", apart, limit, detail)
    listed = ", ".join(f"{key} {value:.6g}" for key, value in again.items())
    return Check(name, "passed", apart, limit, f"{listed}.")
