"""The disk of the warehouse fills up: what is answered 200 is stored, and what is not can be sent again."""

import threading
import time
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import pytest

from civicrec.errors import CivicrecError
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.day_tables import replace_day
from operations.stack.engine import NOT_ENOUGH_SPACE, Engine, EngineError, Statement
from tests.builders import NOON
from tests.faults.disk import filled, small_disk
from tests.running import RunningStack, problems, running_stack, wait_for

pytestmark = pytest.mark.stack

ROWS = 2_000


def test_a_full_disk_takes_no_insert_for_stored_and_no_day_away(tmp_path: Path) -> None:
    day = NOON.date()
    with (
        small_disk(tmp_path / "disk", 150) as disk,
        running_stack(
            disk / "home", only=("warehouse",), env={"CIVICREC_MIN_FREE_DISK_MB": "0"}
        ) as stack,
        closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse,
    ):  # fmt: skip
        tags = {"actor": ["a"] * ROWS, "tag": [str(n) for n in range(ROWS)], "weight": [1.0] * ROWS,
                "evidence": [1] * ROWS, "last_at": [NOON] * ROWS}  # fmt: skip
        replace_day(warehouse, "actor_tags", day, [tags])
        warehouse.command(
            "CREATE TABLE full (a UInt64, b String) ENGINE = MergeTree ORDER BY a PARTITION BY a % 3"
            " SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1"
        )
        rows = {"a": list(range(ROWS)), "b": [f"{n:0200}" for n in range(ROWS)]}
        n_failed = n_stored = 0
        # Less and less space, so that the fault meets each of the files that an insert writes.
        for n, left_kb in enumerate((2_000, 1_200, 1_100, 1_050, 900, 500, 200, 100, 50, 20, 8, 4, 0)):
            with filled(disk, left_kb << 10):
                try:
                    warehouse.insert("full", rows, token=str(n))
                except CivicrecError:
                    n_failed += 1
                else:
                    n_stored += 1
                    counted = warehouse.rows("SELECT count() AS n FROM full")[0]["n"]
                    assert counted == (n + 1) * ROWS
                with suppress(CivicrecError):
                    replace_day(warehouse, "actor_tags", day, [tags])
                assert warehouse.rows("SELECT count() AS n FROM actor_tags")[0]["n"] == ROWS
            for _ in range(2):  # with space, under the same token: all of it, and once
                warehouse.insert("full", rows, token=str(n))
                assert warehouse.rows("SELECT count() AS n FROM full") == [{"n": (n + 1) * ROWS}]
        assert n_failed >= 5


def test_a_full_disk_takes_no_definition_of_a_table(tmp_path: Path) -> None:
    def run(engine: Engine, sql: str) -> bytes:
        return engine.run(Statement(sql)).data

    with small_disk(tmp_path / "disk", 60) as disk:
        with closing(Engine(disk / "data", 1)) as engine:
            for name in ("kept", "gone"):
                run(engine, f"CREATE TABLE {name} (a UInt64) ENGINE = MergeTree ORDER BY a ")
            run(engine, "INSERT INTO kept VALUES (2)")
            with filled(disk, 0):
                for definition in (
                    "CREATE TABLE more (a UInt64) ENGINE = MergeTree ORDER BY a",
                    "ALTER TABLE kept ADD COLUMN b UInt64",
                    "-- why\n rename table kept to other",
                ):
                    with pytest.raises(EngineError) as caught:
                        run(engine, definition)
                    assert caught.value.code == NOT_ENOUGH_SPACE
                run(engine, "DROP TABLE gone SYNC")  # what makes room is let through
            run(engine, "ALTER TABLE kept ADD COLUMN b UInt64")
        with closing(Engine(disk / "data", 1)) as engine:
            assert run(engine, "SHOW TABLES") == b"kept\n"
            assert run(engine, "SELECT a, b FROM kept") == b"2\t0\n"


class Writer(threading.Thread):
    """Inserts under a token each until it is told that the rows are stored."""

    def __init__(self, stack: RunningStack) -> None:
        super().__init__(name="writer", daemon=True)
        self.stopped = threading.Event()
        self.n_stored = self.n_refused = 0
        self._stack = stack

    def run(self) -> None:
        with closing(ClickHouseWarehouse(self._stack.settings.warehouse)) as warehouse:
            for n in count():
                rows = {"a": list(range(n * ROWS, (n + 1) * ROWS)), "b": [f"{k:040}" for k in range(ROWS)]}
                while not self.stopped.is_set():
                    try:
                        warehouse.insert("merged", rows, token=str(n))
                    except CivicrecError:
                        self.n_refused += 1
                        time.sleep(0.05)
                    else:
                        self.n_stored += ROWS
                        break
                if self.stopped.is_set():
                    return


@pytest.mark.timeout(300)
def test_a_disk_full_while_parts_are_merged_takes_nothing_away(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", 200) as disk,
        running_stack(
            disk / "home", only=("warehouse",), env={"CIVICREC_MIN_FREE_DISK_MB": "0"}
        ) as stack,
        closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse,
    ):  # fmt: skip
        warehouse.command(
            "CREATE TABLE merged (a UInt64, b String) ENGINE = ReplacingMergeTree ORDER BY a PARTITION BY a % 2"
            " SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1"
        )
        writer = Writer(stack)
        writer.start()
        for left_kb in (2_000, 1_200, 1_000, 500, 100, 10, 0) * 2:
            stored = writer.n_stored
            wait_for(lambda stored=stored: writer.n_stored > stored, 60, "an insert")
            with filled(disk, left_kb << 10):
                time.sleep(0.5)
        writer.stopped.set()
        writer.join(60)
        wait_for(warehouse.ping, 60, "the warehouse")
        found = {name: stack.log.count(name) for name in ("part_damaged", "part_set_aside", "damaged_part_replaced")}
        print(f"\n{writer.n_stored} rows, refused {writer.n_refused} times, {found}")  # noqa: T201  # shown by `pytest -s`

        def counted() -> list[dict[str, int]]:  # the warehouse may be starting anew
            with suppress(CivicrecError):
                # An insert that was not answered may be stored, too.
                return warehouse.rows(
                    "SELECT uniqExact(a) AS n, uniqExact(b) AS m FROM merged WHERE a < {n:UInt64}",
                    {"n": writer.n_stored},
                )
            return []

        whole = [{"n": writer.n_stored, "m": ROWS}]  # but for the moment in which a part set aside is put back
        wait_for(lambda: counted() == whole, 60, lambda: f"{whole} rows, not {counted()}")
        wait_for(lambda: "detached" not in problems(stack), 60, "nothing set aside that lacks")
