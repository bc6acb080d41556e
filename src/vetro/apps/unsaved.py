"""The E503 for a file of a run that cannot be written: it names what is left intact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vetro.atomic import cannot_save
from vetro.errors import VetroError, error, words
from vetro.training.checkpoint import load_checkpoint

if TYPE_CHECKING:
    from vetro.apps.log_file import LogFile
    from vetro.apps.runs import RunFolder


def with_what_is_left(refusal: VetroError, run: RunFolder) -> VetroError:
    """The refusal; if the system refused a write, with the checkpoint from which to go on."""
    if refusal.code != "E503" or not isinstance(refusal.__cause__, OSError):
        return refusal
    if not run.checkpoint.is_file():
        return refusal
    try:
        kept = load_checkpoint(run.checkpoint)
    except VetroError:
        return refusal
    epoch = max((record.epoch for record in kept.history), default=0)
    which = "previous one" if refusal.values["what"] == "the checkpoint" else "checkpoint"
    fix = str(refusal.values["fix"]).rstrip(".")
    left = {
        "intact": f"The {which} (epoch {epoch}) is intact. ",
        "fix": words("{fix} and use {=resume}.", fix=fix),
    }
    return error("E503", **{**refusal.values, **left})


def lost_log(log: LogFile | None) -> VetroError | None:
    """The E503 of a log that could not be written to its end."""
    if log is None or log.failure is None:
        return None
    lost = cannot_save(log.path, log.failure, "the log")
    return error("E503", **{**lost.values, "intact": "All other files are complete. "})
