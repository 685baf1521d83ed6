"""Sessions on both databases: how long they are good, how they end, and that nothing kept opens one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from civicrec.errors import NotFound
from civicrec.registry.accounts import add_account
from civicrec.registry.audit import audit_rows
from civicrec.registry.sessions import (
    IDLE,
    LONGEST,
    MAX_SESSIONS,
    begin_session,
    end_session,
    end_sessions,
    sessions_of,
    sign_out,
    signed_in,
)
from civicrec.security.session_ids import form_token, id_digest, is_form_token, new_id
from tests.account_builders import an_account

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _accounts(registry: Engine) -> None:
    for name in ("li", "wang"):
        add_account(registry, an_account(name, now=NOW), who="root")


def is_open(registry: Engine, session_id: str, now: datetime) -> bool:
    return signed_in(registry, id_digest(session_id), now) is not None


def test_a_session_that_is_used_lasts_a_working_day_and_no_longer(registry: Engine) -> None:
    begin_session(registry, "li", id_digest("mine"), "Firefox", NOW)
    at = NOW
    while at < NOW + LONGEST:
        assert is_open(registry, "mine", at)
        at += IDLE - A_SECOND
    assert not is_open(registry, "mine", NOW + LONGEST)


def test_a_screen_that_is_left_alone_is_signed_out(registry: Engine) -> None:
    begin_session(registry, "li", id_digest("mine"), "Firefox", NOW)
    assert is_open(registry, "mine", NOW + IDLE - A_SECOND)
    assert not is_open(registry, "mine", NOW + 2 * IDLE)
    assert sessions_of(registry, "li", NOW + 2 * IDLE) == []


def test_only_the_id_itself_opens_a_session(registry: Engine) -> None:
    session_id = new_id()
    begin_session(registry, "li", id_digest(session_id), "Firefox", NOW)
    with registry.connect() as connection:
        kept = str(connection.execute(text("SELECT * FROM console_sessions")).all())
    assert session_id not in kept
    for wrong in ("", session_id[:-1], id_digest(session_id), session_id.lower()):
        assert not is_open(registry, wrong, NOW)
    assert is_open(registry, session_id, NOW)


def test_ids_are_long_and_never_the_same() -> None:
    ids = {new_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert {len(one) for one in ids} == {43}  # 256 bits, six in a character


def test_a_form_s_token_is_its_session_s_alone() -> None:
    mine, other = new_id(), new_id()
    assert is_form_token(form_token(mine), mine)
    for wrong in (form_token(other), "", mine, id_digest(mine), "密"):
        assert not is_form_token(wrong, mine)


def test_sessions_are_listed_and_ended_by_their_own_account_alone(registry: Engine) -> None:
    for n, name in enumerate(("li", "li", "wang")):
        begin_session(registry, name, id_digest(f"s{n}"), f"browser {n}", NOW + n * A_SECOND)
    found = sessions_of(registry, "li", NOW)
    assert [one.browser for one in found] == ["browser 1", "browser 0"]
    with pytest.raises(NotFound, match="no session"):
        end_session(registry, "wang", found[0].number, who="wang", now=NOW)
    end_session(registry, "li", found[0].number, who="li", now=NOW)
    assert [is_open(registry, f"s{n}", NOW) for n in range(3)] == [True, False, True]
    with pytest.raises(NotFound):
        end_session(registry, "li", found[0].number, who="li", now=NOW)
    assert end_sessions(registry, "li", who="root", now=NOW) == 1
    assert end_sessions(registry, "li", who="root", now=NOW) == 0
    sign_out(registry, id_digest("s2"), NOW)
    sign_out(registry, id_digest("s2"), NOW)
    assert [(row.who, row.object_id) for row in audit_rows(registry, action="signed_out")] == [
        ("wang", "wang"), ("root", "li"), ("li", "li"),
    ]  # fmt: skip


def test_the_session_unused_for_longest_gives_way(registry: Engine) -> None:
    for n in range(MAX_SESSIONS + 2):
        begin_session(registry, "li", id_digest(f"s{n}"), "", NOW + n * A_SECOND)
    later = NOW + timedelta(minutes=1)
    assert len(sessions_of(registry, "li", later)) == MAX_SESSIONS
    assert [is_open(registry, f"s{n}", later) for n in (0, 1, 2)] == [False, False, True]


def test_sessions_that_are_over_are_forgotten(registry: Engine) -> None:
    begin_session(registry, "li", id_digest("old"), "", NOW)
    begin_session(registry, "wang", id_digest("new"), "", NOW + LONGEST)
    with registry.connect() as connection:
        assert connection.execute(text("SELECT account FROM console_sessions")).scalars().all() == ["wang"]
