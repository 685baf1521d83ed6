"""One item at a time: put, patched, withdrawn, by the rules of an import.

In: the fields of an item as JSON, and a condition. Out: the item as it is kept, and what became of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine

from civicrec.catalogue.importers.civicrec_jsonl import item as read_item
from civicrec.catalogue.stated import RuleCheck, check_conditions, no_rules
from civicrec.errors import InvalidInput, NotFound
from civicrec.items import Item
from civicrec.publishing.conditions import Condition
from civicrec.registry.catalogue import Change, Kept, change_item, set_status

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Published:
    """An item as it is kept after a change, what became of it, and what of it could not be kept."""

    item: Item
    change: Change
    notes: list[str] = field(default_factory=list)


def kept_item(registry: Engine, item_id: str) -> Item:
    """Return an item of any status.

    Raises
    ------
    NotFound
        If there is none of this id.
    """
    item = Kept(registry).named([item_id]).get(item_id)
    if item is None:
        raise _not_there(item_id)
    return item


def put_item(
    registry: Engine,
    item_id: str,
    body: bytes,
    condition: Condition,
    *,
    who: str,
    why: str,
    now: datetime,
    check: RuleCheck = no_rules,
) -> Published:
    """Make an item what the body says; a withdrawn one stays withdrawn.

    Raises
    ------
    InvalidInput
        If the body is no item, or one of another id.
    Outdated
        If the condition does not hold.
    Conflict
        If the id is an erased item's, or another document's.
    """
    notes: list[str] = []
    new = _item(item_id, _fields(body), notes, check)

    def change(item: Item | None) -> Item:
        condition.check(item)
        return new

    return _changed(registry, item_id, change, notes, restores=False, who=who, why=why, now=now)


def patch_item(
    registry: Engine,
    item_id: str,
    body: bytes,
    condition: Condition,
    *,
    who: str,
    why: str,
    now: datetime,
    check: RuleCheck = no_rules,
) -> Published:
    """Change the fields that the body names (RFC 7396); null takes a field away. A `status` restores what is withdrawn.

    Raises
    ------
    NotFound
        If there is no such item.
    InvalidInput, Outdated, Conflict
        As of `put_item`.
    """
    notes: list[str] = []
    given = _fields(body)

    def change(item: Item | None) -> Item:
        condition.check(item)
        if item is None:
            raise _not_there(item_id)
        return _item(item_id, msgspec.to_builtins(item) | given, notes, check)

    return _changed(registry, item_id, change, notes, restores="status" in given, who=who, why=why, now=now)


def withdraw_item(
    registry: Engine, item_id: str, condition: Condition, *, who: str, why: str, now: datetime
) -> Published:
    """Take an item off every list; what it said is kept.

    Raises
    ------
    NotFound
        If there is no such item.
    Outdated
        If the condition does not hold.
    """
    seen: list[Item] = []

    def check(item: Item) -> None:
        seen.append(item)
        condition.check(item)

    [item] = set_status(registry, [item_id], "withdrawn", who=who, why=why, now=now, check=check)
    return Published(item, "unchanged" if item == seen[0] else "changed")


def _changed(
    registry: Engine, item_id: str, change: Callable[[Item | None], Item], notes: list[str], *, restores: bool,
    who: str, why: str, now: datetime,
) -> Published:  # fmt: skip
    item, what = change_item(registry, item_id, change, restores=restores, who=who, why=why, now=now)
    return Published(item, what, notes)


def _fields(body: bytes) -> dict[str, Any]:
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the body is not one JSON object: {str(error)[:300]}") from None


def _item(item_id: str, fields: dict[str, Any], notes: list[str], check: RuleCheck) -> Item:
    if fields.get("item_id", item_id) != item_id:
        raise InvalidInput(
            f"item_id: got {str(fields['item_id'])[:140]!r} in the body and {item_id[:140]!r} in the address; "
            "expected one of them, or both the same"
        )
    item = read_item({**fields, "item_id": item_id}, notes.append)
    check_conditions(item, check, notes.append)
    return item


def _not_there(item_id: str) -> NotFound:
    return NotFound(f"no item {item_id[:140]!r} in the catalogue; PUT makes one")
