"""Runs: the folders that each hold one fit.

    runs/<table>-<n>/   model.safetensors  report.html  held-out.csv  history.csv  recipe.toml
                        log.txt
                        checkpoint.safetensors while training, and after an interruption
                        .lock while it is written (claim.py), and after a kill

This module names, creates and finds them; it trains nothing.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vetro.addresses import is_address, kept, place_name, shown_source
from vetro.apps.claim import Claim, Claimed, claim, is_claimed, was_claimed
from vetro.apps.recipe_file import read_recipe
from vetro.atomic import cannot_save, write_whole
from vetro.errors import VetroError, error
from vetro.report.command import fit_command, resume_command
from vetro.signals import held
from vetro.training.history import COLUMNS, SIZES, EpochRecord

if TYPE_CHECKING:
    from vetro.model.model import Model, WritesReport

ROOT = Path("runs")
ATTEMPTS = 50  # to claim a folder while failing fits keep removing it
_ENDINGS = re.compile(r"\.(csv|tsv|txt|parquet|jsonl|ndjson|json|xlsx|db|duckdb|sqlite|gz)$", re.I)


class _File:
    """A file of a run: its path, by name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, run: RunFolder, kind: type) -> Path:
        return run.path / self._name


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run."""

    path: Path

    model = _File("model.safetensors")
    report = _File("report.html")
    history = _File("history.csv")
    held_out = _File("held-out.csv")
    recipe = _File("recipe.toml")
    log = _File("log.txt")
    checkpoint = _File("checkpoint.safetensors")

    @property
    def state(self) -> str:
        """ "running", "finished", "interrupted" (has a model, can be resumed) or "unfinished"."""
        if is_claimed(self.path):
            return "running"
        if not self.model.is_file():
            return "unfinished"
        return "interrupted" if self.can_go_on else "finished"

    @property
    def can_go_on(self) -> bool:
        """Whether it has not ended: --resume continues from the checkpoint, or else the recipe."""
        if self.checkpoint.is_file() or not self.model.is_file():
            return True
        return was_claimed(self.path)

    def write_history(self, records: Iterable[EpochRecord]) -> None:
        """Write one line per epoch, with a header and with columns for each layer."""
        records = list(records)
        layers = range(1, len(records[0].weights) + 1) if records else range(0)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            [*COLUMNS, *(f"layer{number}.{name}" for name in SIZES for number in layers)]
        )
        for record in records:
            values = [getattr(record, name) for name in COLUMNS]
            sizes = (f"{size:.9g}" for name in SIZES for size in getattr(record, name))
            writer.writerow([*(int(v) if isinstance(v, bool) else v for v in values), *sizes])
        write_whole(self.history, text.getvalue().encode(), "the history")


def table_name(source: str) -> str:
    """A short name for folders: "concrete" of "data/concrete.csv.gz"."""
    name = place_name(source) if is_address(source) else source.rstrip("/").rsplit("/", 1)[-1]
    while (shorter := _ENDINGS.sub("", name)) != name:
        name = shorter
    name = re.sub(r"[^\w.]+", "-", name).strip("-.")
    return name[:60] or "table"


@contextlib.contextmanager
def new_run(source: str, folder: str = "") -> Iterator[tuple[RunFolder, Claim]]:
    """Claim the folder of a new run: the given one, or the next free runs/<table>-<n>.

    If the block fails and leaves neither a model nor a checkpoint, the folder is removed again.
    E604 if another process writes into the given folder, or if it already holds a run.  A run that
    was killed before its first checkpoint starts again.  E503 if the folder cannot be made.
    """
    with contextlib.ExitStack() as stack:
        with held():  # an interruption comes when the folder is ours to remove
            run, taken = _new(source, folder)
            stack.callback(taken.release)
            stack.push(lambda kind, *_: _remove_if_useless(run, taken) if kind else None)
        yield run, taken


@contextlib.contextmanager
def old_run(run: RunFolder) -> Iterator[tuple[RunFolder, Claim]]:
    """Claim a run to resume it; E504 if another process writes into it."""
    with contextlib.ExitStack() as stack:
        with held():
            try:
                taken = claim(run.path)
            except Claimed as other:
                reason = f"{run.path} is being written by {other.owner}"
                raise error("E504", reason=reason, fix="Wait until it has ended.") from None
            except OSError as fault:
                raise cannot_save(run.path, fault, f"the run in {run.path}") from None
            stack.callback(taken.release)
            stack.push(lambda kind, *_: taken.ended() if kind and taken.is_new else None)
            if taken.is_new and run.model.is_file() and not run.checkpoint.is_file():
                reason = f"{run.path}: it is finished"  # by another process, just now
                raise error("E504", reason=reason, fix="Start a new run.")
        yield run, taken


def _new(source: str, folder: str) -> tuple[RunFolder, Claim]:
    try:
        for _ in range(ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):
                return _named(folder) if folder else _numbered(source)
        return _named(folder) if folder else _numbered(source)
    except OSError as fault:
        place = folder or str(ROOT)
        fix = "Use another --run."
        raise cannot_save(place, fault, f"the run in {place}", otherwise=fix) from None


def _named(folder: str) -> tuple[RunFolder, Claim]:
    if is_address(folder) and not Path(folder).exists():
        shown = shown_source(folder)
        raise error("E508", path=shown, reason="it is an address", fix="Use another --run.")
    run = RunFolder(Path(folder))
    run.path.mkdir(parents=True, exist_ok=True)
    try:
        taken = _claimed(run.path)
    except Claimed as other:
        what = f"{folder} is being written by {other.owner}"
        raise error("E604", what=what, fix="Use another --run.") from None
    unfinished = not taken.is_new and not run.model.exists() and not run.checkpoint.exists()
    if (run.recipe.exists() or run.model.exists()) and not unfinished:
        if taken.is_new:
            taken.ended()
        taken.release()
        fix = f"Use another --run, or resume it: {resume_command(folder)}."
        raise error("E604", what=f"{folder} already holds a run", fix=fix)
    return run, taken


def _numbered(source: str) -> tuple[RunFolder, Claim]:
    ROOT.mkdir(exist_ok=True)
    name = table_name(source)
    number = 1 + max((_number(path, name) for path in ROOT.iterdir()), default=0)
    while True:
        path = ROOT / f"{name}-{number}"
        try:
            path.mkdir()
            return RunFolder(path), _claimed(path)
        except (FileExistsError, Claimed):  # another fit has just made it
            number += 1


def _claimed(folder: Path) -> Claim:
    """Claim a folder; if the system refuses, an empty one is removed."""
    try:
        return claim(folder)
    except OSError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise


def _remove_if_useless(run: RunFolder, taken: Claim) -> None:
    """Remove the files of a fit that failed before it had a model or a checkpoint."""
    if run.model.exists() or run.checkpoint.exists():
        return
    with held():
        for path in (run.recipe, run.log):
            path.unlink(missing_ok=True)
        taken.ended()
        with contextlib.suppress(OSError):  # other files: not ours to remove
            run.path.rmdir()
            if run.path.parent == ROOT:
                ROOT.rmdir()


def _number(path: Path, name: str) -> int:
    """The n of a folder <name>-<n>, else 0."""
    found = re.fullmatch(re.escape(name) + r"-(\d+)", path.name)
    return int(found[1]) if found else 0


def run_to_resume(named: str, source: str) -> RunFolder:
    """The named run, or the latest run of this source that can be resumed (any source if "").

    E504 if there is none, or it is finished.
    """
    if named:
        found = RunFolder(Path(named))
        if not found.recipe.is_file():
            raise error("E507", path=str(found.recipe), hint="Give the folder of a run.")
        if not found.can_go_on:
            raise error("E504", reason=f"{named}: it is finished", fix="Start a new run.")
        return found
    known = run_folders(ROOT) if ROOT.is_dir() else []
    candidates = [found for found in known if found.can_go_on and not is_claimed(found.path)]
    wanted = Path(source).resolve() if source and not is_address(source) else kept(source)
    for found in sorted(candidates, key=_last_written, reverse=True):
        with contextlib.suppress(VetroError):
            of_run = read_recipe(found.recipe).source
            same = Path(of_run).resolve() if not is_address(of_run) else kept(of_run)
            if not source or same == wanted or table_name(of_run) == table_name(source):
                return found
    what = f"no interrupted run of {kept(source)}" if source else "no interrupted run"
    raise error(
        "E504", reason=f"{what} in {ROOT}/", fix="Name it with --resume, or start a new run."
    )


def _last_written(run: RunFolder) -> float:
    """The time of its last checkpoint, or of its start if it has none."""
    for path in (run.checkpoint, run.recipe):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def run_folders(root: Path) -> list[RunFolder]:
    """The runs in a folder, by name and number; the folder itself if it is one."""
    if (root / "recipe.toml").is_file():
        return [RunFolder(root)]
    if not root.is_dir():
        raise error("E507", path=shown_source(str(root)), hint="Give a folder of runs.")

    def order(path: Path) -> tuple[str, int]:
        name, _, number = path.name.rpartition("-")
        return (name, int(number)) if number.isdecimal() else (path.name, 0)

    return [
        RunFolder(path)
        for path in sorted(root.iterdir(), key=order)
        if (path / "recipe.toml").is_file()
    ]


def _how_to_have_a_model(run: RunFolder) -> str:
    if not run.recipe.is_file():
        return "Give a model file or a run folder."
    again = resume_command(str(run.path))
    if not run.checkpoint.is_file():
        again = fit_command(str(run.recipe))
    return f"Its training has not ended: use {again}."


def load_model(named: str | Path, writes_report: WritesReport | None = None) -> Model:
    """The model of a file or of a run folder; E5xx."""
    from vetro.model.files import load_model as load

    path, folder = Path(named), False
    with contextlib.suppress(OSError):  # a name that is too long
        folder = path.is_dir()
    if folder:
        run = RunFolder(path)
        if not run.model.is_file():
            raise error("E507", path=str(run.model), hint=_how_to_have_a_model(run))
        path = run.model
    return load(path, writes_report)
