"""The worker of erasures on a real registry: any step may be cut off, the next worker ends with the same receipt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import Engine

from civicrec.accounting.progress import Commit
from civicrec.erasure import Person, Step
from civicrec.errors import Unavailable
from civicrec.registry.attributes import Kept, change
from civicrec.registry.choices import count_decisions, switch
from civicrec.registry.consents import enter
from civicrec.registry.deliveries import Delivery, enlist
from civicrec.registry.erasures import Erasure, erasure, note_step, request_erasure
from civicrec.registry.inbox import put_messages
from civicrec.registry.notice import Entry, Notice
from civicrec.registry.tables import open_registry
from civicrec.security.tokens import Keys
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import OnlineUpdate, RecentItem
from streaming.erasing.decided import Attributes, Consents, Decisions, Pushes
from streaming.erasing.online import OnlineKeys
from streaming.erasing.worker import HEARD, Eraser
from tests.streaming.world import TokenWarehouse

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
KEYS = Keys(b"pepper-of-the-tests-0123", {"demo": "key-of-the-site-0123456789abcdef"})
ME, OTHER = Person("demo", "0" * 32, ("browser-0001",)), Person("demo", "1" * 32)


class Browsers(TokenWarehouse):
    """A warehouse that answers one question: which browsers a person had."""

    found: tuple[str, ...] = ME.anonymous_ids

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        return [{"anonymous_id": name} for name in self.found]


class Shelf:
    """A store in memory; it is cut off before or after it has done its work when `fails` says so."""

    name = "shelf"

    def __init__(self) -> None:
        self.held = {ME.actors[0]: 3, ME.actors[1]: 2, OTHER.actors[0]: 5}
        self.fails: list[str] = []

    def count(self, person: Person) -> int:
        return sum(self.held.get(actor, 0) for actor in person.actors)

    def erase(self, person: Person) -> None:
        if self.fails and self.fails[0] == "before":
            raise Unavailable(self.fails.pop(0))
        for actor in person.actors:
            self.held.pop(actor, None)
            if self.fails and self.fails[0] == "between":
                raise Unavailable(self.fails.pop(0))
        if self.fails and self.fails[0] == "after":
            raise Unavailable(self.fails.pop(0))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Engine]:
    engine = open_registry(f"sqlite:///{tmp_path}/registry.sqlite")
    yield engine
    engine.dispose()


def ask(registry: Engine, who: Person = ME) -> Erasure:
    digests = [KEYS.erased_digest(name) for name in who.ids]
    due = date(2026, 3, 23)
    return request_erasure(
        registry, who, KEYS.audit_name(who.subject_id), digests, due=due, by="subject", why="", now=NOW
    )


def told(receipt: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(receipt, KEYS.site_key("demo"), algorithms=["HS256"], audience="demo")
    return claims


def online_with(*people: Person) -> MemoryOnlineStore:
    online = MemoryOnlineStore(min_actors=10)
    recent = {actor: [RecentItem("i", 1_000), RecentItem("j", 2_000)] for one in people for actor in one.actors}
    online.apply(Commit("log", 0, 1), OnlineUpdate(recent=recent))
    return online


def eraser(registry: Engine, shelf: Shelf, online: MemoryOnlineStore) -> Eraser:
    stores = [OnlineKeys(online), Decisions(registry), shelf]
    return Eraser(registry, KEYS, Browsers(), stores, clock=lambda: NOW + HEARD)


def test_a_person_goes_from_every_store_with_a_receipt_that_the_site_can_prove(registry: Engine) -> None:
    shelf, online = Shelf(), online_with(ME, OTHER)
    for one in (ME, OTHER):
        switch(registry, one.subject_id, on=False, now=NOW)
    number = ask(registry).number
    assert eraser(registry, shelf, online).step() == 1
    done = erasure(registry, number)
    assert told(done.receipt)["stores"] == [
        {"store": "online store", "before": 4, "after": 0},  # recent and seen, of two names
        {"store": "decisions", "before": 1, "after": 0},
        {"store": "shelf", "before": 5, "after": 0},
    ]
    assert not any(name in str(told(done.receipt)) for name in ME.ids)
    assert shelf.held == {OTHER.actors[0]: 5}
    assert (online.holds(OTHER.subject_id), count_decisions(registry, OTHER.actors)) == (2, 1)
    assert eraser(registry, shelf, online).step() == 0
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(done.receipt, "another-key-0123456789abcdef-012", algorithms=["HS256"], audience="demo")


@pytest.mark.parametrize("where", ["before", "between", "after"])
def test_a_store_that_is_cut_off_is_gone_on_with_and_counts_what_it_held_at_first(registry: Engine, where: str) -> None:
    shelf, online = Shelf(), online_with(ME)
    number = ask(registry).number
    shelf.fails = [where, where]
    for _ in range(2):
        with pytest.raises(Unavailable):
            eraser(registry, shelf, online).step()
        assert erasure(registry, number).steps["shelf"] == Step(5)
    assert eraser(registry, shelf, online).step() == 1  # another process
    assert told(erasure(registry, number).receipt)["stores"][2] == {"store": "shelf", "before": 5, "after": 0}
    assert shelf.held == {OTHER.actors[0]: 5}


def test_a_worker_that_died_after_the_last_store_only_writes_the_receipt(registry: Engine) -> None:
    shelf = Shelf()
    shelf.held = {OTHER.actors[0]: 5}
    number = ask(registry).number
    for name in ("online store", "decisions", "shelf"):
        note_step(registry, number, name, Step(9, 0))
    assert eraser(registry, shelf, online_with()).step() == 1
    assert [one["before"] for one in told(erasure(registry, number).receipt)["stores"]] == [9, 9, 9]
    assert shelf.held == {OTHER.actors[0]: 5}


def test_answers_in_the_ledger_of_consent_go_and_those_of_others_stay(registry: Engine) -> None:
    notice = Notice("2026-1", ("personalise",), frozenset({"personalise"}), timedelta(days=180))
    for one in (ME, OTHER):
        entry = Entry(one.subject_id, "demo", "personalise", True, "2026-1", notice.covers, "web", NOW)
        enter(registry, entry, notice, audit_name=KEYS.audit_name(one.subject_id))
    store = Consents(registry)
    assert store.count(ME) == 1
    for _ in range(2):
        store.erase(ME)
    assert (store.count(ME), store.count(OTHER)) == (0, 1)


def test_what_a_person_said_of_themselves_goes_and_what_others_said_stays(registry: Engine) -> None:
    value = Kept("age", b"sealed", "declared", NOW, NOW + timedelta(days=366))
    for one in (ME, OTHER):
        for _ in range(2):
            change(registry, one.subject_id, lambda _: ([value], []), NOW)
    store = Attributes(registry)
    assert store.count(ME) == 2
    for _ in range(2):
        store.erase(ME)
    assert (store.count(ME), store.count(OTHER)) == (0, 2)


def test_what_a_person_was_sent_goes_and_what_others_were_sent_stays(registry: Engine) -> None:
    rows = [Delivery(f"key-{one.subject_id[:8]}", "c1", 1, one.subject_id, "inbox") for one in (ME, OTHER)]
    enlist(registry, rows, "waiting", NOW)
    put_messages(registry, [row.key for row in rows], NOW)
    store = Pushes(registry)
    assert store.count(ME) == 2
    for _ in range(2):
        store.erase(ME)
    assert (store.count(ME), store.count(OTHER)) == (0, 2)


def test_nothing_is_begun_before_everybody_who_takes_events_has_heard(registry: Engine) -> None:
    ask(registry)
    early = NOW + HEARD - timedelta(milliseconds=1)
    assert Eraser(registry, KEYS, Browsers(), [Shelf()], clock=lambda: early).step() == 0
    assert Eraser(registry, KEYS, Browsers(), [Shelf()], clock=lambda: NOW + HEARD).step() == 1


def test_browsers_found_after_the_request_are_erased_too(registry: Engine) -> None:
    alone = Person("demo", ME.subject_id)
    number = ask(registry, alone).number
    shelf = Shelf()
    assert eraser(registry, shelf, online_with(ME)).step() == 1
    assert told(erasure(registry, number).receipt)["stores"][2]["before"] == 5


def test_it_waits_for_who_may_know_the_person_yet_and_erases_what_came_back(registry: Engine) -> None:
    shelf, running = Shelf(), ["the night"]
    number = ask(registry).number
    stores = [Decisions(registry), shelf]
    worker = Eraser(registry, KEYS, Browsers(), stores, others=lambda: running[0], clock=lambda: NOW + HEARD)
    with pytest.raises(Unavailable, match="the night"):
        worker.step()
    assert erasure(registry, number).steps["shelf"] == Step(5, 0)
    shelf.held[ME.subject_id] = 1  # the night had read it before
    running[0] = ""
    assert worker.step() == 1
    assert shelf.held == {OTHER.actors[0]: 5}
