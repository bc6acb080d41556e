"""Malformed model files: what is wrong with each, its code, and words of its message.

Each is a function of a valid file's bytes (of model_of(..., "grade")).  Those made by `raw`
are damaged; those made by `sealed`, `described` and `text_of` were edited by somebody who
computed the SHA-256 anew.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
from pathlib import Path

import numpy as np


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
raw("half a character", "E501", "half of a surrogate pair", lambda v: closed('{"\\ud800":1}', b""))
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
    "format 3; this one reads 2",
    lambda h, d: h["__metadata__"].update(version="3"),
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
    '"__metadata__" occurs twice',
    '{"__metadata__"',
    '{"__metadata__": {}, "__metadata__"',
)
text_of("a tensor twice", "E501", f'"{W}" occurs twice', f'"{LAST}":', f'"{W}": 1, "{LAST}":')
text_of(
    "a key of a tensor twice",
    "E501",
    '"dtype" occurs twice',
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
    "have different shapes",
    lambda h, d: h["evidence.predicted"].update(shape=[33]),
)
sealed(
    "history of two dimensions",
    "E501",
    "history have different lengths",
    lambda h, d: h["history.epoch"].update(shape=[2, 1]),
)

sealed(
    "sizes without their layers",
    "E501",
    "history.weights does not have its epochs and layers",
    lambda h, d: h["history.weights"].update(shape=[h["history.weights"]["shape"][1], 2]),
)
sealed(
    "sizes doubled",
    "E501",
    "has the type int32",
    lambda h, d: h["history.gradients"].update(dtype="I32"),
)

described("description not JSON", "JSON is not valid", lambda m: "{")
described("description a list", "does not have the entries", lambda m: "[]")
described("description with NaN", "JSON holds NaN", lambda m: '{"task": NaN}')
described("description with a key twice", '"task" occurs twice', lambda m: '{"task": 1, "task": 2}')
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
described("a column twice", "occurs twice in its schema", column(name="age"))
described("a column ignored", "has other inputs than the schema", column(role="ignored"))
described("an unknown kind", "columns[0].kind is not one of", column(kind="text"))
described("an unknown role", "columns[0].role is not one of", column(role="spare"))
described("a kind that is a list", "columns[0].kind is not one of", column(kind=["number"]))
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
described("another activation", "activation is not one of", network(activation="softmax"))
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
described(
    "a fold of text", "is not a valid fold number", lambda m: m["members"][0].update(fold="1")
)
described("a fold below 0", "is not a valid fold number", lambda m: m["members"][0].update(fold=-1))
described("no encoder", "does not have the entries", lambda m: m.pop("encoder") and None)
described(
    "a member's own encoder",
    "member 1 does not have the entries fold, targets",
    lambda m: m["members"][0].update(encoder=m["encoder"]),
)


def block(**changes):
    return lambda m: m["encoder"]["inputs"][0].update(changes)


described("a mean of text", "'1' is not a number", block(mean="1"))
described("a mean of null", "None is not a number", block(mean=None))
described("a mean that is huge", "too large", block(mean=10**400))
described("a negative scale", "is negative", block(scale=-1.0))
described("an unknown block", "is unknown", block(kind="code"))
described(
    "an input missing",
    "has other inputs",
    lambda m: m["encoder"]["inputs"].pop() and None,
)
described(
    "an input twice",
    "an input occurs twice",
    lambda m: m["encoder"]["inputs"].append(m["encoder"]["inputs"][0]),
)
described("encoder a list", "", lambda m: m.update(encoder=[]))
described("encoder a text", "", lambda m: m.update(encoder="x"))
described("inputs of an encoder null", "", lambda m: m["encoder"].update(inputs=None))
described("blocks that are numbers", "", lambda m: m["encoder"].update(inputs=[1, 2]))
described("borders of text", "'1' is not a number", block(borders=["1", "2", "3"]))
described("borders that are no list", "is not a list of numbers", block(borders=1.5))
described("one bin", "not three or more rising numbers", block(borders=[0.0, 1.0]))
described("borders that fall", "not three or more rising", block(borders=[2.0, 1.0, 3.0]))
described("a bin without width", "not three or more rising", block(borders=[1.0, 1.0, 3.0]))
described("a bin beyond float64", "is wider than", block(borders=[-1.7e308, 1.7e308, 1.75e308]))
described("a median below the bins", "outside its bins", block(borders=[1e9, 2e9, 3e9]))
described("bins beyond the table", "outside the range", block(borders=[-1e9, 1.0, 1e9]))


def bins_of_its_own(document) -> None:
    """Bins that its values have, and the network's inputs have not."""
    found, column = document["encoder"]["inputs"][0], document["schema"]["columns"][0]
    found.update(borders=[column["minimum"], found["median"], column["maximum"]])


described("bins of other inputs", "does not make the inputs of the network", bins_of_its_own)
described(
    "a member without targets",
    "member 1 does not have the entries fold, targets",
    lambda m: m["members"][0].pop("targets") and None,
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
    "evidence of another task",
    "for another task",
    lambda m: m["evidence"].update(task="regression"),
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
    "fingerprints of other members",
    "the fingerprints of other members",
    lambda m: m["evidence"].update(fingerprints=["ab"]),
)
described(
    "a median row of other columns",
    "the median row of its evidence",
    lambda m: m["evidence"].update(median_row=[1.0]),
)
described(
    "notices of text", "notices[0] is not an object", lambda m: m["evidence"].update(notices=["x"])
)
