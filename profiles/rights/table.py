"""A copy of what is held of a person as a table for office software: Chinese heads, one row for each thing held.

In: what `profiles.rights.export.held_of` returns, and events. Out: pieces of a file, made as they are sent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from civicrec.clock import PORTAL_TZ
from civicrec.items import TYPE_NAMES
from civicrec.spreadsheets import cell
from profiles.rights.export import pieces
from profiles.rights.words import COLUMNS, CONSENT_NAMES, FIELD_NAMES, KIND_NAMES, PARTS, SOURCE_NAMES, STATE_NAMES
from profiles.rules.attributes import load_attributes


def as_csv(held: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Write all that is held, events last: a byte-order mark, CRLF, times of the portal.

    Parameters
    ----------
    held
        As `profiles.rights.export.held_of` returns it.
    """
    attributes = map(_attribute_row, held["attributes"])
    others = chain.from_iterable(_rows_of(part, held[part]) for part in PARTS)
    acts = ({"part": "行为记录", **one} for one in events)
    yield b"\xef\xbb\xbf" + _lines([["类别", *COLUMNS.values()]])
    for piece in pieces(chain(attributes, others, acts)):
        yield _lines([[row["part"], *(cell(_shown(name, row.get(name, ""))) for name in COLUMNS)] for row in piece])


def _rows_of(part: str, held: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of one part: its name, the time, and one text of all other fields."""
    name, time_field = PARTS[part]
    for one in _records(part, held):
        at = one.get(time_field)
        rest = ((FIELD_NAMES.get(field, field), value) for field, value in one.items() if field != time_field)
        text = "；".join(f"{label}：{_plain(value)}" for label, value in rest)
        yield {"part": name, "occurred_at": _when(at), "attribute_value": text}


def _records(part: str, held: Any) -> Iterable[Mapping[str, Any]]:
    if part == "off_since":
        return [{"at": held}] if held else []
    if part == "tags":
        return [{"tag": tag, "weight": weight} for tag, weight in sorted(held.items())]
    return ({"item_id": one} for one in held) if part == "done" else held


def _when(at: str | None) -> Any:
    """Read an RFC 3339 time; a day stays a text."""
    return datetime.fromisoformat(at) if at and "T" in at else at


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "是" if value else "否"
    return "、".join(map(str, value)) if isinstance(value, list) else "" if value is None else value


def _attribute_row(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "part": "填报的信息",
        "occurred_at": datetime.fromisoformat(told["said_at"]),
        "kind": SOURCE_NAMES[told["source"]],
        "attribute": load_attributes()[told["attribute"]].label,
        "attribute_value": _plain(told["value"]),
        "state": STATE_NAMES[told["state"]],
        "valid_until": datetime.fromisoformat(told["valid_until"]),
        "purpose": told["purpose"],
        "catalogue_id": told["catalogue_id"],
    }


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(PORTAL_TZ).strftime("%Y-%m-%d %H:%M:%S")
    names: Mapping[str, Mapping[Any, str]] = {
        "kind": KIND_NAMES, "item_type": TYPE_NAMES, "consent": CONSENT_NAMES
    }  # fmt: skip
    return names[name].get(value, value) if name in names else value


def _lines(rows: list[list[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
