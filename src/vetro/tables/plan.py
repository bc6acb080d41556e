"""How one column of a source is tried."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from vetro.tables.dress import Dress


@dataclass(frozen=True)
class Plan:
    """How one column is tried.

    index: its position in the relation, -1 if it is not a column there.  type: DuckDB's name of
    the type; VARCHAR is text.  whole: the texts so far were whole numbers, so that any other text
    is an exception.  own: exceptions are expected often.
    sparse: missing values are expected.  zoned: dates have an offset from UTC.  final: the pass
    must not change the plan.
    dress: the text around the numbers; None if there is none.
    """

    name: str
    index: int
    type: str
    way: Literal["number", "date", "text"]
    decimal: str = "."
    thousands: str = ""
    date_format: str = ""
    clock: str = ""
    zoned: bool = False
    whole: bool = False
    own: bool = False
    sparse: bool = False
    final: bool = False
    dress: Dress | None = None

    @property
    def unit(self) -> str:
        """The key of the numbers' unit, "" for none."""
        return self.dress.key if self.dress is not None else ""

    def with_late(self, new: Plan) -> Plan:
        """The plan with what a new one changes for exceptions alone, so that no pass is needed."""
        worn = self.dress if self.unit or new.unit else new.dress
        return replace(self, thousands=new.thousands, dress=worn)

    @property
    def is_text(self) -> bool:
        """Whether the source holds text here."""
        return self.type == "VARCHAR"
