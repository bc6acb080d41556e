"""The container: tensors and texts in one safetensors file, read strictly and sealed.

Stricter than the safetensors library, which accepts duplicate keys, NaN and odd names: every
byte of the file is accounted for, and a SHA-256 covers all of them.  What the tensors and
texts mean is defined in document.py; docs/format.md specifies both.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import pickletools
import re
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from vetro.errors import error, shown

FORMAT = "vetro"
VERSION = 2
LONGEST_HEADER = 64 * 2**20
MOST_TENSORS = 100_000
MOST_VALUES = 3_000_000  # of one JSON text; a column of a table has about 68

# In the order in which tensors are laid out, so that each is aligned to its own size.
_DTYPES = {"F64": "<f8", "I64": "<i8", "F32": "<f4", "I32": "<i4", "U8": "|u1"}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}
_UNSEALED = "0" * 64
_SEAL = re.compile(r"[0-9a-f]{64}")
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_LOOKED_AT = 2**18  # bytes in which a pickle of any kind shows itself
_PICKLE_ENDINGS = (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")


@dataclass(frozen=True)
class Container:
    """texts: the metadata except format, version and sha256.  tensors: read-only views.
    version: of the format."""

    texts: dict[str, str]
    tensors: dict[str, NDArray[Any]]
    version: int = VERSION


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
    texts = {
        "format": FORMAT,
        "version": str(container.version),
        "sha256": _UNSEALED,
        **container.texts,
    }
    header: dict[str, Any] = {"__metadata__": texts}
    end = 0
    for name in names:
        tensor = tensors[name]
        begin, end = end, end + tensor.nbytes
        dtype, shape = _NAMES[tensor.dtype], list(tensor.shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    written = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    text = written.encode()
    text += b" " * (-len(text) % 8)
    for count, most, what in (
        (len(text), LONGEST_HEADER, "bytes"),
        (_values(written), MOST_VALUES, "values"),
    ):
        if count > most:
            reason = f"its description has {count:,} {what}, more than {most:,}"
            fix = "Use fewer columns."
            raise error("E503", what="the model", reason=reason, intact="", fix=fix)
    parts = [struct.pack("<Q", len(text)), text, *(tensors[name].tobytes() for name in names)]
    content = b"".join(parts)
    seal = hashlib.sha256(content).hexdigest()
    return content.replace(_UNSEALED.encode(), seal.encode(), 1)


def unpack(file: BinaryIO, path: str) -> Container:
    """The tensors and texts of a seekable file; E501, E502, E505 or E506 otherwise.

    The header is checked before the rest is read, so that a small header never costs much.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    raw = _raw_header(file, size, path)
    try:
        header = parse_json(_header_text(raw))
        texts = _texts(header)
    except _Damaged as reason:
        raise error("E501", path=path, reason=str(reason)) from reason
    version = _version(texts, path)
    try:
        entries = _entries(header, size - 8 - len(raw))
        data = file.read()
        _check_seal(raw, data, texts)
        tensors = _tensors(entries, memoryview(data))
    except _Damaged as reason:
        raise error("E501", path=path, reason=str(reason)) from reason
    others = {name: item for name, item in texts.items() if name not in _OWN_TEXTS}
    return Container(others, tensors, version)


_OWN_TEXTS = ("format", "version", "sha256")


def parse_json(text: str) -> Any:
    """JSON without duplicate keys, numbers that are not finite, or lone surrogates."""
    values = _values(text)
    if values > MOST_VALUES:
        raise _Damaged(f"its JSON holds {values:,} values; at most {MOST_VALUES:,} are read")
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


def _values(text: str) -> int:
    """How many values a JSON text holds, or a few more: found without reading it."""
    return sum(map(text.count, "{[,"))


def _raw_header(file: BinaryIO, size: int, path: str) -> bytes:
    """The header's bytes; E502 for a pickle, E505 for a file that never was a safetensors file."""
    beginning = file.read(_LOOKED_AT)
    begins = beginning[8:9] == b"{"
    if not begins and _is_pickle(beginning, path):
        raise error("E502", path=path)
    if not beginning:
        raise error("E505", path=path, reason="it is empty (0 bytes)")
    if not begins:
        raise error("E505", path=path, reason="it does not begin as a safetensors file does")
    length = struct.unpack("<Q", beginning[:8])[0]
    if length > LONGEST_HEADER:
        reason = f"its header would have {length} bytes; at most {LONGEST_HEADER} are read"
        raise error("E501", path=path, reason=reason)
    if length > size - 8:
        reason = f"cut off: {size} bytes where the header alone ends at {8 + length}"
        raise error("E501", path=path, reason=reason)
    file.seek(8)
    return file.read(length)


def _header_text(raw: bytes) -> str:
    """The header, if it describes no more tensors than are read."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as failure:
        raise _Damaged(f"its header is not UTF-8 at byte {8 + failure.start}") from failure
    tensors = text.count('"data_offsets"')
    if tensors > MOST_TENSORS:
        raise _Damaged(f"it has {tensors:,} tensors; at most {MOST_TENSORS:,} are read")
    return text


def _is_pickle(beginning: bytes, path: str) -> bool:
    """Whether it begins as a pickle does, or is torch's archive around one."""
    if beginning.startswith(b"PK\x03\x04"):
        return path.lower().endswith(_PICKLE_ENDINGS) or b"data.pkl" in beginning
    if _PICKLE.match(beginning):
        return True
    # Protocols 0 and 1 have no mark: read the instructions without running them.
    try:
        last = next(at for code, _, at in pickletools.genops(beginning) if code.name == "STOP")
    except (ValueError, StopIteration):
        return False
    return last is not None and 1 < last == len(beginning) - 1


def _texts(header: Any) -> dict[str, str]:
    if not isinstance(header, dict):
        raise _Damaged("its header is not an object")
    texts = header.get("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(item, str) for item in texts.values()):
        raise _Damaged("its metadata are not texts")
    return texts


def _version(texts: dict[str, str], path: str) -> int:
    """The version of the format; E505 or E506 if this reader does not know it."""
    if texts.get("format") != FORMAT:
        raise error("E505", path=path, reason="it is a safetensors file without Vetro's metadata")
    version = texts.get("version", "")
    if not re.fullmatch(r"[1-9][0-9]{0,8}", version):
        raise error("E501", path=path, reason=f"its format version is {_quoted(version)}")
    if int(version) > VERSION:
        raise error("E506", path=path, found=version, known=VERSION)
    return int(version)


def _check_seal(raw: bytes, data: bytes, texts: dict[str, str]) -> None:
    seal = texts.get("sha256", "")
    if not _SEAL.fullmatch(seal):
        raise _Damaged("it has no SHA-256")
    found = hashlib.sha256(struct.pack("<Q", len(raw)))
    found.update(raw.replace(seal.encode(), _UNSEALED.encode(), 1))
    found.update(data)
    if found.hexdigest() != seal:
        raise _Damaged("SHA-256 differs")


def _entries(header: dict[str, Any], size: int) -> list[_Entry]:
    """The header entries of the tensors, in the order of the data, without gap or overlap."""
    entries = [_entry(name, item) for name, item in header.items() if name != "__metadata__"]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    end = 0
    for entry in entries:
        if entry.begin != end:
            how = "overlaps another" if entry.begin < end else "leaves a gap before it"
            raise _Damaged(f"tensor {_quoted(entry.name)} {how}")
        end = entry.end
        if end > size:
            raise _Damaged(f"cut off: tensor {_quoted(entry.name)} ends {end - size} bytes later")
    if end != size:
        raise _Damaged(f"{size - end} bytes follow the last tensor")
    return entries


def _tensors(entries: list[_Entry], data: memoryview) -> dict[str, NDArray[Any]]:
    tensors = {}
    for entry in entries:
        try:
            flat = np.frombuffer(data[entry.begin : entry.end], dtype=_DTYPES[entry.dtype])
            tensors[entry.name] = flat.reshape(entry.shape)
        except ValueError as reason:
            raise _Damaged(f"tensor {_quoted(entry.name)} has an impossible shape") from reason
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
