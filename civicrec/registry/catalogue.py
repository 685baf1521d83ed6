"""The catalogue: items kept, found and withdrawn. Every change raises the catalogue version by one.

In: checked `Item`s. Out: `Item`s, and what changed since a version, so that a reader refreshes cheaply.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal, cast

import msgspec
from sqlalchemy import Connection, Engine, bindparam, insert, select, update

from civicrec.clock import monotonic_s, utc_now
from civicrec.errors import Conflict, InvalidInput, NotFound
from civicrec.items import ERASED_TITLE, Item, Status, item_json
from civicrec.registry.accepted_tags import forget_suggestions, with_accepted_tags
from civicrec.registry.audit import Act, record
from civicrec.registry.connection import ids_by_query
from civicrec.registry.counters import counter, raise_counter
from civicrec.registry.news import call_out
from civicrec.registry.tables import VERSION_COUNTER, counters, items

#: Stands where a withdrawn item keeps the status it goes back to: an erased one has none.
ERASED: Literal["erased"] = "erased"
#: A transaction of so many holds the registry's write lock for some hundredths of a second.
_ITEMS_A_TRANSACTION = 500
_LONGEST_PAUSE_S = 0.1
_ROWS_A_FETCH = 500
_Before = Status | Literal["erased"] | None
#: What became of an item that somebody brought.
Change = Literal["added", "changed", "unchanged"]
_decode = msgspec.json.Decoder(Item).decode


@dataclass(frozen=True, slots=True)
class Upserted:
    """How many items an import added, changed, and found unchanged; and those it refused: id → why."""

    added: int
    changed: int
    unchanged: int
    refused: dict[str, str] = field(default_factory=dict)

    def __add__(self, other: Upserted) -> Upserted:
        """Return the sum of both."""
        return Upserted(
            self.added + other.added,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.refused | other.refused,
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """What the catalogue holds, of any status, for who decides which id a document gets."""

    engine: Engine

    def named(self, item_ids: Iterable[str]) -> dict[str, Item]:
        """Return those of the ids that are there."""
        with self.engine.connect() as connection:
            return {item_id: _decode(row.body) for item_id, row in _kept(connection, list(item_ids)).items()}

    def goes_back_to(self, item_id: str) -> str:
        """Return the status a withdrawn item would be restored to, empty when there is none."""
        with self.engine.connect() as connection:
            row = _kept(connection, [item_id]).get(item_id)
        with suppress(InvalidInput):  # erased for good
            if row is not None and row.status == "withdrawn":
                return _moved(item_id, row, "online")[0]
        return ""

    def with_prefix(self, prefix: str) -> list[Item]:
        """Return the items whose id begins so."""
        with self.engine.connect() as connection:
            some = items.c.item_id.startswith(prefix, autoescape=True)
            return [_decode(body) for body in connection.execute(select(items.c.body).where(some)).scalars()]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the catalogue."""

    item_type: str
    body: bytes
    status: Status
    status_before: _Before


@dataclass(frozen=True, slots=True)
class _Author:
    """Who changes items, why and when, for the audit."""

    who: str
    why: str
    now: datetime

    def act(self, item_id: str, action: str) -> Act:
        return Act(self.now, self.who, action, item_id, {"why": self.why})


def _action(before: str, now: object) -> str:
    return "item_changed" if before == now else f"item_{now}"


def catalogue_version(engine: Engine) -> int:
    """Return the catalogue version, 0 for an empty catalogue. Cheap: one row."""
    with engine.connect() as connection:
        value = connection.execute(select(counters.c.value).where(counters.c.name == VERSION_COUNTER)).scalar()
    return int(value or 0)


def upsert_items(
    engine: Engine, new: Sequence[Item], *, who: str = "operator", why: str = "", now: datetime | None = None
) -> Upserted:
    """Keep the items, with an audit row for each that is added or changed; one kept in the same words is left alone.

    Tags that an editor accepted stay. A withdrawn item stays withdrawn when it is imported again: only `restore` brings
    it back, to the status its newest import gave it. Of two items with one id the later wins. An item is never replaced
    by one of another type: that is another document under the same id, and it is refused.

    Many items are kept in several short transactions, with a pause after each half as long as it took, so that a
    withdrawal never waits for a large import. An import that breaks off has kept its first items; the same again keeps
    the rest.
    """
    by_id = {item.item_id: item for item in new}
    waiting, done = list(by_id.values()), Upserted(0, 0, 0)
    for start in range(0, len(waiting), _ITEMS_A_TRANSACTION):
        some = waiting[start : start + _ITEMS_A_TRANSACTION]
        began_s = monotonic_s()
        done += _upsert(engine, some, _Author(who, why, now or utc_now()))
        if start + len(some) < len(waiting):
            time.sleep(min(_LONGEST_PAUSE_S, (monotonic_s() - began_s) / 2))
    return done


def _upsert(engine: Engine, new: Sequence[Item], by: _Author) -> Upserted:
    added: list[dict[str, object]] = []
    changed: list[dict[str, object]] = []
    told: list[Act] = []
    refused: dict[str, str] = {}
    bodies = {item.item_id: item_json(item) for item in new}  # before others have to wait
    with engine.connect() as connection, connection.begin() as transaction:
        version = raised_version(connection)
        known = _kept(connection, list(bodies))
        tagged = with_accepted_tags(connection, new)
        bodies |= {item.item_id: item_json(item) for item, brought in zip(tagged, new, strict=True) if item != brought}
        for item in tagged:
            kept = known.get(item.item_id)
            if kept is None:
                before: _Before = "online" if item.status == "withdrawn" else None
                added.append(_row(item, version, before, by.now, bodies[item.item_id]))
                told.append(by.act(item.item_id, "item_added"))
            elif why_not := _refusal(item, kept):
                refused[item.item_id] = why_not
            elif kept.status == item.status != "withdrawn" and kept.body == bodies[item.item_id]:
                continue
            elif _differs(row := _row(*_as_withdrawn(item, kept, version), by.now), kept):
                changed.append({"kept_id": item.item_id, **row})
                told.append(by.act(item.item_id, _action(kept.status, row["status"])))
        if added:
            connection.execute(insert(items), added)
        if changed:
            connection.execute(update(items).where(items.c.item_id == bindparam("kept_id")), changed)
        if told:
            record(connection, told)
        else:
            transaction.rollback()  # nothing new: readers need not look
    return Upserted(len(added), len(changed), len(new) - len(added) - len(changed) - len(refused), refused)


def change_item(
    engine: Engine, item_id: str, change: Callable[[Item | None], Item], *, restores: bool = False, who: str, why: str,
    now: datetime,
) -> tuple[Item, Change]:  # fmt: skip
    """Change one item by what it is at this moment, by the rules of `upsert_items`; return it as it is kept.

    Parameters
    ----------
    change
        Takes the item, or ``None``, and returns the new one; what it raises leaves everything as it was. Nobody else
        changes the item meanwhile.
    restores
        A withdrawn item gets the status of the new one, instead of staying withdrawn.

    Raises
    ------
    Conflict
        If the new item may not take this id: it was erased, or is another document's.
    """
    by = _Author(who, why, now)
    with engine.connect() as connection, connection.begin() as transaction:
        version = raised_version(connection)
        kept = _kept(connection, [item_id]).get(item_id)
        [item] = with_accepted_tags(connection, [change(_decode(kept.body) if kept else None)])
        if kept is None:
            row = _row(item, version, "online" if item.status == "withdrawn" else None, now)
            connection.execute(insert(items).values(**row))
            record(connection, [by.act(item_id, "item_added")])
            return item, "added"
        if why_not := _refusal(item, kept):
            raise Conflict(why_not)
        brings_back = restores and item.status != "withdrawn"
        item, _, before = (item, version, None) if brings_back else _as_withdrawn(item, kept, version)
        row = _row(item, version, before, now)
        if not _differs(row, kept):
            transaction.rollback()
            return item, "unchanged"
        connection.execute(update(items).where(items.c.item_id == item_id).values(**row))
        record(connection, [by.act(item_id, _action(kept.status, item.status))])
        return item, "changed"


def _refusal(item: Item, kept: _Row) -> str:
    """Say why an item may not take the place of the one that is kept, empty if it may."""
    if kept.status_before == ERASED:
        return f"item_id {item.item_id!r} was erased for good; a new document needs a new id"
    if kept.item_type == item.item_type:
        return ""
    return (
        f"item_id {item.item_id!r} is of type {kept.item_type} in the catalogue and of type {item.item_type} here: "
        "it would replace another document; give it an id of its own"
    )


def _as_withdrawn(item: Item, kept: _Row, version: int) -> tuple[Item, int, _Before]:
    """Return the item as it is kept now: what is withdrawn stays so, and remembers what it would be otherwise."""
    if kept.status != "withdrawn":
        return item, version, kept.status if item.status == "withdrawn" else None
    if item.status == "withdrawn":
        return item, version, kept.status_before
    return msgspec.structs.replace(item, status="withdrawn"), version, item.status


def _differs(row: dict[str, object], kept: _Row) -> bool:
    return (row["body"], row["status_before"]) != (kept.body, kept.status_before)


def items_since(
    engine: Engine, version: int = 0, kept_as: Callable[[Item], Item] = lambda item: item
) -> tuple[int, list[Item]]:
    """Return the catalogue version and every item changed after `version`, in order of id.

    `kept_as` tells what of each is kept in memory; a large catalogue is never there as a whole.
    """
    with engine.connect().execution_options(yield_per=_ROWS_A_FETCH) as connection:
        now = connection.execute(select(counters.c.value).where(counters.c.name == VERSION_COUNTER)).scalar()
        rows = connection.execute(select(items.c.body).where(items.c.changed_in > version)).scalars()
        # Sorted here: a database sorts by its own language's rules.
        return int(now or 0), sorted((kept_as(_decode(body)) for body in rows), key=attrgetter("item_id"))


def titles(engine: Engine) -> dict[str, str]:
    """Return id → title of every item, whatever its status."""
    with engine.connect() as connection:
        return {row.item_id: row.title for row in connection.execute(select(items.c.item_id, items.c.title))}


def set_status(
    engine: Engine, item_ids: Iterable[str], status: Status, *, who: str, why: str, now: datetime,
    check: Callable[[Item], None] = lambda _: None,
) -> list[Item]:  # fmt: skip
    """Withdraw items or restore them, with an audit row each, in one transaction; return them as they are now.

    ``withdrawn`` takes them off every list. ``online`` restores: a withdrawn item goes back to the status it had, a
    draft to a draft. What has the status already is left alone.

    Parameters
    ----------
    check
        Takes each item as it is at this moment; what it raises leaves everything as it was.

    Raises
    ------
    NotFound
        If one of them is not in the catalogue; nothing is changed then.
    InvalidInput
        If one that is to be restored is a draft that nobody withdrew; nothing is changed then.
    """
    after: list[Item] = []
    told: list[Act] = []
    by = _Author(who, why, now)
    with engine.connect() as connection, connection.begin() as transaction:
        version = raised_version(connection)
        for item_id, kept in _wanted(connection, item_ids).items():
            item = _decode(kept.body)
            check(item)
            new, before = _moved(item_id, kept, status)
            if new != kept.status:
                item = msgspec.structs.replace(item, status=new)
                values = _row(item, version, before, now)
                connection.execute(update(items).where(items.c.item_id == item_id).values(**values))
                told.append(by.act(item_id, f"item_{new}"))
            after.append(item)
        if told:
            record(connection, told)
        else:
            transaction.rollback()
    return after


def erase(engine: Engine, item_ids: Iterable[str], *, who: str, why: str, now: datetime) -> list[Item]:
    """Remove all that items say, for good, with an audit row each, in one transaction; return what is left of them.

    Id and type stay, withdrawn, so that no later import brings the document back under its id.

    Raises
    ------
    NotFound
        If one of them is not in the catalogue; nothing is changed then.
    """
    with engine.connect() as connection, connection.begin():
        version = raised_version(connection)
        left: list[Item] = []
        for item_id, kept in _wanted(connection, item_ids).items():
            old = _decode(kept.body)
            item = Item(item_id=item_id, item_type=old.item_type, title=ERASED_TITLE, status="withdrawn")
            values = _row(item, version, ERASED, now)
            connection.execute(update(items).where(items.c.item_id == item_id).values(**values))
            left.append(item)
        forget_suggestions(connection, [item.item_id for item in left])
        by = _Author(who, why, now)
        record(connection, [by.act(item.item_id, "item_erased") for item in left])
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:  # the log beside the file holds the old pages until it is cut
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return left


def retag_item(
    connection: Connection, item_id: str, change: Callable[[Item], Item], version: int, now: datetime
) -> None:
    """Change the tags of an item inside a transaction that began with `raised_version`, whatever its status."""
    for kept in _kept(connection, [item_id]).values():
        item = _decode(kept.body)
        if (new := change(item)) != item:
            values = _row(new, version, kept.status_before, now)
            connection.execute(update(items).where(items.c.item_id == item_id).values(**values))


def _wanted(connection: Connection, item_ids: Iterable[str]) -> dict[str, _Row]:
    """Return the rows of the ids, in their order; refuse an id that is not there."""
    wanted = list(dict.fromkeys(item_ids))
    known = _kept(connection, wanted)
    missing = [item_id for item_id in wanted if item_id not in known]
    if missing:
        raise NotFound(f"no item {missing[0]!r} in the catalogue; `civicrec catalog list` shows what there is")
    return {item_id: known[item_id] for item_id in wanted}


def _moved(item_id: str, kept: _Row, status: Status) -> tuple[Status, _Before]:
    """Return the status an item has after it is withdrawn or restored, and the one it would go back to."""
    if status == kept.status:
        return status, kept.status_before
    if status == "withdrawn":
        return status, kept.status
    if kept.status != "withdrawn":
        raise InvalidInput(
            f"{item_id!r} is a {kept.status}, not withdrawn, so there is nothing to restore; "
            "to publish it, import it with status online"
        )
    if kept.status_before == ERASED:
        raise InvalidInput(f"{item_id!r} was erased for good; import the document again under a new id")
    return kept.status_before or status, None


def _row(
    item: Item, version: int, status_before: _Before, now: datetime, body: bytes | None = None
) -> dict[str, object]:
    return {
        "item_id": item.item_id,
        "item_type": item.item_type,
        "status": item.status,
        "title": item.title.replace("\0", ""),  # PostgreSQL's text holds none; the body does
        "changed_in": version,
        "body": body or item_json(item),
        "status_before": status_before,
        "changed_at": now,
    }


def _kept(connection: Connection, item_ids: Sequence[str]) -> dict[str, _Row]:
    """Return those of the ids that are in the catalogue."""
    kept: dict[str, _Row] = {}
    for ids in ids_by_query(item_ids):
        some = items.c.item_id.in_(ids)
        columns = (items.c.item_id, items.c.item_type, items.c.body, items.c.status, items.c.status_before)
        for item_id, *facts in connection.execute(select(*columns).where(some)):
            kept[item_id] = _Row(*cast(Any, facts))
    return kept


def raised_version(connection: Connection) -> int:
    """Raise the catalogue version by one and return it; first in a transaction, so no two changes share a version."""
    call_out(connection)
    raise_counter(connection, VERSION_COUNTER)
    return counter(connection, VERSION_COUNTER)
