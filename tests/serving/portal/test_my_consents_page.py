"""同意记录 on 我的推荐设置: what it shows, what its buttons and the banner do, and that the next list obeys."""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from civicrec.errors import Unavailable
from civicrec.registry.consents import entries_of
from civicrec.settings import ConsentSettings
from tests.serving.conftest import Api, stocked_api
from tests.serving.portal.test_my_settings import AGREED, AID, PAGE, ask, key_of, page

FORM = f"{PAGE}/consents"
NOTICE = ConsentSettings(notice_version="2026-1", purposes=("personalise", "push", "survey"))
AGREE = {"act": "agree", "purpose": "personalise", "version": "2026-1"}
WITHDRAW = {"act": "withdraw", "purpose": "personalise"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with stocked_api(tmp_path, consent=NOTICE) as opened:
        yield opened


def send(api: Api, cookies: dict[str, str], fields: dict[str, str], path: str = FORM, **given_: Any) -> httpx.Response:
    return ask(api, "POST", path, cookies, data=key_of(api, cookies) | fields, **given_)


def after(cookies: dict[str, str], answer: httpx.Response) -> dict[str, str]:
    """Return the cookies of a browser after an answer."""
    assert answer.status_code == 303, answer.text
    kept = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        kept.load(line)
    changed = {name: one.value for name, one in kept.items()}
    return {name: value for name, value in (cookies | changed).items() if value}


def mode(api: Api) -> str:
    made = api.get("/v1/recommendations", anonymous_id=AID, recent="i0,i5").json()
    return str(made["mode"])


def test_each_purpose_stands_with_state_version_and_date_and_a_button(api: Api) -> None:
    before = page(api)
    assert "现行告知书版本：2026-1" in before
    assert before.count("尚无记录") == 3
    for name in ("个性化推荐", "消息推送", "survey"):
        assert f'aria-label="同意：{name}"' in before
    cookies = after(AGREED, send(api, AGREED, AGREE))
    agreed = page(api, cookies, f"{PAGE}?done=agree")
    assert "已同意，从下一个列表起生效。" in agreed
    assert '<time datetime="2026-03-10T04:00:00+00:00">2026-03-10 12:00</time>' in agreed
    assert 'aria-label="撤回同意：个性化推荐"' in agreed
    assert 'aria-label="同意：个性化推荐"' not in agreed
    withdrawn = page(api, after(cookies, send(api, cookies, WITHDRAW)))
    assert '<td data-label="状态">已撤回</td>' in withdrawn
    assert 'aria-label="同意：个性化推荐"' in withdrawn


def test_withdrawn_the_next_list_is_general_and_the_browser_states_less(api: Api) -> None:
    cookies = after(AGREED, send(api, AGREED, AGREE))
    assert (cookies, mode(api)) == (AGREED, "personalised")
    cookies = after(cookies, send(api, cookies, WITHDRAW))
    assert (cookies, mode(api)) == (AGREED | {"civicrec_consent": "measure"}, "general")
    cookies = after(cookies, send(api, cookies, AGREE))
    assert (cookies, mode(api)) == (AGREED, "personalised")
    assert "个性化推荐：全部记录（3 次）" in page(api, cookies)
    said = [(one.is_given, one.notice_version, one.channel) for one in entries_of(api.registry, AID)]
    assert said == [(True, "2026-1", "web"), (False, "2026-1", "web"), (True, "2026-1", "web")]


def test_another_purpose_leaves_lists_and_cookies_alone(api: Api) -> None:
    for fields in (AGREE | {"purpose": "push"}, WITHDRAW | {"purpose": "push"}):
        assert after(AGREED, send(api, AGREED, fields)) == AGREED
    assert mode(api) == "personalised"


_acts = st.lists(st.sampled_from(["agree", "withdraw", "none", "measure", "personalise"]), max_size=8)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=_acts)
def test_banner_and_page_never_say_different_things(api: Api, acts: list[str]) -> None:
    cookies = AGREED
    for act in acts:
        if act in ("agree", "withdraw"):
            answer = send(api, cookies, AGREE if act == "agree" else WITHDRAW)
            if "civicrec_aid" not in cookies:
                assert answer.status_code == 422
                continue
        else:
            answer = send(api, cookies, {"choice": act, "next": PAGE}, "/portal/consent")
        cookies = after(cookies, answer)
        if actor := cookies.get("civicrec_aid"):
            is_agreed = cookies["civicrec_consent"] == "personalise"
            entries = [one for one in entries_of(api.registry, actor) if one.purpose == "personalise"]
            assert not entries or entries[-1].is_given == is_agreed
            made = api.get("/v1/recommendations", anonymous_id=actor, recent="i0,i5").json()
            assert (made["mode"] == "personalised") == (is_agreed or not entries)


@pytest.mark.parametrize(
    ("cookies", "headers", "fields"),
    [
        (AGREED, {"sec-fetch-site": "cross-site"}, AGREE),
        (AGREED, {"sec-gpc": "1"}, AGREE),
        (AGREED, {}, AGREE | {"act": "explode"}),
        (AGREED, {}, AGREE | {"purpose": "scoring"}),
        (AGREED, {}, AGREE | {"version": "2025-9"}),
        ({"civicrec_consent": "none"}, {}, AGREE),
        ({}, {}, WITHDRAW),
    ],
)
def test_what_cannot_be_answered_is_said_and_changes_nothing(
    api: Api, cookies: dict[str, str], headers: dict[str, str], fields: dict[str, str]
) -> None:
    answer = send(api, cookies, fields, headers=headers)
    assert (answer.status_code, "无法处理" in answer.text) == (422, True)
    assert (answer.headers.get_list("set-cookie"), entries_of(api.registry, AID)) == ([], [])


def test_without_a_notice_nothing_of_it_is_shown(tmp_path: Path) -> None:
    with stocked_api(tmp_path) as api:
        assert "同意记录" not in page(api)


def test_while_the_store_is_away_the_page_says_so_and_the_banner_still_obeys(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(api.store, "switch", away)
    assert send(api, AGREED, WITHDRAW).status_code == 503
    answer = send(api, AGREED, {"choice": "none", "next": PAGE}, "/portal/consent")
    assert after(AGREED, answer) == {"civicrec_consent": "none"}
