"""``civicrec user`` and ``civicrec console password`` as an administrator meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from civicrec.clock import utc_now
from civicrec.errors import CivicrecError, ConfigError, InvalidInput
from civicrec.registry.accounts import account_named
from civicrec.registry.audit import audit_rows
from civicrec.registry.sessions import begin_session, sessions_of
from civicrec.registry.sign_in import Attempt, HeldBack, sign_in
from civicrec.registry.tables import registry_at
from civicrec.security.account_passwords import is_password_of
from civicrec.settings import Settings
from operations.cli import app
from tests.account_builders import PASSWORD


def user(home: Path, *words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["user", *words, "--home", str(home)], input=given)


def said(home: Path, *words: str, given: str | None = None) -> str:
    done = user(home, *words, given=given)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.stdout


def refusal(result: Result) -> str:
    assert isinstance(result.exception, CivicrecError), result.output
    return str(result.exception)


def listed(home: Path) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in map(json.loads, said(home, "list", "--json").splitlines())}


def test_an_account_from_its_first_day_to_its_last(tmp_path: Path) -> None:
    assert "li added as owner, editor" in said(
        tmp_path, "add", "Li", "--role", "editor", "--role", "owner", "--display-name", "李明",
        "--password-file", "-", "--who", "root", given=f"{PASSWORD}\n",
    )  # fmt: skip
    rows = listed(tmp_path)
    assert set(rows) == {"admin", "li"}, "the first account is never somebody without the right to add others"
    assert (rows["li"]["roles"], rows["li"]["display_name"], rows["li"]["signed_in_at"]) == (
        ["owner", "editor"], "李明", None,
    )  # fmt: skip
    assert "hash" not in json.dumps(rows)
    said(tmp_path, "role", "li", "--role", "analyst")
    assert listed(tmp_path)["li"]["roles"] == ["analyst"]
    with registry_at(Settings(home=tmp_path).registry_address) as registry:
        for n in range(2):
            begin_session(registry, "li", f"d{n}", f"Firefox {n}", utc_now())
    (last, first) = map(json.loads, said(tmp_path, "sessions", "li", "--json").splitlines())
    assert (last["browser"], first["browser"]) == ("Firefox 1", "Firefox 0")
    assert "digest" not in last
    said(tmp_path, "sign-out", "li", "--session", str(last["number"]))
    assert said(tmp_path, "sessions", "li").count("Firefox") == 1
    said(tmp_path, "disable", "li", "--why", "调离", "--who", "root")
    assert said(tmp_path, "sessions", "li") == ""
    assert "disabled" in said(tmp_path, "list")
    said(tmp_path, "enable", "li", "--why", "回来")
    with registry_at(Settings(home=tmp_path).registry_address) as registry:
        acts = [(row.who, row.action) for row in reversed(audit_rows(registry, object_id="li"))]
    assert acts == [
        ("root", "account_added"), ("operator", "account_roles"), ("operator", "signed_out"),
        ("root", "account_disabled"), ("operator", "account_enabled"),
    ]  # fmt: skip


def test_a_password_comes_from_a_file_or_stdin_and_never_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"\ufeff{PASSWORD}\r\nsecond line\n", encoding="utf-8")
    said(tmp_path, "add", "li", "--role", "owner", "--password-file", str(file))
    with registry_at(Settings(home=tmp_path).registry_address) as registry:
        assert is_password_of(PASSWORD, account_named(registry, "li").password_hash)
        begin_session(registry, "li", "d", "Firefox", utc_now())
        said(tmp_path, "password", "li", "--password-file", "-", "--must-change", given="Another-Long-One-7\n")
        changed = account_named(registry, "li")
        assert is_password_of("Another-Long-One-7", changed.password_hash)
        assert changed.must_change
        assert sessions_of(registry, "li", utc_now()) == []
    assert "nobody is there to ask" in refusal(user(tmp_path, "password", "li"))
    assert "cannot read the password" in refusal(user(tmp_path, "password", "li", "--password-file", "/nowhere"))
    assert user(tmp_path, "add", "x", "--role", "owner", "--password", PASSWORD).exit_code == 2


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["add", "a b", "--role", "owner", "--password-file", "-"], "expected 1 to 64"),
        (["add", "li", "--role", "king", "--password-file", "-"], "expected one or more of owner"),
        (["add", "admin", "--role", "owner", "--password-file", "-"], "already"),
        (["role", "nobody", "--role", "owner"], "no account 'nobody'"),
        (["role", "admin", "--role", "owner"], "last account"),
        (["disable", "admin", "--why", "x"], "last account"),
        (["disable", "admin", "--why", " "], "--why is blank"),
        (["sign-out", "admin", "--session", "7"], "no session 7"),
        (["sessions", "nobody"], "no account"),
        (["enable", "nobody", "--why", "x"], "no account"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, words: list[str], reason: str) -> None:
    result = user(tmp_path, *words, given=f"{PASSWORD}\n")
    assert isinstance(result.exception, InvalidInput)
    assert reason in refusal(result)


def test_a_weak_password_is_refused_and_not_shown(tmp_path: Path) -> None:
    result = user(tmp_path, "add", "li", "--role", "owner", "--password-file", "-", given="password1234\n")
    assert "password" in refusal(result)
    assert "password1234" not in refusal(result)


def test_who_was_held_back_is_let_in_by_hand(tmp_path: Path) -> None:
    said(tmp_path, "add", "li", "--role", "owner", "--password-file", "-", given=f"{PASSWORD}\n")
    with registry_at(Settings(home=tmp_path).registry_address) as registry:
        for n in range(30):
            with pytest.raises((InvalidInput, HeldBack)):
                sign_in(registry, Attempt("li", "wrong", f"{n}"), utc_now())
        said(tmp_path, "enable", "li", "--why", "自己人")
        assert sign_in(registry, Attempt("li", PASSWORD, "own"), utc_now()).name == "li"


def test_the_first_password_is_printed_while_it_opens_something(tmp_path: Path) -> None:
    first = CliRunner().invoke(app, ["console", "password", "--home", str(tmp_path)])
    (word,) = first.stdout.splitlines()
    with registry_at(Settings(home=tmp_path).registry_address) as registry:
        assert sign_in(registry, Attempt("admin", word, "a"), utc_now()).name == "admin"
    said(tmp_path, "password", "admin", "--password-file", "-", given=f"{PASSWORD}\n")
    after = CliRunner().invoke(app, ["console", "password", "--home", str(tmp_path)])
    assert isinstance(after.exception, ConfigError)
    assert "civicrec user password admin" in str(after.exception)
    assert word not in after.output
