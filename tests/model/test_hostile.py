"""Model files whose description was changed by structure and sealed anew: with every command.

A file is refused by name (E5xx), or every command ends as its pages say: never with E900.
"""

from __future__ import annotations

import copy
import io
import json
import math
import random
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# Loaded here, so that the fits do not each start a process for their baselines.
import sklearn.ensemble  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st
from model.malformed import closed, opened

import vetro
from vetro.apps.command_line import main
from vetro.model import container

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 10**6, 2**31, 2**53, 2**63, -(2**63), 10**19, 0.5, -0.0,
    1e308, -1e308, 1.7976931348623157e308, 5e-324, 1e-300, 1e300, 1e39, -3.5, "", "x", "number",
    "category", "flag", "date", "input", "target", "group", "weight", "ignored", "regression",
    "classification", "relu", "tanh", "identity", "mse", "cross_entropy", "nan", "1e999", "\x00",
    "\x1b[31m", "a\nb", "../x", "n" * 300, "Roma", "no", "yes", "%d/%m/%Y", "%Q", "%", ".", ",",
    [], [1], [[]], ["x", "x"], [None], [0.0] * 3, {}, {"x": 1}, {"value": 1}, [{}], [1e308] * 2,
]  # fmt: skip


def nodes(data: Any, path: tuple = ()) -> list[tuple]:
    """The places of all nodes of a document, itself included."""
    found = [path]
    if isinstance(data, (dict, list)):
        for name, item in data.items() if isinstance(data, dict) else enumerate(data):
            found += nodes(item, (*path, name))
    return found


def at(data: Any, path: tuple) -> Any:
    for name in path:
        data = data[name]
    return data


def mutated(document: Any, draw: random.Random) -> Any:
    """The document with one node changed, removed, doubled, renamed or moved."""
    document = copy.deepcopy(document)
    places = nodes(document)[1:]
    # Each part as often as another, however many nodes it has.
    part = draw.choice(list(document))
    path = draw.choice([place for place in places if place[0] == part])
    parent, name = at(document, path[:-1]), path[-1]
    kind = draw.choice(
        ("value", "value", "value", "number", "remove", "double", "rename", "swap", "nest")
    )
    old = parent[name]
    if kind == "number" and isinstance(old, (int, float)) and not isinstance(old, bool):
        parent[name] = draw.choice(
            (
                old + 1,
                -old,
                old * 1e300,
                old * 1e-300,
                old * 1e39,
                old / 2,
                0,
                int(old),
                -1,
                1 - old,
            )
        )
        if isinstance(parent[name], float) and not math.isfinite(parent[name]):
            parent[name] = 1e308
    elif kind == "remove":
        del parent[name]
    elif kind == "double" and isinstance(parent, list):
        parent.insert(name, copy.deepcopy(old))
    elif kind == "rename" and isinstance(parent, dict):
        parent[draw.choice(("x", "", f"{name} ", str(name).upper(), "../x", "n" * 300))] = (
            parent.pop(name)
        )
    elif kind == "swap":
        other = at(document, draw.choice(places))
        parent[name] = copy.deepcopy(other)
    elif kind == "nest":
        parent[name] = [old] if draw.random() < 0.5 else {"x": old}
    else:
        parent[name] = copy.deepcopy(draw.choice(VALUES))
    return document


@pytest.fixture(scope="session")
def fitted(tmp_path_factory) -> dict[str, tuple[Path, bytes, str]]:
    """task -> its table, the bytes of its model, and a claim about it."""
    folder = tmp_path_factory.mktemp("hostile")
    draw = random.Random(2)
    lines = ["head,city,day,on,flow,state,who"]
    for row in range(60):
        head, city = draw.uniform(1, 9), draw.choice(("Roma", "Bari", "Pisa"))
        day = f"2024-0{1 + row % 9}-1{row % 8}"
        flow = 2 * head + (city == "Roma") + row % 3
        state = "high" if flow > 11 else "low"
        shown = "" if row == 7 else f"{head:.2f}"
        lines.append(f"{shown},{city},{day},{'yes' if row % 2 else 'no'},{flow:.2f},{state},p{row}")
    table = folder / "t.csv"
    table.write_text("\n".join(lines) + "\n")
    found = {}
    for target, other, claim in (
        ("flow", "state", "flow <= 100"),
        ("state", "flow", "P(high) <= 0.999"),
    ):
        run = folder / target
        status, text = said(
            "fit", str(table), "--target", target, "--drop", other, "--run", str(run),
            "--epochs", "2", "--folds", "2", "--hidden", "3", "--quiet",
        )  # fmt: skip
        assert status == 0, text
        found[target] = (table, (run / "model.safetensors").read_bytes(), claim)
    return found


def said(*arguments: str) -> tuple[int, str]:
    """The exit status of a command, and all that it writes."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(list(arguments))
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return ended.value.code or 0, "".join(texts)


def check(content: bytes, table: Path, claim: str, folder: Path) -> None:
    """Every command on a model file of these bytes."""
    path = folder / "model.safetensors"
    path.write_bytes(content)
    model, rows = str(path), str(table)
    first = ("--row", "1", "--source", rows)
    short = ("--seconds", "0.2")
    for arguments in (
        ("show", model),
        ("show", model, "--json"),
        ("predict", model, rows, "-o", str(folder / "p.csv")),
        ("evaluate", model, rows),
        ("trace", model, *first),
        ("parameters", model),
        ("backprop", model, *first),
        ("verify", model, rows, "--rows", "2"),
        ("formula", model, *first),
        ("bounds", model, *short),
        ("prove", model, claim, *short),
        ("diagnose", model, rows),
    ):
        status, text = said(*arguments)
        assert "E900" not in text, (arguments[0], text[-400:])
        assert status in (0, 1, 2), (arguments[0], status)
        if arguments[0] == "show" and status == 2:
            assert text.startswith(("E501", "E505", "E506")), text
            return
    vetro.load(path).save(folder / "again.safetensors")


def changed(content: bytes, draw: random.Random, times: int) -> bytes:
    header, data = opened(content)
    document = json.loads(header["__metadata__"]["model"])
    for _ in range(times):
        document = mutated(document, draw)
    header["__metadata__"]["model"] = json.dumps(document, ensure_ascii=False)
    return closed(header, data)


@pytest.mark.parametrize("target", ["flow", "state"])
@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_a_changed_description(fitted, tmp_path_factory, target, seed, times):
    table, content, claim = fitted[target]
    folder = tmp_path_factory.mktemp("changed")
    check(changed(content, random.Random(seed), times), table, claim, folder)


@pytest.mark.long
@pytest.mark.parametrize("target", ["flow", "state"])
@settings(max_examples=3000)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_many_changed_descriptions(fitted, tmp_path_factory, target, seed, times):
    table, content, claim = fitted[target]
    folder = tmp_path_factory.mktemp("changed")
    check(changed(content, random.Random(seed), times), table, claim, folder)


def described(content: bytes, change) -> bytes:
    header, data = opened(content)
    document = json.loads(header["__metadata__"]["model"])
    change(document)
    header["__metadata__"]["model"] = json.dumps(document)
    return closed(header, data)


def first_input(document: dict) -> dict:
    return document["encoder"]["inputs"][0]


def first_target(document: dict) -> dict:
    return document["members"][1]["targets"][0]


NO_MESSAGE = {"code": "E900", "words": {"parts": []}}
INTERVAL = {"value": 0.5, "low": 0.4, "high": 0.6}
CONTRADICTIONS = [
    ("finite", lambda d: first_input(d).update(scale=1e308)),
    ("outside its bins", lambda d: first_input(d).update(median=1e300)),
    ("finite", lambda d: first_input(d).update(mean=-1e308, scale=1e10)),
    ("finite", lambda d: first_target(d).update(mean=1.7e308, deviation=1e308)),
    ("another kind", lambda d: d["schema"]["columns"][0].update(kind="date")),
    ("an invalid range", lambda d: d["schema"]["columns"][0].update(minimum=9.0, maximum=1.0)),
    ("an invalid range", lambda d: d["schema"]["columns"][0].update(minimum=None)),
    ("no calendar", lambda d: d["schema"]["columns"][2].update(maximum=1e300)),
    ("a count below 0", lambda d: d["schema"]["columns"][0].update(missing=-1)),
    ("a level twice", lambda d: d["schema"]["columns"][1].update(levels=["x", "x"])),
    ("evidence.data.rows", lambda d: d["evidence"]["data"].update(rows="many")),
    ("evidence.data.rows", lambda d: d["evidence"]["data"].update(rows=True)),
    ("evidence.data does not", lambda d: d["evidence"]["data"].pop("name")),
    ("evidence.split does not", lambda d: d["evidence"]["split"].pop("folds")),
    ("evidence.split.folds", lambda d: d["evidence"]["split"].update(folds=[2])),
    ("evidence.split.kind", lambda d: d["evidence"]["split"].update(kind="magic")),
    ("an unknown fold", lambda d: d["evidence"]["split"].update(folds=1)),
    ("which is not an input", lambda d: d["evidence"]["importance"].update(nosuch=1.0)),
    ("the unknown message", lambda d: d["evidence"]["notices"].append(NO_MESSAGE)),
    ("other targets", lambda d: d["evidence"]["per_target"].update(nosuch={})),
    ("evidence.metrics are not", lambda d: d["evidence"].update(metrics={})),
    ("evidence.metrics are not", lambda d: d["evidence"]["metrics"].pop("r2")),
    ("evidence.metrics are not", lambda d: d["evidence"]["metrics"].update(auc=INTERVAL)),
    ("evidence.metrics are not", lambda d: d["evidence"]["metrics"].pop("rmse")),
    ("evidence.per_target does not", lambda d: d["evidence"].update(per_target={"flow": {}})),
    ("no value of", lambda d: d["evidence"]["median_row"].__setitem__(1, 99.0)),
    ("more layers", lambda d: d["network"]["sizes"].extend([1] * 100_000)),
    ("has the shape", lambda d: d["network"]["sizes"].__setitem__(1, 2**33)),
]  # fmt: skip


@pytest.mark.parametrize(("words", "change"), CONTRADICTIONS)
def test_a_contradiction_is_refused_by_name(fitted, tmp_path, words, change):
    path = tmp_path / "m.safetensors"
    path.write_bytes(described(fitted["flow"][1], change))
    with pytest.raises(vetro.errors.ModelFileError) as caught:
        vetro.load(path)
    assert caught.value.code == "E501"
    assert words in str(caught.value)


def with_tensors(content: bytes, names: list[str]) -> bytes:
    header, data = opened(content)
    empty = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
    return closed({**header, **dict.fromkeys(names, empty)}, data)


def refusal(content: bytes, path: Path) -> str:
    path.write_bytes(content)
    with pytest.raises(vetro.errors.ModelFileError) as caught:
        vetro.load(path)
    assert caught.value.code == "E501"
    assert len(str(caught.value)) < 400
    return str(caught.value)


@pytest.mark.parametrize("name", ["n" * 5_000_000, "../x"])
def test_a_foreign_tensor_of_any_name(fitted, tmp_path, name):
    said = refusal(with_tensors(fitted["flow"][1], [name]), tmp_path / "m.safetensors")
    assert f'foreign tensor "{name[:30]}' in said


def test_a_header_of_many_tensors_is_not_parsed(fitted, tmp_path, monkeypatch):
    content = with_tensors(fitted["flow"][1], [f"t{number}" for number in range(150_000)])
    monkeypatch.setattr(container, "parse_json", pytest.fail)
    said = refusal(content, tmp_path / "m.safetensors")
    assert re.search(r"it has 150,0\d\d tensors; at most 100,000 are read", said)


@pytest.mark.parametrize("part", ["{},", "[],", "0,", '"",'])
def test_a_description_of_many_values_is_not_parsed(fitted, tmp_path, monkeypatch, part):
    header, data = opened(fitted["flow"][1])
    header["__metadata__"]["model"] = "[" + 4_000_000 * part + "0]"
    monkeypatch.setattr(container.json, "loads", pytest.fail)
    said = refusal(closed(header, data), tmp_path / "m.safetensors")
    assert "values; at most 3,000,000 are read" in said


def test_nothing_is_written_that_is_not_read(monkeypatch):
    tensors = {f"t{number}": np.zeros(1) for number in range(20)}
    monkeypatch.setattr(container, "MOST_VALUES", 100)
    with pytest.raises(vetro.errors.ModelFileError) as caught:
        container.pack(container.Container({}, tensors))
    assert caught.value.code == "E503"
    assert "values, more than 100" in str(caught.value)


def test_what_follows_the_tensors_is_not_read(fitted, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(fitted["flow"][1])
    with path.open("ab") as file:
        file.truncate(1 << 43)  # 8 TiB of zeros that take no room
    with pytest.raises(vetro.errors.ModelFileError) as caught:
        vetro.load(path)
    assert "bytes follow the last tensor" in str(caught.value)


@pytest.mark.parametrize("code", [b"N", b"(", b"0", b"I1\n"])
def test_a_long_text_of_pickle_instructions(tmp_path, code):
    path = tmp_path / "m.safetensors"
    path.write_bytes(code * (1 << 22))
    with pytest.raises(vetro.errors.ModelFileError) as caught:
        vetro.load(path)
    assert caught.value.code == "E505"
