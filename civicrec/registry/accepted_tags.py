"""Accepted tags go with the catalogue: whatever an import brings, an item keeps the tags an editor accepted for it.

In: items about to be kept, inside the transaction that keeps them. Out: the same items with their accepted tags.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from civicrec.items import Item
from civicrec.registry.connection import ids_by_query
from civicrec.registry.tables import suggested_tags
from civicrec.tags import with_tags


def with_accepted_tags(connection: Connection, items: Sequence[Item]) -> list[Item]:
    """Return the items in their order, each with the tags that were accepted for it."""
    tags = _accepted(connection, [item.item_id for item in items])
    return [with_tags(item, tags.get(item.item_id, ())) for item in items]


def forget_suggestions(connection: Connection, item_ids: Sequence[str]) -> None:
    """Remove what was suggested for items that are erased for good."""
    for ids in ids_by_query(item_ids):
        some = suggested_tags.c.item_id.in_(ids)
        connection.execute(delete(suggested_tags).where(some))


def _accepted(connection: Connection, item_ids: Sequence[str]) -> dict[str, list[str]]:
    columns = (suggested_tags.c.item_id, suggested_tags.c.tag)
    tags: dict[str, list[str]] = {}
    for ids in ids_by_query(item_ids):
        some = suggested_tags.c.item_id.in_(ids)
        wanted = select(*columns).where(some, suggested_tags.c.state == "accepted").order_by(*columns)
        for item_id, tag in connection.execute(wanted):
            tags.setdefault(item_id, []).append(tag)
    return tags
