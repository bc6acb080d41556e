"""Checks of a PostgreSQL query before it runs: it must be one SELECT that changes nothing.

The server itself decides whether a text is a SELECT: Vetro declares a cursor for it, which runs
nothing.  The server also knows which functions are declared VOLATILE.  All functions that write,
read the server's files or reach another program are.  postgres.py opens the connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from vetro.errors import shown
from vetro.tables.connection import ONLY_SELECT

READ_ONLY = (
    "SET TRANSACTION READ ONLY",
    # In strings a backslash is an ordinary character, as `tokens` reads them.
    "SET LOCAL standard_conforming_strings = on",
)

HARMLESS = frozenset(
    (
        *("random", "random_normal", "setseed", "gen_random_uuid", "uuidv4", "uuidv7"),
        *("clock_timestamp", "timeofday", "currval", "lastval", "bernoulli", "system"),
        *("pg_relation_size", "pg_table_size", "pg_total_relation_size", "pg_indexes_size"),
        *("pg_database_size", "pg_tablespace_size", "pg_is_in_recovery"),
    )
)
"""Functions of the server that are declared VOLATILE and only return a value."""

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n\f\v]+|--[^\r\n]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|''|\\.)*')
    | (?P<text>(?:[uU]&|[bBxXnN])?'(?:[^']|'')*')
    | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?)
        \$.*?\$(?P=tag)\$)
    | (?P<coded>[uU]&"(?:[^"]|"")*")
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<name>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")
_COMMANDS = frozenset(
    re.findall(
        r"\w+",
        "abort alter analyse analyze begin call checkpoint close cluster comment commit "
        "copy create deallocate declare delete discard do drop end execute explain "
        "export fetch grant import insert listen load lock merge move notify prepare "
        "reassign refresh reindex release reset revoke rollback savepoint security set "
        "show start truncate unlisten update vacuum",
    )
)
_LONGEST_NAME = 63  # bytes: the server cuts longer ones
_CURSOR = "vetro_query"


@dataclass(frozen=True)
class Token:
    """A name, a mark, or ("text") a string.  kind: name, coded, text or mark."""

    kind: str
    text: str
    place: int


class Refused(ValueError):
    """The query is not run; the text is the reason."""


def checked(cursor: Any, query: str, driver_error: type[Exception]) -> str:
    """The text of the query's SELECT, which may run, without the text after it.

    Raises Refused if the query is not one SELECT, or calls a function that may have an effect; the
    driver's error if the server refuses to plan it.  cursor: in a transaction in which READ_ONLY
    was executed.
    """
    if "\0" in query or query != query.encode(errors="ignore").decode():
        raise Refused("it holds a character that is not text")
    found = tokens(query)
    first = next((token.text for token in found if token.text != "("), "")
    if first in _COMMANDS and found[0].kind == "name":
        raise Refused(ONLY_SELECT)
    try:
        # The server accepts one SELECT here and nothing else, and runs none of it.
        cursor.execute(f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR\n{query}\n")
    except driver_error as failure:
        if "data-modifying" in str(failure) or "SELECT ... INTO" in str(failure):
            raise Refused(ONLY_SELECT) from None
        raise
    cursor.execute(f"CLOSE {_CURSOR}")
    _check_calls(cursor, found)
    end = next((token.place for token in found if token.text == ";"), len(query))
    return query[:end].rstrip() + "\n"


def tokens(query: str) -> list[Token]:
    """The tokens of a text, as by PostgreSQL's scanner, without comments."""
    found, place = [], 0
    while place < len(query):
        match = _TOKEN.match(query, place)
        if match is None or match.lastgroup is None:
            raise Refused("it cannot be taken apart")
        kind, text = _kind(match), match[0]
        if kind == "comment":
            place = _after_comment(query, place)
            continue
        if kind == "name":
            found.append(Token("name", _cut(_lower(text)), place))
        elif kind == "quoted":
            found.append(Token("name", _cut(text[1:-1].replace('""', '"')), place))
        elif kind == "coded":
            found.append(Token("coded", text, place))
        elif kind in ("escaped", "text", "dollar"):
            found.append(Token("text", "", place))
        elif kind == "other":
            found.append(Token("mark", text, place))
        place = match.end()
    return found


def _kind(match: re.Match[str]) -> str:
    return next(name for name, text in match.groupdict().items() if text is not None)


def _after_comment(query: str, place: int) -> int:
    """The place after a comment, which may contain other comments."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(query, place):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(query)


def _lower(name: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def _cut(name: str) -> str:
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore")


def _check_calls(cursor: Any, found: list[Token]) -> None:
    """Refused if the query, or a view that it reads, calls a function that may have an effect."""
    seen: set[str] = set()
    waiting = [("", found)]
    while waiting:
        view, found = waiting.pop()
        by = f', by the view "{shown(view)}"' if view else ""
        if any(token.kind == "coded" for token in found):
            raise Refused('it writes a name as U&"...", which Vetro does not take apart')
        names = {token.text for token in found if token.kind == "name"}
        # A mark at the end that is not a call, so that every token has a next one.
        following = [*found[1:], Token("mark", "", 0)]
        called = {
            token.text
            for token, after in zip(found, following, strict=True)
            if token.kind == "name" and after.text == "("
        }
        for name in _volatile(cursor, called, names, found):
            raise Refused(
                f'it calls "{shown(name)}"{by}, which is declared VOLATILE: '
                "it may act, or reach beyond the tables"
            )
        for name, text in _views(cursor, names - seen):
            waiting.append((name, tokens(text)))
        seen |= names


def _volatile(cursor: Any, called: set[str], names: set[str], found: list[Token]) -> list[str]:
    """The functions, operators and casts that the tokens may call and that may have an effect."""
    if not names:
        return []
    marks = "".join(token.text if token.kind == "mark" else " " for token in found)
    system = "n.nspname = 'pg_catalog'"
    cursor.execute(
        "WITH acting AS (SELECT p.oid, p.proname, n.nspname, p.pronargs, p.proargtypes "
        "FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
        f"WHERE p.provolatile = 'v' AND NOT ({system} AND p.proname = ANY({_array(HARMLESS)}))) "
        # Called by their names.
        f"SELECT proname::text FROM acting WHERE proname = ANY({_array(called)}) "
        # Aggregates count as immutable whatever they call.
        "UNION ALL SELECT p.proname::text FROM pg_catalog.pg_aggregate a "
        "JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid JOIN acting f ON f.oid IN "
        "(a.aggtransfn, a.aggfinalfn, a.aggmtransfn, a.aggmfinalfn, a.aggminvtransfn) "
        f"WHERE p.proname = ANY({_array(called)}) "
        # row.function is a way of calling function(row).
        "UNION ALL SELECT f.proname::text FROM acting f "
        "JOIN pg_catalog.pg_type t ON t.oid = f.proargtypes[0] "
        f"WHERE f.pronargs = 1 AND t.typtype = 'c' AND f.proname = ANY({_array(names)}) "
        "UNION ALL SELECT t.typname::text FROM pg_catalog.pg_cast c "
        "JOIN pg_catalog.pg_type t ON t.oid = c.casttarget JOIN acting f ON f.oid = c.castfunc "
        f"WHERE t.typname = ANY({_array(names)}) "
        "UNION ALL SELECT o.oprname::text FROM pg_catalog.pg_operator o "
        f"JOIN acting f ON f.oid = o.oprcode WHERE strpos({_literal(marks)}, o.oprname) > 0"
    )
    return [str(row[0]) for row in cursor.fetchall()]


def _views(cursor: Any, names: set[str]) -> list[tuple[str, str]]:
    """The views with these names, each with its text."""
    if not names:
        return []
    cursor.execute(
        "SELECT c.relname::text, pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c "
        f"WHERE c.relkind = 'v' AND c.relname = ANY({_array(names)})"
    )
    return [(str(row[0]), str(row[1])) for row in cursor.fetchall()]


def _array(names: set[str] | frozenset[str]) -> str:
    items = ", ".join(_literal(name) for name in sorted(names))
    return f"ARRAY[{items}]::name[]"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
