"""Plans of dressed columns: the dress proposed by the first rows, and the final dress of all rows.

dress.py decides about cells and texts; plans.py decides about columns of every kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vetro.tables import dress
from vetro.tables.dress import Dress
from vetro.tables.majority import is_column_of
from vetro.tables.numbers import Marks
from vetro.tables.plan import Plan


@dataclass
class DressFindings:
    """The facts about dresses so far, by column.

    first: a text of each column of numbers.  mixed: two texts in different units, for which the
    column is refused.  offered: a dress that was not used because the texts may be labels.
    """

    first: dict[str, str] = field(default_factory=dict)
    mixed: dict[str, tuple[str, str]] = field(default_factory=dict)
    offered: dict[str, Dress] = field(default_factory=dict)


def worn_by(
    plan: Plan, present: Mapping[str, int], found: DressFindings, *, forced: bool
) -> Dress | None:
    """The dress of a column's texts, None if they have none; units that contradict are recorded."""
    worn = dress.dress_of(present, forced=forced)
    fits = forced or is_column_of(worn.good, worn.bad)
    found.offered.pop(plan.name, None)
    if worn.mixed is not None and fits:
        found.mixed[plan.name] = worn.mixed
    elif worn.offered is not None and fits:
        found.offered[plan.name] = worn.offered
    return worn.dress if fits else None


def late_dress(
    plan: Plan, texts: Mapping[str, int], found: DressFindings
) -> tuple[Plan, list[str], Marks]:
    """The plan with the dress of the exceptions, the exceptions that do not fit, and all marks."""
    marks, others = dress.dressed_marks(texts, plan.dress)
    other = dress.contradiction(plan.dress, others)
    if other is not None and plan.name in found.first:
        found.mixed[plan.name] = (found.first[plan.name], other)
        return plan, others, marks
    open_ = plan.dress is None or (bool(others) and plan.dress.fractions == "none")
    if open_ and not plan.unit and (marked := dress.marked_text(texts)):
        worn = Dress(fractions="all" if dress.has_mixed(texts) else "none", example=marked)
        plan = replace(plan, dress=worn)
        marks, others = dress.dressed_marks(texts, plan.dress)
    return plan, others, marks


def same_pass(old: Plan, new: Plan) -> bool:
    """Whether a pass over the rows gives the same values and exceptions for both plans."""
    late = replace(new, thousands=old.thousands)
    if not old.unit and not new.unit:
        late = replace(late, dress=old.dress)
    return late == old
