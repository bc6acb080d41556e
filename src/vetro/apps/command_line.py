"""The command line: `vetro COMMAND`, and how errors end it.

Each command has its own file.  Nothing heavy is imported before a command needs it, so that
--help answers at once.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from inspect import cleandoc
from types import CodeType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

import vetro
from vetro import signals
from vetro.addresses import is_address, safe, shown_source
from vetro.apps.present import message, say_line, show_notices
from vetro.apps.streams import OutputError, discard_output
from vetro.atomic import NO_SPACE, cannot_save
from vetro.errors import VetroError, error, nearest, shown
from vetro.limits import check_memory, memory_error


class Command(TyperCommand):
    """A command whose --help lists the options by panel, without loading rich."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, then the options of each panel, in the order declared."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
                panel = getattr(parameter, "rich_help_panel", None) or kind
                panels.setdefault(panel, []).append(record)
        for panel, records in panels.items():
            with formatter.section(panel):
                formatter.write_dl(records, col_max=26)


COMMANDS = {
    "inspect": "inspect_command",
    "fit": "fit_command",
    "predict": "predict_command",
    "evaluate": "predict_command",
    "show": "show_command",
    "runs": "runs_command",
    "trace": "trace_command",
    "parameters": "parameters_command",
    "backprop": "backprop_command",
    "verify": "verify_command",
    "formula": "formula_command",
    "bounds": "bounds_command",
    "prove": "prove_command",
    "diagnose": "diagnose_command",
    "tour": "tour_command",
    "explain": "explain_command",
}
"""Every command, in the order of --help, with the file in apps/ that holds its function."""


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """The application with the named command, or, if none is named, with the names of all.

    typer examines every parameter of every command that it has, which takes half of the start-up.
    """
    app = typer.Typer(
        name="vetro",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help="Fit a neural network to a table, and see every number inside.",
        epilog="vetro COMMAND --help lists its options.  "
        "A first run: vetro fit data.csv --target price",
    )
    app.callback(invoke_without_command=True)(_root)
    named = next((item for item in arguments if not item.startswith("-")), "")
    if named in COMMANDS:
        function = getattr(import_module(_module_of(named)), named)
        app.command(named, cls=Command)(_command(function))
    else:
        for name in COMMANDS:
            app.command(name, cls=Command, help=_help(name))(_listed)
    return app


def _module_of(name: str) -> str:
    return f"vetro.apps.{COMMANDS[name]}"


def _help(name: str) -> str:
    """A command's docstring, from its compiled code: to run the module would take ten times as
    long."""
    module = _module_of(name)
    spec: Any = find_spec(module)
    constants = spec.loader.get_code(module).co_consts
    function = next(c for c in constants if isinstance(c, CodeType) and c.co_name == name)
    return cleandoc(function.co_consts[0])


def _listed() -> None:
    """A command that is listed and not run."""


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Show the traceback of an error; also allowed after a command."
        ),
    ] = False,
) -> None:
    if version:
        typer.echo(f"vetro {vetro.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


class _Unread(Exception):
    """A BrokenPipeError: nobody reads the output any more.  typer would handle the original."""


def _command(function: Callable[..., None]) -> Callable[..., None]:
    """The command; an interruption prints a message and ends it with status 130."""

    @functools.wraps(function)
    def called(*positional: Any, **named: Any) -> None:
        signals.running()
        try:
            function(*positional, **named)
        except KeyboardInterrupt as interruption:
            say_line(str(interruption) or signals.MESSAGE, sys.stderr)
            raise typer.Exit(signals.INTERRUPTED) from None
        except BrokenPipeError as failure:
            raise _Unread from failure

    return called


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 refused, 1 Vetro failed, 130 interrupted."""
    gc.set_threshold(50_000)  # a start makes many objects and no garbage: saves 0.1 s of 1.2
    # numpy's products are small here: more threads would cost a quarter more processor time
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show is escaped
            stream.reconfigure(errors="backslashreplace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    before_dashes = given[: given.index("--")] if "--" in given else given
    debug = "--debug" in before_dashes
    if debug:
        given.remove("--debug")
    elif not sys.warnoptions:
        # Libraries' warnings are not Vetro's messages; the commands print Vetro's own.
        warnings.simplefilter("ignore")
    status = _run(_claims_as_values(_resume_with_value(given)), debug)
    sys.exit(status)


def _run(arguments: list[str], debug: bool) -> int:
    """Run a command and flush its output; returns the exit status."""
    status = _ran(arguments, debug)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _unread(arguments, status)
    except OutputError as failure:
        discard_output()
        lost = cannot_save("", failure, "to standard output")
        return status or _ended(lost, debug)  # one failure is reported once
    return status


def _ran(arguments: list[str], debug: bool) -> int:
    signals.forget()
    try:
        if arguments and not WITHOUT_DATA.intersection(arguments):
            check_memory()
        status = app_for(arguments)(args=arguments, prog_name="vetro", standalone_mode=False)
    except VetroError as refusal:
        return _ended(refusal, debug)
    except typer.TyperException as fault:
        return _ended(_usage_error(fault, arguments), debug)
    except (_Unread, BrokenPipeError):
        return _unread(arguments, 0)
    except OutputError as failure:
        discard_output()
        return _ended(cannot_save("", failure, "to standard output"), debug)
    except Exception as fault:
        return _ended(_unexpected(fault), debug)
    return status if isinstance(status, int) else 0


VERDICTS = ("verify", "prove")
"""Commands whose exit status is a result."""
WITHOUT_DATA = {"--help", "--version", "explain"}
"""They need neither a table nor a model, so they run in any amount of memory."""


def _unread(arguments: Sequence[str], status: int) -> int:
    """The exit status if the reader of the pipe went away (vetro runs | head).

    This is not a failure.  But a verdict that was not completely written is not a success.
    """
    discard_output()
    return max(status, 1) if any(name in arguments[:1] for name in VERDICTS) else status


def _unexpected(fault: Exception) -> VetroError:
    """The error for an unexpected exception: no memory, no space, or a fault of Vetro."""
    if no_memory := memory_error(fault):
        return no_memory
    if isinstance(fault, OSError) and fault.errno in NO_SPACE:
        return cannot_save(os.fsdecode(fault.filename or "a file"), fault)
    return error("E900", reason=f"{type(fault).__name__}: {fault}")


def _ended(refusal: VetroError, debug: bool) -> int:
    if signals.interrupted():  # a library has turned the KeyboardInterrupt into its own exception
        say_line(signals.MESSAGE, sys.stderr)
        return signals.INTERRUPTED
    if debug:
        import traceback

        sys.stderr.write(safe(traceback.format_exc()))
    show_notices(refusal.notices)
    message(refusal.code, refusal.words)
    return refusal.exit_status


def _usage_error(fault: Any, arguments: Sequence[str]) -> VetroError:
    """E604 for an error of typer's."""
    context, option = getattr(fault, "ctx", None), getattr(fault, "option_name", "")
    command = next((item for item in arguments if item in COMMANDS), "")
    path = f"vetro {command}".rstrip()
    options = [name for entry in context.command.params for name in entry.opts] if context else []
    parameter = getattr(fault, "param", None)
    what, hint = fault.format_message().rstrip("."), ""
    if type(fault).__name__ == "MissingParameter" and parameter is not None:
        what = f"{path} needs {parameter.metavar or parameter.opts[0]}"
    elif options and option and option not in options:
        what, hint = f"{path} has no option {option}", nearest(option, options)
    elif what.startswith("No such command") and arguments:
        name = next((item for item in arguments if not item.startswith("-")), arguments[0])
        what, hint = f'vetro has no command "{shown(name)}"', nearest(name, COMMANDS)
    for address in filter(is_address, arguments):
        what = what.replace(address, shown_source(address))
    return error("E604", what=what, fix=f"{hint}See {path} --help.")


def _claims_as_values(arguments: list[str]) -> list[str]:
    """The arguments with a space before each claim that begins with a minus, to hide the minus."""
    return [
        f" {argument}" if argument[:1] == "-" and argument[1:2].isdigit() and "<" in argument
        else argument
        for argument in arguments
    ]  # fmt: skip


def _resume_with_value(arguments: list[str]) -> list[str]:
    """The arguments with a value for each --resume: its run, or "" if none follows."""
    from pathlib import Path

    result = list(arguments)
    for index, argument in enumerate(arguments):
        if argument != "--resume":
            continue
        following = arguments[index + 1] if index + 1 < len(arguments) else "-"
        is_run = (Path(following) / "recipe.toml").is_file()
        is_source = Path(following).exists() or is_address(following) or "*" in following
        if following.startswith("-") or (is_source and not is_run):
            result[index] = "--resume="
    return result
