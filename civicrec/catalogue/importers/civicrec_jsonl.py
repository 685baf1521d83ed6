"""Format `civicrec`: JSON lines of our own item fields (docs/contracts.md §2).

In: one row. Out: the `Item`. An unknown field is an error here, because a mistyped name would be lost in silence.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from civicrec.catalogue.importers.dates import end_in, time_in
from civicrec.catalogue.importers.fields import Note, is_placeholder, named_text, text_in, words_in
from civicrec.catalogue.importers.gov_policies import STATE_THEMES
from civicrec.clock import rfc3339
from civicrec.errors import InvalidInput
from civicrec.items import Item, item_from

_WORD_LISTS = ("theme", "life_events", "audiences", "person_groups", "industries", "enterprise_scales", "tags")
_TIMES = ("published_at", "valid_from", "valid_until", "apply_from", "apply_until", "updated_at")
_NO_END = ("长期", "长期有效", "永久", "永久有效", "至今")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)\Z")
_CODES = ("item_id", "document_no", "index_no", "region_code")
FIELDS: tuple[str, ...] = tuple(field.encode_name for field in msgspec.structs.fields(Item))


def item(row: dict[str, Any], note: Note) -> Item:
    """Check one row and return its item. A null is a field not given, a list may be one text, a code a number.

    Raises
    ------
    InvalidInput
        If a field is unknown, missing, of the wrong type or out of range.
    """
    unknown = sorted(row.keys() - set(FIELDS))
    if unknown:
        raise InvalidInput(f"unknown field {', '.join(unknown)}; expected only {', '.join(FIELDS)}")
    row = {name: value for name, value in row.items() if value is not None}
    for name in row.keys() & set(_CODES):
        row[name] = text_in(row, name)
    for name in row.keys() & set(_WORD_LISTS):
        words = row[name]
        if isinstance(words, list):
            row[name] = [text_in({name: named_text(word)}, name) for word in words if word is not None]
        else:
            row[name] = words_in(row, name, note, STATE_THEMES)
    for name in row.keys() & set(_TIMES):
        row[name] = _time(row, name)
    if is_placeholder(str(row.get("item_id"))) and row.get("item_id") != "0":
        raise InvalidInput(
            f"item_id: got {row.get('item_id')!r}, which stands for no id; expected one of the item's own"
        )
    return item_from(row)


def _time(row: dict[str, Any], name: str) -> str | None:
    """Return a time as RFC 3339, also one that people wrote; what ends on a day ends with it."""
    text = text_in(row, name)
    is_end = name.endswith("_until")
    if _RFC3339.match(text):
        return text
    if is_placeholder(text) or (is_end and (text in _NO_END or text.startswith("9999"))):
        return None
    return rfc3339(end_in(name, text) if is_end else time_in(name, text))
