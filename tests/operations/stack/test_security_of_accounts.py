"""What `civicrec doctor --security` says of the console's accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from civicrec.clock import utc_now
from civicrec.registry.accounts import Account, set_password
from civicrec.registry.first_account import ensure_first_account, first_password
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings
from operations.stack.security.accounts import (
    OLD_PASSWORD,
    TOLD,
    UNUSED,
    judge_accounts,
    judge_provider,
    look_at_accounts,
)
from tests.account_builders import an_account, kept_hash

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
A_DAY = timedelta(days=1)
ADMIN = an_account("root", ["admin"], NOW, signed_in_at=NOW)
EDITOR = an_account("li", ["editor"], NOW, signed_in_at=NOW)


def found(*accounts: Account, first: bool = False) -> list[str]:
    openings = judge_accounts(accounts, NOW, has_first_password=first)
    assert {one.grade for one in openings} <= {"advice"}, "none of it is a way in by itself"
    return [one.found for one in openings]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (replace(ADMIN, password_at=NOW - OLD_PASSWORD - A_DAY), "administrator root is 366 days old"),
        (replace(EDITOR, signed_in_at=NOW - UNUSED - A_DAY), "li was not used for 181 days"),
        (replace(EDITOR, signed_in_at=None, created_at=NOW - UNUSED - A_DAY), "li was not used for 181 days"),
        (replace(EDITOR, must_change=True, password_at=NOW - TOLD - A_DAY), "told to somebody 8 days ago"),
        (replace(EDITOR, password_hash=kept_hash().replace("t=2", "t=1")), "other parameters"),
    ],
)
def test_each_is_told_and_a_disabled_account_or_one_in_use_is_not(one: Account, said: str) -> None:
    (told,) = found(replace(ADMIN, name="other"), one)
    assert said in told
    assert found(replace(ADMIN, name="other"), replace(one, disabled_at=NOW)) == []
    assert found(ADMIN, EDITOR) == []


def test_an_editor_s_old_password_and_one_from_outside_are_their_own() -> None:
    old = NOW - OLD_PASSWORD - A_DAY
    assert found(ADMIN, replace(EDITOR, password_at=old)) == []
    assert found(replace(ADMIN, password_at=old, password_hash="")) == []


def test_nobody_who_manages_the_others_is_told_and_a_console_that_was_never_opened_is_not() -> None:
    assert found(EDITOR) == found(EDITOR, replace(ADMIN, disabled_at=NOW))
    assert "manages the others" in found(EDITOR)[0]
    assert found() == []


def test_a_console_that_a_provider_sends_back_to_in_clear_is_a_hole(tmp_path: Path) -> None:
    def of(console: str) -> list[str]:
        oidc = {"issuer": "https://sso.example", "client_id": "c", "roles": {"x": "owner"}, "console_url": console}
        settings = Settings.model_validate({"home": tmp_path, "oidc": oidc})
        return [one.grade for one in judge_provider(settings)]

    assert of("http://www.example.gov.cn/console") == ["hole"]
    assert of("https://www.example.gov.cn/console") == of("http://127.0.0.1:8702/console") == []
    assert judge_provider(Settings(home=tmp_path)) == []


def test_the_first_password_is_told_while_it_opens_something(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert look_at_accounts(settings) == []
    assert not settings.console_key_path.exists(), "a look makes nothing"
    with registry_at(settings.registry_address) as registry:
        ensure_first_account(registry, settings, utc_now())
        (told,) = look_at_accounts(settings)
        assert "first password" in told.found
        assert first_password(settings) not in told.found + told.remedy
        set_password(registry, "admin", kept_hash(), must_change=False, who="admin", now=utc_now())
    assert look_at_accounts(settings) == []
    settings.console_key_path.unlink()
    assert look_at_accounts(settings) == []
    assert not settings.console_key_path.exists(), "a look makes nothing"
