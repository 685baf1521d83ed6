"""Who may open the console: an address, a host name or a proxy's header proves nothing, an account's password does."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from html import unescape

import httpx
import pytest

from civicrec.registry.accounts import add_account, disable, set_password
from civicrec.registry.audit import audit_rows
from civicrec.registry.first_account import first_password
from civicrec.registry.sessions import IDLE, sessions_of
from civicrec.security.holding_back import ACCOUNT
from serving.console import sign_in as module
from serving.console.answering import SIGN_IN_FIRST
from serving.console.cookies import BROWSER, FORM, SESSION
from tests.account_builders import PASSWORD, an_account, cookie_header, signed_in_as
from tests.serving.conftest import NOW, Api

FROM_HERE = {"host": "127.0.0.1:8702"}


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    said = [one.split(";")[0].partition("=") for one in answer.headers.get_list("set-cookie")]
    return {name: value.strip('"') for name, _, value in said}


def sign_in(api: Api, name: str, password: str, cookie: str = "", **headers: str) -> httpx.Response:
    """Open the form, and send it as its browser does."""
    https = {key: value for key, value in headers.items() if key == "x-forwarded-proto"}
    form = api.ask("GET", "/console/", headers=https)
    found = re.search(r'name="token" value="([0-9a-f]{64})"', form.text)
    assert found
    (key,) = (f"{name}={value}" for name, value in cookies_of(form).items() if name.endswith(FORM))
    fields = {"name": name, "password": password, "token": found[1], "next": "/console/worth"}
    sent = {"cookie": f"{key}; {cookie}", **headers}
    return api.ask("POST", "/console/sign-in", data=fields, headers=sent)


@pytest.fixture
def staff(api: Api) -> Api:
    add_account(api.registry, an_account(now=NOW), who="root")
    return api


@pytest.mark.parametrize(
    "headers",
    [{}, FROM_HERE, {"host": "localhost"}, {**FROM_HERE, "x-forwarded-for": "127.0.0.1"}, {**FROM_HERE, "via": "1.1 a"},
     {**FROM_HERE, "forwarded": "for=127.0.0.1"}, {**FROM_HERE, "origin": "http://evil.example"},
     {"cookie": f"{SESSION}=made-up"}, {"cookie": f"{SESSION}=9999999999.{'0' * 64}"}],
)  # fmt: skip
def test_nobody_sees_a_figure_without_an_account(api: Api, headers: dict[str, str]) -> None:
    page = api.ask("GET", "/console/", headers=headers)
    assert "口令" in page.text
    assert "内容效果" not in page.text
    table = api.ask("GET", "/console/items.csv?first=2026-03-01", headers=headers)
    assert (table.status_code, table.text) == (401, SIGN_IN_FIRST)
    assert table.headers["www-authenticate"].startswith("Basic")


def test_the_one_password_from_before_opens_the_first_account(api: Api) -> None:
    assert sign_in(api, "admin", first_password(api.settings)).status_code == 303
    assert api.settings.console_key_path.stat().st_mode & 0o777 == 0o600


def test_the_form_begins_a_session_that_scripts_and_other_sites_cannot_use(staff: Api) -> None:
    right = sign_in(staff, "li", PASSWORD)
    assert (right.status_code, right.headers["location"]) == (303, "/console/worth")
    said = right.headers.get_list("set-cookie")
    (session,) = (one for one in said if one.startswith(f"{SESSION}="))
    for word in ("HttpOnly", "SameSite=strict", "Path=/console/", "Max-Age=43200"):
        assert word in session
    assert "Secure" not in session
    page = staff.ask("GET", "/console/account", headers=cookie_header(cookies_of(right)[SESSION]))
    assert "li的姓名" in page.text


def test_over_https_cookies_are_of_this_host_alone(staff: Api) -> None:
    https = {"x-forwarded-proto": "https"}
    right = sign_in(staff, "li", PASSWORD, **https)
    (session,) = (one for one in right.headers.get_list("set-cookie") if one.startswith(f"__Host-{SESSION}="))
    assert all(word in session for word in ("; Secure", "Path=/;", "HttpOnly", "SameSite=strict"))
    assert "Domain" not in session
    session_id = cookies_of(right)[f"__Host-{SESSION}"]
    over_https = {**https, "cookie": f"__Host-{SESSION}={session_id}"}
    assert "li的姓名" in staff.ask("GET", "/console/account", headers=over_https).text
    planted = {**https, "cookie": f"{SESSION}={session_id}"}  # http may have set this one
    assert "li的姓名" not in staff.ask("GET", "/console/account", headers=planted).text


def test_each_sign_in_has_an_id_of_its_own_and_ends_the_one_before(staff: Api) -> None:
    first = cookies_of(sign_in(staff, "li", PASSWORD))
    second = cookies_of(sign_in(staff, "li", PASSWORD, f"{SESSION}={first[SESSION]}; {BROWSER}={first[BROWSER]}"))
    assert first[SESSION] != second[SESSION]
    assert len(sessions_of(staff.registry, "li", NOW)) == 1
    planted = cookies_of(sign_in(staff, "li", PASSWORD, f"{SESSION}=planted-by-somebody"))
    assert planted[SESSION] != "planted-by-somebody"


def test_a_wrong_password_or_a_form_of_another_site_begins_none(staff: Api) -> None:
    for answer in (
        sign_in(staff, "li", ""), sign_in(staff, "li", PASSWORD + "x"), sign_in(staff, "nobody", PASSWORD),
        sign_in(staff, "li", "x" * 9_999), sign_in(staff, "li", PASSWORD, origin="http://evil.example"),
        sign_in(staff, "li", PASSWORD, **{"sec-fetch-site": "cross-site"}),
        staff.ask("POST", "/console/sign-in", data={"name": "li", "password": PASSWORD}),
        staff.ask("POST", "/console/sign-in", data={"name": "li", "password": PASSWORD, "token": "0" * 64}),
    ):  # fmt: skip
        assert answer.status_code in (403, 413)
        assert not any(name.endswith(SESSION) for name in cookies_of(answer))
    assert sessions_of(staff.registry, "li", NOW) == []


def test_the_same_is_said_of_a_wrong_password_and_of_nobody(staff: Api) -> None:
    said = {re.sub(r'value="[^"]*"', "", sign_in(staff, name, "wrong").text) for name in ("li", "nobody")}
    assert len(said) == 1
    assert "账号或口令不正确" in said.pop()
    assert 'name="next" value="/console/worth"' in sign_in(staff, "li", "wrong").text, "it still leads there"


def test_what_was_typed_as_a_name_comes_back_as_text(staff: Api) -> None:
    answer = sign_in(staff, '"><script>{{ token }}', "wrong")
    assert "<script" not in answer.text
    assert 'value="">' not in answer.text
    assert '"><script>{{ token }}' in unescape(answer.text)


def test_where_to_go_on_is_a_page_of_the_console(staff: Api) -> None:
    form = staff.ask("GET", "/console/tags")
    assert 'name="next" value="/console/tags"' in form.text
    odd = staff.ask("GET", "/console/nowhere")
    assert odd.status_code == 404
    token = re.search(r'name="token" value="([0-9a-f]+)"', form.text)
    assert token
    fields = {"name": "li", "password": PASSWORD, "token": token[1], "next": "//evil.example/"}
    sent = {"cookie": f"{FORM}={cookies_of(form)[FORM]}"}
    answer = staff.ask("POST", "/console/sign-in", data=fields, headers=sent)
    assert answer.headers["location"] == "/console/"


def test_too_many_guesses_wait_and_the_browser_from_before_does_not(
    staff: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = cookies_of(sign_in(staff, "li", PASSWORD))[BROWSER]
    said = [sign_in(staff, "li", "guess").status_code for _ in range(ACCOUNT.slips + 1)]
    assert said == [403] * ACCOUNT.slips + [429]
    held = sign_in(staff, "li", PASSWORD)
    assert (held.status_code, held.headers["retry-after"]) == (429, "2")
    assert "请在 2 秒后重试" in held.text
    assert sign_in(staff, "li", PASSWORD, f"{BROWSER}={known}").status_code == 303


def test_a_script_gives_a_name_and_a_password_and_only_reads(staff: Api) -> None:
    page = staff.ask("GET", "/console/account", headers=basic("li"))
    assert "li的姓名" in page.text
    assert 'action="/console/sign-out"' not in page.text
    for wrong in (basic("li", "wrong"), basic("", PASSWORD), {"authorization": "Basic !"},
                  {"authorization": f"Bearer {PASSWORD}"}, {"authorization": "Basic /////w=="}):  # fmt: skip
        assert staff.ask("GET", "/console/account", headers=wrong).status_code == 401
    form = {"deed": "others", "token": ""}
    assert staff.ask("POST", "/console/account", data=form, headers=basic("li")).status_code == 401


def test_signing_out_ends_the_session_itself(staff: Api) -> None:
    signed = cookies_of(sign_in(staff, "li", PASSWORD))
    headers = cookie_header(signed[SESSION])
    page = staff.ask("GET", "/console/account", headers=headers).text
    token = re.search(r'name="token" value="([0-9a-f]+)"', page)
    assert token
    assert staff.ask("POST", "/console/sign-out", data={"token": "x"}, headers=headers).status_code == 403
    assert "li的姓名" in staff.ask("GET", "/console/account", headers=headers).text
    assert staff.ask("POST", "/console/sign-out", data={"token": token[1]}, headers=headers).status_code == 303
    assert "li的姓名" not in staff.ask("GET", "/console/account", headers=headers).text
    assert [row.action for row in audit_rows(staff.registry, who="li")] == ["signed_out", "signed_in"]


def test_a_stolen_cookie_is_worth_nothing_after_any_of_these(staff: Api) -> None:
    add_account(staff.registry, an_account("root", now=NOW), who="root")
    for end in (
        lambda: set_password(staff.registry, "li", an_account().password_hash, must_change=False, who="li", now=NOW),
        lambda: disable(staff.registry, "li", who="root", why="left", now=NOW),
    ):
        headers = cookie_header(cookies_of(sign_in(staff, "li", PASSWORD))[SESSION])
        assert "li的姓名" in staff.ask("GET", "/console/account", headers=headers).text
        end()
        assert "li的姓名" not in staff.ask("GET", "/console/account", headers=headers).text


def test_a_session_that_is_left_alone_is_over(staff: Api) -> None:
    headers = cookie_header(signed_in_as(staff.registry, NOW - IDLE - timedelta(minutes=1), name="wang"))
    assert "wang的姓名" not in staff.ask("GET", "/console/account", headers=headers).text


def test_wrong_passwords_do_not_fill_the_log_with_what_was_typed(
    staff: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_in(staff, "li", "a-secret-that-was-typed")
    said = capsys.readouterr()
    assert "a-secret" not in said.out + said.err
    assert module.WRONG
