"""How far the members of a model disagree, row by row and member by member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vetro.glass.plain import Floats
from vetro.glass.subject import Subject
from vetro.model.predict import probabilities_of


@dataclass(frozen=True, eq=False)
class Agreement:
    """answers: (members, rows, answers), in the targets' units or as probabilities of classes.

    spread: (rows, answers), the standard deviation over the members.  scale: (answers,), the unit
    of the spread: the standard deviation of the mean answer over the rows; 1 for classes.
    distance: (members,), each member's distance from the members' median, root mean square in
    units of `scale`.
    """

    answers: Floats
    spread: Floats
    scale: Floats
    distance: Floats

    @property
    def of_rows(self) -> Floats:
        """(rows,): each row's largest spread, as a share of the scale."""
        found: Floats = (self.spread / self.scale).max(axis=1)
        return found


def agreement(subject: Subject, outputs: Sequence[Floats]) -> Agreement | None:
    """The agreement of the parts' outputs for the same rows; None for a single part."""
    if len(outputs) < 2:
        return None
    answers = np.stack([_answers(subject, number, own) for number, own in enumerate(outputs)])
    mean = answers.mean(axis=0)
    scale = np.ones(answers.shape[2])
    if subject.kind != "classification":
        deviation = mean.std(axis=0)
        scale = np.where(deviation > 0, deviation, 1.0)
    # a single deviating member moves the mean of few members, but not the median
    apart = (answers - np.median(answers, axis=0)) / scale
    distance = np.sqrt((apart**2).mean(axis=(1, 2)))
    return Agreement(answers, answers.std(axis=0), scale, distance)


def _answers(subject: Subject, number: int, outputs: Floats) -> Floats:
    if subject.kind == "classification":
        return probabilities_of(outputs)
    encoder = subject.parts[number].encoder
    assert encoder is not None
    return encoder.decode_targets(outputs)
