"""Messages over HTTP: read, opened, deleted; and which of them people want at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from civicrec.registry.attributes import change
from civicrec.registry.campaigns import Done, KeptCampaign, change_campaign
from civicrec.registry.catalogue import set_status, upsert_items
from civicrec.registry.deliveries import Delivery, enlist
from civicrec.registry.inbox import put_messages
from civicrec.registry.subscriptions import wanting
from profiles.rights.attributes import decision, seal_of
from profiles.rights.pushes import pushes_of
from recommender.push.message import key_of, recipient_of
from recommender.push.plan import plan_from
from recommender.push.sending import SECRET
from serving.api.inbox import Subscriptions
from serving.inbox import Inbox
from tests.item_builders import an_item
from tests.serving.conftest import NOW, Api


class Person:
    """A signed-in user, who gets messages."""

    def __init__(self, api: Api, name: str = "wang") -> None:
        self.api = api
        self.keys = api.live.keys
        self.actor = self.keys.subject_id("demo", name)
        self.token = self.keys.sign("demo", name, NOW)

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self.api.ask(method, path, headers={"Authorization": f"Bearer {self.token}"}, **given)

    def inbox(self, **query: Any) -> Inbox:
        answer = self.ask("GET", "/v1/me/inbox", params=query)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=Inbox)

    def gets(self, campaign_id: str, hours: int = 0, channel: str = "inbox", item: str = "loan") -> str:
        """Send a message of a campaign of its own; return its key."""
        data = {
            "campaign_id": campaign_id, "site": "demo", "title": f"{campaign_id}开始申报", "items": [item],
            "audience": {"of_items": True}, "channels": [channel], "topic": "财税金融",
            "ends": (NOW + timedelta(days=9)).isoformat(),
        }  # fmt: skip
        plan = msgspec.to_builtins(plan_from(data))
        kept = KeptCampaign(campaign_id, 0, "sending", plan, 0, ("li",), "zhao", "", "", NOW, NOW)
        change_campaign(self.api.registry, campaign_id, None, Done("li", "put", "", NOW), lambda before: before or kept)
        key = key_of(self.keys.key_for(SECRET), campaign_id, 1, self.actor, channel)
        enlist(self.api.registry, [Delivery(key, campaign_id, 1, self.actor, channel)], "waiting", NOW)
        if channel == "inbox":
            put_messages(self.api.registry, [key], NOW + timedelta(hours=hours))
        return key

    def says(self, said: dict[str, Any]) -> None:
        change(self.api.registry, self.actor, decision(said, self.actor, seal_of(self.keys), NOW), NOW)


@pytest.fixture
def person(api: Api) -> Person:
    loan = an_item(
        "loan", item_type="policy", title="贷款贴息", summary="给予贴息。", url="/loan", audiences=("企业法人",),
        apply_until=NOW + timedelta(days=3), theme=("财税金融",),
    )  # fmt: skip
    upsert_items(api.registry, [loan])
    api.live.refresh()
    return Person(api)


def test_a_message_tells_its_items_its_deadline_and_why_it_came(person: Person) -> None:
    person.says({"audience": "企业法人"})
    key = person.gets("c1")
    inbox = person.inbox()
    [message] = inbox.messages
    assert (inbox.unread, inbox.next, message.id, message.title) == (1, None, key, "c1开始申报")
    assert (message.text, message.topic, message.at, message.read_at) == ("给予贴息。", "财税金融", NOW, None)
    assert [(one.item_id, one.url) for one in message.items] == [("loan", "/loan")]
    assert message.deadline == NOW + timedelta(days=3)
    assert message.reason == "因为您填报的信息符合：服务对象：企业法人"
    assert message.campaign_id == "c1"
    assert not message.is_over


def test_a_reason_is_true_when_it_is_read(person: Person) -> None:
    person.says({"audience": "企业法人"})
    person.gets("c1")
    person.says({"audience": None})
    assert person.inbox().messages[0].reason == "发送时与您填报的信息相符"


def test_what_is_no_longer_open_is_named_by_no_message(person: Person) -> None:
    person.gets("c1")
    set_status(person.api.registry, ["loan"], "withdrawn", who="li", why="", now=NOW)
    person.api.live.refresh()
    [message] = person.inbox().messages
    assert (message.items, message.deadline, message.reason, message.is_over) == ([], None, "", True)


def test_messages_come_page_by_page_and_are_counted_all(person: Person) -> None:
    keys = [person.gets(f"c{n}", hours=-n) for n in range(5)]
    first = person.inbox(n=2)
    assert ([one.id for one in first.messages], first.unread) == (keys[:2], 5)
    assert first.next is not None
    rest = person.inbox(n=9, before=first.next.isoformat())
    assert ([one.id for one in rest.messages], rest.next) == (keys[2:], None)


def test_a_message_is_read_once_and_deleted_for_good(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[dict[str, str]] = []
    monkeypatch.setattr(
        person.api.app.state.recorder, "record", lambda event, token, now: recorded.append(event) or True
    )
    key = person.gets("c1")
    for _ in range(2):
        answer = person.ask("POST", f"/v1/me/inbox/{key}/read")
        assert answer.json() == {"id": key, "state": "read", "unread": 0}
    assert recorded == [
        {
            "kind": "push_open", "site": "demo", "channel": "web", "consent": "personalise", "campaign_id": "c1",
            "item_id": "loan", "item_type": "policy",
        }
    ]  # fmt: skip
    assert person.inbox().messages[0].read_at == NOW
    assert person.ask("DELETE", f"/v1/me/inbox/{key}").json()["state"] == "deleted"
    assert person.inbox().messages == []
    for call in (("DELETE", f"/v1/me/inbox/{key}"), ("POST", f"/v1/me/inbox/{key}/read")):
        assert person.ask(*call).status_code == 404


def test_nobody_reads_or_deletes_the_messages_of_another(person: Person) -> None:
    key, other = person.gets("c1"), Person(person.api, "li")
    assert other.inbox().messages == []
    assert other.ask("DELETE", f"/v1/me/inbox/{key}").status_code == 404
    assert person.api.ask("GET", "/v1/me/inbox").status_code == 401
    assert person.inbox().unread == 1


def test_a_minor_has_no_messages(person: Person) -> None:
    person.gets("c1")
    person.token = person.keys.sign("demo", "wang", NOW, minor=True)
    assert person.inbox() == Inbox(0, [], None)


def test_channels_say_what_is_on_and_under_which_name_they_know_the_person(person: Person) -> None:
    def held() -> Subscriptions:
        return msgspec.json.decode(person.ask("GET", "/v1/me/subscriptions").content, type=Subscriptions)

    assert [(one.channel, one.on) for one in held().channels] == [("inbox", True), ("webhook", False)]
    secret = person.keys.key_for(SECRET)
    assert held().channels[1].recipient == recipient_of(secret, person.actor, "webhook") != person.actor
    answer = person.ask("PUT", "/v1/me/subscriptions", json={"channel": "webhook", "on": True})
    assert answer.status_code == 200
    assert [(one.channel, one.on) for one in held().channels] == [("inbox", True), ("webhook", True)]
    person.ask("PUT", "/v1/me/subscriptions", json={"on": False})
    assert [one.on for one in held().channels] == [False, False]
    assert [(one.channel, one.topic, one.on, one.since) for one in held().decisions] == [
        ("", "", False, NOW), ("webhook", "", True, NOW)
    ]  # fmt: skip


@pytest.mark.parametrize("body", [{}, {"on": "no"}, {"on": True, "channel": "sms"}, {"on": True, "topik": "x"}])
def test_what_is_no_decision_is_refused_and_changes_nothing(person: Person, body: dict[str, Any]) -> None:
    assert person.ask("PUT", "/v1/me/subscriptions", json=body).status_code == 422
    assert person.ask("GET", "/v1/me/subscriptions").json()["decisions"] == []


@pytest.mark.parametrize(
    ("what", "told", "inbox", "other"),
    [
        ("channel", {"channel": "inbox", "topic": ""}, False, False),
        ("topic", {"channel": "", "topic": "财税金融"}, False, True),
        ("all", {"channel": "", "topic": ""}, False, False),
    ],
)
def test_one_action_unsubscribes_without_signing_in(
    person: Person, what: str, told: dict[str, str], inbox: bool, other: bool
) -> None:
    body = {"message": person.gets("c1"), "what": what}
    for _ in range(2):  # who clicks twice is told the same
        answer = person.api.ask("POST", "/v1/unsubscribe", json=body)
        assert (answer.status_code, answer.json()) == (200, told)

    def wants(topic: str) -> bool:
        return bool(wanting(person.api.registry, [person.actor], "inbox", topic))

    assert (wants("财税金融"), wants("住房保障")) == (inbox, other)


def test_a_message_of_the_webhook_ends_the_webhook_alone(person: Person) -> None:
    person.ask("PUT", "/v1/me/subscriptions", json={"channel": "webhook", "on": True})
    key = person.gets("c1", channel="webhook")
    assert person.api.ask("POST", "/v1/unsubscribe", json={"message": key}).json()["channel"] == "webhook"
    on = {one["channel"]: one["on"] for one in person.ask("GET", "/v1/me/subscriptions").json()["channels"]}
    assert on == {"inbox": True, "webhook": False}


def test_a_guessed_message_unsubscribes_nobody(person: Person) -> None:
    person.gets("c1")
    answer = person.api.ask("POST", "/v1/unsubscribe", json={"message": "0" * 32})
    assert answer.status_code == 404
    assert person.api.ask("POST", "/v1/unsubscribe", json={"message": "short"}).status_code == 422
    assert wanting(person.api.registry, [person.actor], "inbox", "") == {person.actor}


def test_a_copy_of_ones_data_tells_what_was_sent(person: Person) -> None:
    key = person.gets("c1")
    person.ask("PUT", "/v1/me/subscriptions", json={"channel": "webhook", "on": True})
    assert pushes_of(person.api.registry, person.actor) == {
        "deliveries": [{"campaign_id": "c1", "channel": "inbox", "state": "waiting", "at": None}],
        "messages": [{"id": key, "campaign_id": "c1", "at": "2026-03-10T04:00:00.000Z", "read_at": None}],
        "subscriptions": [{"channel": "webhook", "topic": "", "on": True, "since": "2026-03-10T04:00:00.000Z"}],
    }
