"""Model files: round trips, the safetensors library as oracle, and malformed files."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import struct
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model.build import model_of, rows_of, write_csv
from safetensors import safe_open

from vetro.errors import ModelFileError
from vetro.model.evidence import Evidence
from vetro.model.files import load_model, save_model
from vetro.model.model import Member

TASKS = {
    "one target": (("pressure",), {}),
    "two targets": (("pressure", "noise"), {"activation": "gelu", "hidden": (3,)}),
    "classes": (("grade",), {"members": 3}),
    "bce": (("sold",), {"loss": "bce", "hidden": ()}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def source(folder):
    return write_csv(folder / "rows.csv", rows_of())


@pytest.fixture(scope="module")
def valid(folder, source):
    """The bytes of a valid file, of a model with two classes-and-dates-and-all members."""
    path = folder / "valid.safetensors"
    model_of(source, "grade").save(path)
    return path.read_bytes()


def opened(content: bytes) -> tuple[dict, bytes]:
    """Header and data, by the format's definition."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def closed(header: dict | str, data: bytes, seal: bool = True) -> bytes:
    """A file of a header and data, sealed anew as docs/format.md says."""
    if isinstance(header, dict):
        texts = header.get("__metadata__")
        old = texts.get("sha256", "") if isinstance(texts, dict) else ""
        header = json.dumps(header, ensure_ascii=False)
    else:
        old = header.split('"sha256"')[1].split('"')[1] if '"sha256"' in header else ""
    text = header.encode("utf-8", "surrogatepass")
    content = struct.pack("<Q", len(text)) + text + data
    if not seal or len(old) != 64:
        return content
    content = content.replace(old.encode(), b"0" * 64, 1)
    digest = hashlib.sha256(content).hexdigest()
    return content.replace(b"0" * 64, digest.encode(), 1)


def same(left, right) -> None:
    """Two models are equal in every part."""
    for name in ("schema", "task", "network", "recipe", "request"):
        assert getattr(left, name) == getattr(right, name), name
    assert len(left.members) == len(right.members)
    for a, b in zip(left.members, right.members, strict=True):
        assert (a.encoder, a.fold) == (b.encoder, b.fold)
        assert a.parameters.dtype == b.parameters.dtype == np.float32
        np.testing.assert_array_equal(a.parameters, b.parameters)
    for entry in fields(Evidence):
        a, b = getattr(left.evidence, entry.name), getattr(right.evidence, entry.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
        else:
            # NaN is not equal to itself, its repr is.
            assert repr(a).replace("np.float64(0.99)", "0.99") == repr(b), entry.name


@pytest.mark.parametrize("task", TASKS)
def test_round_trip_is_bit_equal(task, folder, source):
    targets, options = TASKS[task]
    model = model_of(source, *targets, **options)
    path = folder / f"{task}.safetensors"
    model.save(path)
    loaded = load_model(path)
    same(model, loaded)
    before = model.predict(source, probabilities=bool(model.classes))
    after = loaded.predict(source, probabilities=bool(model.classes))
    assert before.equals(after)
    again = folder / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()
    assert repr(loaded) == repr(model)
    loaded.members[0].parameters[0] += 1  # writable, and its own copy


def test_the_safetensors_library_reads_it(valid, folder):
    model = load_model(folder / "valid.safetensors")
    with safe_open(folder / "valid.safetensors", "numpy") as file:
        for number, member in enumerate(model.members, start=1):
            for name, view in model.network.views(member.parameters).items():
                np.testing.assert_array_equal(file.get_tensor(f"member{number}.{name}"), view)
        np.testing.assert_array_equal(file.get_tensor("evidence.fold"), model.evidence.fold)
        np.testing.assert_array_equal(file.get_tensor("history.epoch"), [1, 2])
        assert json.loads(file.metadata()["model"])["task"] == "classification"
        names = set(file.keys())
    header, data = opened(valid)
    assert names == set(header) - {"__metadata__"}
    for name, entry in header.items():
        if name != "__metadata__":
            size = int(entry["dtype"][1:]) // 8
            assert entry["data_offsets"][0] % size == 0, "aligned"
    assert len(valid) % 8 == len(data) % 8


def test_the_seal_is_as_specified(valid):
    header, _ = opened(valid)
    seal = header["__metadata__"]["sha256"]
    unsealed = valid.replace(seal.encode(), b"0" * 64, 1)
    assert hashlib.sha256(unsealed).hexdigest() == seal
    assert closed(*opened(valid)) != valid  # other spaces, another seal, the same model


# Malformed files: name -> (code, words of the message, function of the valid bytes).
MALFORMED: dict[str, tuple[str, str, object]] = {}


def malformed(name: str, code: str, words: str):
    def keep(function):
        assert name not in MALFORMED
        MALFORMED[name] = (code, words, function)
        return function

    return keep


def raw(name: str, code: str, words: str, change) -> None:
    """A change of the bytes."""
    malformed(name, code, words)(change)


def sealed(name: str, code: str, words: str, change) -> None:
    """A change of (header, data), then sealed: somebody who recomputed the SHA-256."""

    def file(valid: bytes) -> bytes:
        header, data = opened(valid)
        changed = change(header, data)
        return closed(header, data if changed is None else changed)

    malformed(name, code, words)(file)


def described(name: str, words: str, change) -> None:
    """A change of the model's JSON, sealed."""

    def file(valid: bytes) -> bytes:
        header, data = opened(valid)
        document = json.loads(header["__metadata__"]["model"])
        changed = change(document)
        text = json.dumps(document) if changed is None else changed
        header["__metadata__"]["model"] = text
        return closed(header, data)

    malformed(name, "E501", words)(file)


def text_of(name: str, code: str, words: str, old: str, new: str) -> None:
    """A replacement in the header's text, sealed."""

    def file(valid: bytes) -> bytes:
        header, data = opened(valid)
        text = json.dumps(header, ensure_ascii=False)
        assert old in text
        return closed(text.replace(old, new, 1), data)

    malformed(name, code, words)(file)


def in_place(name: str, dtype: str, value: float):
    """The data with the first number of a tensor replaced."""

    def change(header, data):
        begin = header[name]["data_offsets"][0]
        item = np.array([value], dtype=dtype).tobytes()
        return data[:begin] + item + data[begin + len(item) :]

    return change


W = "member1.layer1.weight"
LAST = "evidence.fold"

raw("empty", "E505", "is not a model file: it is empty (0 bytes)", lambda v: b"")
raw("one byte", "E505", "does not begin as a safetensors file", lambda v: b"\x80")
raw("eight bytes", "E505", "does not begin as a safetensors file", lambda v: v[:8])
raw("text", "E505", "does not begin as a safetensors file", lambda v: b"flow,age\n1,2\n3,4\n")
raw("one text column", "E505", "does not begin", lambda v: b"city\nRome\nBari\n")
raw("json", "E505", "does not begin as a safetensors file", lambda v: b'{"a": 1, "b": [2, 3]}')
raw("numpy", "E505", "does not begin", lambda v: b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'")
raw("gzip", "E505", "does not begin", lambda v: b"\x1f\x8b\x08\x00" + b"\0" * 40)
raw("zip without a pickle", "E505", "does not begin", lambda v: b"PK\x03\x04" + b"xl/a.xml" * 9)
for protocol in range(6):
    raw(
        f"pickle of protocol {protocol}",
        "E502",
        "is a pickle and could run code",
        lambda v, protocol=protocol: pickle.dumps({"w": Path("x")}, protocol),
    )
raw("pickle of an object of protocol 0", "E502", "pickle", lambda v: pickle.dumps(Path("x"), 0))
raw("pickle of a list", "E502", "pickle", lambda v: pickle.dumps([1, 2], 0))
raw(
    "torch's archive",
    "E502",
    "is a pickle and could run code",
    lambda v: b"PK\x03\x04\x00\x00\x08\x08" + b"archive/data.pkl" + b"\0" * 60,
)
raw("header cut", "E501", "cut off", lambda v: v[:200])
raw("data cut by one byte", "E501", "cut off", lambda v: v[:-1])
raw("data cut in half", "E501", "cut off", lambda v: v[: len(v) - len(opened(v)[1]) // 2])
raw("no data", "E501", "cut off", lambda v: v[: len(v) - len(opened(v)[1])])
raw("one byte more", "E501", "1 bytes follow", lambda v: v + b"\0")
raw("the file twice", "E501", "bytes follow the last tensor", lambda v: v + v)
raw("huge header length", "E501", "at most", lambda v: b"\xff" * 7 + b"\x7f" + v[8:])
raw("largest header length", "E501", "at most", lambda v: b"\xff" * 8 + v[8:])
raw("header of 65 MiB", "E501", "at most", lambda v: struct.pack("<Q", 65 << 20) + v[8:])
raw(
    "header longer than the file",
    "E501",
    "cut off",
    lambda v: struct.pack("<Q", len(v) - 7) + v[8:],
)
raw("header length 0", "E501", "JSON is not valid", lambda v: b"\0" * 8 + v[8:])
raw("header length 1", "E501", "JSON is not valid", lambda v: b"\1" + b"\0" * 7 + v[8:])
raw(
    "header shorter by one",
    "E501",
    "",
    lambda v: struct.pack("<Q", len(v) - len(opened(v)[1]) - 9) + v[8:],
)
raw("header not UTF-8", "E501", "not UTF-8 at byte 30", lambda v: v[:30] + b"\xff" + v[31:])
raw("one bit of a weight", "E501", "SHA-256 differs", lambda v: v[:-1] + bytes([v[-1] ^ 1]))
raw(
    "a level renamed",
    "E501",
    "SHA-256 differs",
    lambda v: v.replace(b"middling", b"meddling"),
)
raw(
    "a space for a space",
    "E501",
    "",
    lambda v: v.replace(b"  ", b"\t ", 1) if b"  {" in v else v.replace(b", ", b",\t", 1),
)
raw(
    "the seal in capitals",
    "E501",
    "no SHA-256",
    lambda v: v.replace(
        opened(v)[0]["__metadata__"]["sha256"].encode(),
        opened(v)[0]["__metadata__"]["sha256"].upper().encode(),
    ),
)
raw(
    "a seal of zeros",
    "E501",
    "SHA-256 differs",
    lambda v: v.replace(opened(v)[0]["__metadata__"]["sha256"].encode(), b"0" * 64),
)

for wrong, words in (
    ("[]", "not an object"),
    ('"text"', "not an object"),
    ("null", "not an object"),
    ("1", "not an object"),
    ("", "JSON is not valid"),
    ("{", "JSON is not valid"),
    ("{}{}", "JSON is not valid"),
    ("{'a': 1}", "JSON is not valid"),
):
    raw(
        f"header {wrong}",
        "E501" if wrong.startswith("{") else "E505",
        words if wrong.startswith("{") else "does not begin",
        lambda v, wrong=wrong: closed(wrong, b""),
    )
raw("header {}", "E505", "without Vetro's metadata", lambda v: closed("{}", b""))
raw(
    "deep header",
    "E501",
    "nested too deeply",
    lambda v: closed('{"a":' + "[" * 200_000 + "]" * 200_000 + "}", b""),
)
raw("deep and open header", "E501", "nested too deeply", lambda v: closed('{"a":' * 100_000, b""))
raw(
    "a number of 10,000 digits",
    "E501",
    "too large",
    lambda v: closed('{"a":' + "9" * 10_000 + "}", b""),
)
raw("half a character", "E501", "half a character", lambda v: closed('{"\\ud800":1}', b""))
raw("a lone surrogate in bytes", "E501", "not UTF-8", lambda v: closed('{"\ud800":1}', b""))

sealed("no metadata", "E505", "without Vetro's metadata", lambda h, d: h.pop("__metadata__") and d)
sealed(
    "metadata a list", "E501", "metadata are not texts", lambda h, d: h.update(__metadata__=["x"])
)
sealed(
    "metadata a number",
    "E501",
    "metadata are not texts",
    lambda h, d: h["__metadata__"].update(version=1),
)
sealed(
    "another format",
    "E505",
    "without Vetro's metadata",
    lambda h, d: h["__metadata__"].update(format="pt"),
)
sealed(
    "a newer format",
    "E506",
    "format 2; this one reads 1",
    lambda h, d: h["__metadata__"].update(version="2"),
)
sealed("format 0", "E501", 'version is "0"', lambda h, d: h["__metadata__"].update(version="0"))
sealed("format x", "E501", 'version is "x"', lambda h, d: h["__metadata__"].update(version="x"))
sealed(
    "format with a line break",
    "E501",
    "version is",
    lambda h, d: h["__metadata__"].update(version="1\n"),
)
sealed("no seal", "E501", "no SHA-256", lambda h, d: h["__metadata__"].pop("sha256") and d)
sealed(
    "a seal in letters",
    "E501",
    "no SHA-256",
    lambda h, d: h["__metadata__"].update(sha256="z" * 63),
)
sealed("no model", "E501", "other entries", lambda h, d: h["__metadata__"].pop("model") and d)
sealed(
    "more metadata",
    "E501",
    "other entries",
    lambda h, d: h["__metadata__"].update(code="import os"),
)
text_of(
    "metadata twice",
    "E501",
    '"__metadata__" stands twice',
    '{"__metadata__"',
    '{"__metadata__": {}, "__metadata__"',
)
text_of("a tensor twice", "E501", f'"{W}" stands twice', f'"{LAST}":', f'"{W}": 1, "{LAST}":')
text_of(
    "a key of a tensor twice",
    "E501",
    '"dtype" stands twice',
    '{"dtype"',
    '{"dtype": "F32", "dtype"',
)
text_of("NaN in the header", "E501", "JSON holds NaN", f'"{LAST}":', f'"x": NaN, "{LAST}":')
text_of(
    "Infinity in the header", "E501", "holds -Infinity", f'"{LAST}":', f'"x": -Infinity, "{LAST}":'
)
text_of("1e999 in the header", "E501", "not finite", f'"{LAST}":', f'"x": 1e999, "{LAST}":')

sealed("an offset too far", "E501", "", lambda h, d: h[W].update(data_offsets=[0, 10**9]))
sealed("offsets backwards", "E501", "offsets", lambda h, d: h[W]["data_offsets"].reverse())
sealed(
    "a negative offset", "E501", "wrong offsets", lambda h, d: h[W].update(data_offsets=[-4, 416])
)
sealed(
    "an offset of half a byte",
    "E501",
    "wrong offsets",
    lambda h, d: h[W].update(data_offsets=[0.5, 4]),
)
sealed(
    "an offset that is true",
    "E501",
    "wrong offsets",
    lambda h, d: h[W].update(data_offsets=[True, 4]),
)
sealed("three offsets", "E501", "wrong offsets", lambda h, d: h[W]["data_offsets"].append(9))
sealed("offsets as text", "E501", "wrong offsets", lambda h, d: h[W].update(data_offsets="04"))
sealed("a shape as text", "E501", "impossible shape", lambda h, d: h[W].update(shape="75"))
sealed("a negative shape", "E501", "impossible shape", lambda h, d: h[W].update(shape=[-7, -15]))
sealed("a shape of floats", "E501", "impossible shape", lambda h, d: h[W].update(shape=[7.0, 15]))
sealed(
    "a shape that is too large",
    "E501",
    "do not fit its shape",
    lambda h, d: h[W].update(shape=[7, 16]),
)
sealed(
    "a shape that overflows",
    "E501",
    "",
    lambda h, d: h[W].update(shape=[2**33, 2**33], data_offsets=[0, 4 * 2**66]),
)
sealed("nine dimensions", "E501", "impossible shape", lambda h, d: h[W].update(shape=[1] * 9))
sealed(
    "an empty and endless shape",
    "E501",
    "",
    lambda h, d: h.update(x={"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]}),
)
sealed("an unknown type", "E501", 'unknown type "F16"', lambda h, d: h[W].update(dtype="F16"))
sealed("a type that is a list", "E501", "unknown type", lambda h, d: h[W].update(dtype=["F32"]))
sealed("no type", "E501", "not described by", lambda h, d: h[W].pop("dtype") and d)
sealed("a fourth entry", "E501", "not described by", lambda h, d: h[W].update(code="x"))
sealed("a tensor that is a number", "E501", "not described by", lambda h, d: h.update(x=1))


def _overlap(header, data):
    bias = header["member1.layer1.bias"]
    size = bias["data_offsets"][1] - bias["data_offsets"][0]
    bias["data_offsets"] = [header[W]["data_offsets"][0], header[W]["data_offsets"][0] + size]


def _gap(header, data):
    entry = max(header.values(), key=lambda item: item.get("data_offsets", [0, 0])[1])
    entry["data_offsets"] = [offset + 8 for offset in entry["data_offsets"]]
    return data + b"\0" * 8


sealed("overlapping tensors", "E501", "overlaps another", _overlap)
sealed("a gap", "E501", "leaves a gap", _gap)


def _foreign(name):
    def change(header, data):
        end = len(data)
        header[name] = {"dtype": "U8", "shape": [4], "data_offsets": [end, end + 4]}
        return data + b"\0\0\0\0"

    return change


sealed("a foreign tensor", "E501", 'the foreign tensor "extra"', _foreign("extra"))
sealed("a path as a name", "E501", 'foreign tensor "../../x"', _foreign("../../x"))
sealed("an empty name", "E501", 'the foreign tensor ""', _foreign(""))
sealed("a third member's tensor", "E501", "foreign tensor", _foreign("member3.layer1.weight"))


def _renamed(old, new):
    def change(header, data):
        header[new] = header.pop(old)

    return change


sealed("a missing tensor", "E501", f"lacks the tensor {W}", _renamed(W, "member1.layer9.weight"))
sealed("missing evidence", "E501", "lacks the tensor evidence.fold", _renamed(LAST, "fold"))
sealed(
    "a weight transposed",
    "E501",
    "has the shape",
    lambda h, d: h[W]["shape"].reverse(),
)
sealed(
    "a weight flat", "E501", "has the shape", lambda h, d: h[W].update(shape=[7 * h[W]["shape"][1]])
)
sealed(
    "a weight of whole numbers", "E501", "has the type int32", lambda h, d: h[W].update(dtype="I32")
)
sealed("a weight NaN", "E501", f"{W} holds a value that is not finite", in_place(W, "<f4", np.nan))
sealed("a weight infinite", "E501", "not finite", in_place(W, "<f4", np.inf))
sealed("an unknown class", "E501", "unknown class", in_place("evidence.actual", "<i8", 3))
sealed("a negative class", "E501", "unknown class", in_place("evidence.actual", "<i8", -1))
sealed("a best that is 2", "E501", "neither 0 nor 1", in_place("history.best", "|u1", 2))
sealed(
    "evidence flat",
    "E501",
    "do not have one shape",
    lambda h, d: h["evidence.predicted"].update(shape=[33]),
)
sealed(
    "history of two dimensions",
    "E501",
    "history does not have one length",
    lambda h, d: h["history.epoch"].update(shape=[2, 1]),
)

described("description not JSON", "JSON is not valid", lambda m: "{")
described("description a list", "does not have the entries", lambda m: "[]")
described("description with NaN", "JSON holds NaN", lambda m: '{"task": NaN}')
described("description with a key twice", '"task" stands twice', lambda m: '{"task": 1, "task": 2}')
described("deep description", "nested too deeply", lambda m: "[" * 100_000)
described("an entry missing", "does not have the entries", lambda m: m.pop("recipe") and None)
described("an entry more", "does not have the entries", lambda m: m.update(code="x"))
described("an unknown task", "task is unknown", lambda m: m.update(task="ranking"))
described("another task", "", lambda m: m.update(task="regression"))
described("schema a list", "schema is not an object", lambda m: m.update(schema=[]))
described("no columns", "no input or no target", lambda m: m["schema"].update(columns=[]))


def column(**changes):
    return lambda m: m["schema"]["columns"][0].update(changes)


described("a column renamed", "has other inputs than the schema", column(name="flux"))
described("a column twice", "stands twice in its schema", column(name="age"))
described("a column ignored", "has other inputs than the schema", column(role="ignored"))
described("an unknown kind", "columns[0].kind is none of", column(kind="text"))
described("an unknown role", "columns[0].role is none of", column(role="spare"))
described("a kind that is a list", "columns[0].kind is none of", column(kind=["number"]))
described("a name that is a number", "columns[0].name is not a text", column(name=1))
described("a count of half", "missing is not a whole number", column(missing=0.5))
described("a count that is true", "missing is not a whole number", column(missing=True))
described("a minimum that is text", "minimum is not a number", column(minimum="0"))
described("levels that are text", "levels is not a list", column(levels="ab"))
described("an entry that no column has", 'unknown entry "code"', column(code="x"))
described(
    "a column without a kind",
    'lacks the entry "kind"',
    lambda m: m["schema"]["columns"][0].pop("kind") and None,
)
described(
    "one word of a flag",
    "flag_words has 1 entries where 2 are expected",
    lambda m: m["schema"]["columns"][0]["reading"].update(flag_words=["x"]),
)


def city(document):
    return next(item for item in document["schema"]["columns"] if item["name"] == "city")


described(
    "levels swapped",
    'has other levels of "city" than the schema',
    lambda m: city(m)["levels"].reverse(),
)
described(
    "classes swapped",
    "has other classes than the schema",
    lambda m: next(c for c in m["schema"]["columns"] if c["role"] == "target")["levels"].reverse(),
)


def network(**changes):
    return lambda m: m["network"].update(changes)


described("a network of one size", "are not a network", network(sizes=[15]))
described("a network of no size", "are not a network", network(sizes=[0, 3]))
described("a network of half a unit", "sizes[0] is not a whole number", network(sizes=[1.5, 3]))
described("a network without end", "", network(sizes=[15, 2**62, 2**62, 3]))
described("another activation", "activation is none of", network(activation="softmax"))
described("too much dropout", "dropout is not a share", network(dropout=1.5))
described("dropout null", "dropout is not a share", network(dropout=None))
described("a network of other names", "names for", network(input_names=["x"]))
described(
    "an input renamed",
    "does not make the inputs of the network",
    lambda m: m["network"]["input_names"].__setitem__(0, "x"),
)
described("no members", "has no members", lambda m: m.update(members=[]))
described("members an object", "has no members", lambda m: m.update(members={}))
described("one member fewer", "foreign tensor", lambda m: m["members"].pop() and None)
described(
    "one member more",
    "lacks the tensor member3.layer1.weight",
    lambda m: m["members"].append(m["members"][0]),
)
described("a fold of text", "is not a number of a fold", lambda m: m["members"][0].update(fold="1"))
described("a fold below 0", "is not a number of a fold", lambda m: m["members"][0].update(fold=-1))
described(
    "no encoder", "does not have the entries", lambda m: m["members"][0].pop("encoder") and None
)


def block(**changes):
    return lambda m: m["members"][1]["encoder"]["inputs"][0].update(changes)


described("a mean of text", "'1' is not a number", block(mean="1"))
described("a mean of null", "None is not a number", block(mean=None))
described("a mean that is huge", "too large", block(mean=10**400))
described("a negative scale", "is negative", block(scale=-1.0))
described("an unknown block", "is unknown", block(kind="code"))
described(
    "an input missing",
    "has other inputs",
    lambda m: m["members"][0]["encoder"]["inputs"].pop() and None,
)
described("encoder a list", "", lambda m: m["members"][0].update(encoder=[]))
described("encoder a text", "", lambda m: m["members"][0].update(encoder="x"))
described("inputs of an encoder null", "", lambda m: m["members"][0]["encoder"].update(inputs=None))
described("blocks that are numbers", "", lambda m: m["members"][0]["encoder"].update(inputs=[1, 2]))
described(
    "an encoder without targets",
    "description lacks 'targets'",
    lambda m: m["members"][0]["encoder"].pop("targets") and None,
)
described("an unknown optimizer", "optimizer", lambda m: m["recipe"].update(optimizer="magic"))
described("an unknown setting", 'unknown entry "magic"', lambda m: m["recipe"].update(magic=1))
described("a negative rate", "learning_rate", lambda m: m["recipe"].update(learning_rate=-1))
described("a rate null", "learning_rate", lambda m: m["recipe"].update(learning_rate=None))
described(
    "a request of one text", "targets is not a list", lambda m: m["request"].update(targets="x")
)
described("evidence a list", "evidence is not an object", lambda m: m.update(evidence=[]))
described(
    "evidence of another task", "of another task", lambda m: m["evidence"].update(task="regression")
)
described(
    "evidence with arrays",
    'unknown entry "actual"',
    lambda m: m["evidence"].update(actual=[1]),
)
described(
    "a metric of text",
    "metrics.accuracy.low is not a number",
    lambda m: m["evidence"]["metrics"]["accuracy"].update(low="x"),
)
described(
    "notices of text", "notices[0] is not an object", lambda m: m["evidence"].update(notices=["x"])
)


def test_there_are_enough_malformed_files():
    assert len(MALFORMED) >= 60


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_file_is_refused_by_name(name, valid, tmp_path):
    code, words, change = MALFORMED[name]
    content = change(valid)
    assert content != valid
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    message = str(caught.value)
    assert caught.value.code == code, message
    assert words in message
    assert str(path) in message
    assert len(message) < 400 + len(str(path))
    assert "\n" not in message


def test_a_sealed_file_without_changes_loads(valid, tmp_path):
    """The helpers above refuse nothing by themselves."""
    path = tmp_path / "again.safetensors"
    path.write_bytes(closed(*opened(valid)))
    load_model(path)


def test_real_torch_files_are_pickles(tmp_path):
    for name, old in (("model.pt", False), ("old.safetensors", True), ("x.safetensors", False)):
        path = tmp_path / name
        torch.save({"w": torch.zeros(3)}, path, _use_new_zipfile_serialization=not old)
        with pytest.raises(ModelFileError) as caught:
            load_model(path)
        assert caught.value.code == "E502"
        assert str(caught.value) == (
            f"{path} is a pickle and could run code; Vetro does not open it. "
            "Use a .safetensors model."
        )


def test_a_pickle_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "run"),)

    for protocol in range(6):
        path = tmp_path / "bomb.safetensors"
        path.write_bytes(pickle.dumps(Bomb(), protocol))
        with pytest.raises(ModelFileError, match="could run code"):
            load_model(path)
    assert not (tmp_path / "run").exists()


def refusal(path) -> str:
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    return f"{caught.value.code} {caught.value}"


def test_what_is_no_file(valid, tmp_path):
    path = tmp_path / "pumps.safetensors"
    path.write_bytes(valid)
    wrong = tmp_path / "pump.safetensors"
    assert refusal(wrong) == f'E507 {wrong} not found. Did you mean "pumps.safetensors"?'
    nowhere = tmp_path / "x" / "y.safetensors"
    assert (
        refusal(nowhere) == f"E507 {nowhere} not found. The folder {nowhere.parent} does not exist."
    )
    assert refusal(tmp_path).startswith(f"E508 {tmp_path}: it is a folder. Name a file in it")
    assert refusal("a\0b").startswith("E508")
    assert refusal("x" * 5000).startswith("E508")
    assert refusal(path / "y").startswith("E50")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert refusal(pipe).startswith(f"E508 {pipe}: it is no file.")


def test_saving_refuses_another_ending_and_keeps_what_is_there(source, tmp_path, monkeypatch):
    model = model_of(source, "pressure")
    with pytest.raises(ModelFileError) as caught:
        model.save(tmp_path / "model.pt")
    assert caught.value.code == "E508"
    assert str(caught.value).endswith(f"Use {tmp_path / 'model.safetensors'}.")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ModelFileError) as caught:
        model.save(tmp_path / "nowhere" / "model.safetensors")
    assert caught.value.code == "E503"
    path = tmp_path / "model.safetensors"
    model.save(path)
    before = path.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ModelFileError, match="disk full"):
        model_of(source, "noise").save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_names_of_every_script_survive(tmp_path):
    columns = rows_of(40)
    renamed = {
        'flow "l/s", café 流量 \U0001f6b0': columns["flow"],
        "città\tvecchia": columns["city"],
        "../druck": columns["pressure"],
    }
    model = model_of(renamed, "../druck")
    path = tmp_path / "mòdel 模型.safetensors"
    save_model(model, path)
    same(model, load_model(path))


def test_wide_models_round_trip(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(30, 400))
    model = model_of(matrix, "c400", hidden=(200,))
    path = tmp_path / "wide.safetensors"
    model.save(path)
    same(model, load_model(path))


def test_not_finite_parameters_are_not_loaded_even_if_saved(source, tmp_path):
    model = model_of(source, "pressure", members=1)
    member = model.members[0]
    parameters = member.parameters.copy()
    parameters[-1] = np.nan
    broken = replace(model, members=(Member(member.encoder, parameters, 1),))
    broken.save(tmp_path / "nan.safetensors")
    assert "not finite" in refusal(tmp_path / "nan.safetensors")


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_random_damage_is_always_found(data, valid, folder):
    """Flips, cuts, insertions: a named error, never another exception, never another model."""
    content = bytearray(valid)
    place = st.integers(0, 600) | st.integers(0, len(content) - 1)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(place)
        change = data.draw(st.sampled_from(["flip", "cut", "insert", "remove", "zero"]))
        if change == "flip" and at < len(content):
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        elif change == "cut":
            del content[at:]
        elif change == "insert":
            content[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        elif change == "remove":
            del content[at : at + data.draw(st.integers(1, 9))]
        else:
            content[at : at + 8] = b"\0" * len(content[at : at + 8])
    path = folder / "damaged.safetensors"
    path.write_bytes(content)
    if bytes(content) == valid:
        load_model(path)
        return
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    assert caught.value.code in ("E501", "E502", "E505", "E506")


@settings(max_examples=300, deadline=None)
@given(
    content=st.binary(max_size=60),
    begin=st.sampled_from([b"", b"c", b"(d", b"PK\x03\x04", b"\x80\x04"]),
)
def test_any_bytes_are_refused(content, begin, folder):
    path = folder / "bytes.safetensors"
    path.write_bytes(begin + content)
    with pytest.raises(ModelFileError):
        load_model(path)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_edited_entry_is_refused_or_makes_a_model(data, valid, folder):
    """Somebody edits one entry of the description and recomputes the SHA-256."""
    header, tensors = opened(valid)
    document = json.loads(header["__metadata__"]["model"])
    node, key = {"model": document}, "model"
    while True:
        child = node[key]
        stop = not isinstance(child, (dict, list)) or not child
        if stop or (node[key] is not document and data.draw(st.integers(0, 4)) == 0):
            break
        node = child
        key = data.draw(
            st.sampled_from(sorted(child) if isinstance(child, dict) else range(len(child)))
        )
    if data.draw(st.booleans()):
        node[key] = data.draw(json_values)
    elif isinstance(node, dict) and data.draw(st.booleans()):
        node[data.draw(st.text(max_size=5))] = data.draw(json_values)
    else:
        del node[key]
    header["__metadata__"]["model"] = json.dumps(document)
    path = folder / "edited.safetensors"
    path.write_bytes(closed(header, tensors))
    try:
        model = load_model(path)
    except ModelFileError as failure:
        assert failure.code == "E501"
        return
    repr(model)
    model.save(folder / "resaved.safetensors")
    same(load_model(folder / "resaved.safetensors"), model)
