"""The commands that a finished fit proposes: to predict with its model, and to repeat it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vetro.addresses import kept
from vetro.model.request import FitRequest
from vetro.quoting import quoted
from vetro.settings import Setting, chosen


def repeat_command(source: str, request: FitRequest) -> str:
    """`vetro fit ...` with every choice that is not the default, quoted for a shell."""
    request = replace(request, options=replace(request.options, keep=()))
    return _command("fit", (source,), chosen(request, FitRequest(())))


def predict_command(run: str, source: str, request: FitRequest) -> str:
    """`vetro predict RUN SOURCE -o predictions.csv`, reading the source as the fit did."""
    reading = _reading(request, kinds=False)
    return _command("predict", (run, source), (*reading, Setting("out", "predictions.csv")))


def show_command(model: str) -> str:
    """`vetro show MODEL`."""
    return _command("show", (model,), ())


def inspect_command(source: str, request: FitRequest) -> str:
    """`vetro inspect SOURCE`, reading it as the fit would."""
    return _command("inspect", (source,), _reading(request))


def fit_command(recipe: str) -> str:
    """`vetro fit --recipe FILE`."""
    return _command("fit", (), (Setting("recipe", _no_option(recipe)),))


def resume_command(run: str, source: str = "") -> str:
    """`vetro fit SOURCE --resume RUN`, or without the source, which the run knows."""
    return _command("fit", (source,) if source else (), (Setting("resume", _no_option(run)),))


def _reading(request: FitRequest, *, kinds: bool = True) -> tuple[Setting, ...]:
    """How the source was read; without the columns' kinds, which a model knows."""
    options = replace(request.options, keep=())
    if not kinds:
        options = replace(options, number=(), category=(), date=(), flag=())
    return chosen(options)


def _command(name: str, arguments: Iterable[str], settings: Iterable[Setting]) -> str:
    words = [_argument(item) for item in arguments]
    return " ".join(["vetro", name, *words, *(item.worded("command line") for item in settings)])


def _argument(text: str) -> str:
    """A path or an address as a word of a shell's line."""
    return quoted(_no_option(kept(text)))


def _no_option(text: str) -> str:
    """A path that no command takes for an option."""
    return f"./{text}" if text.startswith("-") else text
