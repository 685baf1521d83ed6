"""What is stored is proved by counting: a hole of any cause is found, named, kept in the log, and can be filled."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from civicrec.accounting.ledger import Ledger
from civicrec.accounting.proofs import Hole, read_proved
from civicrec.accounting.readers import acknowledged
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from streaming.repair.run import repair
from tests.builders import NOON, an_event
from tests.running import RunningStack, running_stack
from tests.streaming.city import City, clicks
from tests.streaming.test_reprocess import ALL

pytestmark = pytest.mark.stack

DELETE = "ALTER TABLE events DELETE WHERE {} SETTINGS mutations_sync = 1"


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
    city.catalogue("i1")
    yield city
    city.close()


def test_what_is_all_there_is_proved_once_it_is_counted(city: City) -> None:
    city.send(*clicks(10))
    city.stream()
    assert acknowledged(city.settings) == 0
    assert city.count() == []
    assert acknowledged(city.settings) == 10
    proof = read_proved(city.settings.stream_path).proofs[0]
    assert (proof.first, proof.last, proof.held.events, proof.held.refused) == (0, 10, {"202601": 10}, 0)
    city.send(*[an_event("page_view", "", 100 + k, NOON + timedelta(days=1)) for k in range(5)])
    city.stream()
    assert city.count() == []
    proved = read_proved(city.settings.stream_path)
    assert [(one.first, one.last, one.held.total) for one in proved.proofs] == [(0, 15, 15)]


@pytest.mark.parametrize("deleted", ["log_offset = 7", "log_offset >= 5 AND log_offset < 9", "1"])
def test_a_hole_is_named_and_kept_in_the_log_until_reprocessing_has_filled_it(city: City, deleted: str) -> None:
    city.send(*clicks(4))
    city.stream()
    assert city.count() == []
    for k in range(4, 16, 4):  # three batches
        city.send(*clicks(k + 4)[k:])
        city.stream()
    n_before = len(city.rows())
    city.warehouse.command(DELETE.format(f"log_offset > 4 AND {deleted}"))
    lost = n_before - len(city.rows())
    assert lost > 0
    holes = city.count()
    assert sum(hole.events for hole in holes) == lost
    assert all(4 <= hole.first < hole.last <= 16 for hole in holes)
    books = read_books(city.settings)
    assert (books.accepted, books.stored, books.missing, books.balanced) == (16, 16 - lost, lost, False)
    assert acknowledged(city.settings) == holes[0].first  # never behind the hole
    assert repair(city.settings, ALL).new == lost
    assert city.count() == []
    assert acknowledged(city.settings) == 16
    assert read_books(city.settings).balanced


def test_an_event_that_came_twice_and_is_kept_once_is_no_hole(city: City) -> None:
    city.send(*clicks(5), *clicks(5))
    city.stream()
    city.send(*clicks(3))
    city.stream()
    city.warehouse.command("OPTIMIZE TABLE events FINAL")
    assert city.count() == []
    assert acknowledged(city.settings) == 13


def test_dead_letters_are_counted_too(city: City) -> None:
    city.send(*clicks(2))
    city.break_off(b"not json", n_events=3)
    city.stream()
    assert city.count() == []
    assert read_proved(city.settings.stream_path).proofs[0].held.refused == 3
    city.break_off(b"not json either", n_events=2)
    city.stream()
    city.warehouse.command("ALTER TABLE dead_letters DELETE WHERE log_offset = 4 SETTINGS mutations_sync = 1")
    assert city.count() == [Hole(3, 4, 2)]
    assert repair(city.settings, ALL).dead_letters == 1
    assert city.count() == []
    assert repair(city.settings, ALL).dead_letters == 0


def test_a_ledger_of_an_older_version_counts_from_what_it_remembers(city: City) -> None:
    city.send(*clicks(4))
    city.stream()
    with closing(Ledger(city.settings.stream_path)) as ledger, ledger.transaction() as db:
        db.execute("DROP TABLE proofs")
        db.execute("DROP TABLE holes")
    assert acknowledged(city.settings) == 0
    assert read_books(city.settings).balanced
    assert city.count() == []
    assert acknowledged(city.settings) == 4
