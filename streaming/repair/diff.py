"""What the warehouse holds of some events, beside what it should hold: only the rows that differ are written again.

In: columns as the stream makes them. Out: a `Diff`. Applying one twice changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from civicrec.warehouse.ports import Warehouse
from streaming.blocks import Columns

StoredRow = dict[str, Any]

#: As the stream writes them: times in epoch milliseconds, days since 1970, ids as text.
_READ_AS = {
    "event_id": "toString(event_id)",
    "occurred_at": "toUnixTimestamp64Milli(occurred_at)",
    "received_at": "toUnixTimestamp64Milli(received_at)",
    "local_date": "toInt32(local_date)",
}
#: The sorting key of ``events`` but for the id: a row whose key has moved does not replace the old one.
_PLACE = ("site", "local_date", "kind")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Diff:
    """Rows to write, and rows to take away because they stand in another place.

    Attributes
    ----------
    same
        Rows the warehouse holds just so.
    days
        The portal's days whose figures change.
    """

    new: list[StoredRow] = field(default_factory=list)
    changed: list[StoredRow] = field(default_factory=list)
    moved: list[StoredRow] = field(default_factory=list)
    same: int = 0
    days: set[date] = field(default_factory=set)


def diff(warehouse: Warehouse, columns: Columns) -> Diff:
    """Compare rows with those stored. Of two rows of one id that of the later offset, then of the later log, counts."""
    differences = Diff()
    wanted = _newest(columns)
    stored = _stored(warehouse, list(wanted), list(columns)) if wanted else {}
    same = 0
    for event_id, row in wanted.items():
        old = stored.get(event_id)
        if old is not None and not old["log"]:  # stored before rows named their log
            old["log"] = row["log"]
        if old is None:
            differences.new.append(row)
        elif old == row or _rank(old) > _rank(row):
            same += 1
            continue
        else:
            differences.changed.append(row)
            differences.days.add(_day(old))
            if any(old[name] != row[name] for name in _PLACE):
                differences.moved.append(old)
        differences.days.add(_day(row))
    return Diff(differences.new, differences.changed, differences.moved, same, differences.days)


def write(warehouse: Warehouse, differences: Diff) -> None:
    """Write what differs."""
    rows = [*differences.new, *differences.changed]
    if rows:
        warehouse.insert("events", {name: [row[name] for row in rows] for name in rows[0]})
    for old in differences.moved:
        warehouse.command(
            "ALTER TABLE events DELETE WHERE event_id = {event_id:UUID} AND site = {site:String} "
            "AND toInt32(local_date) = {local_date:Int32} AND kind = {kind:String} SETTINGS mutations_sync = 1",
            {name: old[name] for name in ("event_id", *_PLACE)},
        )


def _newest(columns: Columns) -> dict[str, StoredRow]:
    rows: dict[str, StoredRow] = {}
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        row["event_id"] = str(row["event_id"])
        before = rows.get(row["event_id"])
        if before is None or _rank(before) <= _rank(row):
            rows[row["event_id"]] = row
    return rows


def _rank(row: StoredRow) -> tuple[int, str]:
    return row["log_offset"], row["log"]


def _stored(warehouse: Warehouse, event_ids: Sequence[str], names: Sequence[str]) -> dict[str, StoredRow]:
    chosen = ", ".join(f"{_READ_AS.get(name, name)} AS {name}_" for name in names)
    table = warehouse.query(
        f"SELECT {chosen} FROM events FINAL WHERE event_id IN {{ids:Array(UUID)}}", {"ids": list(event_ids)}
    )
    rows = table.rename_columns(list(names)).to_pylist()
    return {row["event_id"]: row for row in rows}


def _day(row: StoredRow) -> date:
    return _EPOCH + timedelta(days=row["local_date"])
