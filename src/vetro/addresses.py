"""Addresses of servers: parsed, and shown or kept without secrets.

One strict rule parses an address, so that the address that Vetro shows and the one that the driver
connects to cannot differ.  If an address does not fit the rule, only its scheme is shown, because
any other part of it might be a password.  This module connects to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

POSTGRES = ("postgres", "postgresql")
FORM = "postgresql://user@host/database"
PASSWORD_HINT = "Leave the password out of the address: set PGPASSWORD, or write it into ~/.pgpass"
PASSWORD_KEPT = "not kept: set PGPASSWORD, or write it into ~/.pgpass, for the next commands"

OPTIONS = frozenset(
    (
        *("host", "hostaddr", "port", "user", "dbname", "service", "passfile", "options"),
        *("application_name", "client_encoding", "connect_timeout", "target_session_attrs"),
        *("channel_binding", "require_auth", "gssencmode", "krbsrvname", "load_balance_hosts"),
        *("ssl", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir", "sslsni"),
        *("sslcertmode", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version"),
        *("requirepeer", "keepalives", "keepalives_idle", "keepalives_interval"),
        *("keepalives_count", "tcp_user_timeout", "fallback_application_name"),
    )
)
"""The options after "?" that are kept: options of PostgreSQL's clients that are not secret."""
SECRET_OPTIONS = frozenset(
    ("password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret")
)

# Two letters at least: C:/ is a drive.
_BEGIN = r"[A-Za-z][A-Za-z0-9+.-]+(?::[A-Za-z][A-Za-z0-9+.-]+)*:[/\\]+"
_IS_ADDRESS = re.compile(rf"[\s\"'(<\[]*{_BEGIN}")
# Up to the last "@": a password that was not encoded may hold any character.
_WITHIN = re.compile(rf"(?P<scheme>{_BEGIN})(?:.*@)?\S*", re.DOTALL)
_TRAILING = re.compile(r"[)\]>\"',;:!…]*$")
_PARTS = re.compile(
    r"""(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://
    (?:(?P<user>[^/?\#@:\[\]]*)(?::(?P<password>[^/?\#@\[\]]*))?@)?
    (?P<hosts>[^/?\#@]*)
    (?:/(?P<database>[^/?\#@:;&=\s\[\]"'<>()]*))?
    (?:\?(?P<options>[^?\#\s]*))?""",
    re.VERBOSE,
)
_HOST = re.compile(r"(?P<name>[\w.%-]*|\[[0-9A-Fa-f:.%]+\])(?::\d{1,5})?")
_DECODED_HOST = re.compile(r"[\w./-]*|\[[0-9A-Fa-f:.%]+\]")
_PLACE = re.compile(
    r"[A-Za-z][A-Za-z0-9+.:-]*://(?:[^/?#@]*@)?(?P<place>[\w.-]+(?::\d{1,5})?(?:/[^?#@:]*)?)"
    r"(?P<options>[?#].*)?",
    re.DOTALL,
)
_OPTION_NAME = re.compile(r"[a-z_]{1,30}")
_VALUE = re.compile(r"[\w./\\, =+~*-]*")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEYS = (
    r"[a-z_]*(?:password|passwd|pwd|passphrase|access_key|access_key_id|token|secret)"
    r"|api_?key|sig|signature|credentials?|auth|authorization"
)
_ENTRY = re.compile(rf"(?i)\b({_KEYS})\s*=\s*('(?:[^'\\]|\\.)*'?|\"[^\"]*\"?|\S+)")
_KEYWORDS = re.compile(
    r"(?i)(?:^|\s|;)(?:host|hostaddr|server|dbname|database|user|uid|password|pwd|service)\s*=\s*\S"
)
# After "//", a scheme without its colon before it; after one "/", it may be a file's name.
_LOGIN = re.compile(r"(?![A-Za-z]:[/\\])(?:[^/\\@:]*//+)?[^/\\@]*:.*@", re.DOTALL)
_WORD = re.compile(r"\S+")
_SECRET_BEGINS = re.compile(r"(?<=[\w.%+~-]):(?![/\\])")
_LOGIN_BY_SLASH = re.compile(
    r"(?P<user>[^\s/\\@:.]+/)[^\s/\\@:]+(?P<place>@[^\s/\\@]+/[^\s/\\@.]+)"
)


@dataclass(frozen=True, repr=False)
class Address:
    """An address of a PostgreSQL server.  user ... options: decoded; hosts as written."""

    user: str
    password: str
    hosts: str
    database: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def shown(self) -> str:
        """The address as it is shown: without password and options."""
        return self._written(self.user, ())

    @property
    def kept(self) -> str:
        """The address as it is written down, to be used again: without secrets."""
        return self._written(
            self.user, [(name, text) for name, text in self.options if name not in SECRET_OPTIONS]
        )

    @property
    def for_driver(self) -> str:
        """The whole address, with its secrets."""
        password = f":{quote(self.password, safe='')}" if self.password else ""
        return self._written(self.user, self.options, password)

    @property
    def secrets(self) -> list[str]:
        """The texts that a driver's message must not repeat, in each form that they may have."""
        given = [self.password, *(text for name, text in self.options if name in SECRET_OPTIONS)]
        forms = {form for text in given if text for form in (text, quote(text, safe=""))}
        return sorted(forms, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"Address({self.shown})"

    def _written(self, user: str, options: Sequence[tuple[str, str]], password: str = "") -> str:
        login = f"{quote(user, safe='')}{password}@" if user or password else ""
        given = "&".join(f"{name}={quote(text, safe='/,')}" for name, text in options)
        database = f"/{quote(self.database, safe='')}" if self.database else ""
        if given and not database:
            database = "/"
        return f"postgresql://{login}{self.hosts}{database}{'?' + given if given else ''}"


def is_address(text: str) -> bool:
    """Whether a source's text is an address, or was meant as one, and not a path."""
    forms = (_IS_ADDRESS.match(text), _KEYWORDS.search(text), _LOGIN.match(text))
    return "://" in text or any(forms)


def is_postgres(text: str) -> bool:
    """Whether it is an address of a PostgreSQL server, whatever follows the scheme."""
    scheme, mark, _ = text.partition("://")
    return bool(mark) and scheme.lower() in POSTGRES


def taken_apart(text: str) -> Address:
    """The parts of a PostgreSQL address; ValueError, without a part of it, says what is wrong."""
    found = _PARTS.fullmatch(text)
    if found is None or found["scheme"].lower() not in POSTGRES:
        raise ValueError("it does not have this form")
    if _ESCAPE.search(text) or any(not letter.isprintable() for letter in text):
        raise ValueError('a "%" is not followed by two hexadecimal digits, or a letter is not text')
    hosts = found["hosts"]
    named = [_HOST.fullmatch(host) for host in hosts.split(",")]
    if not all(host and _DECODED_HOST.fullmatch(_decoded(host["name"])) for host in named):
        raise ValueError("the part for the host is not a host, or a host with its port")
    user, database = _decoded(found["user"] or ""), _decoded(found["database"] or "")
    if set(user + database) & set(":@/?#"):
        raise ValueError("its user or database holds a mark that belongs to a password")
    options: dict[str, str] = {}
    for entry in filter(None, (found["options"] or "").split("&")):
        name, _, value = (_decoded(part) for part in entry.partition("="))
        if name not in OPTIONS | SECRET_OPTIONS or name in options:
            raise ValueError(_wrong_option(name, found["options"]))
        if name in OPTIONS and not _VALUE.fullmatch(value):
            raise ValueError(f'the value of the option "{name}" is not valid')
        options[name] = value
    password = _decoded(found["password"] or "")
    return Address(user, password, hosts, database, tuple(options.items()))


def _wrong_option(name: str, written: str) -> str:
    """What is wrong with an option; it is not named if its name may be part of a secret."""
    if name in OPTIONS | SECRET_OPTIONS:
        return f'the option "{name}" occurs twice after ?'
    in_doubt = "@" in written or any(secret in written for secret in SECRET_OPTIONS)
    if in_doubt or f"{name}=" not in written or not _OPTION_NAME.fullmatch(name):
        return "an option after ? is not known"
    return f'the option "{name}" after ? is not known'


def kept(source: str) -> str:
    """A source as it may be written down: an address without secrets, a path unchanged."""
    try:
        return taken_apart(source.strip()).kept
    except ValueError:
        return shown_source(source) if is_address(source) else source


def shown_source(source: str) -> str:
    """A source as messages name it: an address without secrets and options, a path unchanged, if
    no part of it looks like a login."""
    if not is_address(source):
        return safe(_without_login(source))  # blanks may be part of the secret
    text = safe(source)
    return text if _IS_ADDRESS.match(text) else "the address"


def short_name(source: str) -> str:
    """A source in a few words: a file by its name, an address as it may be shown."""
    return shown_source(source) if is_address(source) else Path(source).name or source


def has_secrets(source: str) -> bool:
    """Whether a PostgreSQL address holds secrets, which are not kept."""
    try:
        return bool(taken_apart(source.strip()).secrets)
    except ValueError:
        return False


def place_name(source: str) -> str:
    """A short name of an address: its database, or its host; empty if it cannot be parsed."""
    try:
        address = taken_apart(source.strip())
    except ValueError:
        return ""
    return address.database or address.hosts.partition(",")[0].partition(":")[0]


def safe(text: str) -> str:
    """A text, with each address in it as it may be shown, and without values of passwords.

    A login without a scheme is one too: user:secret@host, or as a whole text user/secret@host/name.
    """
    if ":/" in text or ":\\" in text:
        text = _WITHIN.sub(_replaced, text)
    if "@" in text:
        text = _WORD.sub(lambda found: _without_login(found[0]), text)
        if found := _LOGIN_BY_SLASH.fullmatch(text):
            text = f"{found['user']}...{found['place']}"
    return _ENTRY.sub(r"\1=...", text) if "=" in text else text


def _without_login(text: str) -> str:
    """A text without what stands between the first colon of a login and the last "@"."""
    end = text.rfind("@")
    begin = _SECRET_BEGINS.search(text, 0, end) if end > 0 else None
    return text[: begin.end()] + "..." + text[end:] if begin else text


def _replaced(found: re.Match[str]) -> str:
    text = found[0]
    end = _TRAILING.search(text)
    trailing = end[0] if end is not None else ""
    text = text[: len(text) - len(trailing)]
    try:
        return taken_apart(text).shown + trailing
    except ValueError:
        return _bare(text, found["scheme"]) + trailing


def _bare(text: str, scheme: str) -> str:
    """An address of another kind without login and options; only its scheme if in doubt."""
    name = re.split(r":[/\\]+", scheme)[0]
    parts = _PLACE.fullmatch(text)
    if name.lower() in POSTGRES:
        return "postgresql://..."
    if parts is None:
        return f"{name}://..."
    return f"{name}://{parts['place']}" + ("?..." if parts["options"] else "")


def _decoded(text: str) -> str:
    """The text without escapes; ValueError if they make no text."""
    # Not by a failure of decode(), which holds the text.
    decoded = unquote_to_bytes(text).decode("utf-8", errors="replace")
    if "\0" in decoded or "\ufffd" in decoded:
        raise ValueError("it holds a character that is not text")
    return decoded
