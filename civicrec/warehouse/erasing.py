"""Erasing a person from the warehouse: each table that holds personal data is a `civicrec.erasure.PersonalStore`.

In: a person. Out: tables without them, in parts without them. The statements that change rows name nobody: ClickHouse
keeps their text in a file, so rows are chosen by a digest under a key made for the one statement.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from civicrec.clock import Clock, monotonic_s, utc_now
from civicrec.erasure import Person
from civicrec.errors import Unavailable
from civicrec.warehouse.ports import Warehouse

#: Reason of the dead letters that stand for erased events: they keep the books, and hold nothing.
ERASED = "erased"
#: Names shorter than this are looked for in a dead letter with the quotes around them: they may be part of a word.
_LONG_NAME = 16
#: How long one call waits for the engine, and between two looks, seconds; it is then called again.
_WAIT_S, _LOOK_S = 2.0, 0.1
_WHO = "(subject_id = {subject:String} OR subject_id = '' AND has({ids:Array(String)}, anonymous_id))"
_SECRETLY = "has({digests:Array(String)}, hex(sipHash128Keyed(({first:UInt64}, {second:UInt64}), %s)))"
#: The same rows as `_WHO`, by digests: a browser's rows with a subject are somebody's by that subject.
_WHO_SECRETLY = _SECRETLY % "if(subject_id != '', concat('s', subject_id), concat('a', anonymous_id))"
# Those of events that the warehouse does not hold yet are told.
_SERVED = "request_id IN (SELECT request_id FROM events WHERE {who} AND request_id != '') OR {told}"
_DIGESTS = "SELECT hex(sipHash128Keyed(({first:UInt64}, {second:UInt64}), arrayJoin({names:Array(String)}))) AS digest"
# One letter a record and month stands for the events that were erased of it; told again, it changes nothing.
_KEEP_THE_BOOKS = f"""
INSERT INTO dead_letters (log, log_offset, piece, seen_at, reason, detail, step, version, raw, n_events)
SELECT log, log_offset, month, now64(3), '{ERASED}', toString(month), 'erase', '', '', n FROM (
    SELECT log, log_offset, toYYYYMM(occurred_at) AS month, uniqExact(event_id) AS n FROM events
    WHERE {_WHO} AND log != '' AND log_offset > 0 GROUP BY log, log_offset, month
) WHERE (log, log_offset, month) NOT IN (SELECT log, log_offset, piece FROM dead_letters WHERE reason = '{ERASED}')
"""
# While a person is erased parts that were replaced go at once, and so the new ones are synced first.
_AT_ONCE = "old_parts_lifetime = 1, min_rows_to_fsync_after_merge = 1"
_USUAL = "old_parts_lifetime, min_rows_to_fsync_after_merge"
_TABLES = ("served", "dead_letters", "actor_tags", "segment_members", "events")
_UNDER_WAY = """
SELECT count() AS n FROM system.mutations
WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done
"""
_REPLACED = """
SELECT count() AS n FROM system.parts
WHERE database = currentDatabase() AND has({tables:Array(String)}, table) AND NOT active AND rows > 0
  AND toUnixTimestamp(modification_time) <= {before:UInt32}
"""


@dataclass(frozen=True, slots=True)
class _Rows:
    """Which rows of a table tell of a person.

    Attributes
    ----------
    plain
        Condition for counting, with the parameters of `_known`.
    secret
        The same for changing, with digests of `names`.
    change
        What becomes of them.
    """

    table: str
    plain: str
    secret: str
    names: Callable[[Person], list[str]]
    change: str = "DELETE"


class WarehouseRows:
    """The rows of one table that tell of a person."""

    def __init__(self, warehouse: Warehouse, name: str, rows: _Rows) -> None:
        self.name = name
        self._warehouse, self._rows = warehouse, rows

    def count(self, person: Person) -> int:
        """Return how many rows tell of the person."""
        sql = f"SELECT count() AS n FROM {self._rows.table} WHERE {self._rows.plain}"
        return int(self._warehouse.rows(sql, self._known(person))[0]["n"])

    def erase(self, person: Person) -> None:
        """Remove the rows; the parts that held them are removed by `ReplacedParts`.

        Raises
        ------
        Unavailable
            If the engine is not done yet; call it again.
        """
        busy = f"rows of {self._rows.table} are still being changed"
        _until(self._is_idle, busy)
        if self.count(person):
            self._begin(person)
            _until(self._is_idle, busy)

    def _begin(self, person: Person) -> None:
        if self._rows.table == "events":
            self._warehouse.command(_KEEP_THE_BOOKS, self._known(person))
        self._warehouse.command(f"ALTER TABLE {self._rows.table} MODIFY SETTING {_AT_ONCE}")
        key = {"first": secrets.randbits(63), "second": secrets.randbits(63)}
        digests = [row["digest"] for row in self._warehouse.rows(_DIGESTS, {**key, "names": self._names(person)})]
        sql = f"ALTER TABLE {self._rows.table} {self._rows.change} WHERE {self._rows.secret}"
        self._warehouse.command(sql, {**key, "digests": digests})

    def _names(self, person: Person) -> list[str]:
        return self._rows.names(person)

    def _known(self, person: Person) -> dict[str, Any]:
        return _known(person)

    def _is_idle(self) -> bool:
        return not self._warehouse.rows(_UNDER_WAY, {"table": self._rows.table})[0]["n"]


def _until(holds: Callable[[], bool], else_: str) -> None:
    until_s = monotonic_s() + _WAIT_S
    while not holds():
        if monotonic_s() > until_s:
            raise Unavailable(f"{else_}; it goes on")
        time.sleep(_LOOK_S)


class ReplacedParts:
    """Parts of the tables that were replaced and are still on the disk: they hold what was erased, until they go."""

    name = "replaced parts of the warehouse"

    def __init__(self, warehouse: Warehouse, clock: Clock = utc_now) -> None:
        self._warehouse, self._clock = warehouse, clock
        self._since: dict[Person, int] = {}

    def count(self, person: Person) -> int:
        """Return how many there are from before the first count for this person."""
        before = self._since.setdefault(person, int(self._clock().timestamp()) + 1)
        return int(self._warehouse.rows(_REPLACED, {"tables": list(_TABLES), "before": before})[0]["n"])

    def erase(self, person: Person) -> None:
        """Wait until they are gone, then let the tables keep theirs for as long as usual.

        Raises
        ------
        Unavailable
            If they are not gone yet; call it again.
        """
        _until(lambda: self._are_gone(person), "parts of the warehouse that held erased rows are not removed yet")
        for table in _TABLES:
            # What is not set cannot be reset.
            self._warehouse.command(f"ALTER TABLE {table} MODIFY SETTING {_AT_ONCE}")
            self._warehouse.command(f"ALTER TABLE {table} RESET SETTING {_USUAL}")

    def _are_gone(self, person: Person) -> bool:
        self._hurry()
        return not self.count(person)

    def _hurry(self) -> None:
        """Let the engine look for parts to remove, as it does when one is dropped: where nothing is written it waits.

        There is no partition of this name.
        """
        for table in _TABLES:
            self._warehouse.command(f"ALTER TABLE {table} DROP PARTITION ID 'none'")


class WarehouseLetters(WarehouseRows):
    """Dead letters that tell of a person: their bytes go, that they were refused stays for the books."""

    def _names(self, person: Person) -> list[str]:
        sql = f"SELECT DISTINCT log, log_offset, piece FROM dead_letters WHERE {_LETTERS}"
        rows = self._warehouse.rows(sql, _known(person))
        return [f"{row['log']} {row['log_offset']} {row['piece']}" for row in rows]


class ServedLists(WarehouseRows):
    """Lists that were served to a person; before `events`, by which they are found.

    Parameters
    ----------
    requests
        Tells which requests were the person's besides those that `events` names.
    """

    def __init__(self, warehouse: Warehouse, requests: Callable[[Person], Collection[str]] = lambda _: ()) -> None:
        plain = _SERVED.format(who=_WHO, told="has({requests:Array(String)}, request_id)")
        secret = _SERVED.format(who=_WHO_SECRETLY, told=_SECRETLY % "request_id")
        super().__init__(warehouse, "served lists", _Rows("served", plain, secret, _names_of))
        self._requests = requests

    def _names(self, person: Person) -> list[str]:
        return [*super()._names(person), *self._requests(person)]

    def _known(self, person: Person) -> dict[str, Any]:
        return {**super()._known(person), "requests": sorted(self._requests(person))}


def personal_tables(warehouse: Warehouse) -> list[WarehouseRows]:
    """Return the other tables that hold personal data, in their order."""
    return [
        WarehouseLetters(
            warehouse,
            "dead letters",
            _Rows(
                "dead_letters",
                _LETTERS,
                _SECRETLY % "concat(log, ' ', toString(log_offset), ' ', toString(piece))",
                _names_of,
                "UPDATE raw = '', detail = ''",
            ),
        ),
        WarehouseRows(
            warehouse,
            "tags of nights",
            _Rows(
                "actor_tags",
                "has({actors:Array(String)}, actor)",
                _SECRETLY % "actor",
                lambda person: list(person.actors),
            ),
        ),
        WarehouseRows(
            warehouse,
            "members of segments",
            _Rows(
                "segment_members",
                "has({actors:Array(String)}, actor)",
                _SECRETLY % "actor",
                lambda person: list(person.actors),
            ),
        ),
        WarehouseRows(warehouse, "events", _Rows("events", _WHO, _WHO_SECRETLY, _names_of)),
    ]


_LETTERS = "raw != '' AND multiSearchAny(raw, {needles:Array(String)})"


def _names_of(person: Person) -> list[str]:
    return [f"s{person.subject_id}", *(f"a{name}" for name in person.anonymous_ids)]


def _known(person: Person) -> dict[str, Any]:
    needles = [name if len(name) >= _LONG_NAME else f'"{name}"' for name in person.ids]
    return {
        "subject": person.subject_id, "ids": list(person.anonymous_ids), "actors": list(person.actors),
        "needles": needles,
    }  # fmt: skip
