"""The catalogue: items kept, found and withdrawn. Every change raises the catalogue version by one.

In: checked `Item`s. Out: `Item`s, and what changed since a version, so that a reader refreshes cheaply.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

import msgspec
from sqlalchemy import Connection, Engine, bindparam, insert, select, update

from civicrec.errors import NotFound
from civicrec.items import Item, Status, item_json
from civicrec.registry.tables import VERSION_COUNTER, audit, counters, items

_IDS_A_QUERY = 500  # SQLite before 3.32 takes 999 parameters a statement
_decode = msgspec.json.Decoder(Item).decode


@dataclass(frozen=True, slots=True)
class Upserted:
    """How many items an import added, changed, and found unchanged."""

    added: int
    changed: int
    unchanged: int


def catalogue_version(engine: Engine) -> int:
    """Return the catalogue version, 0 for an empty catalogue. Cheap: one row."""
    with engine.connect() as connection:
        value = connection.execute(select(counters.c.value).where(counters.c.name == VERSION_COUNTER)).scalar()
    return int(value or 0)


def upsert_items(engine: Engine, new: Sequence[Item]) -> Upserted:
    """Keep the items, in one transaction; one already kept in the same words is left alone.

    A withdrawn item stays withdrawn when it is imported again: only `restore` brings it back. Of two items with one
    id the later wins.
    """
    by_id = {item.item_id: item for item in new}
    added: list[dict[str, object]] = []
    changed: list[dict[str, object]] = []
    with engine.connect() as connection, connection.begin() as transaction:
        version = _raised_version(connection)
        known = _kept(connection, list(by_id))
        for item_id, item in by_id.items():
            body, status = known.get(item_id, (None, None))
            if status == "withdrawn":
                item = msgspec.structs.replace(item, status="withdrawn")
            row = _row(item, version)
            if body is None:
                added.append(row)
            elif body != row["body"]:
                changed.append({"kept_id": item_id, **row})
        if added:
            connection.execute(insert(items), added)
        if changed:
            connection.execute(update(items).where(items.c.item_id == bindparam("kept_id")), changed)
        if not added and not changed:
            transaction.rollback()  # nothing new: readers need not look
    return Upserted(len(added), len(changed), len(by_id) - len(added) - len(changed))


def items_since(engine: Engine, version: int = 0) -> tuple[int, list[Item]]:
    """Return the catalogue version and every item changed after `version`, in order of id."""
    with engine.connect() as connection:
        now = connection.execute(select(counters.c.value).where(counters.c.name == VERSION_COUNTER)).scalar()
        rows = connection.execute(select(items.c.body).where(items.c.changed_in > version)).scalars()
        # Sorted here: a database sorts by its own language's rules.
        return int(now or 0), sorted((_decode(body) for body in rows), key=attrgetter("item_id"))


def titles(engine: Engine) -> dict[str, str]:
    """Return id → title of every item, whatever its status."""
    with engine.connect() as connection:
        return {row.item_id: row.title for row in connection.execute(select(items.c.item_id, items.c.title))}


def set_status(
    engine: Engine, item_ids: Iterable[str], status: Status, *, who: str, why: str, now: datetime
) -> list[Item]:
    """Withdraw or restore items, with an audit row each, in one transaction; return them as they are now.

    An item that has the status already is left alone.

    Raises
    ------
    NotFound
        If one of them is not in the catalogue; nothing is changed then.
    """
    after: list[Item] = []
    with engine.connect() as connection, connection.begin() as transaction:
        version = _raised_version(connection)
        wanted = list(dict.fromkeys(item_ids))
        known = _kept(connection, wanted)
        missing = [item_id for item_id in wanted if item_id not in known]
        if missing:
            raise NotFound(f"no item {missing[0]!r} in the catalogue; `civicrec catalog list` shows what there is")
        for item_id in wanted:
            item = _decode(known[item_id][0])
            if item.status != status:
                item = msgspec.structs.replace(item, status=status)
                connection.execute(update(items).where(items.c.item_id == item_id).values(**_row(item, version)))
                facts = {"why": why}
                row = {"at": now, "who": who, "action": f"item_{status}", "object_id": item_id, "facts": facts}
                connection.execute(insert(audit).values(**row))
            after.append(item)
        if all(known[item.item_id][1] == status for item in after):
            transaction.rollback()
    return after


def _row(item: Item, version: int) -> dict[str, object]:
    return {
        "item_id": item.item_id,
        "item_type": item.item_type,
        "status": item.status,
        "title": item.title.replace("\0", ""),  # PostgreSQL's text holds none; the body does
        "changed_in": version,
        "body": item_json(item),
    }


def _kept(connection: Connection, item_ids: Sequence[str]) -> dict[str, tuple[bytes, str]]:
    """Return id → (body, status) of those of the ids that are in the catalogue."""
    kept: dict[str, tuple[bytes, str]] = {}
    for start in range(0, len(item_ids), _IDS_A_QUERY):
        some = items.c.item_id.in_(item_ids[start : start + _IDS_A_QUERY])
        for row in connection.execute(select(items.c.item_id, items.c.body, items.c.status).where(some)):
            kept[row.item_id] = (row.body, row.status)
    return kept


def _raised_version(connection: Connection) -> int:
    """Raise the catalogue version by one and return it.

    This write comes first in a transaction: it makes a second writer wait (SQLite's write lock, elsewhere the row's),
    so nobody decides by rows that are about to change and no two changes share a version.
    """
    name = counters.c.name == VERSION_COUNTER
    connection.execute(update(counters).where(name).values(value=counters.c.value + 1))
    return int(connection.execute(select(counters.c.value).where(name)).scalar_one())
