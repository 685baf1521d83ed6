"""The catalogue in the warehouse, as of a night: what events are about, to be joined with them.

In: the items of the registry. Out: the table `catalogue` with one day, the newest; the days before are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from civicrec.items import Item
from civicrec.warehouse.day_tables import drop_days_before, replace_day
from civicrec.warehouse.ports import Warehouse


def keep_catalogue(warehouse: Warehouse, day: date, items: Sequence[Item]) -> int:
    """Make the table what the catalogue is now; return how many items it has.

    Raises
    ------
    Unavailable
        If the warehouse cannot be reached, or not all rows came; the table is as it was.
    """
    columns: dict[str, list[Any]] = {
        "item_id": [item.item_id for item in items],
        "item_type": [item.item_type for item in items],
        "title": [item.title for item in items],
        "issuer": [item.issuer for item in items],
        "region": [item.region_code for item in items],
        "themes": [list(item.theme) for item in items],
        "life_events": [list(item.life_events) for item in items],
        "audiences": [list(item.audiences) for item in items],
        "published_at": [item.published_at for item in items],
        "valid_until": [item.valid_until for item in items],
        "status": [item.status for item in items],
    }
    n_items = replace_day(warehouse, "catalogue", day, [columns])
    drop_days_before(warehouse, "catalogue", day)
    return n_items
