"""The content of a diagnosis: the figures, without findings and without words.

findings.py judges it, diagnose_text.py words it, diagnose.py computes it.
"""

from __future__ import annotations

from dataclasses import dataclass

from vetro.errors import Notice
from vetro.glass.diagnose.activity import LayerActivity
from vetro.glass.diagnose.agreement import Agreement
from vetro.glass.diagnose.course import Course, LayerCourse
from vetro.glass.diagnose.influence import Influence
from vetro.glass.diagnose.relevance import Relevance
from vetro.glass.subject import Subject

LEAST_ROWS = 10
"""With fewer rows only training is judged: in a single row every unit is dead or always on."""


@dataclass(frozen=True)
class LayerParameters:
    """One slot of the parameters: root mean square and largest size of its numbers, mean over the
    parts; gradient: root mean square of the loss's gradient, NaN if no targets are known."""

    name: str
    shape: tuple[int, ...]
    size: float
    largest: float
    gradient: float


@dataclass(frozen=True, eq=False)
class DiagnosisRecord:
    """The result of diagnose.

    rows, places: the number of rows that were used, and their names.  drawn: whether Vetro drew
    them.  layers: for each layer with an activation, its activity in every part.  parameters: slot
    by slot.  courses: the training of each network.  layer_courses: that of each layer; empty for
    modules and for models of older versions.  relevance: of the input columns.  agreement: of the
    members, None if there is only one.  influence: of the rows, None without targets.  targets: the
    number of rows with a target.  importance: the evidence's, by permutation.
    """

    subject: Subject
    rows: int
    places: tuple[str, ...]
    drawn: bool
    layers: tuple[tuple[LayerActivity, ...], ...]
    parameters: tuple[LayerParameters, ...]
    courses: tuple[Course, ...]
    layer_courses: tuple[LayerCourse, ...]
    relevance: Relevance
    agreement: Agreement | None
    influence: Influence | None
    importance: dict[str, float]
    notes: tuple[str, ...]
    notices: tuple[Notice, ...]

    @property
    def few(self) -> bool:
        """Whether there are too few rows to judge units, inputs and members."""
        return self.rows < LEAST_ROWS
