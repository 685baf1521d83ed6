"""``kill -9`` of the process that erases, at every step: the same receipt as unharmed, and no byte of anybody left.

Events of the person arrive meanwhile. The stores are real, the process is `civicrec stream` but for where it dies.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import jwt
import pytest
from sqlalchemy import insert

from civicrec.accounting.books import read_books
from civicrec.accounting.served import ServedSpool
from civicrec.clock import local_date, rfc3339, utc_now
from civicrec.registry.attributes import Kept, change
from civicrec.registry.choices import choose_tag, switch
from civicrec.registry.consents import enter
from civicrec.registry.erasures import erasure, list_erasures
from civicrec.registry.notice import Entry, Notice
from civicrec.registry.tables import registry_at, subscriptions
from civicrec.security.tokens import load_keys
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.night_tables import NIGHT_TABLES
from tests.builders import uuid7
from tests.faults.load import fill_catalogue
from tests.operations.test_erased_from_home import files_with, forms_of
from tests.operations.test_told_and_erased import some_value
from tests.running import RunningStack, running_stack, settings_without_crowds, wait_for
from tests.streaming.test_erasing_waiting import a_list
from tests.streaming.world import ITEM_TYPES

SITE, EVENTS_EACH = "demo", 6
ME, TWIN, BUSY, OTHER = range(4)
_ITEMS = sorted(ITEM_TYPES)
#: Stores whose counts depend on when the engine merged, or that both people have together.
_BY_CHANCE = {"replaced parts of the warehouse", "tables of a night cut off"}


class Portal:
    """Four people of a portal, and all that the stores hold of them."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack, self.keys = stack, load_keys(stack.settings)
        self.ids: dict[int, list[UUID]] = {one: [] for one in range(4)}

    def subject(self, one: int) -> str:
        return self.keys.subject_id(SITE, f"user-{one}")

    def browser(self, one: int) -> str:
        return f"browser-of-person-{one:04d}"

    def send(self, one: int, first: int = 0) -> list[str]:
        """Send some events of a person, one of them before signing in; return why they were refused."""
        now = utc_now()
        ids = [uuid7(now, one * 100_000 + first + n) for n in range(EVENTS_EACH)]
        self.ids[one] += ids
        events = [
            {"event_id": str(event_id), "kind": "click", "occurred_at": rfc3339(now), "site": SITE,
             "item_id": _ITEMS[n], "anonymous_id": self.browser(one), "consent": "personalise",
             "request_id": f"request-{one}-{n}",
             **({"subject_token": self.keys.sign(SITE, f"user-{one}", now)} if n else {})}
            for n, event_id in enumerate(ids)
        ]  # fmt: skip
        answer = httpx.post(f"{self.stack.collector_url}/v1/events", json={"events": events}, timeout=30)
        assert answer.status_code == 200, answer.text
        return [refused["reason"] for refused in answer.json()["rejected"]]

    def fill(self) -> None:
        """Let every store hold something of everybody."""
        settings, now, everybody = self.stack.settings, utc_now(), range(4)
        notice = Notice("2026-1", ("personalise",), frozenset({"personalise"}), timedelta(days=180))
        with registry_at(settings.registry_address) as registry:
            for actor in map(self.subject, everybody):
                switch(registry, actor, on=False, now=now)
                switch(registry, actor, on=True, now=now)
                choose_tag(registry, actor, "theme:就业创业", now)
                entry = Entry(actor, SITE, "personalise", True, "2026-1", notice.covers, "web", now)
                enter(registry, entry, notice, audit_name=self.keys.audit_name(actor))
                value = Kept("age", b"sealed", "declared", now, now + timedelta(days=366))
                change(registry, actor, lambda _, value=value: ([value], []), now)
                with registry.begin() as connection:  # which pushes they want
                    row = {column.name: some_value(column, actor, 1) for column in subscriptions.columns}
                    connection.execute(insert(subscriptions).values(row))
        for one in everybody:
            self.send(one)
        with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
            wait_for(lambda: read_books(settings).stored == 4 * EVENTS_EACH, 90, "all events stored")
            requests = [f"request-{one}-{n}" for one in everybody for n in range(EVENTS_EACH)]
            kept_until = (now + timedelta(days=90)).date()
            warehouse.insert("served", {"request_id": requests[1::2], "served_at": [now] * 12,
                                        "kept_until": [kept_until] * 12})  # fmt: skip
            actors = [name for one in everybody for name in (self.subject(one), self.browser(one))]
            columns = {"day": [local_date(now)] * 8, "actor": actors, "tag": ["theme:就业创业"] * 8}
            warehouse.insert("actor_tags", columns)
            warehouse.insert("segment_members", {"day": columns["day"], "segment": ["s1"] * 8, "actor": actors})
            warehouse.insert("dead_letters", {
                "log": ["a-log"] * 4, "log_offset": [1, 2, 3, 4], "piece": [0] * 4, "seen_at": [now] * 4,
                "reason": ["bad_field"] * 4, "detail": ["got 'x'"] * 4, "n_events": [1] * 4,
                "raw": [f'{{"anonymous_id": "{self.browser(one)}"}}' for one in everybody],
            })  # fmt: skip
            warehouse.command(f"CREATE TABLE {NIGHT_TABLES[0]} AS actor_tags")
            warehouse.insert(NIGHT_TABLES[0], columns)
        with closing(ServedSpool(settings.served_path, 1 << 20)) as spool:
            spool.put([a_list(request) for request in requests[::2]], {})

    def ask(self, one: int) -> int:
        self.stack.civicrec("subject", "erase", SITE, f"user-{one}", "--why", "asked by letter")
        with registry_at(self.stack.settings.registry_address) as registry:
            return list_erasures(registry)[-1].number

    def receipt(self, number: int) -> dict[str, int] | None:
        """Return what each store held before, once all is done."""
        with registry_at(self.stack.settings.registry_address) as registry:
            receipt = erasure(registry, number).receipt
        if not receipt:
            return None
        told = jwt.decode(receipt, self.keys.site_key(SITE), algorithms=["HS256"], audience=SITE)
        assert [one for one in told["stores"] if one["after"] != 0] == []
        return {one["store"]: one["before"] for one in told["stores"]}

    def forms(self, one: int) -> list[bytes]:
        return list(forms_of(self.ids[one], [self.subject(one), self.browser(one)]))


@contextmanager
def stream(portal: Portal, deaths: Path, at: str = "^$") -> Iterator[subprocess.Popen[bytes]]:
    """Run the stream for the length of the body, or until it dies."""
    command = [sys.executable, "-m", "tests.faults.erasing_dies", str(deaths), at]
    process = subprocess.Popen(command, env={**portal.stack.env}, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait(60)


def die_until_done(portal: Portal, number: int, deaths: Path, at: str) -> list[str]:
    """Start the stream again each time it died; return where it did."""
    while portal.receipt(number) is None:
        with stream(portal, deaths, at) as process:
            wait_for(lambda p=process: p.poll() is not None or portal.receipt(number), 120, "a death or the receipt")
        assert process.returncode in (0, -signal.SIGKILL)
    return deaths.read_text().splitlines()


def survive(home: Path, at: str) -> list[str]:
    settings = settings_without_crowds(home)
    fill_catalogue(settings)
    with running_stack(home, only=("valkey", "warehouse", "collect"), settings=settings) as stack:
        portal, deaths = Portal(stack), home.parent / "deaths"
        with stream(portal, deaths):
            portal.fill()
        number = portal.ask(ME)
        died = die_until_done(portal, number, deaths, at)
        mine = portal.receipt(number)
        assert mine is not None
        with stream(portal, deaths):
            number = portal.ask(TWIN)
            wait_for(lambda: portal.receipt(number) is not None, 120, "the receipt of the twin")
        theirs = portal.receipt(number)
        assert theirs is not None
        assert {name: n for name, n in mine.items() if name not in _BY_CHANCE} == {
            name: n for name, n in theirs.items() if name not in _BY_CHANCE
        }
        assert [name for name, n in mine.items() if not n and name not in _BY_CHANCE] == []
        assert mine["tables of a night cut off"] == 2
        erase_while_events_arrive(portal, deaths)
        for one in (ME, TWIN, BUSY):
            forms = portal.forms(one)
            wait_for(lambda forms=forms: not files_with(home, forms), 60, f"no file with an id of {one}")
        assert files_with(home, portal.forms(OTHER))
        books = read_books(stack.settings)
        assert (books.balanced, books.pending) == (True, 0)
        return died


def erase_while_events_arrive(portal: Portal, deaths: Path) -> None:
    """Erase somebody who goes on clicking before, while and after, and whose erasure dies once."""
    stop, refused = threading.Event(), list[list[str]]()

    def click() -> None:
        first = 1_000
        while not stop.wait(0.05):
            refused.append(portal.send(BUSY, first))
            first += EVENTS_EACH

    thread = threading.Thread(target=click)
    thread.start()
    try:
        wait_for(lambda: len(refused) > 3, 30, "clicks")
        number = portal.ask(BUSY)
        deaths.unlink()
        die_until_done(portal, number, deaths, "^online store: erased$")
        n_sent = len(refused)
        wait_for(lambda: len(refused) > n_sent + 10, 30, "clicks after the receipt")
    finally:
        stop.set()
        thread.join()
    assert refused[0] == []
    assert refused[-1] == ["erased"] * EVENTS_EACH
    with stream(portal, deaths):
        wait_for(lambda: read_books(portal.stack.settings).pending == 0, 60, "an empty log")


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_killed_at_some_steps_it_ends_as_if_unharmed(tmp_path: Path) -> None:
    moments = ("event log: erased", "receipt: made")
    assert survive(tmp_path / "home", f"^({'|'.join(moments)})$") == list(moments)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_killed_at_every_step_it_ends_as_if_unharmed(tmp_path: Path) -> None:
    died = survive(tmp_path / "home", "")
    stores = [moment.removesuffix(": counted") for moment in died if moment.endswith(": counted")]
    assert len(stores) >= 12
    expected = [f"{store}: {what}" for store in stores for what in ("counted", "erased", "done")]
    assert died == [*expected, "receipt: made", "receipt: kept"]
