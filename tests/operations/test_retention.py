"""What docs/retention.md says is what warehouse and online store do; settings beyond what the law allows are told."""

import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from civicrec.accounting.progress import Commit
from civicrec.accounting.served import ServedList
from civicrec.clients import redis_client
from civicrec.clock import to_ms, utc_now
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.day_tables import replace_day
from civicrec.warehouse.served import columns_of
from operations.nightly import run_nightly
from operations.stack.doctor import examine
from operations.stack.journal import journal_days
from operations.stack.problems import problems_of
from operations.stack.retention import KEPT, LOG_DAYS, kept, out_of_bounds
from profiles.online.bounds import Bounds
from profiles.online.ports import OnlineUpdate, RecentItem
from profiles.online.redis_store import RedisOnlineStore
from tests.operations.nights import DAY, an_event, at, fill_catalogue, store_events

Rows = Callable[[str], list[dict[str, Any]]]
DAY_S = 86_400


def days(settings: Settings, store: Any, name: str) -> float:
    said = kept(store, name).days
    assert said is not None
    return said(settings)


@pytest.mark.stack
def test_every_table_of_the_warehouse_is_told_and_the_engine_removes_what_it_is_said_to(
    settings: Settings, rows: Rows
) -> None:
    found = rows("SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()")
    tables = {row["name"]: row["engine_full"] for row in found if not row["name"].endswith("_staging")}
    assert set(tables) == {one.name for one in KEPT if one.store == "warehouse"}
    by_engine = {name for name, engine in tables.items() if re.search(r"\bTTL\b", engine)}
    assert by_engine == {one.name for one in KEPT if one.store == "warehouse" and one.by == "the warehouse"}


@pytest.mark.stack
def test_the_engine_lets_served_lists_go_when_their_days_and_a_week_are_over(settings: Settings, rows: Rows) -> None:
    said, today = days(settings, "warehouse", "served"), utc_now()
    ages = {"old": said + 9, "young": said - 1}
    for name, age in ages.items():
        at_ms = to_ms(today - timedelta(days=age))
        one = ServedList(name, at_ms, "demo", "home", "", "", "general", "", False, 0, ["i1"], [["fresh"]], [["new"]])
        with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
            warehouse.insert("served", columns_of([one], settings.serving.served_keep_days), f"kept-{name}-{at_ms}")
            warehouse.command("OPTIMIZE TABLE served FINAL")
    found = rows("SELECT request_id FROM served WHERE request_id IN ('old', 'young')")
    assert [row["request_id"] for row in found] == ["young"]


@pytest.mark.stack
def test_the_night_lets_events_letters_and_tags_go_when_their_days_are_over(settings: Settings, rows: Rows) -> None:
    raw, tags = days(settings, "warehouse", "events"), days(settings, "warehouse", "actor_tags")
    assert days(settings, "warehouse", "dead_letters") == raw
    gone, stays = DAY - timedelta(days=raw + 31), DAY - timedelta(days=raw)
    fill_catalogue(settings)
    store_events(settings, [an_event(n, at(day)) for n, day in enumerate((gone, stays, DAY))])
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        warehouse.command("TRUNCATE TABLE dead_letters")
        letters = {"log_offset": [1, 2], "raw": ["gone", "stays"]}
        ends = [DAY - timedelta(days=raw + 1), DAY - timedelta(days=raw - 1)]
        warehouse.insert("dead_letters", {**letters, "seen_at": [to_ms(at(day)) for day in ends]})
        for day in (DAY - timedelta(days=tags + 1), DAY - timedelta(days=tags)):
            facts = {"actor": ["a1"], "tag": ["t"], "weight": [1.0], "evidence": [1], "last_at": [to_ms(at(day))]}
            replace_day(warehouse, "actor_tags", day, [facts])
    run_nightly(settings, DAY)
    assert [row["local_date"] for row in rows("SELECT local_date FROM events ORDER BY 1")] == [stays, DAY]
    assert [row["raw"] for row in rows("SELECT raw FROM dead_letters")] == ["stays"]
    assert rows("SELECT min(day) AS day FROM actor_tags")[0]["day"] == DAY - timedelta(days=tags)


@pytest.mark.stack
def test_keys_of_the_online_store_expire_after_the_days_that_are_told(settings: Settings) -> None:
    with closing(redis_client(settings.redis)) as client:
        store, now = RedisOnlineStore(client, Bounds(min_actors=2)), utc_now()
        at_ms = to_ms(now)
        pairs = {item: {other: {"a": 1.0} for other in ("i1", "i2") if other != item} for item in ("i1", "i2")}
        store.apply(
            Commit("log", 0, 1),
            OnlineUpdate(
                recent={"a": [RecentItem("i1", at_ms)]}, disliked={"a": {"i3": at_ms}}, done={"a": {"i4": at_ms}},
                shown={"a": {"i5": [at_ms // 1_000]}}, withdrawn={"b": at_ms},
                signed_in={"d": {"01234567": at_ms}}, co_clicks=pairs, next_clicks=pairs,
                interests={at_ms // 3_600_000: {"i1": {"a": 1.0, "c": 1.0}, "i2": {"a": 1.0}}},
            ),
        )  # fmt: skip
        both = {item: {other: {"a": 1.0, "c": 1.0} for other in others} for item, others in pairs.items()}
        with_few = {**both, "i7": {"i8": {"a": 1.0}}}
        store.apply(Commit("log", 1, 2), OnlineUpdate(co_clicks=with_few, next_clicks=with_few))
        store.put_tags("run", [("a", {"t": 1.0})])
        store.recover("log", (1, 0), "bad_json", 2)
        left: dict[str, list[int]] = {}
        for key in client.scan_iter():
            left.setdefault(key.decode().split(":")[0], []).append(client.ttl(key))
    families = {one.name for one in KEPT if one.store == "online store"}
    assert set(left) <= families
    assert {one.name for one in KEPT if one.store == "online store" and one.days} <= set(left)
    for name, seconds in left.items():
        said = kept("online store", name).days
        if said is None:
            assert set(seconds) == {-1}, name
        else:
            assert -600 < max(seconds) - said(settings) * DAY_S <= 0, name
            assert min(seconds) > 0, name


def a_machine(root: Path, *, units: bool = True, **files: str) -> Path:
    folder = root / "etc/systemd/journald.conf.d"
    folder.mkdir(parents=True)
    (root / "etc/systemd/system").mkdir()
    if units:
        (root / "etc/systemd/system/civicrec-up.service").touch()
    for name, text in files.items():
        (folder / f"{name}.conf").write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"a": "[Journal]\nMaxRetentionSec=1month\n"}, 30.44),
        ({"a": "[Journal]\nMaxRetentionSec=1month\n", "b": "[Journal]\nMaxRetentionSec=200day\n"}, 200),
        ({"a": "[Journal]\n#MaxRetentionSec=1month\n"}, None),
        ({"a": "[Journal]\nMaxRetentionSec=1year\nStorage=volatile\n"}, 0),
    ],
)
def test_the_journal_s_own_time_is_read(files: dict[str, str], expected: float | None, tmp_path: Path) -> None:
    assert journal_days(a_machine(tmp_path, **files)) == expected


def test_where_no_unit_is_installed_the_journal_is_none_of_ours(tmp_path: Path) -> None:
    assert journal_days(a_machine(tmp_path, units=False, a="[Journal]\nMaxRetentionSec=1day\n")) is None


def test_a_drop_in_of_the_operator_stands_over_one_of_the_same_name(tmp_path: Path) -> None:
    a_machine(tmp_path, keep="[Journal]\nMaxRetentionSec=300day\n")
    other = tmp_path / "usr/lib/systemd/journald.conf.d"
    other.mkdir(parents=True)
    (other / "keep.conf").write_text("[Journal]\nMaxRetentionSec=7day\n")
    assert journal_days(tmp_path) == 300


def test_what_goes_below_the_law_or_beyond_what_people_are_told_is_said(tmp_path: Path) -> None:
    def said(journal: float | None = None, **groups: Any) -> list[str]:
        return out_of_bounds(Settings.model_validate({"home": tmp_path, **groups}), journal)

    assert said() == said(LOG_DAYS) == []
    assert "for 179 days, the law asks for 180" in said(LOG_DAYS - 1)[0]
    assert "CIVICREC_LOG_LEVEL=ERROR" in said(log_level="ERROR")[0]
    assert said(collector={"log_keep_days": 400}) == []
    assert "CIVICREC_COLLECTOR__LOG_KEEP_DAYS keeps events for 401 days" in said(collector={"log_keep_days": 401})[0]
    kafka = {"retention_days": 401}
    assert said(kafka=kafka) == []  # there is no Kafka
    assert "CIVICREC_KAFKA__RETENTION_DAYS" in said(kafka=kafka | {"bootstrap": "127.0.0.1:9092"})[0]


def test_status_and_doctor_tell_it(tmp_path: Path) -> None:
    good = Settings(home=tmp_path, min_free_disk_mb=0)
    bad = good.model_copy(update={"log_level": "ERROR"})
    now = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
    assert problems_of(good, None, now) == []
    assert ["CIVICREC_LOG_LEVEL=ERROR" in one for one in problems_of(bad, None, now)] == [True]
    for settings, state in ((good, "ok"), (bad, "missing")):
        assert [one.state for one in examine(settings) if one.name == "retention"] == [state]
