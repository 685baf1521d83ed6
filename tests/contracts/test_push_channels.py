"""What every push channel must do: in memory, the inbox of a registry, and a webhook with a real gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from civicrec.registry.deliveries import Delivery, enlist
from civicrec.registry.inbox import messages_of
from civicrec.registry.tables import registry_at
from civicrec.settings.push import PushSettings
from recommender.push.channels.inbox import InboxChannel
from recommender.push.channels.memory import MemoryChannel
from recommender.push.channels.ports import Addressed, PushChannel
from recommender.push.channels.webhook import webhook_of
from recommender.push.message import Message, MessageItem
from tests.recommender.push.gateway import KEY, running_gateway

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)


def a_message(key: str, campaign_id: str = "c1") -> Message:
    item = MessageItem("loan", "policy", "贷款贴息", "https://www.example.gov.cn/loan", NOW)
    return Message(key, f"r-{key}", campaign_id, 1, "财税金融", "开始申报", "", (item,), NOW, "因为您填报的信息符合：x")


def addressed(*keys: str) -> list[Addressed]:
    return [Addressed(key, person_of(key), partial(a_message, key)) for key in keys]


def person_of(key: str) -> str:
    return f"person-{key[:1]}"


@dataclass
class World:
    """A channel, and (person or recipient, key) of what reached somebody."""

    channel: PushChannel
    reached: Callable[[], list[str]]


@pytest.fixture(params=["memory", "inbox", "webhook"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        memory = MemoryChannel()
        yield World(memory, lambda: sorted(memory.kept))
    elif request.param == "inbox":
        with registry_at(f"sqlite:///{tmp_path}/registry.sqlite") as registry:
            people = [f"person-{letter}" for letter in "abc"]
            keys = ["".join(some) for n in (1, 2, 3) for some in product("abc", repeat=n)]
            rows = [Delivery(key, "c1", 1, person_of(key), "inbox") for key in keys]
            enlist(registry, rows, "waiting", NOW)
            yield World(
                InboxChannel(registry),
                lambda: sorted(row.key for person in people for row in messages_of(registry, person, 999)),
            )
    else:
        with running_gateway() as gateway:
            given = PushSettings(webhook_url=gateway.url, webhook_key=SecretStr(KEY), webhook_batch=2)
            channel = webhook_of(given, b"")
            assert channel is not None
            yield World(channel, lambda: sorted(gateway.kept))
            channel.close()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.lists(st.text("abc", min_size=1, max_size=3), unique=True, max_size=7), max_size=4))
def test_every_message_arrives_once_however_often_it_is_sent(world: World, calls: list[list[str]]) -> None:
    before = set(world.reached())
    for keys in calls:
        taken = world.channel.deliver(addressed(*keys), NOW)
        assert [one.became in ("sent", "delivered") for one in taken] == [True] * len(keys)
    assert world.reached() == sorted(before | {key for keys in calls for key in keys})


def test_a_channel_says_its_name_and_how_much_it_takes_at_once(world: World) -> None:
    assert world.channel.name
    assert world.channel.at_once > 0
