"""Served lists in the warehouse: each once, as long as they may be kept, and beside the events they led to."""

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from civicrec.accounting.served import ServedList, ServedSpool, served_counts
from civicrec.clock import to_ms, utc_now
from civicrec.errors import InvalidInput, Unavailable
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from civicrec.warehouse.served import columns_of, store_waiting

pytestmark = pytest.mark.stack
OPERATIONS = (Path(__file__).parents[2] / "docs/operations.md").read_text()
AT = datetime(2026, 3, 10, 4, tzinfo=UTC)


def served(request_id: str, at: datetime = AT, sources: tuple[str, ...] = ("als", "editorial")) -> ServedList:
    return ServedList(
        request_id, to_ms(at), "gz", "home", "home", "", "personalised", "2026-03-09-1", False, 0,
        [f"{one}-item" for one in sources], [[one, "tags"] for one in sources], [["FRESH"] for _ in sources],
    )  # fmt: skip


def spool_with(path: Path, *lists: ServedList) -> ServedSpool:
    spool = ServedSpool(path, 1 << 20)
    spool.put(lists, {})
    return spool


def test_lists_are_stored_once_however_often_they_are_sent(warehouse: ClickHouseWarehouse, tmp_path: Path) -> None:
    migrate(warehouse)
    ids = [uuid4().hex, uuid4().hex]
    with closing(spool_with(tmp_path / "spool", *map(served, ids))) as spool:
        batch = spool.next_batch()
        assert batch is not None
        # Cut off between the insert and its note in the file: the next try sends the same again.
        warehouse.insert("served", columns_of(batch.lists, 36_000), batch.name)
        assert store_waiting(spool, warehouse, 36_000) == 2
        assert store_waiting(spool, warehouse, 36_000) == 0
    rows = warehouse.rows("SELECT * FROM served WHERE request_id IN {ids:Array(String)}", {"ids": ids})
    assert sorted(row["request_id"] for row in rows) == sorted(ids)
    assert rows[0]["served_at"] == AT
    assert rows[0]["sources"] == [["als", "tags"], ["editorial", "tags"]]
    assert served_counts(tmp_path / "spool").stored == 2


def test_they_wait_for_a_warehouse_that_is_away_or_has_no_table_yet(
    warehouse: ClickHouseWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(warehouse)
    with closing(spool_with(tmp_path / "spool", served(uuid4().hex))) as spool:

        def away(*_: object) -> int:
            raise Unavailable("away")

        monkeypatch.setattr(warehouse, "insert", away)
        with pytest.raises(Unavailable):
            store_waiting(spool, warehouse, 90)
        monkeypatch.undo()
        warehouse.command("DROP TABLE served SYNC")
        assert store_waiting(spool, warehouse, 36_000) == 0
        assert served_counts(tmp_path / "spool").waiting == 1
        migrate(warehouse)
        assert store_waiting(spool, warehouse, 36_000) == 1


def test_what_is_refused_for_good_does_not_stand_in_the_way(
    warehouse: ClickHouseWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(warehouse)
    with closing(spool_with(tmp_path / "spool", served(uuid4().hex))) as spool:

        def refuse(*_: object) -> int:
            raise InvalidInput("does not fit")

        monkeypatch.setattr(warehouse, "insert", refuse)
        with pytest.raises(InvalidInput):
            store_waiting(spool, warehouse, 90)
    counts = served_counts(tmp_path / "spool")
    assert (counts.waiting, counts.lost) == (0, {"refused": 1})


def test_a_list_goes_when_its_days_are_over(warehouse: ClickHouseWarehouse) -> None:
    migrate(warehouse)
    now, old, new = utc_now(), uuid4().hex, uuid4().hex
    lists = [served(old, now - timedelta(days=92)), served(new, now - timedelta(days=89))]
    warehouse.insert("served", columns_of(lists, 90))
    warehouse.command("OPTIMIZE TABLE served FINAL")
    rows = warehouse.rows("SELECT request_id FROM served WHERE request_id IN {ids:Array(String)}", {"ids": [old, new]})
    assert rows == [{"request_id": new}]


def test_the_query_of_the_document_compares_what_showed_items(warehouse: ClickHouseWarehouse) -> None:
    migrate(warehouse)
    warehouse.command("TRUNCATE TABLE served")
    warehouse.command("TRUNCATE TABLE events")
    (sql,) = re.findall(r"```sql\n(SELECT if\(request_id = ''.+?)```", OPERATIONS, re.S)
    kept, lost = uuid4().hex, "0" * 32
    warehouse.insert("served", columns_of([served(kept)], 36_000))
    happened = [
        *[("impression", kept, "als-item", f"a{n}") for n in (1, 1, 2, 3, 4)],  # the first one came back to the page
        *[("click", kept, "als-item", f"a{n}") for n in (1, 1)],
        *[("impression", kept, "editorial-item", f"a{n}") for n in (1, 2)],
        ("click", kept, "editorial-item", "a2"),
        ("impression", lost, "x", "a1"),
        ("impression", "", "column-item", "a1"),
        ("click", "", "column-item", "a1"),
        ("read", kept, "als-item", "a2"),
    ]
    names = ("kind", "request_id", "item_id", "actor")
    columns = dict(zip(names, map(list, zip(*happened, strict=True)), strict=True))
    n = len(happened)
    columns |= {"event_id": [str(uuid4()) for _ in range(n)], "occurred_at": [AT] * n, "local_date": [AT.date()] * n}
    warehouse.insert("events", columns)
    found = {row["shown_by"]: (row["shown"], row["clicked"], row["rate"]) for row in warehouse.rows(sql)}
    assert found == {"als": (4, 1, 0.25), "editorial": (2, 1, 0.5), "site": (1, 1, 1.0), "not kept": (1, 0, 0.0)}
