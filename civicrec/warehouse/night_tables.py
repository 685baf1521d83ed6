"""Tables that a night makes for itself: one that was killed leaves them, with the names of people in them.

In: a warehouse. Out: the same without them; as a store from which a person is erased they go as a whole.
"""

from __future__ import annotations

from collections.abc import Callable

from civicrec.erasure import Person
from civicrec.errors import Unavailable
from civicrec.warehouse.actor_tags import DELETED
from civicrec.warehouse.day_tables import staging_of
from civicrec.warehouse.ports import Warehouse

#: Those that name people, each with a column `actor`.
NIGHT_TABLES = (staging_of("actor_tags"), DELETED, staging_of("segment_members"))


def drop_night_tables(warehouse: Warehouse) -> list[str]:
    """Drop what a night that was killed left; return the names of the tables. For who keeps other nights away."""
    there = _there(warehouse)
    for table in there:
        warehouse.command(f"DROP TABLE IF EXISTS {table} SYNC")
    return there


class NightTables:
    """What a night that was killed left of them.

    Parameters
    ----------
    is_night
        Tells whether a night runs now: then they are in use.
    """

    name = "tables of a night cut off"

    def __init__(self, warehouse: Warehouse, is_night: Callable[[], bool]) -> None:
        self._warehouse, self._is_night = warehouse, is_night

    def count(self, person: Person) -> int:
        """Return how many rows tell of the person; a running night's own are its own."""
        if self._is_night():
            return 0
        return sum(
            int(self._warehouse.rows(f"SELECT count() AS n FROM {table} WHERE has({{actors:Array(String)}}, actor)",
                                     {"actors": list(person.actors)})[0]["n"])
            for table in _there(self._warehouse)
        )  # fmt: skip

    def erase(self, person: Person) -> None:
        """Drop the tables.

        Raises
        ------
        Unavailable
            If a night runs: at its end they are gone.
        """
        if not self.count(person):
            return
        if self._is_night():
            raise Unavailable("a night that runs now works on tables of its own; it goes on at its end")
        drop_night_tables(self._warehouse)


def _there(warehouse: Warehouse) -> list[str]:
    sql = (
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND has({names:Array(String)}, name)"
        " ORDER BY name"
    )
    return [row["name"] for row in warehouse.rows(sql, {"names": list(NIGHT_TABLES)})]
