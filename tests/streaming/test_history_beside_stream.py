"""A history loaded by the command, on a real stack: stored once, reported, and no part of what is live."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from civicrec.accounting.books import read_books
from civicrec.clients import redis_client
from civicrec.clock import utc_now
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.redis_store import RedisOnlineStore
from tests.builders import raw_event
from tests.running import RunningStack, wait_for

pytestmark = pytest.mark.stack
DAYS = 365


@pytest.fixture
def warehouse(stack: RunningStack) -> Iterator[ClickHouseWarehouse]:
    with closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse:
        yield warehouse


def a_year(site: str) -> list[dict[str, Any]]:
    """Ten clicks and a search on each day of a year, by one actor of a site."""
    return [
        raw_event(
            "search" if n == 10 else "click", "" if n == 10 else f"{site}-{n}", day * 16 + n,
            utc_now() - timedelta(days=day, hours=2, minutes=n), site=site, anonymous_id=f"{site}-visitor",
            session_id=f"{site}-{day}", consent="personalise",
        )
        for day in range(DAYS) for n in range(11)
    ]  # fmt: skip


def count(warehouse: ClickHouseWarehouse, site: str, table: str = "events FINAL", what: str = "count()") -> int:
    return int(warehouse.rows(f"SELECT {what} AS n FROM {table} WHERE site = {{site:String}}", {"site": site})[0]["n"])


def test_a_year_is_stored_once_reported_and_nothing_of_it_is_live(
    stack: RunningStack, warehouse: ClickHouseWarehouse, tmp_path: Path
) -> None:
    site, file = "history-year", tmp_path / "year.jsonl"
    events = a_year(site)
    file.write_text(
        "".join(json.dumps(event) + "\n" for event in [*events, raw_event(at=utc_now() + timedelta(days=3))])
    )
    with registry_at(stack.settings.registry_address) as registry:
        upsert_items(registry, [Item(item_id=f"{site}-{n}", item_type="news", title=f"{n}") for n in range(10)])
    before = read_books(stack.settings)
    done = stack.civicrec("events", "load", "--history", str(file), "--json", check=False)
    sums = json.loads(done.stdout)
    assert (done.returncode, "bad_time" in done.stderr) == (1, True), done.stderr
    assert (sums["new"], sums["known"], sums["rejected"]) == (len(events), 0, {"bad_time": 1})
    assert count(warehouse, site) == len(events)
    assert sums["days"] == count(warehouse, site, what="uniqExact(local_date)") >= DAYS
    after = read_books(stack.settings)
    assert (after.accepted, after.stored, after.balanced) == (before.accepted, before.stored, True)
    assert count(warehouse, site, what="sum(item_known)") == DAYS * 10
    stack.civicrec("rebuild-online")
    with closing(redis_client(stack.settings.redis)) as redis:
        assert not RedisOnlineStore(redis).actor(f"{site}-visitor").recent

    again = json.loads(stack.civicrec("events", "load", "--history", str(file), "--json", check=False).stdout)
    assert (again["new"], again["known"], again["days"]) == (0, len(events), 0)
    assert count(warehouse, site, "events") == len(events)


def test_event_that_came_live_stays_as_it_came(
    stack: RunningStack, warehouse: ClickHouseWarehouse, tmp_path: Path
) -> None:
    site, file = "history-live", tmp_path / "some.jsonl"
    event = raw_event("click", "a", 1, utc_now() - timedelta(hours=1), site=site)
    file.write_text(json.dumps(event) + "\n")
    assert stack.civicrec("events", "replay", str(file)).returncode == 0
    wait_for(lambda: read_books(stack.settings).pending == 0, 60, "the stream")
    done = stack.civicrec("events", "load", "--history", str(file), "--json")
    assert json.loads(done.stdout)["known"] == 1
    [row] = warehouse.rows("SELECT log FROM events FINAL WHERE site = {site:String}", {"site": site})
    assert row["log"] != "history"


def test_load_without_saying_that_it_is_history_does_nothing(stack: RunningStack, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text(json.dumps(raw_event()) + "\n")
    done = stack.civicrec("events", "load", str(file), check=False)
    assert (done.returncode, "--history" in done.stderr, "events replay" in done.stderr) == (2, True, True)
