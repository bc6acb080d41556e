"""A pass over a source as SQL: the value of each column, and the texts that could not be cast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vetro.tables import dates, numbers
from vetro.tables.connection import literal
from vetro.tables.dress import Dress
from vetro.tables.opened import Opened
from vetro.tables.plan import Plan


@dataclass(frozen=True)
class Parts:
    """The parts of the pass's SQL, and which plans have their own exceptions or share a list.

    shown: the values.  suspect: a cheap condition that is true for every row with an exception in a
    shared column.  bad: the exact condition of each plan.
    """

    shown: list[str]
    source: str
    own: list[int]
    shared: list[int]
    suspect: str
    bad: dict[int, str]

    def with_texts(self) -> str:
        """The values, then the texts of exceptions."""
        texts = [f"CASE WHEN {self.bad[at]} THEN t{at} END AS x{at}" for at in self.own]
        if self.shared:
            each = ", ".join(f"CASE WHEN {self.bad[at]} THEN t{at} END" for at in self.shared)
            texts.append(f"CASE WHEN {self.suspect} THEN [{each}] END AS x")
        return f"SELECT {', '.join([*self.shown, *texts])} FROM ({self.source})"

    def flagged(self) -> str:
        """The values, then x: whether the row has an exception."""
        some = " OR ".join(f"({self.bad[at]})" for at in self.shared)
        flag = f", CASE WHEN {self.suspect} THEN {some} ELSE false END AS x" if some else ""
        return f"SELECT {', '.join(self.shown)}{flag} FROM ({self.source})"


def parts_of(
    opened: Opened, plans: Sequence[Plan], missing: Sequence[str], keep: Sequence[str]
) -> Parts:
    """The pass as SQL: each column's text t, its value v, and the texts that could not be cast."""
    texts = ", ".join(map(literal, missing))
    masked, cast, shown = [], [], []
    own: list[int] = []
    shared: list[int] = []
    bad: dict[int, str] = {}
    positions = {name: index for index, name in enumerate(opened.columns)}
    for at, plan in enumerate(plans):
        raw = f"c{plan.index}"
        if texts:
            raw = f"CASE WHEN CAST({raw} AS VARCHAR) IN ({texts}) THEN NULL ELSE {raw} END"
        masked.append(f"{raw} AS t{at}")
        value, refused = _expressions(plan, f"t{at}", f"v{at}", opened.loose)
        cast.append(f"t{at}, {value} AS v{at}")
        shown.append(f"v{at}")
        if refused:
            bad[at] = refused
            (own if plan.own else shared).append(at)
    for name in keep:
        masked.append(f"c{positions[name]} AS k{positions[name]}")
        cast.append(f"k{positions[name]}")
        shown.append(f"k{positions[name]}")
    suspect = ""
    if shared:
        dense = [at for at in shared if not (opened.loose or plans[at].sparse or plans[at].whole)]
        checks = [f"({bad[at]})" for at in shared if at not in dense]
        if dense:
            # One sum detects a row with a number that is not finite, cheaper than twenty tests.
            total = " + ".join(f"v{at}" for at in dense)
            checks.append(f"NOT coalesce(isfinite({total}), false)")
        suspect = " OR ".join(checks)
    inner = f"SELECT {', '.join(masked)} FROM {opened.numbered}"
    source = f"SELECT {', '.join(cast)} FROM ({inner})"
    return Parts(shown, source, own, shared, suspect, bad)


def _expressions(plan: Plan, text: str, value: str, loose: bool) -> tuple[str, str]:
    """A plan's value as SQL, and the condition under which its text is an exception."""
    if plan.way == "text":
        if plan.type in ("DOUBLE", "FLOAT"):
            # 1.0 is the level "1", the same as in a source with whole numbers.
            return f"regexp_replace(CAST({text} AS VARCHAR), '\\.0$', '')", ""
        return (text if plan.is_text else f"CAST({text} AS VARCHAR)"), ""
    if plan.way == "date":
        if plan.is_text:
            refused = f"{value} IS NULL AND {text} IS NOT NULL"
            return dates.days_sql(text, plan.date_format, plan.clock, zoned=plan.zoned), refused
        if plan.type == "INTERVAL":
            return f"epoch({text})", ""
        return f"(epoch_us({_moment(plan.type, text)}) / 86400e6)", ""
    if not plan.is_text:
        return f"CAST({text} AS DOUBLE)", ""
    if plan.whole:
        # The condition: the text is not the plain whole number (leading zeros, marks, blanks).
        return f"CAST(TRY_CAST({text} AS BIGINT) AS DOUBLE)", (
            f"NOT coalesce({value} BETWEEN -{numbers.LARGEST_EXACT} AND {numbers.LARGEST_EXACT} "
            f"AND CAST(CAST({value} AS BIGINT) AS VARCHAR) = {text}, {text} IS NULL)"
        )
    refused = f"NOT coalesce(isfinite({value}), {text} IS NULL)"
    if loose or plan.dress is not None:
        refused += f" OR contains({text}, '_') OR contains({text}, '+-')"
    return numbers.sql(undressed(plan.dress, text), plan.decimal, plan.thousands), refused


def undressed(dress: Dress | None, text: str) -> str:
    """SQL for the digits of a cell in the column's usual dress; NULL (an exception) in others."""
    if dress is None or not dress.key:
        return text
    first, last = len(dress.before) + 1, len(dress.before) + len(dress.after)
    if not last:
        return "CAST(NULL AS VARCHAR)"
    fits = [f"starts_with({text}, {literal(dress.before)})"] if dress.before else []
    fits += [f"ends_with({text}, {literal(dress.after)})"] if dress.after else []
    digits = f"substr({text}, {first}, length({text}) - {last})"
    # Digits at both ends; dress.py decides about cells with other texts.
    fits.append(f"regexp_full_match({digits}, '[+-]?[0-9].*[0-9]|[0-9]')")
    return f"CASE WHEN {' AND '.join(fits)} THEN {digits} END"


def _moment(type_: str, text: str) -> str:
    return (
        text
        if "ZONE" in type_ or type_.startswith(("TIME_", "TIME(")) or type_ == "TIME"
        else (f"CAST({text} AS TIMESTAMP)")
    )
