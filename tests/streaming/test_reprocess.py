"""Reprocessing on a real warehouse and the real log, ledger and registry: what differs is mended, and nothing else."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from civicrec.accounting.books import read_books
from civicrec.clients import redis_client
from civicrec.clock import utc_now
from civicrec.errors import ConfigError, Unavailable
from civicrec.eventlog.ports import Record
from civicrec.events import dump
from civicrec.process.locks import owned
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from streaming import parse
from streaming.repair import run as repair_module
from streaming.repair.reprocess import Selection
from streaming.repair.run import repair
from tests.builders import NOON, an_event
from tests.running import RunningStack, running_stack
from tests.streaming.city import City, clicks

pytestmark = pytest.mark.stack
DAY = date(2026, 1, 31)
ALL = Selection(DAY - timedelta(days=5), DAY + timedelta(days=5))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("stores"), only=("warehouse", "valkey")) as stack:
        with closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse:
            migrate(warehouse)
        yield stack


@pytest.fixture
def city(stores: RunningStack, tmp_path: Path) -> Iterator[City]:
    city = City(stores, tmp_path)
    for table in ("events", "dead_letters"):
        city.warehouse.command(f"TRUNCATE TABLE {table}")
    yield city
    city.close()


def test_what_came_before_its_item_was_in_the_catalogue_is_mended_once_it_is(city: City) -> None:
    city.send(*clicks(20), *[an_event("page_view", "", 100 + k) for k in range(5)])
    city.stream()
    assert {row["item_known"] for row in city.rows()} == {0}
    city.catalogue("i1")
    with closing(redis_client(city.settings.redis)) as redis:
        redis.zadd("recent:ghost", {"i1": 1})  # what no event tells of is not there after a rebuild
    dry = repair(city.settings, ALL, dry_run=True)
    assert (dry.new, dry.changed, dry.same, dry.days) == (0, 20, 5, [DAY])
    assert {row["item_known"] for row in city.rows()} == {0}
    assert city.recent("ghost") == ["i1"]
    done = repair(city.settings, ALL)
    assert (done.new, done.changed, done.same, done.days) == (0, 20, 5, [DAY])
    assert [(row["item_known"], row["item_type"]) for row in city.rows()] == [(1, "policy")] * 20 + [(0, "")] * 5
    assert city.recent("ghost") == []  # no stream runs, so the store was rebuilt here
    again = repair(city.settings, ALL)
    assert (again.new, again.changed, again.same, again.days) == (0, 0, 25, [])


def test_rows_that_are_missing_come_back_and_only_their_days_are_named(city: City) -> None:
    city.catalogue("i1")
    late = [an_event("click", "i1", 500 + k, NOON + timedelta(days=3)) for k in range(4)]
    city.send(*clicks(6), *late)
    city.stream()
    city.warehouse.command("ALTER TABLE events DELETE WHERE kind = 'click' AND local_date = {day:Date} "
                           "SETTINGS mutations_sync = 1", {"day": DAY})  # fmt: skip
    done = repair(city.settings, ALL)
    assert (done.new, done.changed, done.same, done.days) == (6, 0, 4, [DAY])
    assert len(city.rows()) == 10


def test_only_the_chosen_days_kind_and_site_are_touched(city: City) -> None:
    other = an_event("click", "i1", 900, NOON, site="other")
    earlier = an_event("click", "i1", 901, NOON - timedelta(days=1))
    read = an_event("read", "i1", 902, NOON)
    city.send(*clicks(3), other, earlier, read)
    city.stream()
    city.catalogue("i1")
    done = repair(city.settings, Selection(DAY, DAY, "click", "demo"))
    assert done.changed == 3
    assert [row["item_known"] for row in city.rows("item_known, log_offset")] == [1, 1, 1, 0, 0, 0]


def test_a_row_whose_day_moves_leaves_no_twin_behind(city: City) -> None:
    city.send(*clicks(4))
    city.stream()
    city.warehouse.command(
        "INSERT INTO events SELECT * REPLACE (local_date - 1 AS local_date) FROM events WHERE log_offset <= 2"
    )
    city.warehouse.command("ALTER TABLE events DELETE WHERE log_offset <= 2 AND local_date = {day:Date} "
                           "SETTINGS mutations_sync = 1", {"day": DAY})  # fmt: skip
    assert len(city.rows()) == 4
    done = repair(city.settings, ALL)
    assert (done.changed, done.same, done.days) == (2, 2, [DAY - timedelta(days=1), DAY])
    assert [row["local_date"] for row in city.rows()] == [DAY] * 4


def test_of_two_deliveries_of_one_event_the_later_counts_whichever_is_read(city: City) -> None:
    first, second = (an_event("click", "i1", 1, title=title) for title in ("first", "second"))
    city.send(first, *clicks(0), second)
    city.stream()
    assert (repair(city.settings, ALL).changed, [row["title"] for row in city.rows()]) == (0, ["second"])


def test_what_the_stream_has_not_done_yet_is_left_to_it(city: City) -> None:
    city.send(*clicks(3))
    assert repair(city.settings, ALL).new == 0
    city.stream()
    assert len(city.rows()) == 3


@pytest.mark.parametrize("cut", ["write", "_recover", "_keep"])
def test_stopped_anywhere_the_same_call_goes_on_and_forgets_no_day(
    city: City, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    monkeypatch.setattr("streaming.repair.reprocess._AT_ONCE", 5)
    city.send(*[an_event("click", "i1", k, NOON + timedelta(days=k // 10)) for k in range(20)])
    city.stream()
    city.catalogue("i1")
    real, calls = getattr(repair_module, cut), []

    def failing(*arguments: Any) -> None:
        calls.append(1)
        real(*arguments)
        if len(calls) == 3:
            raise Unavailable("cut off")

    monkeypatch.setattr(repair_module, cut, failing)
    with pytest.raises(Unavailable):
        repair(city.settings, ALL)
    monkeypatch.setattr(repair_module, cut, real)
    done = repair(city.settings, ALL)
    assert done.went_on_after > 0
    assert done.days == [DAY, DAY + timedelta(days=1)]
    assert [row["item_known"] for row in city.rows()] == [1] * 20
    assert list(city.settings.home.glob("reprocess-*")) == []


def test_a_bookmark_of_an_older_version_still_says_that_interactions_changed(tmp_path: Path) -> None:
    (path := tmp_path / "reprocess-1.json").write_text('{"at":[7,0,""],"days":["2026-01-31"],"turns_changed":true}')
    bookmark = repair_module._kept(path)
    assert bookmark.interactions_changed
    assert (bookmark.at, bookmark.days) == ((7, 0, ""), {DAY})


def refuse_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the code of the day: it refuses what it should keep."""
    real = parse.refusal
    monkeypatch.setattr(
        parse, "refusal", lambda event: parse.Dropped("bad_field", "a bug") if event.title == "x" else real(event)
    )


def test_dead_letters_are_recovered_after_a_fix_and_the_books_follow(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.catalogue("i1")
    with monkeypatch.context() as bug:
        refuse_the_first(bug)
        city.send(*clicks(5), *[an_event("click", "i1", 50 + k, title="x") for k in range(3)])
        city.log.append([Record("x", 2, b"\x00 poison")])
        city.stream()
    books = read_books(city.settings)
    assert (books.stored, books.rejected, books.balanced) == (5, {"bad_field": 3, "bad_json": 2}, True)
    today = utc_now().date()
    seen = Selection(today - timedelta(days=1), today + timedelta(days=1))
    dry = repair(city.settings, seen, dead_letters=True, dry_run=True)
    assert (dry.new, dry.recovered, dict(dry.refused)) == (3, 3, {"bad_json": 1})
    assert read_books(city.settings).stored == 5
    for _ in range(2):  # the second time nothing is left to do
        repair(city.settings, seen, dead_letters=True)
        books = read_books(city.settings)
        assert (books.stored, books.rejected, books.balanced) == (8, {"bad_json": 2}, True)
        assert len(city.rows()) == 8
        dead_letters = city.warehouse.rows("SELECT reason, hex(raw) AS raw FROM dead_letters FINAL")
        assert [(row["reason"], bytes.fromhex(row["raw"])) for row in dead_letters] == [("bad_json", b"\x00 poison")]


@pytest.mark.parametrize("cut", ["write", "remove_dead_letters"])
def test_a_recovery_cut_off_counts_once(city: City, monkeypatch: pytest.MonkeyPatch, cut: str) -> None:
    with monkeypatch.context() as bug:
        refuse_the_first(bug)
        city.send(*[an_event("click", "i1", k, title="x") for k in range(3)])
        city.stream()
    today = utc_now().date()
    seen = Selection(today - timedelta(days=1), today + timedelta(days=1))
    with monkeypatch.context() as fault:
        fault.setattr(repair_module, cut, lambda *_: (_ for _ in ()).throw(Unavailable("cut off")))
        with pytest.raises(Unavailable):
            repair(city.settings, seen, dead_letters=True)
    assert read_books(city.settings).balanced
    assert repair(city.settings, seen, dead_letters=True).recovered == 3
    books = read_books(city.settings)
    assert (books.stored, books.rejected, books.balanced) == (3, {}, True)
    assert len(city.rows()) == 3


def test_a_record_that_contradicts_its_count_stays_a_dead_letter_and_a_readable_one_is_recovered_as_one(
    city: City,
) -> None:
    events = clicks(3)
    city.log.append([Record("x", 4, dump(events))])  # counted as 4: the record contradicts its count
    city.stream()
    assert read_books(city.settings).rejected == {"bad_json": 4}
    today = utc_now().date()
    seen = Selection(today - timedelta(days=1), today + timedelta(days=1))
    assert repair(city.settings, seen, dead_letters=True).recovered == 0  # nobody knows what became of the fourth
    assert read_books(city.settings).balanced
    city.warehouse.command("INSERT INTO dead_letters SELECT * REPLACE (3 AS n_events) FROM dead_letters")  # as counted
    assert repair(city.settings, seen, dead_letters=True).recovered == 1
    assert len(city.rows()) == 3


def test_only_one_reprocessing_runs_at_a_time(city: City) -> None:
    with (
        owned(city.settings.home / "reprocess.lock", "the folder of a reprocessing"),
        pytest.raises(ConfigError, match="in use"),
    ):
        repair(city.settings, ALL)


def test_the_command_says_what_it_would_do_and_what_it_did(city: City) -> None:
    city.send(*clicks(3))
    city.log.append([Record("x", 2, b"\x00 poison")])
    city.stream()
    city.catalogue("i1")
    words = ["events", "reprocess", "--from", "2026-01-31", "--until", "2026-01-31", "--home", str(city.settings.home)]
    env = city.stack.stores_by_url
    assert city.stack.civicrec(*words, "--dry-run", env=env).stdout.splitlines() == [
        "0 events would be added, 3 would be changed, 0 as they should be",
        "2 still refused: bad_json",
        "days would be changed: 2026-01-31",
    ]
    done = json.loads(city.stack.civicrec(*words, "--json", env=env).stdout)
    assert (done["new"], done["changed"], done["same"], done["days"]) == (0, 3, 0, ["2026-01-31"])
    assert (done["refused"], done["cured"], done["dead_letters"]) == ({"bad_json": 2}, 0, 0)
    for wrong, said in [
        (["--from", "2026-02-01", "--until", "2026-01-31"], "expected the earlier day first"),
        (["--from", "2026-01-31", "--until", "2026-01-31", "--kind", "klick"], "expected one of"),
    ]:
        failed = city.stack.civicrec("events", "reprocess", *wrong, check=False)
        assert failed.returncode == 2
        assert said in failed.stderr
