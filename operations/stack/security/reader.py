"""What the users of the warehouse may do beyond reading its tables, asked of the warehouse itself.

In: settings. Out: `Opening`s. Each statement is harmless where it is not refused: it writes no row, and a plan alone is
asked for of what reaches outside, whose rights ClickHouse looks at all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from civicrec.clients import http_client
from civicrec.errors import ConfigError
from civicrec.home import READER_KEY
from civicrec.security.passwords import READER
from civicrec.security.secrets import read_secret
from civicrec.security.tls import tls_context
from civicrec.settings import Settings, WarehouseSettings
from operations.stack.security.openings import Opening

CHECK = "rights in the warehouse"
#: What nobody's work needs, and what an analyst's does not: name → statement.
REACHING = {
    "call addresses with url()": "EXPLAIN SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString', 'line String')",
    "read files with file()": "EXPLAIN SELECT * FROM file('civicrec-doctor', 'LineAsString', 'line String')",
    "ask other servers with remote()": "EXPLAIN SELECT * FROM remote('127.0.0.1:9', system.one)",
}
CHANGING = {
    "change settings": "SELECT 1 SETTINGS max_memory_usage = 0",
    "write": "INSERT INTO events (event_id) SELECT event_id FROM events WHERE 0",
}
#: ClickHouse's codes of a refusal (no grant, read only, beyond a constraint, no such function), and of a wrong login.
_REFUSED, _NOT_LOGGED_IN = frozenset({46, 164, 452, 497}), frozenset({192, 193, 194, 516})
_TIMEOUT_S = 15.0

#: Runs a statement and returns ClickHouse's code, 0 if it ran; raises `OSError` if nobody answers.
Ask = Callable[[str], int]


def deeds_allowed(ask: Ask) -> frozenset[str] | None:
    """Return what is allowed of `REACHING` and `CHANGING`; None if the user cannot log in.

    Whatever fails in another way than by a refusal was let through.
    """
    allowed = set()
    for deed, sql in {**REACHING, **CHANGING}.items():
        code = ask(sql)
        if code in _NOT_LOGGED_IN:
            return None
        if code not in _REFUSED:
            allowed.add(deed)
    return frozenset(allowed)


def rights_of_reader(allowed: Collection[str], user: str) -> list[Opening]:
    """Judge what the user of analysts may do."""
    if not allowed:
        return []
    what = f"user {user} of the warehouse, who is to read tables alone, may {', '.join(sorted(allowed))}"
    remedy = f"`REVOKE SOURCES ON *.* FROM {user}`, grant SELECT alone, and give its profile readonly = 1"
    return [Opening(CHECK, "hole", what, remedy)]


def rights_of_stack(allowed: Collection[str], user: str) -> list[Opening]:
    """Judge what the user of the stack's own processes may do: they write, and need nothing outside."""
    reaching = sorted(REACHING.keys() & set(allowed))
    if not reaching:
        return []
    what = f"user {user} of the warehouse, with which civicrec works, may {', '.join(reaching)}"
    return [Opening(CHECK, "advice", what, f"`REVOKE SOURCES ON *.* FROM {user}`: civicrec needs none of it")]


def look_at_rights(settings: Settings) -> list[Opening]:
    """Ask as the reader of the home's embedded warehouse, and as the user whom the settings name."""
    where = settings.warehouse
    openings = []
    try:
        reader = "" if where.url else read_secret(READER_KEY.of(settings.home))
        if reader and (allowed := deeds_allowed(asker(where, READER, reader))) is not None:
            openings += rights_of_reader(allowed, READER)
        own = deeds_allowed(asker(where, where.user, where.password.get_secret_value()))
        if own is not None:
            judge = rights_of_reader if where.user == READER else rights_of_stack
            openings += judge(own, where.user)
    except (OSError, ConfigError) as error:
        what = f"the warehouse at {where.endpoint.address} could not be asked: {error or type(error).__name__}"
        openings.append(Opening(CHECK, "unknown", what, "start it, then look again"))
    return openings


def asker(where: WarehouseSettings, user: str, password: str) -> Ask:
    """Return how to ask the warehouse as somebody."""
    from httpx import HTTPError

    called = where.endpoint
    headers = {**called.headers, "X-ClickHouse-User": user, "X-ClickHouse-Key": password}

    def ask(sql: str) -> int:
        context = tls_context(where)
        try:
            with http_client(timeout=_TIMEOUT_S, verify=context or False) as client:
                answer = client.post(
                    f"{called.url}/", params={"database": where.database}, content=sql, headers=headers
                )
        except HTTPError as error:
            raise OSError(str(error)) from error
        code = answer.headers.get("X-ClickHouse-Exception-Code", "")
        if not code.isdecimal() and answer.status_code != 200:
            raise OSError(f"it answers {answer.status_code} and is no warehouse of this home")
        return int(code) if code.isdecimal() else 0

    return ask
