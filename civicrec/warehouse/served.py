"""Served lists into the warehouse's table ``served``, each once.

In: the file they wait in (`civicrec.accounting.served`). Out: rows, a list each, which the table
lets go after their time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Protocol

from civicrec.accounting.served import ServedList, ServedSpool
from civicrec.clock import from_ms
from civicrec.errors import InvalidInput
from civicrec.warehouse.migrate import Migratable, to_run
from civicrec.warehouse.ports import Warehouse

_COLUMNS = tuple(name for name in ServedList.__struct_fields__ if name != "served_ms")


class ServedStore(Warehouse, Migratable, Protocol):
    """A warehouse that can tell whether it has the table."""


def store_waiting(spool: ServedSpool, warehouse: ServedStore, keep_days: int) -> int:
    """Store all lists that wait; return how many. What the warehouse refuses for good is counted as lost.

    Raises
    ------
    Unavailable, ConfigError
        If the file or the warehouse cannot be reached, or has no such table yet: the lists wait.
    """
    n_stored = 0
    while batch := spool.next_batch():
        try:
            warehouse.insert("served", columns_of(batch.lists, keep_days), batch.name)
        except InvalidInput:
            if to_run(warehouse):
                break  # whoever starts it makes the table
            spool.done(batch, "refused")
            raise
        spool.done(batch)
        n_stored += len(batch.lists)
    return n_stored


def columns_of(lists: Sequence[ServedList], keep_days: int) -> dict[str, list[Any]]:
    """Return lists as columns of the table."""
    columns: dict[str, list[Any]] = {name: [getattr(one, name) for one in lists] for name in _COLUMNS}
    columns["served_at"] = [one.served_ms for one in lists]
    columns["kept_until"] = [_day(one.served_ms) + timedelta(days=keep_days + 1) for one in lists]
    return columns


def _day(at_ms: int) -> date:
    return from_ms(at_ms).date()
