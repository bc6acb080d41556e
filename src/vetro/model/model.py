"""The model: a fit returns it, a file holds it, and it predicts.

It is a frozen value; parts.py holds its parts.  Other modules do the work: predict.py predicts,
evaluate.py measures, module.py makes a torch module, saving.py and files.py save and load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vetro.entries import as_declared
from vetro.errors import error
from vetro.model.evaluate import Evaluation, evaluate
from vetro.model.model_html import model_as_html
from vetro.model.odd_rows import Unknown
from vetro.model.parts import ModelParts
from vetro.model.predict import predict_frame
from vetro.model.saving import save_model
from vetro.tables.options import ReadOptions, read_options

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False, repr=False)
class Model(ModelParts):
    """Raw rows in, raw answers out: what vetro.fit returns and vetro.load reads.

    writes_report: how its report is written; the floor above gives it, since only that floor knows
    how a page looks.
    """

    writes_report: WritesReport | None = None

    def predict(
        self,
        source: Any,
        *,
        probabilities: bool = False,
        interval: float | None = None,
        keep: str | Iterable[str] = (),
        unknown: Unknown = "ignore",
        options: ReadOptions | None = None,
        **reading: Any,
    ) -> Any:
        """The predictions for the rows of a table, in order, as a table of the same kind.

        source: anything that `vetro.fit` reads; a path, URL or query gives a pyarrow.Table.
        The columns are those of `keep` (a target y as "actual y"), then one for each target (its
        value, or the class's label), then with `probabilities` one for each class, "P(label)".
        interval: a level such as 0.9 adds "low(y)" and "high(y)" after each number y, which hold
        the truth with this probability, "set(y)" after classes, a list of labels, and at the end
        "far", the distance from the rows of the fit (below 1 for 99% of usual rows).
        unknown: "ignore" reads category texts not seen in training as an unknown level (W404),
        "refuse" refuses them (E402).
        reading: entries of ReadOptions (sep=";", missing=("?",)), which options holds as well.
        Raises E401 for a missing column, E418 for a level that needs more held-out rows; warns
        W403 outside the training range, W411 far from the rows of the fit.
        """
        return predict_frame(
            self,
            source,
            options=read_options(options, reading),
            probabilities=probabilities,
            interval=interval,
            keep=as_declared(ReadOptions, {"keep": keep})["keep"],
            unknown=unknown,
        )

    def evaluate(
        self,
        source: Any,
        *,
        interval: float | None = None,
        unknown: Unknown = "ignore",
        options: ReadOptions | None = None,
        **reading: Any,
    ) -> Evaluation:
        """Metrics on rows with known targets: a mapping of name to Interval.

        Over all targets; `.per_target` holds the same for each when there are several, `.coverage`
        how often intervals of the level `interval` held the truth (None: 0.9, where the model can).
        reading: entries of ReadOptions.
        """
        given = read_options(options, reading)
        return evaluate(self, source, options=given, interval=interval, unknown=unknown)

    def score(
        self,
        source: Any,
        *,
        unknown: Unknown = "ignore",
        options: ReadOptions | None = None,
        **reading: Any,
    ) -> float:
        """R2 for numbers, the accuracy for classes, on rows with known targets; see evaluate."""
        found = self.evaluate(source, unknown=unknown, options=options, **reading)
        return found[self.evidence.main_metric].value

    @property
    def module(self) -> nn.Module:
        """A new torch module from raw numbers to raw answers; see module.TableModule."""
        from vetro.model.module import TableModule

        return TableModule(self)

    def save(self, path: str | Path) -> None:
        """Write the model as one .safetensors file, atomically."""
        save_model(self, path)

    def report(self, path: str | Path) -> None:
        """Write the one-page report (HTML)."""
        if self.writes_report is None:
            raise error("E900", reason="this model was made without a report writer")
        self.writes_report(self, Path(path))

    def _repr_html_(self) -> str:
        return model_as_html(self)

    def __repr__(self) -> str:
        metric = self.evidence.main_metric
        figure = self.evidence.metrics.get(metric)
        quality = (
            f", held-out {metric} {figure.value:.4g} [{figure.low:.4g}, {figure.high:.4g}]"
            if figure
            else ""
        )
        sizes = "-".join(str(size) for size in self.network.sizes)
        count = len(self.members)
        return (
            f"Model({self.task} of {', '.join(self.targets)}{quality}, "
            f"{count} {'member' if count == 1 else 'members'} {sizes} {self.network.activation})"
        )


WritesReport = Callable[[Model, Path], None]
