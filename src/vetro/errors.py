"""Every error and warning of Vetro, with its stable code.

    VetroError                 something was refused; exit status 2 (the user can fix it)
    ├── TableError             E1xx, E2xx  reading a table, and what is checked before training
    ├── TrainingError          E3xx        training
    ├── PredictionError        E4xx        predicting
    ├── ModelFileError         E5xx        model files, checkpoints, runs
    ├── UsageError             E6xx        arguments and recipes
    ├── GlassError             E7xx        looking inside a model or module
    └── InternalError          E9xx        Vetro failed; exit status 1
    VetroWarning               a W or I message as a Python warning

The texts are in catalogue.py.  What they propose to set is data (settings.py): a message gets its
words when it is shown, from the door that shows it.  The applications format messages for a screen.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from vetro.addresses import safe
from vetro.catalogue import CATALOGUE
from vetro.settings import Door as Door
from vetro.settings import Setting as Setting
from vetro.settings import Words as Words
from vetro.templates import shown as shown
from vetro.templates import words as words


class VetroError(Exception):
    """A refusal: `.code` is stable, `str()` is the whole message without the code, for Python.

    words: the message with what it proposes to set as data, to be worded for another door.
    notices: the messages that explain it; Python shows them as notes of the exception.
    """

    exit_status = 2
    notices: tuple[Notice, ...] = ()

    def __init__(self, code: str, /, **values: Any) -> None:
        self.code = code
        self.values = {
            name: safe(value) if isinstance(value, str) else value for name, value in values.items()
        }
        self.words = words(CATALOGUE[code], **values)
        super().__init__(str(self.words))

    def after(self, notices: Iterable[Notice]) -> Self:
        """The same refusal with messages that explain it."""
        self.notices = tuple(notices)
        for item in self.notices:
            self.add_note(str(item))
        return self

    def __reduce__(self) -> Any:
        # Another process makes it again, with the attributes that were added since.
        added = {
            name: value
            for name, value in vars(self).items()
            if name not in ("code", "values", "words")
        }
        return _raised_elsewhere, (type(self), self.code, self.values), added


def _raised_elsewhere(kind: type[VetroError], code: str, values: dict[str, Any]) -> VetroError:
    return kind(code, **values)


class TableError(VetroError):
    """Reading a table, or a check before training, refused it."""


class TrainingError(VetroError):
    """Training was refused or diverged; `.model` then holds the model of the best parameters."""

    model: Any = None


class PredictionError(VetroError):
    """Rows do not fit the model."""


class ModelFileError(VetroError):
    """A model file, checkpoint or run cannot be read or written."""


class UsageError(VetroError):
    """An argument or a recipe's entry is not valid."""


class GlassError(VetroError):
    """A model or module cannot be looked into as asked."""


class InternalError(VetroError):
    """Vetro itself failed."""

    exit_status = 1


class VetroWarning(UserWarning):
    """A W or I message, issued once at the end of a step; `.code` is stable.

    words: the message with what it proposes to set as data.
    """

    def __init__(self, notice: Notice) -> None:
        self.code = notice.code
        self.words = notice.words
        super().__init__(notice)

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Notice:
    """A W (warning) or I (information) message as data, kept in a model's evidence.

    column: the column of the table whose values it may repeat, or empty; not written.
    """

    code: str
    words: Words
    column: str = field(default="", compare=False, repr=False, metadata={"written": False})

    @property
    def message(self) -> str:
        """The message in the words of Python."""
        return str(self.words)

    def __str__(self) -> str:
        """The code and the message, as they are shown together."""
        return f"{self.code} {self.message}"

    @property
    def is_warning(self) -> bool:
        return self.code.startswith("W")

    @property
    def is_urgent(self) -> bool:
        """Whether it is a warning, or information that proposes something to set."""
        return self.is_warning or bool(self.words.settings)


_CLASSES: dict[str, type[VetroError]] = {
    "E1": TableError,
    "E2": TableError,
    "E3": TrainingError,
    "E4": PredictionError,
    "E5": ModelFileError,
    "E6": UsageError,
    "E7": GlassError,
    "E9": InternalError,
}


def error(code: str, /, **values: Any) -> VetroError:
    """The exception of a code, of the class that its number belongs to; raise it."""
    return _CLASSES[code[:2]](code, **values)


def notice(code: str, /, **values: Any) -> Notice:
    """The warning or information of a code, to be collected."""
    return Notice(code, words(CATALOGUE[code], **values), str(values.get("column", "")))


def issue_warnings(notices: Iterable[Notice], stacklevel: int = 3) -> None:
    """Issue the urgent notices as Python warnings, each once."""
    for item in dict.fromkeys(notices):
        if item.is_urgent:
            warnings.warn(VetroWarning(item), stacklevel=stacklevel)


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: counted(1, "row") is "1 row", counted(12, "row") "12 rows"."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def listed(names: Iterable[str], most: int = 20) -> str:
    """Names one after the other, each cut at 40 characters: "a, b, c and 5 more"."""
    known = [shown(name) for name in names]
    more = len(known) - most
    return ", ".join(known[:most]) + (f" and {more} more" if more > 0 else "")


def nearest(name: str, names: Iterable[str]) -> str:
    """'Did you mean "price"? ' when one of the names resembles it, else an empty text."""
    import difflib

    known = list(names)
    folded = {item.casefold(): item for item in reversed(known)}
    found = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return f'Did you mean "{shown(folded[found[0]])}"? ' if found else ""
