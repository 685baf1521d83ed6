"""Accounts on both databases: made, changed, disabled; each change audited, and never nobody left to manage them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from civicrec.errors import Conflict, InvalidInput, NotFound
from civicrec.permissions import ROLES
from civicrec.registry import accounts as module
from civicrec.registry.accounts import (
    Account,
    LastManager,
    account_from_outside,
    account_named,
    add_account,
    disable,
    enable,
    list_accounts,
    name_of,
    set_display_name,
    set_password,
    set_roles,
)
from civicrec.registry.audit import audit_rows, verify
from civicrec.registry.first_account import ensure_first_account, first_password, opens_with_first_password
from civicrec.registry.sessions import begin_session, sessions_of, signed_in
from civicrec.security.account_passwords import is_password_of
from civicrec.settings import ServingSettings, Settings
from tests.account_builders import an_account

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)


def added(registry: Engine, name: str = "li", **more: object) -> Account:
    given = {"roles": ("admin",), **more}
    return add_account(registry, an_account(name, now=NOW, **given), who="root")  # type: ignore[arg-type]


def deeds(registry: Engine, name: str) -> list[tuple[str, str]]:
    return [(row.who, row.action) for row in reversed(audit_rows(registry, object_id=name))]


def test_an_account_is_read_as_it_was_added(registry: Engine) -> None:
    made = added(registry, roles=("editor", "analyst"), outside_id="https://idp li")
    assert account_named(registry, "li") == made
    assert account_from_outside(registry, "https://idp li") == made
    assert account_from_outside(registry, "https://idp wang") is None
    assert list_accounts(registry) == [made]
    assert deeds(registry, "li") == [("root", "account_added")]
    assert made.password_hash not in repr(made)


def test_a_name_is_taken_once(registry: Engine) -> None:
    added(registry)
    with pytest.raises(Conflict, match="already"):
        added(registry, roles=("owner",))
    assert account_named(registry, "li").roles == ("admin",)


@pytest.mark.parametrize("typed", ["", " ", "a b", "-li", "李", "x" * 65, "li\n", "a/b", "ｌi"])
def test_a_name_that_could_be_taken_for_another_is_refused(typed: str) -> None:
    if typed == "li\n":
        assert name_of(typed) == "li"
        return
    with pytest.raises(InvalidInput, match="expected 1 to 64"):
        name_of(typed)


def test_names_are_typed_in_any_case() -> None:
    assert name_of(" Li.Ming@GZ ") == "li.ming@gz"


@pytest.mark.parametrize(
    "wrong", [{"roles": ()}, {"roles": ("king",)}, {"display_name": " "}, {"display_name": "x\x07"}, {"name": "Li"}]
)
def test_what_cannot_be_an_account_is_not_kept(registry: Engine, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        add_account(registry, replace(an_account(now=NOW), **wrong), who="root")  # type: ignore[arg-type]
    assert list_accounts(registry) == []


def test_accounts_have_an_end(registry: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ACCOUNTS", 2)
    added(registry, "a")
    added(registry, "b")
    with pytest.raises(InvalidInput, match="2 accounts already"):
        added(registry, "c")


def test_what_takes_trust_away_ends_the_sessions_and_nothing_else_does(registry: Engine) -> None:
    added(registry, "root")
    added(registry)

    def after(change: object) -> int:
        begin_session(registry, "li", f"d{len(audit_rows(registry))}", "Firefox", NOW)
        change()  # type: ignore[operator]
        left = len(sessions_of(registry, "li", NOW))
        return left

    assert after(lambda: set_roles(registry, "li", ["editor"], who="root", now=NOW)) == 1
    assert after(lambda: set_display_name(registry, "li", "李明", who="root", now=NOW)) == 2
    assert after(lambda: set_password(registry, "li", "h", must_change=True, who="root", now=NOW)) == 0
    assert after(lambda: disable(registry, "li", who="root", why="left", now=NOW)) == 0
    assert after(lambda: enable(registry, "li", who="root", why="back", now=NOW)) == 1
    account = account_named(registry, "li")
    assert (account.roles, account.display_name, account.password_hash) == (("editor",), "李明", "h")
    assert (account.must_change, account.disabled_at) == (True, None)
    assert [deed for _, deed in deeds(registry, "li")] == [
        "account_added", "account_roles", "account_renamed", "account_password", "account_disabled", "account_enabled",
    ]  # fmt: skip
    assert verify(registry).broken is None


def test_roles_are_in_force_at_the_next_request(registry: Engine) -> None:
    added(registry, "root")
    added(registry)
    begin_session(registry, "li", "digest", "Firefox", NOW)
    set_roles(registry, "li", ["owner"], who="root", now=NOW)
    found = signed_in(registry, "digest", NOW)
    assert found is not None
    assert found[0].roles == ("owner",)


def test_nobody_takes_the_last_manager_away(registry: Engine) -> None:
    added(registry, "a")
    added(registry, "b", roles=("editor",))
    for change in (
        lambda: set_roles(registry, "a", ["editor"], who="a", now=NOW),
        lambda: disable(registry, "a", who="a", why="x", now=NOW),
    ):
        with pytest.raises(LastManager, match="last account"):
            change()
    assert account_named(registry, "a").manages_users
    set_roles(registry, "b", ["admin"], who="a", now=NOW)
    disable(registry, "a", who="b", why="x", now=NOW)
    with pytest.raises(LastManager):
        disable(registry, "b", who="b", why="x", now=NOW)


def test_two_managers_who_disable_each_other_at_once_leave_one(registry: Engine) -> None:
    for name in "ab":
        added(registry, name)

    def gone(name: str) -> bool:
        try:
            disable(registry, name, who="x", why="x", now=NOW)
        except LastManager:
            return False
        return True

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(gone, "ab")) == [False, True]
    assert [one.manages_users for one in list_accounts(registry)].count(True) == 1


def test_what_is_not_there_cannot_be_changed(registry: Engine) -> None:
    for change in (
        lambda: account_named(registry, "x"),
        lambda: set_roles(registry, "x", ["owner"], who="r", now=NOW),
        lambda: disable(registry, "x", who="r", why="w", now=NOW),
        lambda: set_password(registry, "x", "h", must_change=False, who="r", now=NOW),
    ):
        with pytest.raises(NotFound, match="no account"):
            change()


def test_the_one_password_from_before_opens_an_account_with_every_role(registry: Engine, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    before = first_password(settings)
    assert ensure_first_account(registry, settings, NOW)
    assert not ensure_first_account(registry, settings, NOW)
    (account,) = list_accounts(registry)
    assert (account.name, account.roles, account.must_change) == ("admin", ROLES, False)
    assert is_password_of(before, account.password_hash)
    assert opens_with_first_password(registry, settings)
    set_password(registry, "admin", "other", must_change=False, who="admin", now=NOW + timedelta(days=1))
    assert not opens_with_first_password(registry, settings)


def test_the_password_of_the_settings_is_the_first_account_s(registry: Engine, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, serving=ServingSettings(console_password="k" * 8 + "j" * 8))
    ensure_first_account(registry, settings, NOW)
    assert is_password_of("k" * 8 + "j" * 8, account_named(registry, "admin").password_hash)
    assert not settings.console_key_path.exists()


def test_processes_that_start_at_once_make_one_first_account(registry: Engine, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with ThreadPoolExecutor(4) as four:
        made = list(four.map(lambda _: ensure_first_account(registry, settings, NOW), range(4)))
    assert (made.count(True), len(list_accounts(registry))) == (1, 1)
