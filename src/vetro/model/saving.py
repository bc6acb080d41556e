"""Saving a model: one .safetensors file, written atomically.  files.py reads it back."""

from __future__ import annotations

import json
from pathlib import Path

from vetro.atomic import write_whole
from vetro.errors import error
from vetro.model.container import Container, pack
from vetro.model.document import document_of, tensors_of
from vetro.model.parts import ModelParts


def save_model(model: ModelParts, path: str | Path) -> None:
    """Write the model; E508 for an ending other than .safetensors, E503 if it cannot be written.

    The same model gives the same bytes.  A file already there stays intact until the new
    one is complete.
    """
    target = Path(path)
    if target.suffix != ".safetensors":
        fix = f"Use {target.with_suffix('.safetensors')}."
        raise error("E508", path=path, reason="a model is saved as .safetensors", fix=fix)
    text = json.dumps(document_of(model), ensure_ascii=False, allow_nan=False)
    content = pack(Container({"model": text}, tensors_of(model)))
    write_whole(target, content)
