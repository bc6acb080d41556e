"""The container: tensors and texts in one safetensors file, read strictly and sealed.

Stricter than the safetensors library, which accepts duplicate keys, NaN and odd names: every
byte of the file is accounted for, and a SHA-256 covers all of them.  What the tensors and
texts mean is defined in document.py; docs/format.md specifies both.
"""

from __future__ import annotations

import hashlib
import json
import math
import pickletools
import re
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from vetro.errors import error, shown

FORMAT = "vetro"
VERSION = 1
LONGEST_HEADER = 64 * 2**20
MOST_TENSORS = 100_000

# In the order in which tensors are laid out, so that each is aligned to its own size.
_DTYPES = {"F64": "<f8", "I64": "<i8", "F32": "<f4", "I32": "<i4", "U8": "|u1"}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}
_UNSEALED = "0" * 64
_SEAL = re.compile(r"[0-9a-f]{64}")
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_PICKLE_ENDINGS = (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")


@dataclass(frozen=True)
class Container:
    """texts: the metadata except format, version and sha256.  tensors: read-only views."""

    texts: dict[str, str]
    tensors: dict[str, NDArray[Any]]


class _Damaged(ValueError):
    """Why the bytes are not what was written."""


def pack(container: Container) -> bytes:
    """The whole file.  The same content gives the same bytes."""
    order = list(_DTYPES)
    tensors = {
        name: np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<"))
        for name, tensor in container.tensors.items()
    }
    names = sorted(tensors, key=lambda name: order.index(_NAMES[tensors[name].dtype]))
    texts = {"format": FORMAT, "version": str(VERSION), "sha256": _UNSEALED, **container.texts}
    header: dict[str, Any] = {"__metadata__": texts}
    end = 0
    for name in names:
        tensor = tensors[name]
        begin, end = end, end + tensor.nbytes
        dtype, shape = _NAMES[tensor.dtype], list(tensor.shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        reason = f"its description has {len(text)} bytes, more than {LONGEST_HEADER}"
        raise error("E503", what="the model", reason=reason, intact="", fix="Use fewer columns.")
    parts = [struct.pack("<Q", len(text)), text, *(tensors[name].tobytes() for name in names)]
    content = b"".join(parts)
    seal = hashlib.sha256(content).hexdigest()
    return content.replace(_UNSEALED.encode(), seal.encode(), 1)


def unpack(content: bytes, path: str) -> Container:
    """The tensors and texts of a file's bytes; E501, E502, E505 or E506 otherwise."""
    text = _header_text(content, path)
    try:
        header = parse_json(text)
        texts = _texts(header)
    except _Damaged as reason:
        raise error("E501", path=path, reason=str(reason)) from reason
    _check_format(texts, path)
    try:
        tensors = _tensors(header, memoryview(content)[8 + len(text.encode()) :])
        _check_seal(content, texts)
    except _Damaged as reason:
        raise error("E501", path=path, reason=str(reason)) from reason
    others = {name: item for name, item in texts.items() if name not in _OWN_TEXTS}
    return Container(others, tensors)


_OWN_TEXTS = ("format", "version", "sha256")


def parse_json(text: str) -> Any:
    """JSON without duplicate keys, numbers that are not finite, or lone surrogates."""
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_not_a_number,
            parse_float=_finite,
            parse_int=_whole,
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as reason:
        raise _Damaged("its JSON is nested too deeply") from reason
    except UnicodeEncodeError as reason:
        raise _Damaged("its JSON holds half of a surrogate pair") from reason
    except _Damaged:
        raise
    except ValueError as reason:
        raise _Damaged(f"its JSON is not valid: {reason}") from reason
    return value


def _header_text(content: bytes, path: str) -> str:
    """The header; E502 for a pickle, E505 for a file that never was a safetensors file."""
    begins = content[8:9] == b"{"
    if not begins and _is_pickle(content, path):
        raise error("E502", path=path)
    if not content:
        raise error("E505", path=path, reason="it is empty (0 bytes)")
    if len(content) < 9 or not begins:
        raise error("E505", path=path, reason="it does not begin as a safetensors file does")
    length = struct.unpack("<Q", content[:8])[0]
    if length > LONGEST_HEADER:
        reason = f"its header would have {length} bytes; at most {LONGEST_HEADER} are read"
        raise error("E501", path=path, reason=reason)
    if length > len(content) - 8:
        reason = f"cut off: {len(content)} bytes where the header alone ends at {8 + length}"
        raise error("E501", path=path, reason=reason)
    try:
        return content[8 : 8 + length].decode("utf-8")
    except UnicodeDecodeError as failure:
        reason = f"its header is not UTF-8 at byte {8 + failure.start}"
        raise error("E501", path=path, reason=reason) from failure


def _is_pickle(content: bytes, path: str) -> bool:
    """Whether it begins as a pickle does, or is torch's archive around one."""
    if content.startswith(b"PK\x03\x04"):
        return path.lower().endswith(_PICKLE_ENDINGS) or b"data.pkl" in content
    if _PICKLE.match(content):
        return True
    # Protocols 0 and 1 have no mark: read the instructions without running them.
    try:
        last = next(at for code, _, at in pickletools.genops(content) if code.name == "STOP")
    except (ValueError, StopIteration):
        return False
    return last is not None and 1 < last == len(content) - 1


def _texts(header: Any) -> dict[str, str]:
    if not isinstance(header, dict):
        raise _Damaged("its header is not an object")
    texts = header.get("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(item, str) for item in texts.values()):
        raise _Damaged("its metadata are not texts")
    return texts


def _check_format(texts: dict[str, str], path: str) -> None:
    if texts.get("format") != FORMAT:
        raise error("E505", path=path, reason="it is a safetensors file without Vetro's metadata")
    version = texts.get("version", "")
    if not re.fullmatch(r"[1-9][0-9]{0,8}", version):
        raise error("E501", path=path, reason=f"its format version is {_quoted(version)}")
    if int(version) > VERSION:
        raise error("E506", path=path, found=version, known=VERSION)


def _check_seal(content: bytes, texts: dict[str, str]) -> None:
    seal = texts.get("sha256", "")
    if not _SEAL.fullmatch(seal):
        raise _Damaged("it has no SHA-256")
    unsealed = content.replace(seal.encode(), _UNSEALED.encode(), 1)
    if hashlib.sha256(unsealed).hexdigest() != seal:
        raise _Damaged("SHA-256 differs")


def _tensors(header: dict[str, Any], data: memoryview) -> dict[str, NDArray[Any]]:
    """The tensors, which must cover the data without gap or overlap."""
    if len(header) > MOST_TENSORS:
        raise _Damaged(f"it has {len(header)} tensors; at most {MOST_TENSORS} are read")
    entries = [_entry(name, item) for name, item in header.items() if name != "__metadata__"]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    end, tensors = 0, {}
    for entry in entries:
        if entry.begin != end:
            how = "overlaps another" if entry.begin < end else "leaves a gap before it"
            raise _Damaged(f"tensor {_quoted(entry.name)} {how}")
        end = entry.end
        if end > len(data):
            raise _Damaged(
                f"cut off: tensor {_quoted(entry.name)} ends {end - len(data)} bytes later"
            )
        try:
            flat = np.frombuffer(data[entry.begin : end], dtype=_DTYPES[entry.dtype])
            tensors[entry.name] = flat.reshape(entry.shape)
        except ValueError as reason:
            raise _Damaged(f"tensor {_quoted(entry.name)} has an impossible shape") from reason
    if end != len(data):
        raise _Damaged(f"{len(data) - end} bytes follow the last tensor")
    return tensors


@dataclass(frozen=True)
class _Entry:
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def _entry(name: str, item: Any) -> _Entry:
    if not isinstance(item, dict) or set(item) != {"dtype", "shape", "data_offsets"}:
        raise _Damaged(f"tensor {_quoted(name)} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = item["dtype"], item["shape"], item["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise _Damaged(f"tensor {_quoted(name)} has the unknown type {_quoted(dtype)}")
    if not _counts(shape) or len(shape) > 8:
        raise _Damaged(f"tensor {_quoted(name)} has an impossible shape")
    if not _counts(offsets) or len(offsets) != 2:
        raise _Damaged(f"tensor {_quoted(name)} has wrong offsets")
    begin, end = offsets
    if end - begin != math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize:
        raise _Damaged(f"tensor {_quoted(name)} has offsets that do not fit its shape")
    return _Entry(name, dtype, tuple(shape), begin, end)


def _counts(value: Any) -> bool:
    """Whether it is a list of whole numbers of at least 0 (true and 1.0 are none)."""
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise _Damaged(f"the key {_quoted(name)} occurs twice in its JSON")
    return entries


def _not_a_number(text: str) -> NoReturn:
    raise _Damaged(f"its JSON holds {text}")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Damaged(f"its JSON holds the number {shown(text)}, which is not finite")
    return value


def _whole(text: str) -> int:
    # No number of a model file needs more digits; longer ones overflow float() later.
    if len(text) > 20:
        raise _Damaged(f"its JSON holds the number {shown(text)}, which is too large")
    return int(text)


def _quoted(value: object) -> str:
    return f'"{shown(value)}"'
