"""Signing in on the demo's pages, and what follows for lists, switch, consent and who may see what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.home import DEMO
from civicrec.registry.choices import choices_of, switch
from civicrec.registry.consents import entries_of
from civicrec.settings import ConsentSettings
from profiles.online.ports import OnlineUpdate, RecentItem
from serving.live import Caller, Page
from tests.serving.conftest import NOW, Api, stocked_api
from tests.serving.portal.test_my_consents_page import after
from tests.serving.portal.test_my_settings import AGREED, AID, PAGE, ask, key_of, page

SIGN_IN = "/portal/sign-in"


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Api]:
    """The pages of the demo."""
    DEMO.of(tmp_path).touch()
    with stocked_api(tmp_path) as opened:
        yield opened


def signed_in(api: Api, cookies: dict[str, str] = AGREED, account: str = "person") -> dict[str, str]:
    """Return the cookies of a browser after signing in."""
    return after(cookies, ask(api, "POST", SIGN_IN, cookies, data={"account": account, "next": PAGE}))


def actor_of(api: Api, account: str = "person") -> str:
    return api.live.keys.subject_id("demo", f"demo-{account}")


def seen_by(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[Caller]:
    """Note for whom lists are made."""
    callers: list[Caller] = []
    real = api.live.page

    async def noted(caller: Caller, *given: Any, **named: Any) -> Page:
        callers.append(caller)
        return await real(caller, *given, **named)

    monkeypatch.setattr(api.live, "page", noted)
    return callers


def test_signed_in_lists_are_the_accounts_and_the_browsers_and_signed_out_the_browsers(
    city: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = seen_by(city, monkeypatch)
    assert "登录</a>" in page(city, path="/portal/")
    cookies = signed_in(city)
    answer = ask(city, "POST", SIGN_IN, AGREED, data={"account": "person"})
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    home = page(city, cookies, "/portal/")
    assert f'data-token="{cookies["civicrec_subject"]}"' in home
    cookies = after(cookies, ask(city, "POST", "/portal/sign-out", cookies, data={"next": PAGE}))
    assert cookies == AGREED
    page(city, cookies, "/portal/")
    assert [(one.actor, one.browser) for one in callers] == [(AID, ""), (actor_of(city), AID), (AID, "")]


def test_the_switch_is_the_accounts_on_every_device(city: Api) -> None:
    cookies, elsewhere = signed_in(city), AGREED | {"civicrec_aid": "Z" * 20}
    recent = {actor_of(city): [RecentItem("i0", to_ms(NOW))]}
    city.store.apply(Commit("log", 0, 1), OnlineUpdate(recent=recent))
    token = {"subject_token": cookies["civicrec_subject"]}
    assert city.get("/v1/recommendations", **token).json()["mode"] == "personalised"
    cookies = after(cookies, ask(city, "POST", "/portal/mode", cookies, data={"mode": "general", "next": PAGE}))
    assert city.get("/v1/recommendations", **token).json()["mode"] == "general"
    assert choices_of(city.registry, actor_of(city)).off_since == NOW
    assert "已关闭。所有列表与其他人相同。" in page(city, cookies)
    other = signed_in(city, elsewhere)
    assert other["civicrec_mode"] == "general"
    assert "已关闭。所有列表与其他人相同。" in page(city, other)
    ask(city, "POST", "/portal/mode", other, data={"mode": "personalised", "next": PAGE})
    assert city.get("/v1/recommendations", **token).json()["mode"] == "personalised"


def test_switched_off_elsewhere_while_signed_in_the_page_says_off(city: Api) -> None:
    cookies = signed_in(city)
    assert "已开启。" in page(city, cookies)
    switch(city.registry, actor_of(city), on=False, now=NOW)
    assert "已关闭。" in page(city, cookies)


def test_tags_are_the_accounts(city: Api) -> None:
    cookies = signed_in(city)
    fields = key_of(city, cookies) | {"act": "choose", "tag": "theme:住房保障"}
    assert ask(city, "POST", f"{PAGE}/tags", cookies, data=fields).status_code == 303
    assert city.store.actor(actor_of(city)).tags == {"theme:住房保障": 1.0}
    assert city.store.actor(AID).tags == {}
    assert "删除标签：住房保障" in page(city, cookies)
    assert "删除标签：住房保障" not in page(city)


def test_the_banner_is_answered_for_browser_and_account(tmp_path: Path) -> None:
    DEMO.of(tmp_path).touch()
    notice = ConsentSettings(notice_version="2026-1", purposes=("personalise",))
    with stocked_api(tmp_path, consent=notice) as api:
        cookies = signed_in(api, {})
        cookies = after(cookies, ask(api, "POST", "/portal/consent", cookies, data={"choice": "personalise"}))
        ask(api, "POST", "/portal/consent", cookies, data={"choice": "none"})
        for actor in (actor_of(api), cookies["civicrec_aid"]):
            assert [one.is_given for one in entries_of(api.registry, actor)] == [True, False]


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "over", "foreign"])
def test_a_token_that_is_over_or_none_of_ours_is_nobodys(city: Api, token: str) -> None:
    keys = city.live.keys
    made = {
        "over": keys.sign("demo", "wang", NOW - timedelta(hours=1)),
        "foreign": keys.sign("other", "wang", NOW),
    }.get(token, token)
    shown = page(city, AGREED | {"civicrec_subject": made})
    assert "登录后可以填写" in shown
    assert "退出登录" not in shown


def test_a_minor_has_general_lists_and_leaves_nothing(city: Api) -> None:
    token = city.live.keys.sign("demo", "child", NOW, minor=True)
    cookies = AGREED | {"civicrec_subject": token}
    shown = page(city, cookies)
    assert "本站不为未成年人做个性化推荐" in shown
    assert "本站不保存未成年人的信息" in shown
    assert 'data-consent="measure"' in shown
    assert "通用推荐" in page(city, cookies, "/portal/")
    fields = key_of(city, cookies) | {"act": "save", "attribute": "region", "value": "440106"}
    assert ask(city, "POST", f"{PAGE}/attributes", cookies, data=fields).status_code == 422


def test_only_the_demo_signs_people_in(api: Api) -> None:
    assert ask(api, "GET", SIGN_IN, {}).status_code == 404
    answer = ask(api, "POST", SIGN_IN, {}, data={"account": "person"})
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (422, [])
    assert "登录</a>" not in page(api)


@pytest.mark.parametrize(
    ("headers", "fields"),
    [({"sec-fetch-site": "cross-site"}, {"account": "person"}), ({}, {"account": "mayor"}), ({}, {})],
)
def test_who_cannot_be_signed_in_is_told(city: Api, headers: dict[str, str], fields: dict[str, str]) -> None:
    answer = ask(city, "POST", SIGN_IN, {}, headers=headers, data=fields)
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (422, [])


def test_a_form_of_before_signing_in_changes_nothing_after(city: Api) -> None:
    before, cookies = key_of(city, AGREED), signed_in(city)
    fields = before | {"act": "choose", "tag": "theme:住房保障"}
    assert ask(city, "POST", f"{PAGE}/tags", cookies, data=fields).status_code == 422
    assert city.store.actor(actor_of(city)).tags == {}
