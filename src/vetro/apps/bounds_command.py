"""`vetro bounds`: the certain range of a model's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vetro.apps.live_line import LiveLine
from vetro.apps.options import JsonOption, ModelArgument, number, valued
from vetro.apps.over_options import OverOption, SecondsOption, over_of
from vetro.apps.present import DOOR, print_json, say_lines
from vetro.errors import counted
from vetro.figures import outward
from vetro.signals import INTERRUPTED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def bounds(
    model: ModelArgument,
    *,
    over: OverOption = None,
    tightness: Annotated[
        float | None,
        valued(
            "--tightness",
            "X",
            "Stop when the certain range is at most this share wider than the range between "
            "the rows found [0.05].",
            number,
        ),
    ] = None,
    seconds: SecondsOption = None,
    json: JsonOption = False,
) -> None:
    """Prove a range that contains the answers to all rows of a box.

    A box gives each column a range.  The result is certain, rounding included.  It also shows the
    rows whose answers come nearest to the two ends.  Ctrl-C ends the search and prints the range
    that is certain by then.
    """
    from vetro.apps.runs import load_model
    from vetro.glass.bounds.bounds import TIGHTNESS
    from vetro.glass.bounds.bounds import bounds as find_bounds
    from vetro.glass.bounds.bounds_text import bounds_lines
    from vetro.glass.bounds.question import SECONDS

    found = load_model(model)
    answers = found.classes or found.targets
    with LiveLine(search=True) as line:

        def tell(boxes: int, certain: NDArray[np.float64]) -> None:
            low, high = outward(float(certain[0]), -float(certain[len(answers)]))
            line(f"{counted(boxes, 'box', 'boxes')}: {answers[0]} between {low} and {high}")

        result = find_bounds(
            found,
            over_of(over, found),
            tightness=TIGHTNESS if tightness is None else tightness,
            seconds=SECONDS if seconds is None else seconds,
            tell=tell,
        )
    if json:
        print_json({"model": model, **result.to_json()}, result.notices)
    else:
        say_lines(bounds_lines(result, DOOR), result.notices)
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)
