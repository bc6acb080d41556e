"""Running the tour's steps: each once, with the names of the steps that it needs.

The output and the values of a step are kept, so that it can be shown again and in any language, and
so that no step can change another's values.  Other files show the results.
"""

from __future__ import annotations

import io
import linecache
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any, Self
from warnings import catch_warnings, simplefilter

from vetro.apps.tour.content import Cell, Step
from vetro.errors import VetroError, VetroWarning
from vetro.visible import visible


@dataclass(frozen=True)
class Ran:
    """A step that ran.  cells: with the output of each.  values: the names after the run."""

    cells: tuple[tuple[Cell, str], ...]
    values: Mapping[str, Any]


class Session:
    """One run of the tour; a context manager that removes its folder at the end.

    change: cell name -> source to run instead of the tour's, for the reader's own table.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = {step.number: step for step in steps}
        self._ran: dict[int, Ran] = {}
        self._stack = ExitStack()
        self.change: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._folder = self._stack.enter_context(TemporaryDirectory(prefix="vetro-tour-"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def has_run(self, number: int) -> bool:
        """Whether the step has run."""
        return number in self._ran

    def run(self, number: int) -> Ran:
        """The step; if it has not run, it runs now, after the steps that it needs."""
        if number not in self._ran:
            step = self._steps[number]
            names: dict[str, Any] = {"__name__": "tour"}
            for needed in step.needs:
                names.update(self.run(needed).values)
            self._ran[number] = Ran(tuple(self._run_cell(c, names) for c in step.cells), names)
        return self._ran[number]

    def _run_cell(self, cell: Cell, names: dict[str, Any]) -> tuple[Cell, str]:
        cell = replace(cell, source=self.change.get(cell.name, cell.source))
        with chdir(self._folder):
            if cell.kind == "shell":
                return cell, self._run_shell(cell.source)
            name = f"<tour: {cell.name}>"
            # so that tracebacks, and code that reads a forward's source, can find the lines
            lines = [f"{line}\n" for line in cell.source.splitlines()]
            linecache.cache[name] = (len(cell.source), None, lines, name)
            with redirect_stdout(io.StringIO()) as printed, catch_warnings(record=True) as told:
                simplefilter("always", VetroWarning)
                try:
                    exec(compile(cell.source, name, "exec"), names)
                except VetroError as refusal:
                    if not self._excused(cell):
                        raise
                    print(refusal.code, refusal)
                for warning in told:
                    if isinstance(warning.message, VetroWarning):
                        print(warning.message)
            return cell, visible(printed.getvalue().rstrip("\n"), keep="\n")

    def _excused(self, cell: Cell) -> bool:
        """Whether an error comes from the reader's table: the cell depends on a changed step."""
        changed = {
            step.number
            for step in self._steps.values()
            for own in step.cells
            if own.name in self.change
        }
        return bool(changed & set(self._steps[cell.step].needs))

    def _run_shell(self, source: str) -> str:
        """A transcript: each command after "$ ", then its output."""
        transcript = []
        for line in source.splitlines():
            printed = run_command(shlex.split(line)[1:])
            lines = (text.rstrip() for text in printed.rstrip().splitlines())
            transcript.append("\n".join([f"$ {line}", *lines]))
        return "\n\n".join(transcript)


def run_command(arguments: Sequence[str]) -> str:
    """The stdout of `vetro ARGUMENTS`, run in this process; raises the command's error."""
    from vetro.apps.command_line import app_for

    with redirect_stdout(io.StringIO()) as printed, redirect_stderr(io.StringIO()):
        app_for(arguments)(args=list(arguments), prog_name="vetro", standalone_mode=False)
    return printed.getvalue()
