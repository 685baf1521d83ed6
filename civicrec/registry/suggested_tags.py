"""Suggested tags: what a classifier proposes for items that bring none, and what editors decide about it.

In: item → tag → confidence. Out: `Suggestion`s. Accepted tags become tags of the item (`registry.accepted_tags`),
refused ones are never suggested again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Engine, and_, bindparam, delete, func, insert, select, update

from civicrec.clock import as_utc
from civicrec.errors import NotFound
from civicrec.registry.audit import Act, record
from civicrec.registry.catalogue import raised_version, retag_item
from civicrec.registry.tables import items, suggested_tags
from civicrec.tags import with_tags, without_tags

SuggestionState = Literal["open", "accepted", "refused"]
SUGGESTION_STATES: tuple[SuggestionState, ...] = get_args(SuggestionState)
Decision = Literal["accepted", "refused"]
#: What a decision is called in the audit log.
_ACTIONS: dict[Decision, str] = {"accepted": "tag_accepted", "refused": "tag_refused"}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A tag that was suggested for an item.

    Attributes
    ----------
    confidence
        How likely the item has it, 0 to 1, as the classifier said last.
    decided_at, decided_by
        Empty while it is open.
    """

    item_id: str
    title: str
    tag: str
    confidence: float
    suggested_at: datetime
    state: SuggestionState
    decided_at: datetime | None
    decided_by: str


@dataclass(frozen=True, slots=True)
class Suggested:
    """How many suggestions are new, still open, gone as nothing suggests them any more, and decided before."""

    added: int
    kept: int
    gone: int
    decided: int


def suggest(engine: Engine, found: Mapping[str, Mapping[str, float]], now: datetime) -> Suggested:
    """Make `found` the open suggestions; what an editor decided stays as it is.

    Parameters
    ----------
    found
        Item id → tag → confidence, of all items that lack tags.
    """
    wanted = {(item_id, tag): confidence for item_id, tags in found.items() for tag, confidence in tags.items()}
    with engine.connect() as connection, connection.begin():
        raised_version(connection)  # nobody decides, imports or erases meanwhile
        keys = (suggested_tags.c.item_id, suggested_tags.c.tag)
        there = {(row.item_id, row.tag): row.state for row in connection.execute(select(*keys, suggested_tags.c.state))}
        is_kept = set(connection.execute(select(items.c.item_id)).scalars())
        new = [key for key in wanted if key not in there and key[0] in is_kept]
        still = [key for key in wanted if there.get(key) == "open"]
        gone = [key for key, state in there.items() if state == "open" and key not in wanted]
        this = and_(keys[0] == bindparam("of_item"), keys[1] == bindparam("of_tag"))
        if new:
            connection.execute(insert(suggested_tags), [_new(*key, wanted[key], now) for key in new])
        if still:
            rows = [{"of_item": item_id, "of_tag": tag, "now_at": wanted[item_id, tag]} for item_id, tag in still]
            connection.execute(update(suggested_tags).where(this).values(confidence=bindparam("now_at")), rows)
        if gone:
            connection.execute(
                delete(suggested_tags).where(this), [{"of_item": item_id, "of_tag": tag} for item_id, tag in gone]
            )
    decided = sum(there.get(key) in ("accepted", "refused") for key in wanted)
    return Suggested(len(new), len(still), len(gone), decided)


def suggestions(
    engine: Engine, state: SuggestionState | None = "open", *, n: int | None = None, skip: int = 0
) -> list[Suggestion]:
    """Return suggestions with their items' titles, the surest first; all states for ``None``."""
    columns = (
        *(suggested_tags.c[name] for name in ("item_id", "tag", "confidence", "suggested_at", "state")),
        suggested_tags.c.decided_at, suggested_tags.c.decided_by, items.c.title,
    )  # fmt: skip
    query = select(*columns).join(items, items.c.item_id == suggested_tags.c.item_id)
    if state is not None:
        query = query.where(suggested_tags.c.state == state)
    surest = (suggested_tags.c.confidence.desc(), suggested_tags.c.item_id, suggested_tags.c.tag)
    with engine.connect() as connection:
        return [
            _suggestion(row) for row in connection.execute(query.order_by(*surest).limit(n).offset(skip)).mappings()
        ]


def count_suggestions(engine: Engine) -> dict[SuggestionState, int]:
    """Return how many suggestions there are in each state."""
    query = select(suggested_tags.c.state, func.count()).group_by(suggested_tags.c.state)
    with engine.connect() as connection:
        there = {state: int(n) for state, n in connection.execute(query)}
    return {state: there.get(state, 0) for state in SUGGESTION_STATES}


def decide(
    engine: Engine, pairs: Iterable[tuple[str, str]], decision: Decision, *, who: str, why: str = "", now: datetime
) -> list[tuple[str, str]]:
    """Accept or refuse suggestions in one transaction, an audit row each; return those that were not so before.

    What is accepted becomes a tag of its item and acts in the next list; refusing it later takes it off the item again.

    Parameters
    ----------
    pairs
        (item id, tag).

    Raises
    ------
    NotFound
        If one of them was never suggested; nothing is changed then.
    """
    asked = list(dict.fromkeys(pairs))
    with engine.connect() as connection, connection.begin() as transaction:
        version = raised_version(connection)
        before = {pair: _state(connection, *pair) for pair in asked}
        new = [pair for pair in asked if before[pair] != decision]
        if not new:
            transaction.rollback()
        acts: list[Act] = []
        for item_id, tag in new:
            this = and_(suggested_tags.c.item_id == item_id, suggested_tags.c.tag == tag)
            values = {"state": decision, "decided_at": now, "decided_by": who}
            connection.execute(update(suggested_tags).where(this).values(**values))
            facts = {"tag": tag, "before": before[item_id, tag], "why": why}
            acts.append(Act(now, who, _ACTIONS[decision], item_id, facts))
            if decision == "accepted":
                retag_item(connection, item_id, partial(with_tags, names=[tag]), version, now)
            elif before[item_id, tag] == "accepted":
                retag_item(connection, item_id, partial(without_tags, names=[tag]), version, now)
        record(connection, acts)
    return new


def _state(connection: Connection, item_id: str, tag: str) -> str:
    this = and_(suggested_tags.c.item_id == item_id, suggested_tags.c.tag == tag)
    state = connection.execute(select(suggested_tags.c.state).where(this)).scalar()
    if state is None:
        raise NotFound(f"{tag[:80]!r} was not suggested for {item_id[:140]!r}; `civicrec tag list` shows what was")
    return str(state)


def _new(item_id: str, tag: str, confidence: float, now: datetime) -> dict[str, object]:
    return {
        "item_id": item_id, "tag": tag, "confidence": confidence, "suggested_at": now,
        "state": "open", "decided_by": "",
    }  # fmt: skip


def _suggestion(row: Any) -> Suggestion:
    decided_at = row["decided_at"]
    times = {"suggested_at": as_utc(row["suggested_at"]), "decided_at": as_utc(decided_at) if decided_at else None}
    return Suggestion(**dict(row) | times)
