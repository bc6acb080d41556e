"""Fixtures that the tests of sources share."""

from __future__ import annotations

import pytest
from tables.server import address, server
from told import told

from vetro.errors import VetroError
from vetro.tables.opened import Opened

__all__ = ["address", "server"]


def columns_of(opened: Opened) -> dict[str, list]:
    """All values of an opened source, taken by position as scan.py takes them."""
    table = opened.connection.sql(f"SELECT * FROM {opened.relation}").to_arrow_table()
    return dict(zip(opened.columns, (column.to_pylist() for column in table.columns), strict=True))


@pytest.fixture
def columns():
    return columns_of


@pytest.fixture
def refusal():
    """Calls something that must be refused, or opens a source with a column that must be;
    gives the message as "E125 text"."""

    def refused(call, *args, **options) -> str:
        with pytest.raises(VetroError) as caught:
            opened = call(*args, **options)
            for fault in getattr(opened, "faults", {}).values():
                raise fault.error
        return told(caught.value)

    return refused
