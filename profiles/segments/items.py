"""What rules ask of items, put beside the events: type, issuer, region and tags of each, as of a night."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from civicrec.items import Item
from civicrec.warehouse.day_tables import drop_days_before, replace_day
from civicrec.warehouse.ports import Warehouse
from profiles.rules.attributes import region_prefix
from profiles.tags import learned_tags


def put_item_facts(warehouse: Warehouse, day: date, items: Iterable[Item]) -> int:
    """Make `item_facts` of a day those of these items, and drop the days before; return how many rows it has."""
    known = sorted(items, key=lambda item: item.item_id)
    columns: dict[str, list[Any]] = {
        "item_id": [item.item_id for item in known],
        "item_type": [item.item_type for item in known],
        "issuer": [item.issuer for item in known],
        "region": [region_prefix(item.region_code) for item in known],
        "tags": [list(learned_tags(item)) for item in known],
    }
    n_rows = replace_day(warehouse, "item_facts", day, [columns])
    drop_days_before(warehouse, "item_facts", day)
    return n_rows
