"""Who may open the console: an address, a host name or a proxy's header proves nothing, the password does."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import httpx
import pytest

from serving.console.routes import SIGN_IN_FIRST
from serving.console.sign_in import COOKIE, SESSION, is_signed_in, password_of, session_cookie
from tests.serving.conftest import NOW, Api

PASSWORD = "p" * 64


def basic(password: str, user: str = "") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_a_session_is_good_for_half_a_day_and_no_longer() -> None:
    cookie = session_cookie(PASSWORD, NOW)
    assert is_signed_in({}, cookie, PASSWORD, NOW)
    assert is_signed_in({}, cookie, PASSWORD, NOW + SESSION - timedelta(seconds=1))
    assert not is_signed_in({}, cookie, PASSWORD, NOW + SESSION)


def test_another_password_ends_every_session() -> None:
    assert not is_signed_in({}, session_cookie(PASSWORD, NOW), PASSWORD + "x", NOW)


@pytest.mark.parametrize(
    "cookie",
    ["", ".", "x", "9999999999", "9999999999.", f"{'9' * 5000}.x", "٣.x", "-1.x", session_cookie("other" * 9, NOW),
     session_cookie(PASSWORD, NOW).replace("1", "2", 1), session_cookie(PASSWORD, NOW + timedelta(days=9))],
)  # fmt: skip
def test_a_cookie_that_we_did_not_sign_for_now_opens_nothing(cookie: str) -> None:
    assert not is_signed_in({}, cookie, PASSWORD, NOW)


def test_a_script_may_give_the_password_itself() -> None:
    assert is_signed_in(basic(PASSWORD, "anybody"), "", PASSWORD, NOW)
    for wrong in ("", PASSWORD[:-1], PASSWORD + "p", "密" * 64):
        assert not is_signed_in(basic(wrong), "", PASSWORD, NOW)
    for header in ("Basic", "Basic !", "Basic " + "A" * 7, f"Bearer {PASSWORD}", "Basic /////w=="):
        assert not is_signed_in({"authorization": header}, "", PASSWORD, NOW)


FROM_HERE = {"host": "127.0.0.1:8702"}


@pytest.mark.parametrize(
    "headers",
    [{}, FROM_HERE, {"host": "localhost"}, {**FROM_HERE, "x-forwarded-for": "127.0.0.1"}, {**FROM_HERE, "via": "1.1 a"},
     {**FROM_HERE, "forwarded": "for=127.0.0.1"}, {**FROM_HERE, "origin": "http://evil.example"}],
)  # fmt: skip
def test_nobody_sees_a_figure_without_the_password(api: Api, headers: dict[str, str]) -> None:
    page = api.ask("GET", "/console/", headers=headers)
    assert "口令" in page.text
    assert "内容效果" not in page.text
    table = api.ask("GET", "/console/items.csv?first=2026-03-01", headers=headers)
    assert (table.status_code, table.text) == (401, SIGN_IN_FIRST)
    assert table.headers["www-authenticate"].startswith("Basic")


def test_the_form_begins_a_session_that_scripts_and_other_sites_cannot_use(api: Api) -> None:
    right = sign_in(api, password_of(api.settings))
    assert (right.status_code, right.headers["location"]) == (303, "/console/")
    told = right.headers["set-cookie"]
    assert re.match(rf"{COOKIE}=\d+\.[0-9a-f]{{64}};", told)
    for word in ("HttpOnly", "SameSite=strict", "Path=/console/"):
        assert word in told
    assert "Secure" not in told
    behind = sign_in(api, password_of(api.settings), **{"x-forwarded-proto": "https"})
    assert "Secure" in behind.headers["set-cookie"]


def test_a_wrong_password_or_a_form_of_another_site_begins_none(api: Api) -> None:
    right = password_of(api.settings)
    for answer in (
        sign_in(api, ""), sign_in(api, right + "x"), sign_in(api, "x" * 9_999),
        sign_in(api, right, origin="http://evil.example"), sign_in(api, right, **{"sec-fetch-site": "cross-site"}),
    ):  # fmt: skip
        assert answer.status_code in (403, 413)
        assert "set-cookie" not in answer.headers
        assert "口令不正确" in answer.text


def test_the_password_is_made_once_and_for_this_account_only(api: Api) -> None:
    first = password_of(api.settings)
    assert len(first) == 64
    assert password_of(api.settings) == first
    assert api.settings.console_key_path.stat().st_mode & 0o777 == 0o600


def sign_in(api: Api, password: str, **headers: str) -> httpx.Response:
    return api.ask("POST", "/console/sign-in", data={"password": password}, headers=headers)
