"""Every fix that a message proposes is run, in both doors: the message does not come again."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import provoked
import pytest
from provoked import Case
from test_settings import shell_words

import vetro
from vetro.apps.command_line import main
from vetro.errors import Setting, VetroError, VetroWarning, Words

CASES = [
    *provoked.READING,
    *provoked.TARGETS,
    *provoked.FITTING,
    *provoked.PREDICTING,
    *provoked.LOOKING,
]
TINY = (
    Setting("epochs", "2"),
    Setting("folds", "2"),
    Setting("hidden", "2"),
)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def name_of(case: Case) -> str:
    return f"{case.code}-{case.id}" if case.id else case.code


def written(case: Case) -> None:
    content = case.content
    if isinstance(content, bytes):
        Path(case.name).write_bytes(content)
    elif isinstance(content, str):
        Path(case.name).write_text(content, encoding="utf-8")
    else:
        content(Path(case.name))
    if case.trained and not Path("model.safetensors").exists():
        Path("trained.csv").write_text(case.trained, encoding="utf-8")
        vetro.fit("trained.csv", **keywords((*case.trained_with, *TINY))).save("model.safetensors")


def keywords(settings: Iterable[Setting]) -> dict[str, Any]:
    """The keyword arguments that Python's wording of settings makes; texts are joined."""
    found: dict[str, Any] = {}
    for setting in settings:
        for name, value in eval(f"dict({setting.worded('python')})").items():
            joins = isinstance(value, tuple) and name in found and name != "hidden"
            found[name] = (*found[name], *value) if joins else value
    return found


def in_python(case: Case, settings: tuple[Setting, ...]) -> dict[str, Words]:
    """code -> words of all that a call in Python says."""
    found: list[Any] = []
    with warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter("always")
        try:
            if case.command == "inspect":
                found += vetro.inspect(case.name, **keywords(settings)).notices
            elif case.command == "fit":
                found += vetro.fit(case.name, **keywords((*TINY, *settings))).evidence.notices
            else:
                found += _of_model(case, keywords(settings))
        except VetroError as refusal:
            found.append(refusal)
    said = {item.code: item.words for item in found}
    for item in issued:
        if isinstance(item.message, VetroWarning):
            said.setdefault(item.message.code, item.message.words)
    return said


def _of_model(case: Case, given: dict[str, Any]) -> Iterable[Any]:
    """The notices of what looks at a saved model, where it does not issue them."""
    model = vetro.load("model.safetensors")
    if case.command == "prove":
        vetro.prove(model, case.claim, seconds=0.1, **given)
    elif case.command == "bounds":
        vetro.bounds(model, seconds=0.0, **given)
    elif case.command in ("trace", "formula", "backprop", "verify", "diagnose"):
        found = getattr(vetro, case.command)(model, case.name, **given)
        return getattr(found, "notices", ())
    else:
        getattr(model, case.command)(case.name, **given)
    return ()


def on_the_command_line(case: Case, settings: tuple[Setting, ...]) -> dict[str, str]:
    """code -> text of all that a command says, its options as a shell takes them apart."""
    options = shell_words(" ".join(setting.worded("command line") for setting in settings))
    if case.command == "fit":
        tiny = shell_words(" ".join(setting.worded("command line") for setting in TINY))
        arguments = [case.name, *tiny, *options, "--quiet"]
    elif case.command == "inspect":
        arguments = [case.name, *options]
    elif case.command in ("trace", "formula", "backprop"):
        arguments = ["model.safetensors", "--row", "1", "--source", case.name, *options]
    elif case.command in ("bounds", "prove"):
        claim = [case.claim] if case.claim else []
        arguments = ["model.safetensors", *claim, "--seconds", "0.1", *options]
    else:
        out = ["-o", "out.csv"] if case.command == "predict" else []
        arguments = ["model.safetensors", case.name, *out, *options]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit):
        main([case.command, *arguments])
    lines = re.findall(r"^([EWI]\d{3}) (.*)", out.getvalue() + err.getvalue(), re.MULTILINE)
    return dict(lines)


def with_fix(case: Case, fix: Setting) -> tuple[Setting, ...]:
    """What was given, with what a message proposes."""
    if fix.left_out:
        return tuple(item for item in case.given if item.name != fix.name)
    if fix.name in case.values:
        fix = Setting(fix.name, case.values[fix.name])
    if fix.name not in case.values and fix.name in (
        "missing",
        "number",
        "category",
        "date",
        "flag",
        "inputs",
        "drop",
    ):
        kinds = ("number", "category", "date", "flag")
        given = (
            item
            for item in case.given
            if not (fix.name in kinds and item.name in kinds and item.value == fix.value)
        )
        return (*given, fix)
    return (*(item for item in case.given if item.name != fix.name), fix)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_what_a_message_proposes_helps(case: Case) -> None:
    written(case)
    said = in_python(case, case.given)
    assert case.code in said, said
    told = on_the_command_line(case, case.given)
    assert told[case.code] == said[case.code].worded("command line")
    for fix in said[case.code].settings:
        only_named = fix.value is None and not fix.left_out and fix.name not in case.values
        if only_named:
            assert case.code == "E601" or fix.name in case.named, fix
            continue
        settings = with_fix(case, fix)
        expected = {code for code in (case.then.get(fix.name, ""),) if code}
        again, told_again = in_python(case, settings), on_the_command_line(case, settings)
        proposal = f"{settings[-1:]} gives {again} and {told_again}"
        refused = {code for code in (*again, *told_again) if code.startswith("E")}
        assert refused == expected, proposal
        if case.code.startswith("I"):  # it may now say something else
            assert again.get(case.code) != said[case.code], proposal
            assert told_again.get(case.code) != told[case.code], proposal
        elif case.code not in expected:
            assert case.code not in again and case.code not in told_again, proposal
