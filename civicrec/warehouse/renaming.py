"""People renamed in every table of the warehouse: all names of one pepper become those of the next.

In: a function from old names to new ones. Out: tables in which no old name stands. Which names are old is kept in a
table of its own first, `NAMES`: once some are changed nothing else tells one from the other. So each step may be cut
off and done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from civicrec.clock import monotonic_s
from civicrec.errors import Unavailable
from civicrec.warehouse.ports import Warehouse

NAMES = "names_before"
#: Columns in which a subject's pseudonym may stand; with `subject_id` beside it an `actor` is one only if it is that.
COLUMNS = ("subject_id", "subject", "actor")
_AT_ONCE = 100_000
#: Seconds between two looks at a change that the engine makes; how long it may go on without any progress, and once
#: it has failed.
_LOOK_S, _PATIENCE_S, _FAILED_S = 0.2, 600.0, 30.0

_TABLES = """
SELECT columns.table AS name, groupArray(columns.name) AS columns, any(tables.sorting_key) AS sorting_key
FROM system.columns INNER JOIN system.tables ON tables.database = columns.database AND tables.name = columns.table
WHERE columns.database = currentDatabase() AND has({columns:Array(String)}, columns.name)
  AND endsWith(tables.engine, 'MergeTree')
GROUP BY name ORDER BY name
"""
_UNDER_WAY = """
SELECT sum(parts_to_do) AS parts, count() AS n, any(latest_fail_reason) AS failed FROM system.mutations
WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done
"""
_PARTITIONS = """
SELECT DISTINCT partition_id FROM system.parts
WHERE database = currentDatabase() AND table = {table:String} AND active ORDER BY partition_id
"""


class NamedTable(NamedTuple):
    """A table that names people: the columns, and whether one is of its order and cannot be changed in place."""

    name: str
    columns: Sequence[str]
    is_ordered: bool


def tables_with_names(warehouse: Warehouse) -> list[NamedTable]:
    """Return the tables that name people."""
    rows = warehouse.rows(_TABLES, {"columns": list(COLUMNS)})
    return [
        NamedTable(row["name"], row["columns"], not {*row["sorting_key"].split(", ")}.isdisjoint(row["columns"]))
        for row in rows
    ]


class NamesBefore:
    """The names of before with the new ones, in `NAMES` of a warehouse, and what is renamed by them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        # A change that the engine makes by itself has no database of its own.
        (row,) = warehouse.rows("SELECT currentDatabase() AS name")
        self._place = f"'{row['name']}.{NAMES}'"

    def collect(self, others: Iterable[str], renamed: Callable[[str], str]) -> int:
        """Keep every name that stands in a table, and others, each with its new one; return how many.

        Before anything is renamed: what is collected afterwards would be renamed twice.
        """
        self._warehouse.command(f"DROP TABLE IF EXISTS {NAMES} SYNC")
        self._warehouse.command(f"CREATE TABLE {NAMES} (before String, after String) ENGINE = Join(ANY, LEFT, before)")
        self._keep(sorted(others), renamed)
        for table in tables_with_names(self._warehouse):
            for column in table.columns:
                if column == "actor" and "subject_id" in table.columns:
                    continue
                is_name = f"match({column}, '^[0-9a-f]{{32}}$') AND {self._after(column)} = ''"
                found = self._warehouse.query(f"SELECT DISTINCT {column} AS name FROM {table.name} WHERE {is_name}")
                for batch in found.to_batches(max_chunksize=_AT_ONCE):
                    self._keep(batch.column("name").to_pylist(), renamed)
        return int(self._warehouse.rows(f"SELECT count() AS n FROM {NAMES}")[0]["n"])

    def new_names(self, names: Sequence[str]) -> dict[str, str]:
        """Return old name → new name of those that are old."""
        found: dict[str, str] = {}
        for begin in range(0, len(names), _AT_ONCE):
            part = {"names": list(names[begin : begin + _AT_ONCE])}
            sql = (
                f"SELECT name, {self._after('name')} AS after FROM (SELECT arrayJoin({{names:Array(String)}}) AS name)"
            )
            found |= {row["name"]: row["after"] for row in self._warehouse.rows(sql, part) if row["after"]}
        return found

    def rename_in(self, table: NamedTable) -> int:
        """Rename everybody in a table; return how many rows named somebody by an old name.

        Raises
        ------
        Unavailable
            If the engine cannot do it; call it again.
        """
        _wait(self._warehouse, table.name)
        is_old = " OR ".join(f"{self._after(column)} != ''" for column in table.columns)
        n_rows = int(self._warehouse.rows(f"SELECT count() AS n FROM {table.name} WHERE {is_old}")[0]["n"])
        if n_rows and table.is_ordered:
            self._rewrite(table)
        elif n_rows:
            changes = ", ".join(f"{column} = {new}" for column, new in self._changes(table))
            self._warehouse.command(f"ALTER TABLE {table.name} UPDATE {changes} WHERE {is_old}")
            _wait(self._warehouse, table.name)
        return n_rows

    def forget(self) -> None:
        """Remove the table that joins old names with new ones."""
        self._warehouse.command(f"DROP TABLE IF EXISTS {NAMES} SYNC")

    def _keep(self, names: Sequence[str], renamed: Callable[[str], str]) -> None:
        if names:
            self._warehouse.insert(NAMES, {"before": list(names), "after": [renamed(name) for name in names]})

    def _after(self, column: str) -> str:
        return f"joinGet({self._place}, 'after', toString({column}))"

    def _changes(self, table: NamedTable) -> Iterator[tuple[str, str]]:
        for column in table.columns:
            # An anonymous id of 32 hex digits stood unmarked once: an actor is a subject where the event has it.
            named = f"{self._after(column)} != ''"
            if column == "actor" and "subject_id" in table.columns:
                named += " AND actor = subject_id"
            yield column, f"if({named}, {self._after(column)}, {column})"

    def _rewrite(self, table: NamedTable) -> None:
        """Write a table anew, a partition at once; one that is done already is written as it is."""
        copy = f"{table.name}_renamed"
        changed = ", ".join(f"{new} AS {column}" for column, new in self._changes(table))
        for row in self._warehouse.rows(_PARTITIONS, {"table": table.name}):
            partition = f"ID '{row['partition_id']}'"
            self._warehouse.command(f"DROP TABLE IF EXISTS {copy} SYNC")
            self._warehouse.command(f"CREATE TABLE {copy} AS {table.name}")
            chosen = {"partition": row["partition_id"]}
            of_partition = "WHERE _partition_id = {partition:String}"
            self._warehouse.command(
                f"INSERT INTO {copy} SELECT * REPLACE ({changed}) FROM {table.name} {of_partition}", chosen
            )
            counts = [
                int(self._warehouse.rows(f"SELECT count() AS n FROM {one} {of_partition}", chosen)[0]["n"])
                for one in (table.name, copy)
            ]
            if counts[0] != counts[1]:
                raise Unavailable(f"{counts[1]} of {counts[0]} rows of {table.name} are written anew; it is done again")
            self._warehouse.command(f"ALTER TABLE {table.name} REPLACE PARTITION {partition} FROM {copy}")
        self._warehouse.command(f"DROP TABLE IF EXISTS {copy} SYNC")


def _wait(warehouse: Warehouse, table: str) -> None:
    left, since_s = -1, monotonic_s()
    while True:
        row: dict[str, Any] = warehouse.rows(_UNDER_WAY, {"table": table})[0]
        if not row["n"]:
            return
        if row["parts"] != left:
            left, since_s = row["parts"], monotonic_s()
        # What failed is tried again by the engine itself: it may have been the disk.
        elif monotonic_s() - since_s > (_FAILED_S if row["failed"] else _PATIENCE_S):
            why = row["failed"][:300] or "it does not get on"
            raise Unavailable(f"the warehouse cannot rename people in {table} now: {why}; call again")
        time.sleep(_LOOK_S)
