"""A copy elsewhere follows the catalogue: what changed since a time, or since it asked last.

In: a cursor. Out: the next items, in the order in which they last changed, and the cursor to go on with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from civicrec.errors import InvalidInput
from civicrec.items import Item
from civicrec.registry.changes import changes_after

#: The catalogue version, which fits the database's whole numbers, and the id at which the copy stands.
_CURSOR = re.compile(r"([0-9]{1,9}),([^\s,]{0,128})")


@dataclass(frozen=True, slots=True)
class Following:
    """Items that changed, the cursor behind the last of them, and whether there are more by now."""

    items: list[Item]
    cursor: str
    has_more: bool


def items_after(registry: Engine, cursor: str, n: int, since: datetime | None = None) -> Following:
    """Return at most `n` items that changed behind the cursor, whatever their status.

    Raises
    ------
    InvalidInput
        If the cursor is none of ours.
    """
    version, item_id = 0, ""
    if cursor:
        match = _CURSOR.fullmatch(cursor)
        if match is None:
            raise InvalidInput(f"got cursor={cursor[:60]!r}; expected the cursor of an answer before, or none")
        version, item_id = int(match[1]), match[2]
    changes = changes_after(registry, version, item_id, n + 1, since)
    shown = changes[:n]
    if shown:
        version, item_id = shown[-1].version, shown[-1].item.item_id
    return Following([change.item for change in shown], f"{version},{item_id}", len(changes) > n)
