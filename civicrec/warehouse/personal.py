"""What the warehouse holds of one person, a month at a time: all of a year at once would not fit beside lists.

In: an actor. Out: rows, oldest first, each event once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from civicrec.erasure import Person
from civicrec.warehouse.interests import ACTOR, COUNTING, STRENGTHS
from civicrec.warehouse.ports import Warehouse

#: Columns of an event that a person is told: all that came with it or was told from it.
FIELDS = (
    "occurred_at", "kind", "site", "channel", "item_id", "item_type", "title", "url_path", "query", "referrer_type",
    "scene", "slot", "position", "campaign_id", "active_ms", "scroll_pct", "value", "device", "region", "consent",
    "anonymous_id", "session_id", "event_id", "request_id", "variant", "bot_reason", "received_at", "props",
)  # fmt: skip
_MONTHS = f"SELECT DISTINCT toYYYYMM(local_date) AS month FROM events WHERE {ACTOR} = {{actor:String}} ORDER BY month"
_EVENTS = f"""
SELECT {", ".join(f"toString({name}) AS {name}" if name in ("event_id", "kind") else name for name in FIELDS)}
FROM events FINAL
WHERE toYYYYMM(local_date) = {{month:UInt32}} AND {ACTOR} = {{actor:String}}
ORDER BY occurred_at, event_id
"""
_TAGS = """
SELECT day, tag, weight, evidence, confidence, last_at FROM actor_tags WHERE actor = {actor:String} ORDER BY day, tag
"""
_SEGMENTS = "SELECT day, segment FROM segment_members WHERE actor = {actor:String} ORDER BY day, segment"

#: Interactions as the night counts them (`civicrec.warehouse.interests.COUNTED`), of one actor, with their kinds.
_INTERACTIONS = f"""
SELECT item_id, toString(event_id) AS event_id, toString(kind) AS kind, toUnixTimestamp64Milli(occurred_at) AS at_ms,
       transform(toString(kind), {{kinds:Array(String)}}, {{strengths:Array(Float64)}}, 0.) AS strength
FROM events FINAL
WHERE {COUNTING} AND {ACTOR} = {{actor:String}}
ORDER BY at_ms DESC, event_id
"""


def events_of(warehouse: Warehouse, actor: str) -> Iterator[dict[str, Any]]:
    """Yield a person's events."""
    for row in warehouse.rows(_MONTHS, {"actor": actor}):
        yield from warehouse.rows(_EVENTS, {"actor": actor, "month": row["month"]})


def interactions_of(warehouse: Warehouse, actor: str, first: date, last: date) -> list[dict[str, Any]]:
    """Return item_id, event_id, kind, at_ms and strength of what counts for a person's tags, the latest first."""
    return warehouse.rows(_INTERACTIONS, {**STRENGTHS, "actor": actor, "first": first, "last": last})


_SERVED = f"""
SELECT request_id, served_at, site, scene, slot, mode, item_ids, reasons FROM served
WHERE request_id IN (SELECT request_id FROM events WHERE {ACTOR} = {{actor:String}} AND request_id != '')
ORDER BY served_at, request_id
"""
_REFUSED = """
SELECT seen_at, toString(reason) AS reason, toValidUTF8(raw) AS event FROM dead_letters FINAL
WHERE raw != '' AND position(raw, {actor:String}) > 0 ORDER BY seen_at, log, log_offset, piece
"""


def held_beside_events(warehouse: Warehouse, actor: str) -> dict[str, list[dict[str, Any]]]:
    """Return what else there is of a person, by what a copy calls it: nights, served lists, refused events.

    Of every day that is kept; tags as analysts see them.
    """
    asked = {"tags_by_night": _TAGS, "segments": _SEGMENTS, "served_lists": _SERVED, "refused_events": _REFUSED}
    return {name: warehouse.rows(sql, {"actor": actor}) for name, sql in asked.items()}


_BROWSERS = """
SELECT anonymous_id FROM events
WHERE anonymous_id IN (SELECT anonymous_id FROM events WHERE subject_id = {subject:String} AND anonymous_id != '')
GROUP BY anonymous_id HAVING uniqExactIf(subject_id, subject_id != '') = 1 ORDER BY anonymous_id
"""


def browsers_of(warehouse: Warehouse, subject_id: str) -> tuple[str, ...]:
    """Return the anonymous ids that were signed in as this person and as no other."""
    return tuple(row["anonymous_id"] for row in warehouse.rows(_BROWSERS, {"subject": subject_id}))


def has_events(warehouse: Warehouse, subject_id: str) -> bool:
    """Say whether there is any event of a person."""
    sql = "SELECT 1 FROM events WHERE subject_id = {subject:String} LIMIT 1"
    return bool(warehouse.rows(sql, {"subject": subject_id}))


def event_ids_of(warehouse: Warehouse, person: Person) -> list[str]:
    """Return the ids of a person's events of every day that is kept."""
    return _of_events(warehouse, "toString(event_id)", person)


def requests_of(warehouse: Warehouse, person: Person) -> list[str]:
    """Return the ids of the requests that a person's events name."""
    return [one for one in _of_events(warehouse, "DISTINCT request_id", person) if one]


def _of_events(warehouse: Warehouse, what: str, person: Person) -> list[str]:
    sql = (
        f"SELECT {what} AS found FROM events"
        " WHERE subject_id = {subject:String} OR subject_id = '' AND has({ids:Array(String)}, anonymous_id)"
    )
    rows = warehouse.rows(sql, {"subject": person.subject_id, "ids": list(person.anonymous_ids)})
    return [row["found"] for row in rows]
