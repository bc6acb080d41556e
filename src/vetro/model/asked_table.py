"""The table of a request: read, and with the roles that the request gives its columns."""

from __future__ import annotations

from functools import partial
from typing import Any

from vetro.model.request import FitRequest
from vetro.model.split import FOLDS, MOST_ROWS_FOR_FOLDS
from vetro.tables.checks import check_rows, check_target
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.roles import assign_roles, check_known, roles_to_look_at
from vetro.tables.splits import folds_of_rows
from vetro.tables.table import Table


def read_for(source: Any, request: FitRequest, options: ReadOptions | None = None) -> Table:
    """The table as the request reads it; E114 for a role's name before anything in a cell."""
    named = partial(check_known, **request.roles)
    return read_table(source, options or request.options, check=named)


def with_roles(table: Table, request: FitRequest) -> Table:
    """The table with the roles that the request asks for; see assign_roles."""
    return assign_roles(table, **request.roles)


def looked_at(source: Any, request: FitRequest) -> tuple[Table, str]:
    """The table before any training, with all notices of reading it and of the checks before
    training, and the task; "" without targets."""
    found = roles_to_look_at(read_for(source, request), **request.roles)
    if not found.schema.targets:
        return found, ""
    task, said = check_target(found)
    fold = folds_of_rows(found, FOLDS, 0) if FOLDS <= found.rows <= MOST_ROWS_FOR_FOLDS else None
    return found.with_schema(found.schema, *said, *check_rows(found, fold)), task
