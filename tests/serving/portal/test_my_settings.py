"""我的推荐设置 over HTTP: what it shows, what its forms do, and for whom."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.errors import Unavailable
from civicrec.registry.choices import choices
from civicrec.registry.complaints import list_complaints
from profiles.online.ports import OnlineUpdate, RecentItem
from tests.serving.conftest import NOW, Api

AID = "A1b2C3d4E5f6G7h8I9j0"
AGREED = {"civicrec_consent": "personalise", "civicrec_aid": AID}
PAGE, FORM = "/portal/settings", "/portal/settings/tags"


@pytest.fixture
def read(api: Api) -> Api:
    """The portal of a visitor who read two items and has a tag."""
    recent = [RecentItem(name, to_ms(NOW)) for name in ("i0", "i5")]
    api.store.apply(Commit("log", 0, 1), OnlineUpdate(recent={AID: recent}))
    api.store.put_tags("run", [(AID, {"theme:就业创业": 1.25})])
    return api


def ask(api: Api, method: str, path: str, cookies: dict[str, str], **given: Any) -> httpx.Response:
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} | given.pop("headers", {})
    return api.ask(method, path, headers=headers, **given)


def page(api: Api, cookies: dict[str, str] = AGREED, path: str = PAGE) -> str:
    answer = ask(api, "GET", path, cookies)
    assert answer.status_code == 200, answer.text
    return answer.text


def key_of(api: Api, cookies: dict[str, str]) -> dict[str, str]:
    """Return the key that the forms of this visitor carry, as the page has it."""
    found = re.search(r'name="form_key" value="([0-9a-f]{32})"', ask(api, "GET", PAGE, cookies).text)
    return {"form_key": found[1]} if found else {}


def send(api: Api, cookies: dict[str, str] = AGREED, **fields: str) -> httpx.Response:
    return ask(api, "POST", FORM, cookies, data=key_of(api, cookies) | fields)


def test_each_tag_stands_with_its_ground_and_can_be_deleted_and_restored(read: Api) -> None:
    before = page(read)
    assert "您近期关注就业创业方面的内容，看过：" in before
    assert '<a href="/portal/items/i0">第0号事项</a>' in before
    assert 'aria-label="删除标签：就业创业"' in before
    answer = send(read, act="delete", tag="theme:就业创业")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=delete")
    after = page(read, path=answer.headers["location"])
    assert "已删除，不会再用于推荐。" in after
    assert "还没有标签" in after
    assert 'aria-label="恢复标签：就业创业"' in after
    assert read.store.actor(AID).tags == {}
    assert choices(read.registry).deleted == {(AID, "theme:就业创业")}
    send(read, act="choose", tag="theme:就业创业")
    assert "您自己添加" in page(read)
    assert read.store.actor(AID).tags == {"theme:就业创业": 1.0}


def test_what_can_be_added_is_governed_not_sensitive_and_not_there_yet(read: Api) -> None:
    shown = page(read)
    assert '<option value="theme:住房保障">' in shown
    for name in ("theme:就业创业", "group:残疾人", "theme:其他"):
        assert f'<option value="{name}">' not in shown


@pytest.mark.parametrize("choice", ["", "none", "measure"])
def test_without_consent_nothing_is_shown_and_nothing_kept(read: Api, choice: str) -> None:
    cookies = AGREED | {"civicrec_consent": choice}
    assert "本站不保存您的标签" in page(read, cookies)
    answer = send(read, cookies, act="choose", tag="theme:住房保障")
    assert (answer.status_code, "无法处理" in answer.text) == (422, True)
    assert choices(read.registry).chosen == {}


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({"sec-fetch-site": "cross-site"}, {"act": "delete", "tag": "theme:就业创业"}),
        ({}, {"act": "delete", "tag": "theme:就业创业", "form_key": "0" * 32}),
        ({}, {"act": "delete", "tag": "theme:就业创业", "form_key": "键"}),
        ({}, {"act": "explode", "tag": "theme:就业创业"}),
        ({}, {"act": "choose", "tag": "theme:赌博"}),
        ({}, {"act": "choose", "tag": "group:残疾人"}),
        ({}, {}),
    ],
)
def test_what_cannot_be_decided_is_said_and_changes_nothing(
    read: Api, headers: dict[str, str], fields: dict[str, str]
) -> None:
    before, fields = choices(read.registry), key_of(read, AGREED) | fields
    assert ask(read, "POST", FORM, AGREED, headers=headers, data=fields).status_code == 422
    assert choices(read.registry) == before
    assert read.store.actor(AID).tags == {"theme:就业创业": 1.25}


def test_without_a_store_the_page_says_so(read: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("away")

    fields = key_of(read, AGREED) | {"act": "delete", "tag": "theme:就业创业"}
    for name in ("actor", "set_tag"):
        monkeypatch.setattr(read.store, name, away)
    assert ask(read, "GET", PAGE, AGREED).status_code == 503
    assert ask(read, "POST", FORM, AGREED, data=fields).status_code == 503


def test_a_tag_that_is_wrong_goes_and_is_answered_by_a_day(read: Api) -> None:
    answer = send(read, act="dispute", tag="theme:就业创业", text="替家人查询")
    assert answer.status_code == 303, answer.text
    assert read.store.actor(AID).tags == {}
    [kept] = list_complaints(read.registry)
    assert (kept.kind, kept.text) == ("personal_data", "标签异议：theme:就业创业\n替家人查询")
    told = page(read, path=answer.headers["location"])
    assert kept.receipt in told
    assert "2026-03-17</time> 前答复" in told  # five working days after Tuesday 10 March


def test_why_a_tag_is_wrong_has_an_end_and_is_given_back(read: Api) -> None:
    answer = send(read, act="dispute", tag="theme:就业创业", text="长" * 1_901)
    assert (answer.status_code, list_complaints(read.registry)) == (422, [])
    assert read.store.actor(AID).tags == {"theme:就业创业": 1.25}
    assert 'id="why-theme:就业创业" name="text" rows="2" aria-invalid="true"' in answer.text
    assert "长" * 1_901 in answer.text
