"""Counters of the registry: numbers that grow with every change, by which others see that there is news.

In: a connection, a counter's name. Out: its number.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from civicrec.registry.tables import counters


def raise_counter(connection: Connection, name: str) -> None:
    """Raise a counter by one. First of all in a transaction: of two changes at once the second waits here.

    What waits is SQLite's write, elsewhere that of the counter's row; so nobody decides by rows about to change.
    """
    connection.execute(update(counters).where(counters.c.name == name).values(value=counters.c.value + 1))


def counter(connection: Connection, name: str) -> int:
    """Return the number of a counter that a migration made."""
    return int(connection.execute(select(counters.c.value).where(counters.c.name == name)).scalar_one())
