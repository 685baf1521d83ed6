"""What changed in the catalogue, in the order in which it did: for a copy elsewhere that follows it.

In: the place of the last change known. Out: the next ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Engine, select, tuple_

from civicrec.items import Item
from civicrec.registry.tables import items

_decode = msgspec.json.Decoder(Item).decode


@dataclass(frozen=True, slots=True)
class Changed:
    """An item as it is kept, and where it stands in the order of changes."""

    item: Item
    version: int


def changes_after(engine: Engine, version: int, item_id: str, n: int, since: datetime | None = None) -> list[Changed]:
    """Return at most `n` items of any status in the order in which they last changed, those of one change by id.

    Parameters
    ----------
    version, item_id
        Where the last one known stands; 0 and empty for the beginning. What changes meanwhile comes again, later.
    since
        Only what changed at this time or later, aware UTC.
    """
    place = tuple_(items.c.changed_in, items.c.item_id)
    wanted = select(items.c.body, items.c.changed_in).where(place > (version, item_id))
    if since is not None:
        wanted = wanted.where(items.c.changed_at >= since)
    with engine.connect() as connection:
        rows = connection.execute(wanted.order_by(items.c.changed_in, items.c.item_id).limit(n))
        return [Changed(_decode(row.body), row.changed_in) for row in rows]
