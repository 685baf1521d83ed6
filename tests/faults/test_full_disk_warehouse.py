"""The disk of the warehouse fills up: what is answered 200 is stored, and what is not can be sent again."""

from contextlib import closing, suppress
from pathlib import Path

import pytest

from civicrec.errors import CivicrecError
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.day_tables import replace_day
from tests.builders import NOON
from tests.faults.disk import filled, small_disk
from tests.running import running_stack

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
        replace_day(warehouse, "actor_tags", day, tags)
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
                    replace_day(warehouse, "actor_tags", day, tags)
                assert warehouse.rows("SELECT count() AS n FROM actor_tags")[0]["n"] == ROWS
            for _ in range(2):  # with space, under the same token: all of it, and once
                warehouse.insert("full", rows, token=str(n))
                assert warehouse.rows("SELECT count() AS n FROM full") == [{"n": (n + 1) * ROWS}]
        assert n_failed >= 5
