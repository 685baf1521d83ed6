"""The webhook: what a gateway receives, and what each of its answers means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import SecretStr

from civicrec.errors import ConfigError
from civicrec.settings.push import PushSettings
from recommender.push.channels.ports import Taken
from recommender.push.channels.webhook import WebhookChannel, webhook_of
from tests.contracts.test_push_channels import addressed
from tests.recommender.push.gateway import KEY, TAKEN, Gateway, running_gateway

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running_gateway() as running:
        yield running


def sent(gateway: Gateway, *keys: str, key: str = KEY, **settings: Any) -> list[Taken]:
    given = PushSettings(webhook_url=gateway.url, webhook_key=SecretStr(key), **settings)
    channel = WebhookChannel(given, key.encode(), lambda: NOW)
    try:
        return channel.deliver(addressed(*keys), NOW)
    finally:
        channel.close()


def test_a_gateway_receives_what_it_needs_and_no_pseudonym(gateway: Gateway) -> None:
    assert sent(gateway, "k1", "k2") == [Taken("sent")] * 2
    [headers] = gateway.requests
    assert headers["x-civicrec-timestamp"] == f"{NOW.timestamp():.3f}"
    assert len(headers["idempotency-key"]) == 64
    assert gateway.kept["k1"] == {
        "key": "k1", "recipient": "r-k1", "campaign_id": "c1", "version": 1, "topic": "财税金融", "title": "开始申报",
        "text": "", "deadline": "2026-03-02T03:30:00Z", "reason": "因为您填报的信息符合：x",
        "items": [
            {
                "item_id": "loan", "item_type": "policy", "title": "贷款贴息",
                "url": "https://www.example.gov.cn/loan", "deadline": "2026-03-02T03:30:00Z",
            }
        ],
    }  # fmt: skip
    sent(gateway, "k1", "k2")
    sent(gateway, "k1")
    keys = [one["idempotency-key"] for one in gateway.requests]
    assert keys[0] == keys[1] != keys[2]


def test_with_another_key_nothing_is_taken_and_nothing_is_lost(gateway: Gateway) -> None:
    assert sent(gateway, "k1", key="some other key 123") == [Taken("refused", "http_401")]
    assert gateway.unsigned == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_later(gateway: Gateway, status: int) -> None:
    gateway.how = lambda n, messages: (status, {}, False)
    assert sent(gateway, "k1", "k2") == [Taken("later", f"http_{status}")] * 2
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("value", "after_s"),
    [
        ("120", 120.0),
        (format_datetime(NOW + timedelta(minutes=5), usegmt=True), 300.0),
        (format_datetime(NOW - timedelta(minutes=5), usegmt=True), 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("999999999999", 86_400.0),
    ],
)
def test_a_gateway_says_how_long_to_wait(gateway: Gateway, value: str, after_s: float) -> None:
    gateway.how = lambda n, messages: (429, {"Retry-After": value}, False)
    assert sent(gateway, "k1") == [Taken("later", "http_429", after_s)]


@pytest.mark.parametrize("status", [301, 302, 400, 404, 410, 422])
def test_what_one_message_is_refused_for_refuses_no_other(gateway: Gateway, status: int) -> None:
    gateway.how = lambda n, messages: (status, {"Location": "/"}, False) if any(
        one["key"] == "bad" for one in messages
    ) else TAKEN  # fmt: skip
    assert sent(gateway, "k1", "bad", "k2") == [Taken("sent"), Taken("refused", f"http_{status}"), Taken("sent")]
    assert set(gateway.kept) == {"k1", "k2"}


def test_a_gateway_may_refuse_some_of_what_it_takes(gateway: Gateway) -> None:
    gateway.how = lambda n, messages: {"refused": [{"key": "k2", "reason": "no such\nrecipient"}, {"x": 1}, 3]}
    assert sent(gateway, "k1", "k2") == [Taken("sent"), Taken("refused", "gateway: no such recipient")]


def test_no_answer_in_time_and_nobody_there_are_tried_later(gateway: Gateway) -> None:
    import threading

    over = threading.Event()

    def never(n: int, messages: object) -> Any:
        over.wait(30)
        return TAKEN

    gateway.how = never
    assert sent(gateway, "k1", webhook_timeout_s=0.5) == [Taken("later", "no_answer_in_time")]
    over.set()
    gateway.url = "http://127.0.0.1:9/push"  # the discard port, which nobody serves
    assert sent(gateway, "k1") == [Taken("later", "not_reached")]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://gateway.example.gov.cn/push", "expected an address of https"),
        ("https://user:password@gateway.example.gov.cn/", "without user or password"),
        ("gateway", "expected an address with a host"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused_at_the_start(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"CIVICREC_PUSH__WEBHOOK_URL: .*{words}"):
        webhook_of(PushSettings(webhook_url=url), b"k" * 32)


def test_a_private_address_is_not_asked_unless_its_network_is_named() -> None:
    private = PushSettings(webhook_url="https://10.255.255.1/push", webhook_timeout_s=0.5)
    for networks, reason in (((), "not_reached_inside"), (("10.0.0.0/8",), "no")):
        channel = webhook_of(private.model_copy(update={"networks": networks}), b"k" * 32)
        assert channel is not None
        [taken] = channel.deliver(addressed("k1"), NOW)
        channel.close()
        assert taken.became == "later"
        assert (taken.reason == "not_reached_inside") == (reason == "not_reached_inside")


def test_without_an_address_there_is_no_such_channel() -> None:
    assert webhook_of(PushSettings(), b"k" * 32) is None
