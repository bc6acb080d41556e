"""PostgreSQL: a query's rows, streamed as Arrow into DuckDB, in a read-only transaction.

A password is never shown and never kept: messages and models hold the address without it.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from vetro.errors import VetroError, error, shown
from vetro.tables.connection import check_names, connect, described, reason, unreadable
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
