"""How one column of a source is tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vetro.tables.dress import Dress

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Plan:
    """How one column is tried.

    index: its position in the relation, -1 if it stands for no column.  type: as DuckDB
    names it; VARCHAR is text.  whole: the texts seen were whole numbers, so that any text
    but a plain whole number is looked at.  own: exceptions are expected often.
    sparse: missing values are expected.  zoned: dates have an offset from UTC.  final: not to be
    changed by what the pass finds.
    dress: what stands around the numbers; None where the digits are all.
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
        """The key of the unit that stands beside the numbers, "" for none."""
        return self.dress.key if self.dress is not None else ""

    @property
    def is_text(self) -> bool:
        """Whether the source holds text here."""
        return self.type == "VARCHAR"
