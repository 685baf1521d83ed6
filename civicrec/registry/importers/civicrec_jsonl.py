"""Format `civicrec`: JSON lines of our own item fields (docs/contracts.md §2).

In: one row. Out: the `Item`. An unknown field is an error here, because a mistyped name would be lost in silence.
"""

from __future__ import annotations

from typing import Any

import msgspec

from civicrec.errors import InvalidInput
from civicrec.items import Item, item_from

FIELDS: tuple[str, ...] = tuple(field.encode_name for field in msgspec.structs.fields(Item))


def item(row: dict[str, Any]) -> Item:
    """Check one row and return its item.

    Raises
    ------
    InvalidInput
        If a field is unknown, missing, of the wrong type or out of range.
    """
    unknown = sorted(row.keys() - set(FIELDS))
    if unknown:
        raise InvalidInput(f"unknown field {', '.join(unknown)}; expected only {', '.join(FIELDS)}")
    return item_from(row)
