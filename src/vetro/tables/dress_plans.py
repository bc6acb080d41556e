"""Plans of dressed columns: the dress proposed by the first rows, and the final dress of all rows.

dress.py decides about cells and texts; plans.py decides about columns of every kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vetro.tables import dress
from vetro.tables.dress import Dress
from vetro.tables.evidence import Evidence
from vetro.tables.majority import is_column_of
from vetro.tables.numbers import Marks
from vetro.tables.plan import Plan


def worn_by(present: Mapping[str, int], own: Evidence, *, forced: bool) -> Dress | None:
    """The dress of a column's texts, None if they have none; units that contradict are recorded."""
    worn = dress.dress_of(present, forced=forced)
    own.offered = None
    if not (forced or is_column_of(worn.good, worn.bad)):
        return None
    own.offered, own.mixed = worn.offered, worn.mixed or own.mixed
    return worn.dress


def late_dress(
    plan: Plan, texts: Mapping[str, int], own: Evidence
) -> tuple[Plan, list[str], Marks]:
    """The plan with the dress of the exceptions, the exceptions that do not fit, and all marks."""
    marks, others = dress.dressed_marks(texts, plan.dress)
    other = dress.contradiction(plan.dress, others)
    if other is not None and own.first:
        own.mixed = own.first, other
        return plan, others, marks
    open_ = plan.dress is None or (bool(others) and plan.dress.fractions == "none")
    if open_ and not plan.unit and (marked := dress.marked_text(texts)):
        worn = Dress(fractions="all" if dress.has_mixed(texts) else "none", example=marked)
        plan = replace(plan, dress=worn)
        marks, others = dress.dressed_marks(texts, plan.dress)
    return plan, others, marks
