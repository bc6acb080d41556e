"""`vetro fit`: fit a network to a table; the model goes to a run folder."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vetro import signals
from vetro.addresses import PASSWORD_KEPT, has_secrets, is_postgres, kept
from vetro.apps.options import READING, RECIPE, ROLES, Given, SafeOption, taking, valued
from vetro.apps.present import (
    DOOR,
    QUALITY,
    print_json,
    say,
    say_line,
    show_notices,
)
from vetro.engines.interruption import Interruption
from vetro.errors import TrainingError, VetroError, error

if TYPE_CHECKING:
    from vetro.apps.claim import Claim
    from vetro.apps.progress import Reporter
    from vetro.apps.recipe_file import RecipeFile
    from vetro.apps.runs import RunFolder
    from vetro.model.held_out import HeldOut
    from vetro.model.model import Model
    from vetro.model.request import Progress
    from vetro.tables.table import Table

STOPPING = "Stopping; the best model so far is kept. Ctrl-C again ends at once."


@taking(roles=ROLES, recipe=RECIPE, reading=READING)
def fit(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Table to fit; a recipe file can name it instead."),
    ] = "",
    *,
    recipe_file: Annotated[
        str,
        valued(
            "--recipe",
            "FILE",
            "TOML file with any of these options; the command line overrides it.",
        ),
    ] = "",
    run: Annotated[str, valued("--run", "FOLDER", "Run folder [runs/<table>-<n>].")] = "",
    resume: Annotated[
        str | None,
        valued("--resume", "[RUN]", "Resume an interrupted run [the latest one of this table]."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    spreadsheet_safe: SafeOption = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON object.")
    ] = False,
    roles: Given,
    recipe: Given,
    reading: Given,
) -> None:
    """Fit a network to a table.

    Model, report, held-out predictions, history, recipe and log go to a run folder.
    """
    from vetro.apps import runs
    from vetro.apps.recipe_file import RecipeFile, read_recipe

    resumed = None if resume is None else runs.run_to_resume(resume, source)
    if resumed is not None:
        if run or recipe_file:
            option = "--run" if run else "--recipe"
            fix = "A resumed run keeps its folder and recipe: leave it out."
            raise error("E604", what=f"{option} and --resume exclude each other", fix=fix)
        base = read_recipe(resumed.recipe)
    else:
        base = read_recipe(Path(recipe_file)) if recipe_file else RecipeFile()
    safe = spreadsheet_safe or base.spreadsheet_safe
    asked = replace(_asked(source, base, {**roles, **recipe, **reading}), spreadsheet_safe=safe)
    claimed = runs.new_run(asked.source, run) if resumed is None else runs.old_run(resumed)
    with claimed as (folder, claim):
        model, lost = _train(asked, folder, claim, resume=resumed is not None, quiet=quiet)
    if json:
        print_json(_json(model, folder), model.evidence.notices)
    else:
        _show(model, folder, asked.source)
    if _interrupted(model):
        raise typer.Exit(signals.INTERRUPTED)
    if lost is not None:
        raise lost


def _asked(source: str, base: RecipeFile, given: Given) -> RecipeFile:
    """Source and request from the recipe file and the command line; E601, E604."""
    from vetro.apps.recipe_file import RecipeFile, merged

    found = RecipeFile(source or base.source, merged(base.request, given))
    if not found.source:
        raise error("E604", what="vetro fit needs SOURCE", fix="See vetro fit --help.")
    if is_postgres(found.source.strip()):
        from vetro.tables.sources.postgres import checked_address

        checked_address(found.source)  # before a folder is made and anything is written
    if not found.request.targets:
        from vetro.report.command import inspect_command

        listing = inspect_command(found.source, found.request)
        fix = f"Name the column to predict with --target; {listing} lists the columns."
        raise error("E604", what="vetro fit needs --target", fix=fix)
    return found


def _train(
    asked: RecipeFile, folder: RunFolder, claim: Claim, *, resume: bool, quiet: bool
) -> tuple[Model, VetroError | None]:
    """Fit, and write model, report, held-out rows, history, recipe and log into the folder.

    Returns the model, and the E503 of a log that could not be written to its end.
    resume: continue from the checkpoint, or from the beginning if the run has none.
    With E301 they are written too; the model then has the best parameters before training diverged.
    """
    from vetro.apps.progress import Reporter
    from vetro.apps.recipe_file import write_recipe
    from vetro.apps.unsaved import lost_log, with_what_is_left

    goes_on = resume and folder.checkpoint.is_file()
    if not goes_on:
        safe = asked.spreadsheet_safe
        write_recipe(folder.recipe, asked.source, asked.request, spreadsheet_safe=safe)
    with Reporter(folder.log, quiet=quiet) as reporter:
        reporter.log(f"{'Resumed' if goes_on else 'Started'}: {kept(asked.source)}")
        if resume and not goes_on:
            reporter.say("The run has no checkpoint: it starts from the beginning.")
        # These imports take most of a second.  The bar is already on the screen, and the process
        # of the baselines loads its own libraries at the same time.
        from vetro.model.baselines_apart import Baselines

        inside: list[str] = []
        unseen: dict[str, Any] = {}

        def look(model: Model, table: Table) -> None:
            from vetro.report.page import glass_sections

            inside.append(glass_sections(model, table))

        def keep_held_out(model: Model, table: Table, found: HeldOut) -> None:
            from vetro.apps.held_out_file import held_out_columns

            unseen.update(held_out_columns(model, table, found))

        try:
            with _stopping(reporter) as stop, Baselines(apart=True) as baselines:
                from vetro.model.fit import fit_table

                model = fit_table(
                    asked.source,
                    asked.request,
                    on_progress=_loading_report(reporter),
                    checkpoint=folder.checkpoint,
                    resume=goes_on,
                    stop=stop,
                    baselines=baselines,
                    meanwhile=look,
                    on_held_out=keep_held_out,
                )
                _keep(model, folder, asked, reporter, "".join(inside), unseen)
                claim.ended()
        except VetroError as fault:
            refusal = with_what_is_left(fault, folder)
            reporter.log(f"{refusal.code} {refusal.words.worded(DOOR)}")
            if isinstance(refusal, TrainingError) and refusal.model is not None:
                _keep(refusal.model, folder, asked, reporter, "".join(inside), unseen)
                claim.ended()
                reporter.say(f"Model of the best parameters: {folder.model}")
            raise refusal from fault.__cause__
        except KeyboardInterrupt:
            text = "Interrupted before the first checkpoint: no model is kept."
            if folder.checkpoint.is_file() or folder.model.is_file() or resume:
                from vetro.report.command import resume_command

                text = f"Ended at once. Resume: {resume_command(str(folder.path))}"
            reporter.log(text)
            raise KeyboardInterrupt(text) from None
        return model, lost_log(reporter.log_file)


def _loading_report(reporter: Reporter) -> Callable[[Progress], None]:
    """The reporter; it also loads the report's libraries while the fit waits for its baselines."""

    def report(progress: Progress) -> None:
        signals.check()
        if progress.step == "measuring":
            threading.Thread(target=_load_report, daemon=True).start()
        reporter(progress)

    return report


def _load_report() -> None:
    with contextlib.suppress(
        Exception
    ):  # a failure here is repeated, and reported, when the library is needed
        import matplotlib.figure  # noqa: F401

        import vetro.report.page  # noqa: F401


def _keep(
    model: Model,
    folder: RunFolder,
    asked: RecipeFile,
    reporter: Reporter,
    inside: str,
    unseen: dict[str, Any],
) -> None:
    from vetro.apps.held_out_file import write_held_out
    from vetro.report.page import write_report
    from vetro.report.verdict import verdict

    model.save(folder.model)
    folder.write_history(model.evidence.history)
    write_held_out(folder.held_out, unseen, safe=asked.spreadsheet_safe)
    write_report(model, folder.report, inside, asked.source)
    if not _interrupted(model):
        folder.checkpoint.unlink(missing_ok=True)
    for item in dict.fromkeys(model.evidence.notices):
        reporter.log(f"{item.code} {item.words.worded(DOOR)}")
    reporter.log(verdict(model))


def _interrupted(model: Model) -> bool:
    return "interrupted" in model.evidence.stopped


@contextlib.contextmanager
def _stopping(reporter: Reporter) -> Iterator[Interruption]:
    """Why training must stop; SIGINT, SIGTERM and SIGHUP set it.

    A signal before training (there is nothing to keep), or a second signal, ends the fit at once.
    """
    interruption = Interruption()
    saying: list[threading.Thread] = []

    def asked(number: int) -> None:
        if interruption() and number == getattr(signal, "SIGHUP", 0):
            return  # a terminal that closes sends it more than once
        if interruption() or reporter.step not in ("training", "measuring", "done"):
            signals.interrupt(number)
        interruption.stop()
        # In a thread, because the signal may have come in the middle of another line.
        saying.append(threading.Thread(target=reporter.say, args=(STOPPING,)))
        saying[0].start()

    with signals.handling(asked):
        yield interruption
    for thread in saying:
        thread.join()


def _show(model: Model, folder: RunFolder, source: str) -> None:
    from vetro.apps.quality import quality_table
    from vetro.report.command import predict_command, resume_command
    from vetro.report.verdict import verdict

    say(verdict(model))
    say()
    quality_table(model)
    say()
    show_notices(model.evidence.notices)
    run = str(folder.path)
    say_line(f"Model    {folder.model}")
    say_line(f"Report   {folder.report}")
    say_line(f"Held out {folder.held_out}")
    if _interrupted(model):
        say_line(f"Resume   {resume_command(run, source)}")
    say_line(f"Next     {predict_command(run, source, model.request)}")
    if has_secrets(source):
        say_line(f"Password {PASSWORD_KEPT}")


def _json(model: Model, folder: RunFolder) -> dict[str, Any]:
    from vetro.glass.as_json import as_json
    from vetro.report.verdict import verdict

    return {
        "run": str(folder.path),
        "model": str(folder.model),
        "report": str(folder.report),
        "held_out": str(folder.held_out),
        "interrupted": _interrupted(model),
        "verdict": verdict(model),
        **as_json(model, "task targets"),
        **as_json(model.evidence, f"{QUALITY} split stopped seconds"),
    }
