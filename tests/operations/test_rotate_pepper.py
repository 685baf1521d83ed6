"""The pepper changed on real stores: everybody keeps all that is theirs under another name, and no old name is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from functools import partial

import pytest
from sqlalchemy import select

from civicrec.accounting.ledger import Ledger
from civicrec.clients import redis_client
from civicrec.clock import utc_now
from civicrec.erasure import Person
from civicrec.errors import ConfigError
from civicrec.eventlog.erasing import LogRecords
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, dump
from civicrec.home import NIGHTLY_LOCK, PEPPER_LOCK, PEPPERS, SERVING_LOCK, STREAM_LOCK
from civicrec.items import Item
from civicrec.process.locks import InUse, held_together, owned
from civicrec.registry.attributes import change, kept_of
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.choices import choices, choose_tag, delete_tag, switch
from civicrec.registry.consents import enter, entries_of
from civicrec.registry.erasures import finish_erasure, request_erasure
from civicrec.registry.notice import Entry, Notice
from civicrec.registry.tables import audit, metadata, open_registry
from civicrec.security.peppers import read_peppers
from civicrec.security.tokens import Keys, load_keys
from civicrec.settings import Settings, StreamSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.erasing import personal_tables
from civicrec.warehouse.migrate import migrate
from civicrec.warehouse.renaming import COLUMNS, NAMES
from operations.pepper import Rotated, rotate_pepper
from operations.stack.problems import problems_of
from profiles.online.redis_store import RedisOnlineStore
from profiles.rights.attributes import decision, opened, seal_of
from profiles.rights.erase import ask_to_erase
from streaming.embedded import Driver
from streaming.registry import RegistrySnapshot
from streaming.repair.rebuild import Done, rebuild_online
from streaming.sinks import Stores
from tests.builders import an_event
from tests.running import RunningStack, running_stack, wait_for

pytestmark = pytest.mark.stack

NOW = utc_now().replace(microsecond=0) - timedelta(hours=1)
#: Of 32 hex digits, as a portal may make them, and stored unmarked by a version of long ago.
RAW_BROWSER = "0123456789abcdef0123456789abcdef"
NOTICE = Notice("2026-1", ("personalise",), frozenset({"personalise"}), timedelta(days=180))


class Portal:
    """A home whose people have left something in every store."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.warehouse = ClickHouseWarehouse(settings.warehouse)
        migrate(self.warehouse)
        self.registry = open_registry(settings.registry_address)
        self.log = SqliteEventLog(settings.log_path)
        self.n = 0
        upsert_items(self.registry, [Item(item_id=f"i{n}", item_type="policy", title=f"第{n}号") for n in range(3)])

    @property
    def keys(self) -> Keys:
        return load_keys(self.settings)

    def name(self, user: str) -> str:
        return self.keys.subject_id("demo", user)

    def send(self, *events: Event) -> None:
        for event in events:
            self.log.append([Record(event.actor, 1, dump([event]))])

    def click(self, name: str, pepper: int, item: str = "i1", **fields: object) -> Event:
        self.n += 1
        at = NOW + timedelta(seconds=self.n)
        return an_event("click", item, self.n, at, subject_id=name, pepper=pepper, consent="personalise", **fields)

    def stream(self) -> None:
        with (
            closing(Ledger(self.settings.stream_path)) as ledger,
            closing(redis_client(self.settings.redis)) as redis,
        ):
            online = RedisOnlineStore(redis)

            def restore(done: Done) -> None:
                rebuild_online(self.warehouse, online, done, utc_now(), partial(choices, self.registry))

            stores = Stores(self.warehouse, online, RegistrySnapshot(self.registry, self.keys))
            with closing(Driver(self.log, ledger, stores, StreamSettings(), restore)) as driver:
                while driver.step():
                    pass

    def people(self) -> dict[str, int]:
        sql = (
            "SELECT subject_id, count() AS n FROM events FINAL WHERE subject_id != '' AND actor = subject_id GROUP BY 1"
        )
        return {row["subject_id"]: row["n"] for row in self.warehouse.rows(sql)}

    def recent(self, actor: str) -> set[str]:
        with closing(redis_client(self.settings.redis)) as redis:
            return {item.item_id for item in RedisOnlineStore(redis).actor(actor).recent}

    def where(self, name: str) -> list[str]:
        """Return where a name stands, letters apart: these stay as they came."""
        tables = self.warehouse.rows("SELECT name FROM system.tables WHERE database = currentDatabase()")
        found = [
            row["name"]
            for row in tables
            if row["name"] != "dead_letters"
            and self.warehouse.rows(
                f"SELECT count() AS n FROM {row['name']} WHERE position(toString(tuple(*)), {{name:String}}) > 0",
                {"name": name},
            )[0]["n"]
        ]
        with closing(self.registry.raw_connection()) as connection:
            found += [line for line in connection.iterdump() if name in line]  # type: ignore[attr-defined]
        with closing(redis_client(self.settings.redis)) as redis:
            found += [str(key) for key in redis.scan_iter(f"*{name}*")]
            found += [str(key) for key in redis.scan_iter("*") if name.encode() in (redis.dump(key) or b"")]
        return found

    def rotate(self) -> Rotated:
        return rotate_pepper(self.settings, "operator", "yearly", utc_now())


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("pepper"), only=["warehouse", "valkey"]) as running:
        yield running


@pytest.fixture(scope="module")
def portal(stack: RunningStack) -> Iterator[Portal]:
    made = Portal(stack.settings)
    keys, me, other, gone = made.keys, made.name("me"), made.name("other"), made.name("gone")
    made.send(
        made.click(me, 0, "i1"), made.click(me, 0, "i2", anonymous_id="b2"), made.click(other, 0),
        an_event("click", "i1", 99, NOW, anonymous_id=RAW_BROWSER, consent="personalise"),
    )  # fmt: skip
    made.stream()
    made.warehouse.command(
        "ALTER TABLE events UPDATE actor = anonymous_id WHERE subject_id = '' SETTINGS mutations_sync = 2"
    )
    tags = {"day": [NOW.date()] * 2, "actor": [me, "b2"], "tag": ["theme:医疗卫生"] * 2, "weight": [2.0, 1.0],
            "evidence": [2, 2], "confidence": [0.5, 0.5], "last_at": [NOW, NOW]}  # fmt: skip
    made.warehouse.insert("actor_tags", tags)
    choose_tag(made.registry, me, "theme:交通出行", NOW)
    delete_tag(made.registry, me, "theme:社会保障", NOW)
    switch(made.registry, other, on=False, now=NOW)
    entry = Entry(me, "demo", "personalise", True, "2026-1", NOTICE.covers, "web", NOW)
    enter(made.registry, entry, NOTICE, audit_name=keys.audit_name(me))
    change(made.registry, me, decision({"age": 61, "region": "440106"}, me, seal_of(keys), NOW), NOW)
    person = Person("demo", gone, ("gone-browser",))
    digests = [keys.erased_digest(name) for name in person.ids]
    request = request_erasure(
        made.registry, person, keys.audit_name(gone), digests, due=date(2026, 12, 31), by="subject", now=NOW
    )
    finish_erasure(made.registry, request.number, "receipt", NOW)
    yield made
    made.log.close()
    made.warehouse.close()
    made.registry.dispose()


def check(portal: Portal, old: dict[str, str], clicks: dict[str, int]) -> None:
    """All that was left stands under the names of now, and nothing under those of before."""
    keys, me, other = portal.keys, portal.name("me"), portal.name("other")
    assert {me, other}.isdisjoint(old.values())
    for name in old.values():
        assert portal.where(name) == []
    assert portal.people() == {me: clicks["me"], other: clicks["other"]}
    raw = portal.warehouse.rows("SELECT actor FROM events FINAL WHERE anonymous_id = {b:String}", {"b": RAW_BROWSER})
    assert [row["actor"] for row in raw] == [RAW_BROWSER]
    assert {row["actor"] for row in portal.warehouse.rows("SELECT actor FROM actor_tags")} == {me, "b2"}
    decided = choices(portal.registry)
    assert (set(decided.off), set(decided.chosen), set(decided.deleted)) == (
        {other}, {(me, "theme:交通出行")}, {(me, "theme:社会保障")}
    )  # fmt: skip
    assert [one.is_given for one in entries_of(portal.registry, me)] == [True]
    assert opened(kept_of(portal.registry, me), me, seal_of(keys)) == {"age": 61, "region": "440106"}
    portal.stream()
    assert portal.recent(me) == {"i1", "i2"}
    with closing(redis_client(portal.settings.redis)) as redis:
        online = RedisOnlineStore(redis)
        assert online.is_complete()
        assert online.actor(other).is_off
        assert set(online.actor(me).tags) == {"theme:医疗卫生", "theme:交通出行"}
        assert online.actor(me).deleted_tags == {"theme:社会保障"}


def test_everybody_is_renamed_whatever_cuts_it_off(portal: Portal) -> None:
    old = {user: portal.name(user) for user in ("me", "other", "gone")}
    before, clicks = portal.keys, portal.people()
    counts = {user: clicks.get(old[user], 0) for user in ("me", "other")}
    late = portal.click(old["me"], before.generation)  # taken before, and not yet streamed
    portal.send(late)
    n_cuts = 0
    while True:
        seen: list[str] = []

        def cut(what: str, *_: int, seen: list[str] = seen, allowed: int = n_cuts) -> None:
            seen.append(what)
            if len(seen) > allowed:
                raise KeyboardInterrupt

        try:
            done = rotate_pepper(portal.settings, "operator", "yearly", utc_now(), cut)
            break
        except KeyboardInterrupt:
            n_cuts += 1
        # Whoever would look people up is told to wait, for as long as names are half old, half new.
        if read_peppers(portal.settings.home).change:
            with pytest.raises(ConfigError, match="pepper is being changed"):
                load_keys(portal.settings)
            assert any("pepper was cut off" in one for one in problems_of(portal.settings, None, utc_now()))
    assert n_cuts >= 8
    assert not any("pepper" in one for one in problems_of(portal.settings, None, utc_now()))
    assert done.generation == portal.keys.generation == before.generation + 1
    # A collector that has not heard yet goes on under the pepper of before; both are one person.
    portal.send(portal.click(old["other"], before.generation), portal.click(portal.name("me"), done.generation))
    portal.stream()
    check(portal, old, {"me": counts["me"] + 2, "other": counts["other"] + 1})
    with portal.registry.connect() as connection:
        acts = connection.execute(select(audit.c.object_id).where(audit.c.action == "pepper_changed")).scalars().all()
    assert acts.count(str(done.generation)) == 1
    assert (
        portal.warehouse.rows("SELECT count() AS n FROM system.tables WHERE name = {n:String}", {"n": NAMES})[0]["n"]
        == 0
    )
    assert portal.keys.audit_name(portal.name("me")) == before.audit_name(old["me"])


def test_who_was_erased_stays_refused_under_every_name(portal: Portal) -> None:
    old, generation = portal.name("gone"), portal.keys.generation
    portal.rotate()
    new, people = portal.name("gone"), portal.people()
    assert new != old
    portal.send(
        portal.click(old, generation), portal.click(new, generation + 1),
        portal.click(portal.keys.former_names(new)[0], 0), portal.click("", 0, anonymous_id="gone-browser"),
    )  # fmt: skip
    portal.stream()
    assert portal.people() == people
    assert not portal.recent(new)
    letters = portal.warehouse.rows("SELECT count() AS n FROM dead_letters FINAL WHERE reason = 'erased'")
    assert letters[0]["n"] == 4


def test_an_erasure_finds_what_the_log_holds_under_names_of_before(portal: Portal) -> None:
    leaving, keys = portal.name("leaving"), portal.keys
    portal.send(portal.click(leaving, keys.generation))
    portal.stream()
    portal.rotate()
    now = portal.name("leaving")
    asked = ask_to_erase(
        portal.registry, portal.keys, portal.warehouse, "demo", now, home=portal.settings.home, by="subject", now=NOW
    )
    assert asked.trace is not None
    assert (asked.trace.subject_id, leaving in asked.trace.former) == (now, True)
    log = LogRecords(portal.settings.log_path)
    assert log.count(asked.trace) == 1
    log.erase(asked.trace)
    assert log.count(asked.trace) == 0
    assert personal_tables(portal.warehouse)[-1].count(asked.trace) == 1
    personal_tables(portal.warehouse)[-1].erase(asked.trace)
    finish_erasure(portal.registry, asked.number, "receipt", NOW)


def test_a_change_that_is_killed_goes_on(portal: Portal, stack: RunningStack) -> None:
    old, generation, clicks = portal.name("me"), portal.keys.generation, portal.people()
    command = [sys.executable, "-m", "civicrec", "site", "rotate-pepper", "--who", "operator"]
    child = subprocess.Popen(command, env=stack.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for(lambda: bool(read_peppers(portal.settings.home).change), 60, lambda: "a change that has begun")
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    done = subprocess.run(command, env=stack.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "registry: done" in done.stderr  # progress
    assert f'"generation": {generation + 1}' in done.stdout
    assert PEPPERS.of(portal.settings.home).stat().st_mode & 0o777 == 0o600
    assert portal.people() == {portal.name("me"): clicks[old], **{
        name: n for name, n in portal.people().items() if name != portal.name("me")
    }}  # fmt: skip
    assert portal.where(old) == []


@pytest.mark.parametrize("lock", [PEPPER_LOCK, STREAM_LOCK, NIGHTLY_LOCK])
def test_nothing_is_changed_while_others_look_people_up(portal: Portal, lock: object) -> None:
    before = portal.keys
    with owned(lock.of(portal.settings.home), "it"), pytest.raises(InUse):  # type: ignore[attr-defined]
        portal.rotate()
    with held_together(SERVING_LOCK.of(portal.settings.home), "lists"), pytest.raises(InUse, match="the list API"):
        portal.rotate()
    assert portal.keys == before


#: Columns that sound like one of people and hold no pseudonym: a digest, how many there are.
NO_NAMES = {
    ("erasures", "person"), ("segment_sizes", "members"),
}  # fmt: skip


def test_no_table_names_people_in_a_column_that_is_passed_over(portal: Portal) -> None:
    sounds = re.compile("(^|_)(actor|subject|person|people|member|reader|visitor|user)")
    columns = [(column.table.name, column.name) for table in metadata.sorted_tables for column in table.columns]
    rows = portal.warehouse.rows("SELECT table, name FROM system.columns WHERE database = currentDatabase()")
    columns += [(row["table"], row["name"]) for row in rows]
    passed_over = {one for one in columns if sounds.search(one[1]) and one[1] not in COLUMNS}
    assert passed_over == NO_NAMES


def test_a_person_who_is_being_erased_is_waited_for(portal: Portal) -> None:
    keys, person = portal.keys, Person("demo", portal.name("leaving"))
    request = request_erasure(
        portal.registry, person, keys.audit_name(person.subject_id), ["0" * 32], due=date(2026, 12, 31), by="s", now=NOW
    )
    with pytest.raises(ConfigError, match=f"erasure {request.number} is under way"):
        portal.rotate()
    finish_erasure(portal.registry, request.number, "receipt", NOW)
    assert portal.keys == keys
