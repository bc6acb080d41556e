"""Verify for a torch module as its classes declare it: against the engine, and torch itself.

The module is lowered without its hooks.  The engine's results, and torch's results of the whole
module, are compared with the exact results of the lowered network.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vetro.errors import counted, error
from vetro.glass.check import Check
from vetro.glass.learning import engine_run, torch_steps
from vetro.glass.names import parameter_names
from vetro.glass.rows import Rows, numbers_of, part_outputs, rows_of, width_of
from vetro.glass.subject import Part, Subject, of_lowering, subject_of
from vetro.glass.untouched import untouched
from vetro.glass.verify import torch_run
from vetro.glass.verify.comparison import check_of, same_bits
from vetro.glass.verify.exact_loss import divisor_of
from vetro.glass.verify.recomputing import (
    NO_TARGETS,
    Recomputed,
    engine_order,
    outputs_place,
    probes,
    recomputing,
    title_of,
)
from vetro.glass.verify.verification import Verification
from vetro.networks.lower_module import Lowering, lower_module
from vetro.networks.refusal import NotUnderstood
from vetro.networks.torch_updates import in_torchs_arithmetic, read_state

Array = NDArray[Any]

PROBE_WORK = 1e8
"""Multiplications for the probes that run twice and must give the same bytes."""


def verify_module(
    module: Any, x: Any, y: Any, loss: Any, optimizer: Any, predictor: Any
) -> Verification:
    """See verify."""
    if not isinstance(module, nn.Module):
        subject_of(module)  # raises the error that names the reason
    if y is None and (loss is not None or optimizer is not None):
        what = "a loss or an optimizer is given, but no targets"
        raise error("E711", what=what, fix="Give y too.")
    if any(nn.parameter.is_lazy(parameter) for parameter in module.parameters()):
        raise error("E701", reason="it is lazy: it has no shape before its first call")
    for parameter in module.parameters():
        if parameter.dtype not in (torch.float32, torch.float64) or parameter.device.type != "cpu":
            kind = str(parameter.dtype).removeprefix("torch.")
            reason = (
                f"its parameters are {kind} on {parameter.device}, not float32 or float64 on cpu"
            )
            raise error("E701", reason=reason)
    kept = _keeps_parameters(module, x)
    try:
        lowering = _lowered(module, x)
    except NotUnderstood as reason:
        if kept.verdict != "failed":
            raise error("E701", reason=reason) from None
        undecided = Check("outputs", "undecided", detail=f"not recomputed: {reason}.")
        return Verification(type(module).__name__, 0, (kept, undecided))
    subject = of_lowering(module, lowering)
    rows, count = rows_of(subject, x), subject.network.outputs
    with untouched(module), recomputing(subject, subject.parts[0], rows) as known:
        inputs = known.inputs

        def outputs_check(name: str, returned: Array) -> Check:
            return check_of(name, [known.outputs(returned)], "output")

        checks = [
            *_finite(subject),
            outputs_check("engine: outputs", part_outputs(subject.parts[0], inputs)),
            *engine_order(subject, rows),
            kept,
            outputs_check("torch: outputs", torch_run.outputs(module, inputs, count)),
            _as_declared(module, subject, inputs),
        ]
        if predictor is not None:
            checks += _of_predictor(predictor, subject, inputs, outputs_check)
        if y is not None:
            checks += _learning(known, subject, lowering, y, loss, optimizer)
    notes = () if y is not None else (NO_TARGETS,)
    return Verification(title_of(subject), len(rows), tuple(checks), notes, rows.notices)


def _lowered(module: nn.Module, x: Any) -> Lowering:
    """The module as declared, even if x has too many or too few columns: rows_of reports that."""
    try:
        return lower_module(module, inputs=width_of(x), training=False, declared=True)
    except NotUnderstood:
        return lower_module(module, training=False, declared=True)


def _keeps_parameters(module: nn.Module, x: Any) -> Check:
    """Whether a forward leaves every parameter and buffer as it was, to the byte."""
    name = "torch: parameters unchanged"
    given = numbers_of(x.raw if isinstance(x, Rows) else x)
    if given is None:
        return Check(name, "undecided", detail="x is not numbers.")  # rows_of reports it
    dtype = next((parameter.dtype for parameter in module.parameters()), torch.float32)
    tensor = torch.from_numpy(given.astype(np.float64)).to(dtype, copy=True)
    tensor = tensor.reshape(1, -1) if tensor.dim() == 1 else tensor
    with untouched(module) as watched:
        try:
            with torch.no_grad():
                module(tensor)
        except Exception:  # the next steps report it: E701, E702 or E711
            return Check(name, "undecided", detail="the forward failed.")
        changed = watched.changed()
    if changed:
        return Check(name, "failed", detail=f"a forward in eval mode changed {changed}.")
    return Check(name, "passed", detail="the same bytes after a forward in eval mode.")


def _finite(subject: Subject) -> list[Check]:
    """A failed check if a parameter is not finite, because then no bound holds; else no check."""
    strange = subject.parts[0].not_finite
    if not strange:
        return []
    detail = f"{strange} holds a value that is not finite."
    return [Check("parameters: finite", "failed", detail=detail)]


def _as_declared(module: nn.Module, subject: Subject, inputs: Array) -> Check:
    """Whether the module gives exactly the bytes that it gives without hooks and replacements."""
    name = "torch: as declared, to the bit"
    x = np.concatenate([inputs, probes(subject.network, PROBE_WORK)])
    count = subject.network.outputs
    own = torch_run.outputs(module, x, count)
    if own.tobytes() != torch_run.outputs(module, x, count).tobytes():
        return Check(name, "undecided", detail="the module itself is not reproducible.")
    wanted = torch_run.outputs(torch_run.as_declared(module), x, count)
    return same_bits(
        name, own, wanted, outputs_place(subject, subject.parts[0]),
        f"{counted(len(inputs), 'row')} and {len(x) - len(inputs)} probes, the same without hooks",
    )  # fmt: skip


def _of_predictor(
    predictor: Any, subject: Subject, inputs: Array, outputs_check: Any
) -> list[Check]:
    """The outputs of a predictor made before, and whether its numbers are still the module's."""
    part = subject.parts[0]

    def given(x: Array) -> Array:
        return torch_run.predicted(predictor, x, subject.network.outputs)

    checks = [outputs_check("predictor: outputs", given(inputs))]
    if type(predictor).__module__ == "vetro.training.predictor":
        x = np.concatenate([inputs, probes(subject.network, PROBE_WORK)])
        checks.append(
            same_bits(
                "predictor: the module's numbers",
                given(x),
                part_outputs(part, x),
                outputs_place(subject, part),
                f"{len(x)} rows and probes, the same bytes as with the module's parameters",
            )
        )
    return checks


def _learning(
    known: Recomputed,
    subject: Subject,
    lowering: Lowering,
    target: Any,
    loss: Any,
    optimizer: Any,
) -> list[Check]:
    """Gradients, and with an optimizer one update after another, by the engine and by torch."""
    module, part, inputs = subject.module, subject.parts[0], known.inputs
    assert module is not None
    y = torch_run.target_of(lowering, target)
    if loss is None:
        loss = nn.MSELoss() if y.is_floating_point() else nn.CrossEntropyLoss()
    own = optimizer or torch.optim.SGD(list(lowering.parameters), lr=0.0)
    rule, described = torch_run.rules_of(module, lowering, y, len(inputs), loss, own)
    if not described.ranges:
        detail = "no parameter requires a gradient."
        return [Check("gradients", "undecided", detail=detail)]
    arrays = _target_array(y, part)
    if divisor_of(rule, known.values[-1], arrays) == 0:
        detail = "no target counts (all are ignored or have weight 0), so the loss is 0 / 0."
        return [Check("gradients", "undecided", detail=detail)]
    state = read_state(own, described, lowering) if own.state else None
    job = engine_run.job_of(part, inputs, arrays, rule, described.plain, state)
    steps = engine_run.steps_of(job)
    flat = torch_run.gradient(module, lowering, inputs, y, loss)
    clean = torch_run.gradient(torch_run.as_declared(module), lowering, inputs, y, loss)
    names = parameter_names(subject)
    worst = known.gradients(job)
    checks = [
        check_of("engine: gradients", [worst(steps[0].gradient)], "gradient"),
        check_of("torch: gradients", [worst(flat)], "gradient"),
        same_bits(
            "torch: gradients as declared", flat, clean,
            lambda index: f"the gradient of {names[index[0]]}",
            "the same bytes without hooks",
        ),
    ]  # fmt: skip
    if optimizer is None:
        return checks
    of_torch = torch_steps.steps_of(optimizer, described, lowering, flat, len(steps))
    by_torch_rules = replace(job.updates, rules=in_torchs_arithmetic(described.rules, optimizer))
    return [
        *checks,
        check_of("engine: update", known.updates(job.updates, steps), "number"),
        check_of("torch: update", known.updates(by_torch_rules, of_torch), "number"),
    ]


def _target_array(y: torch.Tensor, part: Part) -> Array:
    values = y.contiguous().numpy()
    if y.is_floating_point():
        return values.reshape(len(values), -1).astype(part.network.dtype)
    return values
