"""The page of accounts and the page of one's own: what they do, for whom, and what is told only once."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import httpx
import pytest

from civicrec.permissions import Role
from civicrec.registry.accounts import account_named, add_account, list_accounts
from civicrec.registry.audit import audit_rows
from civicrec.registry.sessions import begin_session, sessions_of
from civicrec.security.account_passwords import is_password_of
from civicrec.security.holding_back import BROWSER
from civicrec.security.session_ids import form_token, id_digest
from serving.console.account import change_account
from serving.console.users import change_user
from tests.account_builders import EVERYBODY, PASSWORD, an_account, cookie_header, kept_hash, signed_in_as
from tests.serving.conftest import NOW, Api
from tests.serving.console.test_sign_in import cookies_of, sign_in

NEW = "Kapok-Street-42-north"


def send(api: Api, path: str, fields: dict[str, object], name: str = "root") -> httpx.Response:
    session_id = signed_in_as(api.registry, NOW, ["admin"], name=name)
    given = {"token": form_token(session_id), **fields}
    return api.ask("POST", f"/console/{path}", data=given, headers=cookie_header(session_id))


def pairs(fields: dict[str, object]) -> list[tuple[str, str]]:
    """Return fields as a browser sends them."""
    several = [(name, value if isinstance(value, list) else [value]) for name, value in fields.items()]
    return [(name, str(one)) for name, values in several for one in values]


def see(api: Api, path: str, name: str = "root") -> str:
    headers = cookie_header(signed_in_as(api.registry, NOW, ["admin"], name=name))
    return unescape(api.ask("GET", f"/console/{path}", headers=headers).text)


def told(answer: httpx.Response) -> str:
    found = re.search(r'class="told"><code>([^<]+)</code>', answer.text)
    assert found, answer.text
    return found[1]


def test_a_new_colleague_signs_in_once_with_what_was_told_and_then_has_a_password_of_their_own(api: Api) -> None:
    fields = {"deed": "add", "name": "Wang", "display_name": "王芳", "role": ["editor", "analyst"]}
    answer = send(api, "users", fields)
    assert answer.status_code == 200
    once = told(answer)
    assert once not in see(api, "users")
    assert account_named(api.registry, "wang").roles == ("editor", "analyst")
    assert [row.who for row in audit_rows(api.registry, object_id="wang")] == ["root"]

    headers = cookie_header(cookies_of(sign_in(api, "wang", once))["civicrec_console"])
    for path in ("", "tags"):
        kept_out = api.ask("GET", f"/console/{path}", headers=headers)
        assert (kept_out.status_code, kept_out.headers["location"]) == (303, "/console/account")
    page = api.ask("GET", "/console/account", headers=headers).text
    assert "他人告知的一次性口令" in page
    assert 'href="/console/tags"' not in page
    token = re.search(r'name="token" value="([0-9a-f]+)"', page)
    assert token
    own = {"token": token[1], "deed": "password", "password": once, "new": NEW, "again": NEW}
    changed = api.ask("POST", "/console/account", data=own, headers=headers)
    assert (changed.status_code, changed.headers["location"]) == (303, "/console/?changed=1")
    again = api.ask("GET", changed.headers["location"], headers=headers)
    assert "口令已修改" in again.text
    assert sign_in(api, "wang", once).status_code == 403
    headers = cookie_header(cookies_of(sign_in(api, "wang", NEW))["civicrec_console"])
    assert api.ask("GET", "/console/tags", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"name": "a b"}, "账号应为"), ({"name": "root"}, "账号已存在"), ({"display_name": ""}, "请填写姓名"),
     ({"role": []}, "请至少选择一个角色"), ({"role": ["king"]}, "expected one or more"),
     ({"deed": "rule"}, "请选择要做的操作")],
)  # fmt: skip
def test_a_wrong_form_adds_nobody_and_keeps_what_was_typed(api: Api, wrong: dict[str, object], said: str) -> None:
    signed_in_as(api.registry, NOW, ["admin"], name="root")
    fields: dict[str, object] = {"deed": "add", "name": "wang", "display_name": "王芳", "role": ["editor"], **wrong}
    before = len(list_accounts(api.registry))
    answer = change_user(api.settings, pairs(fields), NOW, EVERYBODY)
    assert answer.status in (409, 422)
    assert said in unescape(answer.body.decode())
    assert len(list_accounts(api.registry)) == before
    if "name" not in wrong and wrong.get("deed") is None:
        assert 'name="name" maxlength="64" value="wang"' in answer.body.decode()


def test_accounts_are_changed_under_the_name_of_who_changes_them(api: Api) -> None:
    wang = signed_in_as(api.registry, NOW, ["editor"], name="wang")

    def changed(**fields: object) -> str:
        answer = send(api, "users", {"name": "wang", **fields})
        assert answer.status_code == 303, answer.text
        return see(api, answer.headers["location"].removeprefix("/console/"))

    assert "角色已更改（wang）" in changed(deed="roles", role=["owner", "analyst"])
    assert account_named(api.registry, "wang").roles == ("owner", "analyst")
    assert "已退出该账号的全部登录" in changed(deed="end")
    assert "口令" in api.ask("GET", "/console/account", headers=cookie_header(wang)).text
    assert sessions_of(api.registry, "wang", NOW) == []
    page = changed(deed="disable")
    assert "账号已停用" in page
    assert "已停用</strong>" in page
    assert "账号已启用" in changed(deed="enable")
    once = told(send(api, "users", {"name": "wang", "deed": "password"}))
    assert is_password_of(once, account_named(api.registry, "wang").password_hash)
    assert {row.who for row in audit_rows(api.registry, object_id="wang")} == {"test", "root"}


@pytest.mark.parametrize("fields", [{"deed": "disable"}, {"deed": "roles", "role": ["editor"]}])
def test_the_last_who_manages_others_stays(api: Api, fields: dict[str, object]) -> None:
    answer = send(api, "users", {"name": "root", **fields})
    assert answer.status_code == 422
    assert "最后一个能管理用户的账号" in answer.text
    assert account_named(api.registry, "root").manages_users


@pytest.mark.parametrize("role", ["owner", "editor", "analyst"])
def test_only_an_administrator_makes_accounts(api: Api, role: Role) -> None:
    signed_in_as(api.registry, NOW, ["admin"], name="root")
    session_id = signed_in_as(api.registry, NOW, [role], name="eve")
    for fields in (
        {"deed": "add", "name": "x", "display_name": "x", "role": "admin"},
        {"deed": "roles", "name": "eve", "role": "admin"},
        {"deed": "password", "name": "root"},
    ):
        given = {"token": form_token(session_id), **fields}
        answer = api.ask("POST", "/console/users", data=given, headers=cookie_header(session_id))
        assert answer.status_code == 403
    assert account_named(api.registry, "eve").roles == (role,)
    assert account_named(api.registry, "root").password_hash == kept_hash()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"password": "x"}, "现口令不正确"), ({"again": NEW + "x"}, "不一致"),
     ({"new": "short", "again": "short"}, "不符合要求"),
     ({"new": "root-root-root-1", "again": "root-root-root-1"}, "不符合要求"),
     ({"new": PASSWORD, "again": PASSWORD}, "相同"),
     ({"deed": ""}, "请选择")],
)  # fmt: skip
def test_a_password_is_not_changed_by_a_wrong_form(api: Api, wrong: dict[str, str], said: str) -> None:
    signed_in_as(api.registry, NOW, ["admin"], name="root")
    fields = {"deed": "password", "password": PASSWORD, "new": NEW, "again": NEW, **wrong}
    answer = change_account(api.settings, list(fields.items()), NOW, replace(EVERYBODY, name="root"))
    assert answer.status == 422
    assert said in answer.body.decode()
    assert account_named(api.registry, "root").password_hash == kept_hash()
    assert len(sessions_of(api.registry, "root", NOW)) == 1


def test_who_finds_a_browser_open_does_not_guess_the_password_there(api: Api) -> None:
    fields = {"deed": "password", "password": "guess", "new": NEW, "again": NEW}
    signed_in_as(api.registry, NOW, ["admin"], name="root")

    def sent(fields: dict[str, str]) -> str:
        root = replace(EVERYBODY, name="root")
        return change_account(api.settings, list(fields.items()), NOW, root).body.decode()

    said = [sent(fields) for _ in range(BROWSER.slips + 1)]
    assert ["现口令不正确" in one for one in said] == [True] * BROWSER.slips + [False]
    assert "尝试次数过多" in said[-1]
    assert "尝试次数过多" in sent({**fields, "password": PASSWORD})


def test_a_session_elsewhere_is_seen_and_ended_and_nobody_else_s_can_be(api: Api) -> None:
    signed_in_as(api.registry, NOW, ["admin"], name="root")
    add_account(api.registry, an_account("wang", now=NOW), who="test")
    for name, browser in (("root", "Thief/1.0 <b>"), ("root", "Firefox"), ("wang", "Safari")):
        begin_session(api.registry, name, id_digest(browser), browser, NOW)
    raw = api.ask("GET", "/console/account", headers=cookie_header(signed_in_as(api.registry, NOW, name="root"))).text
    assert "Thief/1.0 &lt;b&gt;" in raw
    assert "Safari" not in raw
    thief = next(one for one in sessions_of(api.registry, "root", NOW) if one.browser.startswith("Thief"))
    (other,) = sessions_of(api.registry, "wang", NOW)
    assert send(api, "account", {"deed": "end", "number": str(other.number)}).status_code == 404
    assert send(api, "account", {"deed": "end", "number": str(thief.number)}).status_code == 303
    assert send(api, "account", {"deed": "end", "number": "x"}).status_code == 404
    assert {one.browser for one in sessions_of(api.registry, "root", NOW)} == {"Firefox", "Chromium"}
    send(api, "account", {"deed": "others"})
    assert [one.browser for one in sessions_of(api.registry, "root", NOW)] == ["Chromium"]
    assert len(sessions_of(api.registry, "wang", NOW)) == 1


@pytest.mark.parametrize("path", ["users", "account"])
def test_every_field_has_a_name_and_every_form_its_token(api: Api, path: str) -> None:
    page = see(api, path)
    shown = re.findall(r'<input(?![^>]*(?:type="hidden"|type="checkbox"|class="hidden"))[^>]* ?id="([^"]+)"', page)
    assert shown
    assert [one for one in shown if f'<label for="{one}"' not in page] == []
    forms = re.findall(r"<form method=\"post\"|<form class=\"[^\"]*\" method=\"post\"", page)
    assert len(forms) == page.count('name="token"') > 1
