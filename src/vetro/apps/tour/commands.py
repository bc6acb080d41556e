"""The tour's own `vetro` commands, run in this process."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout


def run_command(arguments: Sequence[str]) -> str:
    """The stdout of `vetro ARGUMENTS`; raises the command's error."""
    from vetro.apps.command_line import app_for

    with redirect_stdout(io.StringIO()) as printed, redirect_stderr(io.StringIO()):
        app_for(arguments)(args=list(arguments), prog_name="vetro", standalone_mode=False)
    return printed.getvalue()
