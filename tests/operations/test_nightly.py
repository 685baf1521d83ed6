"""The nightly job on a real warehouse and a real online store."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import pytest

from civicrec.accounting.nights import failed_night
from civicrec.clients import redis_client
from civicrec.clock import local_date, to_ms, utc_now
from civicrec.errors import ConfigError, InvalidInput, Unavailable
from civicrec.events import INTEREST_WEIGHTS
from civicrec.registry.attributes import KEEP_PAST, Kept, change, kept_of
from civicrec.registry.choices import choose_tag, delete_tag, switch
from civicrec.registry.runs import latest_run, recent_runs, save_run
from civicrec.registry.tables import open_registry, registry_at
from civicrec.reports.report import Window
from civicrec.reports.traffic import traffic
from civicrec.settings import Settings
from civicrec.warehouse.actor_tags import MAX_DAY_WEIGHT
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations import cli
from operations.nightly import run_nightly
from profiles.online.redis_store import RedisOnlineStore
from recommender.artifacts import load_models
from recommender.training import nightly as nightly_module
from tests.operations.nights import DAY, an_event, at, everything, fill_catalogue, many_events, store_events
from tests.running import RunningStack

pytestmark = pytest.mark.stack


def test_running_it_twice_changes_nothing(settings: Settings, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    fill_catalogue(settings)
    store_events(settings, many_events())
    first = run_nightly(settings, DAY)
    before = everything(settings, rows)
    assert all(before.values())
    second = run_nightly(settings, DAY)
    assert everything(settings, rows) == before
    assert (first["unchanged"], second["unchanged"]) == (False, True)
    assert {**second, "seconds": 0, "unchanged": 0} == {**first, "seconds": 0, "unchanged": 0}


def test_tags_equal_a_recount_of_the_events(settings: Settings, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    fill_catalogue(settings)
    events = many_events()
    store_events(settings, events)
    store_events(settings, events[:300])  # delivered twice, counted once
    run_nightly(settings, DAY, "tags")
    days: dict[tuple[str, int, date], float] = {}
    for event in events:
        if event["consent"] == "personalise" and not event["bot_reason"] and event["kind"] in INTEREST_WEIGHTS:
            key = event["actor"], int(event["item_id"][1:]), event["local_date"]
            days[key] = days.get(key, 0.0) + INTEREST_WEIGHTS[event["kind"]]
    expected: dict[tuple[str, str], dict[int, list[tuple[float, int]]]] = {}
    for (actor, item, day), strength in days.items():
        if item <= 12:
            tags = (["theme:就业创业"] if item % 2 else []) + (["life_event:退休"] if item % 3 else [])
            for tag in tags:
                of_tag = expected.setdefault((actor, tag), {})
                of_tag.setdefault(item, []).append((min(strength, MAX_DAY_WEIGHT), (DAY - day).days))
    rules = {"theme:就业创业": (14, 1), "life_event:退休": (30, 2)}  # half-life, items needed
    expected = {key: items for key, items in expected.items() if len(items) >= rules[key[1]][1]}
    found = {(row["actor"], row["tag"]): row for row in rows("SELECT * FROM actor_tags")}
    assert found.keys() == expected.keys()
    assert len(found) > 60
    weights = {}
    for key, items in expected.items():
        half_life, needed = rules[key[1]]
        weights[key] = sum(strength * 0.5 ** (age / half_life) for mine in items.values() for strength, age in mine)
        n = sum(0.5 ** (min(age for _, age in mine) / half_life) for mine in items.values())
        assert found[key]["weight"] == pytest.approx(weights[key], rel=1e-6)
        assert found[key]["evidence"] == len(items)
        assert found[key]["confidence"] == pytest.approx(n / (n + needed), rel=1e-6)
    online = RedisOnlineStore(redis_client(settings.redis)).actor("a7").tags
    assert online == pytest.approx({tag: weight for (actor, tag), weight in weights.items() if actor == "a7"}, rel=1e-6)


def test_a_deleted_tag_does_not_come_back(settings: Settings, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    fill_catalogue(settings)
    store_events(settings, [an_event(1, at(), item_id="i3"), an_event(2, at(), actor="a2", item_id="i3")])
    run_nightly(settings, DAY, "tags")
    online = RedisOnlineStore(redis_client(settings.redis))
    assert set(online.actor("a1").tags) == {"theme:就业创业"}
    registry = open_registry(settings.registry_address)
    delete_tag(registry, "a1", "theme:就业创业", at())
    for _ in range(2):
        run_nightly(settings, DAY, "tags")
        assert online.actor("a1").tags == {}
        assert online.actor("a1").deleted_tags == {"theme:就业创业"}
    assert [row["actor"] for row in rows("SELECT actor FROM actor_tags")] == ["a2"]


def test_what_was_chosen_stands_online_after_every_night_and_is_told_to_no_analyst(
    settings: Settings, rows: Callable[[str], list[dict[str, Any]]]
) -> None:
    fill_catalogue(settings)
    store_events(settings, [an_event(1, at(), item_id="i3")])
    registry = open_registry(settings.registry_address)
    choose_tag(registry, "a1", "theme:住房", at())
    choose_tag(registry, "new", "theme:教育", at())
    switch(registry, "a1", on=False, now=at())
    run_nightly(settings, DAY, "tags")
    online = RedisOnlineStore(redis_client(settings.redis))
    assert set(online.actor("a1").tags) == {"theme:就业创业", "theme:住房"}
    assert (online.actor("new").tags, online.actor("new").is_off) == ({"theme:教育": 1.0}, False)
    assert online.actor("a1").is_off
    assert [(row["actor"], row["tag"]) for row in rows("SELECT actor, tag FROM actor_tags")] == [
        ("a1", "theme:就业创业")
    ]


def test_clicks_by_one_hand_weigh_no_more_than_an_item_gives_in_a_day(
    settings: Settings, rows: Callable[[str], list[dict[str, Any]]]
) -> None:
    fill_catalogue(settings)
    store_events(settings, [an_event(n, at(), actor="loud", item_id="i1") for n in range(1_000)] + [
        an_event(2_000 + n, at(), actor=f"b{n}", item_id="i2") for n in range(3)])  # fmt: skip
    models = load_models(settings.models_path, run_nightly(settings, DAY)["run"])
    assert dict(zip(models.item_ids, models.popularity.tolist(), strict=True)) == {"i1": 0.25, "i2": 0.75}
    weights = {row["tag"]: row["weight"] for row in rows("SELECT * FROM actor_tags WHERE actor = 'loud'")}
    assert weights == {"theme:就业创业": MAX_DAY_WEIGHT}  # one item is not enough for a life event


def test_without_events_there_is_no_run(settings: Settings) -> None:
    fill_catalogue(settings)
    manifest = run_nightly(settings, DAY)
    assert (manifest["run"], manifest["models"]) == (None, None)
    assert manifest["retention"] == {"months": 0}
    assert latest_run(open_registry(settings.registry_address)) is None


def test_items_that_the_catalogue_lost_are_counted_and_not_learned(settings: Settings) -> None:
    fill_catalogue(settings, 2)
    store_events(settings, [an_event(n, at(), actor=f"a{n}", item_id=f"i{n % 4 + 1}") for n in range(20)])
    manifest = run_nightly(settings, DAY)
    assert manifest["models"]["unknown_items"] == 2
    assert load_models(settings.models_path, manifest["run"]).item_ids == ("i1", "i2")


def test_new_events_make_a_new_run_and_old_folders_go(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly_module, "KEPT_RUNS", 2)
    fill_catalogue(settings)
    runs = []
    for n in range(4):
        store_events(settings, [an_event(10 * n + k, at(), actor=f"a{n}", item_id=f"i{k + 1}") for k in range(3)])
        runs.append(run_nightly(settings, DAY)["run"])
    assert len(set(runs)) == 4
    assert recent_runs(open_registry(settings.registry_address), 2) == [runs[3], runs[2]]
    assert {path.name for path in settings.models_path.iterdir()} == set(runs[2:])


def test_the_newest_earlier_run_that_can_be_used_is_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly_module, "KEPT_RUNS", 1)
    fill_catalogue(settings)
    runs = []
    for n in range(3):
        store_events(settings, [an_event(10 * n + k, at(), actor=f"a{n}", item_id=f"i{k + 1}") for k in range(3)])
        runs.append(run_nightly(settings, DAY)["run"])
        if n == 1:
            (settings.models_path / runs[1] / "factors.npy").write_bytes(b"")
    assert {path.name for path in settings.models_path.iterdir()} == {runs[0], runs[2]}


def test_a_night_without_memory_says_so_and_leaves_the_models_that_are_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    fill_catalogue(settings)
    store_events(settings, [an_event(1, at(), item_id="i1"), an_event(2, at(), item_id="i2")])
    before = run_nightly(settings, DAY)["run"]
    store_events(settings, [an_event(3, at(), actor="another", item_id="i2")])
    with monkeypatch.context() as patch:
        patch.setattr("recommender.artifacts.np.save", fail)
        with pytest.raises(Unavailable, match="no memory is left"):
            run_nightly(settings, DAY)
    assert "no memory is left" in failed_night(settings.home, utc_now())
    assert [path.name for path in settings.models_path.iterdir()] == [before]
    assert run_nightly(settings, DAY)["run"] != before
    assert not failed_night(settings.home, utc_now())


def test_a_command_without_memory_fails_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise MemoryError

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("civicrec: no memory is left")


@pytest.mark.parametrize("day", [date.min, date(1970, 1, 1), date(2025, 1, 1), date.max])
def test_a_day_at_the_ends_of_the_calendar_is_refused_in_one_line(settings: Settings, day: date) -> None:
    with pytest.raises(InvalidInput, match=day.isoformat()):
        run_nightly(settings, day)


def test_a_second_job_on_the_same_home_is_refused(settings: Settings) -> None:
    def again(*_: object) -> None:
        with pytest.raises(ConfigError, match="in use as the folder of a nightly job"):
            run_nightly(settings, DAY)

    run_nightly(settings, DAY, "retention", again)


def test_a_step_that_does_not_exist_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="expected one of retention, items, tags, segments, rankers, models"):
        run_nightly(settings, DAY, "tag")


@pytest.mark.parametrize("ahead", [1, 30, 13_149])
def test_a_day_that_has_not_come_is_refused_and_removes_nothing(
    settings: Settings, rows: Callable[[str], list[dict[str, Any]]], ahead: int
) -> None:
    fill_catalogue(settings)
    store_events(settings, [an_event(1, at())])
    run_nightly(settings, DAY)
    before = everything(settings, rows)
    for only in (None, "retention", "tags", "models"):
        with pytest.raises(InvalidInput, match="has not come yet"):
            run_nightly(settings, local_date(utc_now()) + timedelta(days=ahead), only)
    assert everything(settings, rows) == before


def test_a_run_of_a_wrong_clock_is_dropped_by_the_next_night(settings: Settings) -> None:
    fill_catalogue(settings)
    store_events(settings, [an_event(1, at())])
    registry = open_registry(settings.registry_address)
    save_run(registry, "2999-01-01-typo", date(2999, 1, 1), {}, at())
    run = run_nightly(settings, DAY)["run"]
    assert latest_run(registry, date(2999, 1, 2)) == latest_run(registry)
    assert recent_runs(registry, 9, date(2999, 1, 2)) == [run]


def test_the_command_prints_the_manifest_and_fails_in_words(stores: RunningStack, settings: Settings) -> None:
    store_events(settings, [an_event(1, at())])
    done = stores.civicrec("nightly", "--day", "2026-03-31", "--only", "retention")
    assert json.loads(done.stdout)["retention"] == {"months": 0}
    env, stores.env["CIVICREC_WAREHOUSE__PORT"] = dict(stores.env), "1"
    try:
        failed = stores.civicrec("nightly", check=False)
    finally:
        stores.env.update(env)
    assert failed.returncode == 1
    assert "civicrec: the warehouse at 127.0.0.1:1 does not answer" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_the_next_night_knows_nothing_of_before_consent_was_withdrawn(
    settings: Settings, rows: Callable[[str], list[dict[str, Any]]]
) -> None:
    fill_catalogue(settings)
    before = DAY - timedelta(days=1)
    store_events(settings, [an_event(n, at(before), actor=actor) for n, actor in enumerate(("gone", "back", "stays"))])
    run_nightly(settings, before, "tags")
    assert {row["actor"] for row in rows("SELECT * FROM actor_tags")} == {"gone", "back", "stays"}
    store_events(settings, [
        *[an_event(10 + n, at(DAY, 13), actor=actor, kind="consent_withdrawn", item_id="", consent="measure")
          for n, actor in enumerate(("gone", "back"))],
        an_event(20, at(DAY, 14), actor="back", item_id="i3"),
        an_event(21, at(DAY, 12), actor="gone", item_id="i3"),  # of before, come late
    ])  # fmt: skip
    models = run_nightly(settings, DAY)["models"]
    kept = {(row["actor"], row["day"]) for row in rows("SELECT * FROM actor_tags")}
    assert kept == {("stays", before), ("stays", DAY), ("back", DAY)}
    assert {row["evidence"] for row in rows("SELECT * FROM actor_tags WHERE actor = 'back'")} == {1}
    assert models["counts"] == {"actors": 2, "items": 2, "pairs": 2}


def test_a_night_drops_the_months_that_are_older_than_events_are_kept(
    settings: Settings, rows: Callable[[str], list[dict[str, Any]]]
) -> None:
    oldest = DAY - timedelta(days=settings.warehouse.keep_days)
    ages = [oldest.replace(day=1) - timedelta(days=1), oldest.replace(day=1), DAY]
    store_events(settings, [an_event(n, at(day)) for n, day in enumerate(ages)])
    dead_letters = {
        "log_offset": [1, 2],
        "seen_at": [to_ms(at(oldest - timedelta(days=2))), to_ms(at(DAY))],
        "raw": ["a", "b"],
    }
    ClickHouseWarehouse(settings.warehouse).insert("dead_letters", dead_letters)
    asked = Window(ages[0], DAY)
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        assert f"{ages[0]} 的数据可能不全" in traffic(warehouse, asked, at()).footnote()
        assert run_nightly(settings, DAY, "retention")["retention"] == {"months": 1}
        assert (
            f"{ages[0]} 至 {ages[0]} 没有数据，{ages[1]} 的数据可能不全" in traffic(warehouse, asked, at()).footnote()
        )
    assert [row["local_date"] for row in rows("SELECT local_date FROM events ORDER BY 1")] == ages[1:]
    assert [row["raw"] for row in rows("SELECT raw FROM dead_letters")] == ["b"]


def test_a_night_drops_values_of_attributes_that_are_long_past(settings: Settings) -> None:
    ended = utc_now() - KEEP_PAST
    dropped, kept = (
        Kept("age", b"", "declared", ended, ended + timedelta(hours=hours), ended_at=ended + timedelta(hours=hours))
        for hours in (-1, 1)
    )
    with registry_at(settings.registry_address) as registry:
        change(registry, "0" * 32, lambda _: ([dropped, kept], []), utc_now())
        run_nightly(settings, DAY, "retention")
        assert kept_of(registry, "0" * 32) == [kept]
