"""What a CMS pushes becomes items: events in their order, by the rules and the function of an import.

In: rows of a push. Out: what became of each; every bad one with its number and reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine

from civicrec.catalogue.importers import BadRow
from civicrec.catalogue.importers.civicrec_jsonl import item as read_item
from civicrec.catalogue.stated import RuleCheck, no_rules
from civicrec.errors import InvalidInput, NotFound
from civicrec.items import Item
from civicrec.publishing.cms_fields import CmsFields, Pushed, pushed_row
from civicrec.publishing.conditions import Condition
from civicrec.publishing.imports import import_items
from civicrec.publishing.one_item import patch_item, withdraw_item
from civicrec.registry.catalogue import Kept

_NO_CONDITION = Condition()
_DONE = {"withdraw": "withdrawn", "restore": "restored"}


class Outcome(msgspec.Struct):
    """What became of the rows of a push.

    Attributes
    ----------
    counts
        How many items were ``added``, ``changed``, found ``unchanged``, ``withdrawn`` and ``restored``.
    bad
        The rows that did nothing, by number.
    notes
        What of good rows could not be kept, or was not needed.
    """

    rows: int
    counts: Counter[str]
    bad: list[BadRow]
    notes: list[BadRow]


def take_push(
    registry: Engine, rows: Sequence[Any], cms: CmsFields, *, who: str, why: str, now: datetime,
    check: RuleCheck = no_rules,
) -> Outcome:  # fmt: skip
    """Do what the rows say, one after another; each item that changes gets an audit row. Again changes nothing."""
    done = Outcome(len(rows), Counter(), [], [])
    pushed: list[Pushed] = []
    for line, row in enumerate(rows, 1):
        try:
            pushed.append(pushed_row(line, row, cms))
        except InvalidInput as error:
            done.bad.append(BadRow(line, str(error)))
    for some in _together(pushed):
        fresh = [one for one in some if not _is_older(registry, one, done.notes)]
        done.counts["unchanged"] += len(some) - len(fresh)
        if fresh and fresh[0].event in ("create", "update"):
            _keep(registry, fresh, done, who=who, why=why, now=now, check=check)
        for one in fresh:
            if one.event in ("withdraw", "restore"):
                _move(registry, one, done, who=who, why=why, now=now, check=check)
    done.bad.sort(key=lambda row: row.line)
    return done


def _together(rows: Iterable[Pushed]) -> Iterator[list[Pushed]]:
    """Part the rows into runs that one import can take: of one kind, and no document twice."""
    some: dict[str, Pushed] = {}
    is_open = False
    for one in rows:
        is_kept = one.event in ("create", "update")
        if some and not (is_open and is_kept and one.item_id not in some):
            yield list(some.values())
            some = {}
        some[one.item_id], is_open = one, is_kept
    if some:
        yield list(some.values())


def _keep(
    registry: Engine, rows: Sequence[Pushed], done: Outcome, *, who: str, why: str, now: datetime, check: RuleCheck
) -> None:
    objects = ((one.line, msgspec.json.encode(one.row)) for one in rows)
    imported = import_items(registry, objects, "civicrec", who=who, why=why, now=now, check=check)
    for what in ("added", "changed", "unchanged"):
        done.counts[what] += getattr(imported.kept, what)
    done.bad.extend(imported.bad)
    done.notes.extend(imported.notes)
    refused = {row.line for row in imported.bad}
    kept = Kept(registry).named(one.item_id for one in rows if one.line not in refused)
    done.notes.extend(
        BadRow(one.line, f"{one.item_id} was withdrawn and stays so until an event restores it")
        for one in rows
        if one.item_id in kept and kept[one.item_id].status == "withdrawn" and one.row.get("status") != "withdrawn"
    )


def _move(registry: Engine, one: Pushed, done: Outcome, *, who: str, why: str, now: datetime, check: RuleCheck) -> None:
    try:
        if one.event == "withdraw":
            moved = withdraw_item(registry, one.item_id, _NO_CONDITION, who=who, why=why, now=now)
        else:
            fields = {name: value for name, value in one.row.items() if name != "item_id"} | {"status": "online"}
            body = msgspec.json.encode(fields)
            moved = patch_item(registry, one.item_id, body, _NO_CONDITION, who=who, why=why, now=now, check=check)
            done.notes.extend(BadRow(one.line, what) for what in moved.notes)
    except NotFound:
        if one.event == "withdraw":
            done.counts["unchanged"] += 1
            done.notes.append(BadRow(one.line, f"{one.item_id} is not in the catalogue, so there was nothing to do"))
        else:
            _keep(registry, [one], done, who=who, why=why, now=now, check=check)
    except InvalidInput as error:
        done.bad.append(BadRow(one.line, str(error)))
    else:
        done.counts["unchanged" if moved.change == "unchanged" else _DONE[one.event]] += 1


def _is_older(registry: Engine, one: Pushed, notes: list[BadRow]) -> bool:
    """Tell whether what is kept says that it is newer: pushes may overtake each other."""
    if "updated_at" not in one.row:
        return False
    kept, new = Kept(registry).named([one.item_id]).get(one.item_id), _read(one)
    if kept is None or new is None or not (kept.updated_at and new.updated_at and new.updated_at < kept.updated_at):
        return False
    notes.append(
        BadRow(one.line, f"{one.item_id} is of {new.updated_at} here and of {kept.updated_at} in the catalogue: left")
    )
    return True


def _read(one: Pushed) -> Item | None:
    try:
        return read_item(one.row, lambda _: None)
    except InvalidInput:
        return None  # the import says what is wrong with it
