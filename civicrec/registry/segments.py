"""Segments in the registry: each version is kept, the newest is in force, and each change has an audit row.

In: checked drafts, sizes of nights. Out: `Segment`s and `SegmentSize`s. What a rule means is `profiles.segments`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select

from civicrec.clock import as_utc
from civicrec.errors import InvalidInput, NotFound, Outdated
from civicrec.registry.audit import Act, record
from civicrec.registry.counters import counter, raise_counter
from civicrec.registry.tables import segment_sizes, segments

#: Each is asked anew every night.
MAX_SEGMENTS = 500
#: How long sizes are kept.
KEEP_SIZES = timedelta(days=732)
_VERSION = "segments_version"


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants a segment to be.

    Attributes
    ----------
    rule
        As JSON has it.
    vocabulary
        Version of the vocabulary it was checked by.
    version
        The version it was made from; ``None`` to go on from whatever is there.
    """

    segment_id: str
    name: str
    description: str
    owner: str
    rule: Any
    vocabulary: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """One version of a segment."""

    segment_id: str
    version: int
    name: str
    description: str
    owner: str
    rule: Any
    vocabulary: str
    is_deleted: bool
    who: str
    why: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class SegmentSize:
    """How many people were in a segment at a night; show it by `profiles.segments.sizes.shown` only.

    Attributes
    ----------
    members
        ``None`` if the rule could not be asked; `problem` says why.
    entered, gone
        Against the night before; ``None`` if there is none.
    lineage
        What the number was made of.
    """

    segment_id: str
    day: date
    version: int
    members: int | None
    entered: int | None = None
    gone: int | None = None
    lineage: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


def put_segment(engine: Engine, draft: Draft, *, who: str, why: str, now: datetime) -> Segment:
    """Keep a segment as its next version; return it. One that says what is there already changes nothing.

    Raises
    ------
    Outdated
        If the draft names a version that is no longer the newest.
    InvalidInput
        If there are `MAX_SEGMENTS` already.
    """
    with engine.connect() as connection, connection.begin():
        raise_counter(connection, _VERSION)
        last = _newest(connection, draft.segment_id)
        there = last.version if last and not last.is_deleted else None
        if draft.version is not None and draft.version != there:
            is_now = f"version {there} is there" if there else "it is not there"
            raise Outdated(
                f"segment {draft.segment_id!r} was edited from version {draft.version}, and {is_now}; look at "
                f"`civicrec segment show {draft.segment_id}` and edit that"
            )
        if last and there and _content(last) == _content(draft):
            return last
        if not there and len(_in_force(connection)) >= MAX_SEGMENTS:
            raise InvalidInput(f"there are {MAX_SEGMENTS} segments already; delete some with `civicrec segment delete`")
        new = Segment(
            draft.segment_id, last.version + 1 if last else 1, draft.name, draft.description, draft.owner, draft.rule,
            draft.vocabulary, False, who, why, now,
        )  # fmt: skip
        _keep(connection, new, "segment_put")
    return new


def delete_segment(engine: Engine, segment_id: str, *, who: str, why: str, now: datetime) -> Segment:
    """End a segment; its versions and sizes stay as history.

    Raises
    ------
    NotFound
        If there is no such segment.
    """
    with engine.connect() as connection, connection.begin():
        raise_counter(connection, _VERSION)
        last = _there(_newest(connection, segment_id), segment_id)
        new = Segment(
            segment_id, last.version + 1, last.name, last.description, last.owner, last.rule, last.vocabulary, True,
            who, why, now,
        )  # fmt: skip
        _keep(connection, new, "segment_deleted")
    return new


def segment(engine: Engine, segment_id: str) -> Segment:
    """Return a segment that is in force.

    Raises
    ------
    NotFound
        If there is none of this id, or it was deleted.
    """
    with engine.connect() as connection:
        return _there(_newest(connection, segment_id), segment_id)


def list_segments(engine: Engine) -> list[Segment]:
    """Return the segments in force, by id."""
    with engine.connect() as connection:
        return _in_force(connection)


def versions(engine: Engine, segment_id: str) -> list[Segment]:
    """Return all versions of a segment, the newest first; none of one that never was."""
    query = select(segments).where(segments.c.segment_id == segment_id).order_by(segments.c.version.desc())
    with engine.connect() as connection:
        return [_segment(row) for row in connection.execute(query)]


def segments_version(engine: Engine) -> int:
    """Return a number that grows with every change."""
    with engine.connect() as connection:
        return counter(connection, _VERSION)


def note_sizes(engine: Engine, day: date, sizes: Sequence[SegmentSize]) -> None:
    """Keep the sizes of a night instead of those of the same day, and drop what is older than `KEEP_SIZES`."""
    oldest = (day - KEEP_SIZES).isoformat()
    with engine.begin() as connection:
        is_over = (segment_sizes.c.day == day.isoformat()) | (segment_sizes.c.day < oldest)
        connection.execute(delete(segment_sizes).where(is_over))
        rows = [
            {
                "segment_id": one.segment_id, "day": day.isoformat(), "version": one.version, "members": one.members,
                "entered": one.entered, "gone": one.gone, "lineage": dict(one.lineage), "problem": one.problem,
            }
            for one in sizes
        ]  # fmt: skip
        if rows:
            connection.execute(insert(segment_sizes), rows)


def sizes_of(engine: Engine, segment_id: str) -> list[SegmentSize]:
    """Return the sizes of a segment, the newest first."""
    query = select(segment_sizes).where(segment_sizes.c.segment_id == segment_id).order_by(segment_sizes.c.day.desc())
    with engine.connect() as connection:
        return [_size(row) for row in connection.execute(query)]


def sizes_at(engine: Engine, day: date) -> frozenset[str]:
    """Return the ids of the segments that were asked at a night, and answered."""
    is_told = (segment_sizes.c.day == day.isoformat()) & segment_sizes.c.members.is_not(None)
    with engine.connect() as connection:
        return frozenset(connection.execute(select(segment_sizes.c.segment_id).where(is_told)).scalars())


def newest_sizes(engine: Engine) -> dict[str, SegmentSize]:
    """Return segment id → its newest size, of those that have any."""
    newest = select(segment_sizes.c.segment_id, func.max(segment_sizes.c.day).label("day"))
    last = newest.group_by(segment_sizes.c.segment_id).subquery()
    is_last = (segment_sizes.c.segment_id == last.c.segment_id) & (segment_sizes.c.day == last.c.day)
    with engine.connect() as connection:
        rows = connection.execute(select(segment_sizes).join(last, is_last))
        return {row.segment_id: _size(row) for row in rows}


def _newest(connection: Connection, segment_id: str) -> Segment | None:
    query = select(segments).where(segments.c.segment_id == segment_id).order_by(segments.c.version.desc()).limit(1)
    row = connection.execute(query).first()
    return _segment(row) if row else None


def _there(found: Segment | None, segment_id: str) -> Segment:
    if found is None or found.is_deleted:
        raise NotFound(f"no segment {segment_id[:64]!r}; `civicrec segment list` shows what there is")
    return found


def _in_force(connection: Connection) -> list[Segment]:
    newest = select(segments.c.segment_id, func.max(segments.c.version).label("version"))
    last = newest.group_by(segments.c.segment_id).subquery()
    is_last = (segments.c.segment_id == last.c.segment_id) & (segments.c.version == last.c.version)
    query = select(segments).join(last, is_last).where(segments.c.is_deleted.is_(False))
    return [_segment(row) for row in connection.execute(query.order_by(segments.c.segment_id))]


def _keep(connection: Connection, new: Segment, action: str) -> None:
    row = {name: getattr(new, name) for name in Segment.__dataclass_fields__}
    connection.execute(
        insert(segments).values({**row, "rule": _text(new.rule), "made_at": new.made_at.astimezone(UTC)})
    )
    facts: dict[str, Any] = {"why": new.why, "version": new.version, "name": new.name, "owner": new.owner}
    record(connection, [Act(new.made_at, new.who, action, new.segment_id, facts)])


def _content(one: Segment | Draft) -> tuple[str, ...]:
    return one.name, one.description, one.owner, _text(one.rule)


def _text(rule: Any) -> str:
    return json.dumps(rule, ensure_ascii=False, allow_nan=False)


def _segment(row: Row[Any]) -> Segment:
    facts = {name: getattr(row, name) for name in Segment.__dataclass_fields__}
    return Segment(**{**facts, "rule": json.loads(row.rule), "made_at": as_utc(row.made_at)})


def _size(row: Row[Any]) -> SegmentSize:
    facts = {name: getattr(row, name) for name in SegmentSize.__dataclass_fields__}
    return SegmentSize(**{**facts, "day": date.fromisoformat(row.day)})
