"""Campaigns as they are sent, on a real registry and by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from civicrec.erasure import Person
from civicrec.errors import Unavailable
from civicrec.registry.attributes import change, forget
from civicrec.registry.audit import audit_rows
from civicrec.registry.campaigns import campaign
from civicrec.registry.catalogue import set_status
from civicrec.registry.choices import switch
from civicrec.registry.deliveries import counts_of
from civicrec.registry.erasures import request_erasure
from civicrec.registry.inbox import erase_pushes, messages_of
from civicrec.registry.renaming import rename_people
from civicrec.registry.subscriptions import subscribe
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import Keys
from civicrec.settings.push import PushSettings
from civicrec.working_days import working_days
from profiles.rights.attributes import decision, resealed, seal_of
from recommender.push.actions import put_campaign, start_campaign, step_campaign
from recommender.push.channels.inbox import InboxChannel
from recommender.push.channels.memory import MemoryChannel
from recommender.push.channels.ports import Addressed, PushChannel, Taken
from recommender.push.message import recipient_of
from recommender.push.plan import Quiet, plan_from
from recommender.push.sending import SECRET, Sender
from recommender.push.states import Action
from tests.recommender.push.campaigns import KEYS, NOW, a_plan, consent, people_of, put_items, put_people

ALWAYS = {"begins": "00:00", "until": "00:00"}


class World:
    """A registry with people, a channel, and a clock."""

    def __init__(self, registry: Engine, channel: PushChannel | None = None, holdout_share: float = 0.0) -> None:
        self.registry, self.now = registry, NOW
        self.channel = channel or MemoryChannel("inbox")
        self.sender = self.new_sender(holdout_share)
        put_items(registry)

    def new_sender(self, holdout_share: float = 0.0) -> Sender:
        channels = {self.channel.name: self.channel}
        return Sender(
            people_of(self.registry), channels, working_days(None), holdout_share, tries=3, clock=lambda: self.now
        )

    def start(self, campaign_id: str = "c1", **fields: Any) -> None:
        plan = a_plan(campaign_id=campaign_id, **{"quiet": ALWAYS} | fields)
        put_campaign(self.registry, plan, None, who="li", why="", now=self.now)
        self.do("propose", campaign_id)
        self.do("approve", campaign_id, "zhao")
        start_campaign(
            people_of(self.registry), campaign_id, None, PushSettings(webhook_url="https://x.cn"), who="zhao", why="",
            now=self.now,
        )  # fmt: skip

    def do(self, action: Action, campaign_id: str = "c1", who: str = "li") -> None:
        step_campaign(self.registry, campaign_id, action, None, who=who, why="", now=self.now)

    def send(self, steps: int = 50) -> None:
        for _ in range(steps):
            self.sender.step()

    def counts(self, campaign_id: str = "c1") -> dict[tuple[str, str], int]:
        return {(row["state"], row["reason"]): row["n"] for row in counts_of(self.registry, campaign_id)}

    def state(self, campaign_id: str = "c1") -> str:
        return campaign(self.registry, campaign_id).state

    @property
    def reached(self) -> list[str]:
        assert isinstance(self.channel, MemoryChannel)
        return sorted(subject for _, subject in self.channel.kept.values())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Engine]:
    with registry_at(f"sqlite:///{tmp_path}/registry.sqlite") as opened:
        yield opened


@pytest.fixture
def world(registry: Engine) -> World:
    return World(registry)


def test_everybody_whom_it_fits_gets_one_message_with_its_deadline_and_true_reason(world: World) -> None:
    subjects = put_people(world.registry, map(str, range(12)))
    put_people(world.registry, ["person"], {"audience": "自然人"})
    world.start()
    world.send()
    assert world.reached == sorted(subjects)
    assert world.state() == "done"
    assert isinstance(world.channel, MemoryChannel)
    [message, *_] = [one for one, _ in world.channel.kept.values()]
    assert (message.title, message.deadline, message.topic) == (
        "贷款贴息开始申报",
        NOW + timedelta(days=20),
        "财税金融",
    )
    assert message.reason == "因为您填报的信息符合：服务对象：企业法人；企业规模：小型企业"
    assert message.recipient not in subjects
    [row] = audit_rows(world.registry, action="campaign_enlisted")
    assert row.facts == {"people": {"enlisted": None, "ineligible": None}}


def test_nothing_is_sent_before_it_begins_in_quiet_hours_or_after_it_ends(world: World) -> None:
    put_people(world.registry, map(str, range(10)))
    begins = NOW + timedelta(hours=8)  # 19:30 in Shanghai
    quiet = {"begins": "19:00", "until": "08:00"}
    world.start(begins=begins.isoformat(), quiet=quiet)
    world.send()
    assert (world.state(), world.counts()) == ("scheduled", {})
    world.now = begins
    world.send()
    assert (world.state(), world.counts()) == ("sending", {("waiting", ""): 10})
    world.now = NOW + timedelta(hours=20)  # 07:30
    world.send()
    assert world.reached == []
    world.now += timedelta(minutes=30)
    world.send()
    assert len(world.reached) == 10
    world.start("c2", quiet=quiet, ends=(world.now + timedelta(hours=20)).isoformat())
    world.now += timedelta(hours=12)
    world.send()
    world.now += timedelta(hours=10)
    world.send()
    assert (world.state("c2"), world.counts("c2")) == ("done", {("left_out", "window_over"): 10})


def test_who_changed_their_mind_meanwhile_gets_nothing(world: World) -> None:
    subjects = put_people(world.registry, map(str, range(20)))
    world.start(quiet={"begins": "08:00", "until": "20:00"})
    world.send()
    assert world.counts() == {("waiting", ""): 20}
    off, withdrawn, unsubscribed, forgotten, erased, *rest = subjects
    later = NOW + timedelta(minutes=1)
    switch(world.registry, off, on=False, now=later)
    consent(world.registry, withdrawn, is_given=False, now=later)
    subscribe(world.registry, unsubscribed, "inbox", "", is_on=False, now=later)
    forget(world.registry, forgotten)
    request_erasure(
        world.registry, Person("demo", erased), KEYS.audit_name(erased), [KEYS.erased_digest(erased)],
        due=later.date(), by="subject", why="", now=later,
    )  # fmt: skip
    world.now = NOW + timedelta(hours=10)
    world.send()
    assert world.reached == sorted(rest)
    assert world.counts() == {
        ("delivered", ""): 15, ("left_out", "switched_off"): 1, ("left_out", "no_consent"): 1,
        ("left_out", "unsubscribed"): 1, ("left_out", "ineligible"): 1, ("left_out", "erased"): 1,
    }  # fmt: skip


def test_who_is_erased_while_it_is_sent_is_not_written_down_again(world: World) -> None:
    subjects = put_people(world.registry, map(str, range(20)))
    world.start(quiet={"begins": "08:00", "until": "20:00"})
    world.send()
    erase_pushes(world.registry, subjects[:1])
    world.now = NOW + timedelta(hours=10)
    world.send()
    assert world.reached == sorted(subjects[1:])


def test_an_item_that_is_withdrawn_meanwhile_is_not_sent(world: World) -> None:
    put_people(world.registry, map(str, range(12)))
    world.start(quiet={"begins": "08:00", "until": "20:00"})
    world.send()
    set_status(world.registry, ["loan"], "withdrawn", who="li", why="", now=NOW)
    world.now = NOW + timedelta(hours=10)
    world.send()
    assert (world.reached, world.state(), world.counts()) == ([], "done", {("left_out", "expired"): 12})


def test_pause_and_stop_act_before_the_next_messages(world: World) -> None:
    put_people(world.registry, map(str, range(600)))
    world.start()
    world.send(2)  # begins, then the first five hundred
    world.do("pause")
    world.send()
    assert (len(world.reached), world.state()) == (500, "paused")
    start_campaign(people_of(world.registry), "c1", None, PushSettings(), who="zhao", why="", now=NOW)
    world.send(1)
    assert len(world.reached) == 600
    world.start("c2")
    world.send(2)
    world.do("stop", "c2")
    world.send()
    assert world.counts("c2") == {("delivered", ""): 500, ("waiting", ""): 100}


def test_nobody_gets_more_than_their_share_of_a_week_and_gets_it_when_a_place_is_free(world: World) -> None:
    subjects = put_people(world.registry, map(str, range(12)))
    for n in range(2):
        world.start(f"old{n}")
        world.send()
        world.now += timedelta(days=1)
    world.start("c1", per_week=2, ends=(NOW + timedelta(days=9)).isoformat())
    world.start("c2", per_week=2, ends=(NOW + timedelta(days=5)).isoformat())
    world.send()
    assert world.counts() == {("waiting", "capped"): 12}
    assert world.counts("c2") == {("left_out", "capped"): 12}
    world.now = NOW + timedelta(days=7) - timedelta(seconds=1)
    world.send()
    assert world.counts() == {("waiting", "capped"): 12}
    world.now = NOW + timedelta(days=7, seconds=1)
    world.send()
    assert (world.counts(), world.state()) == ({("delivered", ""): 12}, "done")
    assert world.reached == sorted(subjects * 3)


def test_who_is_held_out_is_written_down_and_gets_nothing(registry: Engine) -> None:
    world = World(registry, holdout_share=0.2)
    subjects = put_people(registry, map(str, range(200)))
    world.start(holdout_share=0.2)
    world.send()
    counts = world.counts()
    held_out = counts.pop(("held_out", ""))
    assert counts == {("delivered", ""): 200 - held_out}
    assert 45 < held_out < 100  # of 0.36 of 200
    assert len(world.reached) == len(subjects) - held_out


class Moody:
    """A channel that answers as it is told, one answer a call, and then takes everything."""

    name, at_once, passes_words_on = "inbox", 500, True

    def __init__(self, answers: Sequence[Taken | Exception]) -> None:
        self.answers, self.calls = list(answers), 0
        self.keys: list[str] = []

    def deliver(self, messages: Sequence[Addressed], now: datetime) -> list[Taken]:
        self.calls += bool(messages)
        answer = self.answers.pop(0) if self.answers and messages else Taken("sent")
        if isinstance(answer, Exception):
            raise answer
        self.keys += [one.key for one in messages if answer.became == "sent"]
        return [answer] * len(messages)

    def close(self) -> None: ...


def test_what_a_channel_puts_off_comes_again_later_and_later_and_is_given_up_in_the_end(registry: Engine) -> None:
    channel = Moody([Taken("later", "http_503"), Taken("later", "http_429", 60.0), Taken("later", "http_500")])
    world = World(registry, channel)
    put_people(registry, map(str, range(10)))
    world.start()
    world.send()
    assert (channel.calls, world.counts()) == (1, {("waiting", "http_503"): 10})
    world.now += timedelta(seconds=5)
    world.send()
    assert (channel.calls, world.counts()) == (2, {("waiting", "http_429"): 10})
    world.now += timedelta(seconds=59)
    world.send()
    assert channel.calls == 2
    world.now += timedelta(seconds=1)
    world.send()
    assert (channel.calls, world.counts(), world.state()) == (3, {("refused", "http_500"): 10}, "done")


def test_what_a_channel_refuses_is_refused_once(registry: Engine) -> None:
    channel = Moody([Taken("refused", "http_422")])
    world = World(registry, channel)
    put_people(registry, map(str, range(10)))
    world.start()
    world.send()
    assert (channel.calls, world.counts()) == (1, {("refused", "http_422"): 10})


def test_a_channel_that_breaks_off_is_asked_again_under_the_same_keys(registry: Engine) -> None:
    channel = Moody([Unavailable("away"), Taken("sent")])
    world = World(registry, channel)
    put_people(registry, map(str, range(10)))
    world.start()
    with pytest.raises(Unavailable):
        world.send()
    world.send()
    assert len(set(channel.keys)) == len(channel.keys) == 10


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 2))
def test_a_sender_that_dies_at_any_statement_is_followed_by_one_that_forgets_and_repeats_nobody(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[int], seed: int
) -> None:
    """Every write of a sender fails at some point; a new one goes on with what stands in the registry."""
    from sqlalchemy import event

    class Died(BaseException):
        """Nothing of ours takes it for a fault that it can handle."""

    with registry_at(f"sqlite:///{tmp_path_factory.mktemp('dies')}/registry.sqlite") as registry:
        world = World(registry)
        subjects = put_people(registry, (f"{seed}-{n}" for n in range(12)))
        world.start()
        left = [0]

        @event.listens_for(registry, "before_cursor_execute")
        def die(_: object, __: object, statement: str, *rest: object) -> None:
            if left[0] and statement.lstrip()[:6] in ("INSERT", "UPDATE"):
                left[0] -= 1
                if not left[0]:
                    raise Died

        for n in deaths:
            left[0] = n
            try:
                world.send(4)
            except Died:
                world.sender = world.new_sender()
        left[0] = 0
        world.send()
        assert world.reached == sorted(subjects)
        assert world.counts() == {("delivered", ""): 12}
        assert world.state() == "done"


def test_the_inbox_holds_what_was_sent(registry: Engine) -> None:
    world = World(registry, InboxChannel(registry))
    subjects = put_people(registry, map(str, range(10)))
    world.start()
    world.send()
    for subject in subjects:
        [row] = messages_of(registry, subject, 9)
        assert (row.campaign_id, row.version, row.at, row.read_at) == ("c1", 1, NOW, None)


def test_quiet_hours_of_a_plan_are_those_of_its_json() -> None:
    assert Quiet(**ALWAYS) == Quiet("00:00", "00:00")


@pytest.mark.parametrize("what", ["nothing", "switch", "consent", "unsubscribe", "forget", "erase", "expire"])
def test_the_inbox_looks_at_everybody_again_once_anybody_decided_anything(registry: Engine, what: str) -> None:
    world = World(registry, InboxChannel(registry))
    subjects = put_people(registry, map(str, range(14)))
    one, later = subjects[0], NOW + timedelta(minutes=1)
    world.start(quiet={"begins": "08:00", "until": "20:00"})
    if what == "expire":
        ends = NOW + timedelta(hours=5)
        change(registry, one, decision({"scale": "小型企业"}, one, seal_of(KEYS), NOW, valid_until=ends), NOW)
    world.send()
    match what:
        case "switch":
            switch(registry, one, on=False, now=later)
        case "consent":
            consent(registry, one, is_given=False, now=later)
        case "unsubscribe":
            subscribe(registry, one, "inbox", "", is_on=False, now=later)
        case "forget":
            forget(registry, one)
        case "erase":
            request_erasure(
                registry, Person("demo", one), KEYS.audit_name(one), [KEYS.erased_digest(one)],
                due=later.date(), by="subject", why="", now=later,
            )  # fmt: skip
    world.now = NOW + timedelta(hours=10)
    world.send()
    got = {subject for subject in subjects if messages_of(registry, subject, 9)}
    assert got == set(subjects) - ({one} if what != "nothing" else set())


def test_after_the_pepper_was_changed_people_keep_their_keys_names_and_arms(registry: Engine) -> None:
    world = World(registry, holdout_share=0.3)
    put_people(registry, map(str, range(60)))
    world.start(quiet={"begins": "08:00", "until": "20:00"})
    world.send()
    before, arms = world.sender.people.known(plan_from(a_plan()), _subjects(registry), NOW), world.counts()
    keys = Keys(KEYS.pepper, {}, (b"another pepper of the tests",))
    names = {one.subject: keys.renamed(one.subject, 0) for one in before}
    opens, closes = seal_of(KEYS), seal_of(keys)
    rename_people(
        registry, names, lambda value, name, old, new: resealed(value, name, (old, opens), (new, closes)), None
    )
    world.sender = world.new_sender(0.3)
    world.sender.people.keys = keys
    world.now = NOW + timedelta(hours=10)
    world.send()
    counts = world.counts()
    assert counts == {("delivered", ""): arms["waiting", ""], ("held_out", ""): arms["held_out", ""]}
    assert set(world.reached) <= set(names.values())
    assert isinstance(world.channel, MemoryChannel)
    secret = KEYS.key_for(SECRET)
    assert {(one.recipient, subject) for one, subject in world.channel.kept.values()} <= {
        (recipient_of(secret, old, "inbox"), new) for old, new in names.items()
    }


def _subjects(registry: Engine) -> list[str]:
    with registry.connect() as connection:
        return list(connection.exec_driver_sql("SELECT DISTINCT subject FROM deliveries").scalars())
