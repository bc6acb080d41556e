"""A second reader, written from docs/format.md alone, predicts what Vetro predicts.

It shares no code with the package: bytes, JSON and arithmetic as that page says.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import struct
from itertools import pairwise

import numpy as np
import pytest
from model.build import model_of, rows_of

EPOCH = datetime.date(1970, 1, 1)
PERIODS = {"year": 365.2425, "weekday": 7, "time of day": 1}
DTYPES = {"F64": "<f8", "I64": "<i8", "F32": "<f4", "I32": "<i4", "U8": "u1"}
FUNCTIONS = {
    "relu": lambda z: max(z, 0.0),
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "tanh": math.tanh,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "gelu": lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2,
    "silu": lambda z: z / (1 + math.exp(-z)),
    "identity": lambda z: z,
}


def read(content: bytes) -> tuple[dict, dict]:
    """(description, tensors)."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    texts = header.pop("__metadata__")
    assert (texts["format"], texts["version"]) == ("vetro", "2")
    unsealed = content.replace(texts["sha256"].encode(), b"0" * 64, 1)
    assert hashlib.sha256(unsealed).hexdigest() == texts["sha256"]
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        flat = np.frombuffer(content[begin:end], DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return json.loads(texts["model"]), tensors


def encoded(block: dict, value: object, column: dict) -> list[float]:
    """The columns that one value makes."""
    missing = value is None
    if block["kind"] == "category":
        level = block["levels"].index(value) if value in block["levels"] else None
        known = level is not None and block["kept"][level]
        ones = [float(known and i == level) for i in range(len(block["levels"]))]
        other = not known and (not missing or not block["missing"])
        ones.append(float(other and block["other_trained"]))
        if block["missing"]:
            ones.append(float(missing and block["missing_trained"]))
        return ones
    if column["kind"] == "flag" and not missing:
        value = column["reading"]["flag_words"].index(value)
    if column["kind"] == "date" and not missing:
        value = (datetime.date.fromisoformat(value) - EPOCH).days
    v = block["median"] if missing else float(value)
    columns = [(v - block["mean"]) * block["scale"]] if block.get("days", True) else []
    for low, high in pairwise(block.get("borders", ())):
        columns.append(min(max((v - low) / (high - low), 0.0), 1.0))
    for cycle in block.get("cycles", ()):
        angle = 2 * math.pi * (v % PERIODS[cycle]) / PERIODS[cycle]
        columns += [math.sin(angle), math.cos(angle)]
    if block["indicator"]:
        columns.append(float(missing and block["indicator_trained"]))
    return columns


def answer(description: dict, tensors: dict, row: dict) -> list[float]:
    """The mean over the members, for one row of texts and numbers."""
    columns = {column["name"]: column for column in description["schema"]["columns"]}
    answers = []
    for number, member in enumerate(description["members"], start=1):
        h: list[float] = []
        for block in description["encoder"]["inputs"]:
            h += encoded(block, row[block["name"]], columns[block["name"]])
        sizes = description["network"]["sizes"]
        assert len(h) == sizes[0]
        for layer in range(1, len(sizes)):
            weight = tensors[f"member{number}.layer{layer}.weight"].tolist()
            bias = tensors[f"member{number}.layer{layer}.bias"].tolist()
            z = [
                sum(w * x for w, x in zip(line, h, strict=True)) + b
                for line, b in zip(weight, bias, strict=True)
            ]
            last = layer == len(sizes) - 1
            h = z if last else [FUNCTIONS[description["network"]["activation"]](x) for x in z]
        targets = member["targets"]
        if description["task"] == "regression":
            h = [x * t["deviation"] + t["mean"] for x, t in zip(h, targets, strict=True)]
        elif len(h) == 1:
            p = 1 / (1 + math.exp(-h[0]))
            h = [1 - p, p]
        else:
            powers = [math.exp(x - max(h)) for x in h]
            h = [power / sum(powers) for power in powers]
        answers.append(h)
    return [sum(column) / len(column) for column in zip(*answers, strict=True)]


@pytest.mark.parametrize(
    ("targets", "options"),
    [
        (("pressure",), {"activation": "relu", "gaps": True}),
        (("pressure",), {"activation": "relu", "gaps": True, "bins": 6}),
        (("pressure", "noise"), {"activation": "gelu"}),
        (("noise",), {"activation": "silu", "hidden": ()}),
        (("grade",), {"activation": "leaky_relu", "gaps": True, "members": 3}),
        (("sold",), {"activation": "sigmoid", "loss": "bce"}),
        (("sold",), {"activation": "identity", "hidden": (3, 4, 5)}),
    ],
)
def test_a_reader_written_from_the_page(targets, options, tmp_path):
    gaps = options.pop("gaps", False)
    model = model_of(rows_of(gaps=gaps), *targets, **options)
    model.save(tmp_path / "model.safetensors")
    description, tensors = read((tmp_path / "model.safetensors").read_bytes())
    columns = rows_of(30, seed=5, gaps=True)
    columns["city"][7] = "Bari"
    with pytest.warns():
        result = model.predict(columns, probabilities=bool(model.classes), unknown="ignore")
    names = [f"P({label})" for label in model.classes] or model.targets
    found = np.column_stack([result[name] for name in names])
    expected = [
        answer(description, tensors, {name: items[i] for name, items in columns.items()})
        for i in range(30)
    ]
    np.testing.assert_allclose(found, expected, atol=3e-6 * np.abs(expected).max())
    if model.classes:
        labels = description["members"][0]["targets"][0]["classes"]
        assert list(result[targets[0]]) == [labels[row.index(max(row))] for row in expected]
