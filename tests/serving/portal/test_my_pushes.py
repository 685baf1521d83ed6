"""消息推送 on the page: channels and topics, each ended by one press, and what the sender is told then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from civicrec.home import DEMO
from civicrec.registry.subscriptions import subscriptions_of, wanting
from tests.serving.conftest import Api, stocked_api
from tests.serving.portal.test_my_account import actor_of, signed_in
from tests.serving.portal.test_my_settings import AGREED, PAGE, ask, key_of, page

FORM = f"{PAGE}/pushes"


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Api]:
    DEMO.of(tmp_path).touch()
    with stocked_api(tmp_path) as opened:
        yield opened


def send(api: Api, cookies: dict[str, str], **fields: str) -> str:
    """Send a form that is taken; return the page it leads to."""
    answer = ask(api, "POST", FORM, cookies, data=key_of(api, cookies) | fields)
    assert answer.status_code == 303, answer.text
    return page(api, cookies, answer.headers["location"])


def wanted(api: Api, channel: str, topic: str = "住房保障") -> bool:
    return actor_of(api) in wanting(api.registry, [actor_of(api)], channel, topic)


def test_a_channel_is_switched_off_and_on(city: Api) -> None:
    cookies = signed_in(city)
    assert 'aria-label="关闭：站内信"' in page(city, cookies)
    assert 'aria-label="开启：短信等其他渠道"' in page(city, cookies)
    shown = send(city, cookies, act="off", channel="inbox")
    assert ("已退订，从下一条消息起生效。" in shown, 'aria-label="开启：站内信"' in shown) == (True, True)
    assert not wanted(city, "inbox")
    send(city, cookies, act="on", channel="inbox")
    send(city, cookies, act="on", channel="webhook")
    assert (wanted(city, "inbox"), wanted(city, "webhook")) == (True, True)


def test_a_topic_is_ended_and_taken_back_and_others_go_on(city: Api) -> None:
    cookies = signed_in(city)
    shown = send(city, cookies, act="off", topic="住房保障")
    assert "已退订主题：住房保障" in shown
    assert (wanted(city, "inbox"), wanted(city, "inbox", "社会保障")) == (False, True)
    shown = send(city, cookies, act="on", topic="住房保障")
    assert ("已退订主题" in shown, wanted(city, "inbox")) == (False, True)


def test_one_press_ends_all_of_it(city: Api) -> None:
    cookies = signed_in(city)
    send(city, cookies, act="on", channel="webhook")
    assert "您已退订全部推送。" in send(city, cookies, act="off")
    assert (wanted(city, "inbox"), wanted(city, "webhook")) == (False, False)
    assert "您已退订全部推送。" not in send(city, cookies, act="on")
    assert wanted(city, "inbox")


@pytest.mark.parametrize(
    "fields",
    [{}, {"act": "burn"}, {"act": "off", "channel": "pigeon"}, {"act": "off", "topic": "赌博"}, {"form_key": "0"}],
)
def test_what_is_not_on_the_page_changes_nothing(city: Api, fields: dict[str, str]) -> None:
    cookies = signed_in(city)
    for whose in (cookies, AGREED):
        answer = ask(city, "POST", FORM, whose, data=key_of(city, whose) | fields)
        assert answer.status_code == 422
    assert ask(city, "POST", FORM, AGREED, data=key_of(city, AGREED) | {"act": "off"}).status_code == 422
    assert subscriptions_of(city.registry, actor_of(city)) == []
    assert "消息推送</h2>" not in page(city)
