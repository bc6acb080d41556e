"""Model files: load_model reads what save_model wrote, and refuses everything else.

Loading runs no code from the file.  Every refusal is a ModelFileError with a code:
E501 damaged or edited, E502 a pickle, E505 no model file, E506 from a newer Vetro,
E507 not found, E508 not a readable file, E509 from an older Vetro with several encoders.
"""

from __future__ import annotations

from pathlib import Path

from vetro.addresses import is_address, shown_source
from vetro.errors import ModelFileError, VetroError, error, nearest
from vetro.model.container import Container, parse_json, unpack
from vetro.model.document import parts_of
from vetro.model.model import Model, WritesReport
from vetro.model.older_documents import from_version_1
from vetro.model.parts import Member
from vetro.model.saving import save_model

__all__ = ["load_model", "save_model"]


def load_model(path: str | Path, writes_report: WritesReport | None = None) -> Model:
    """The model of a .safetensors file."""
    shown_path = str(path)
    container = _container(Path(path))
    if set(container.texts) != {"model"}:
        raise error("E501", path=shown_path, reason="its metadata have other entries")
    try:
        document = parse_json(container.texts["model"])
        if container.version == 1:
            document = from_version_1(document, shown_path)
        parts = parts_of(document, container.tensors)
    except ModelFileError:
        raise
    except (VetroError, ValueError, KeyError, TypeError) as failure:
        # The seal is right, so someone wrote the file like this: still say what is wrong.
        reason = f"its description lacks {failure}" if isinstance(failure, KeyError) else failure
        raise error("E501", path=shown_path, reason=str(reason).rstrip(".")) from failure
    members = tuple(Member(*member) for member in parts.pop("members"))
    return Model(**parts, members=members, writes_report=writes_report)


def _container(path: Path) -> Container:
    shown = shown_source(str(path))
    if (is_address(str(path)) or shown != str(path)) and not path.exists():
        raise error("E508", path=shown, reason="it is an address", fix="Name a model file.")
    try:
        if path.is_dir():
            fix = "Name a file in it, such as model.safetensors."
            raise error("E508", path=path, reason="it is a folder", fix=fix)
        if path.exists() and not path.is_file():
            raise error("E508", path=path, reason="it is not a file", fix="Name a model file.")
        with path.open("rb") as file:
            return unpack(file, str(path))
    except FileNotFoundError as failure:
        raise error("E507", path=path, hint=_hint(path)) from failure
    except (OSError, ValueError) as failure:
        # ValueError: a NUL character in the path.
        reason = getattr(failure, "strerror", None) or str(failure)
        fix = "Check the path and its permissions."
        raise error("E508", path=path, reason=reason.lower(), fix=fix) from failure


def _hint(path: Path) -> str:
    """A file of a similar name in the same folder, if there is one."""
    if not path.parent.is_dir():
        return f"The folder {path.parent} does not exist."
    models = (item.name for item in path.parent.glob("*.safetensors"))
    return nearest(path.name, models) or "Check the path."
