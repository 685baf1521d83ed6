"""How large segments are: asked of the stores each night, told so that no number speaks of few people.

In: segments and the stores. Out: `SegmentSize`s with what each number was made of, and words to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from civicrec.crowds import K_ANONYMITY
from civicrec.errors import InvalidInput
from civicrec.logs import get_logger
from civicrec.registry.audit import Act, record_alone
from civicrec.registry.segments import Segment, SegmentSize, list_segments, note_sizes, segment, sizes_at
from civicrec.warehouse.day_tables import drop_days_before, replace_day
from profiles.rules.behaviour import MAX_DAYS, CountClause, PeopleRule, TagClause
from profiles.rules.language import Clause, leaves
from profiles.segments.draft import rule_of
from profiles.segments.members import Stores, count_members, members, members_of_each, newest_night
from profiles.segments.statement import TABLES
from profiles.tags import load_vocabulary

FEW = f"少于 {K_ANONYMITY} 人"
_AT_ONCE = 100_000
_BEFORE = "SELECT max(day) AS newest, count() AS n FROM segment_members WHERE day < {day:Date}"
_MOVED = """
SELECT segment, countIf(is_in AND NOT was_in) AS entered, countIf(was_in AND NOT is_in) AS gone FROM (
    SELECT segment, actor, max(day = {day:Date}) AS is_in, max(day = {before:Date}) AS was_in FROM segment_members
    WHERE day = {day:Date} OR day = {before:Date} GROUP BY segment, actor
) GROUP BY segment
"""
_log = get_logger(__name__)


def told(n: int) -> int | None:
    """Return a number of people as it may be told: down to tens, ``None`` for fewer than ten.

    Of two exact numbers that differ by one person the difference would be told, be they of two days or of two rules.

    Examples
    --------
    >>> [told(n) for n in (0, 9, 10, 129)]
    [None, None, 10, 120]
    """
    return n // K_ANONYMITY * K_ANONYMITY or None


def shown(n: int | None) -> str:
    """Return a number of people in words.

    Examples
    --------
    >>> [shown(n) for n in (None, 3, 12_345)]
    ['—', '少于 10 人', '约 12,340 人']
    """
    if n is None:
        return "—"
    return f"约 {about:,} 人" if (about := told(n)) else FEW


def lineage_of(rule: PeopleRule, as_of: date) -> dict[str, Any]:
    """Return what the answer to a rule is made of."""
    clauses = list(leaves(rule))
    tags = {one.tag for one in clauses if isinstance(one, TagClause)}
    tags |= {tag for one in clauses if isinstance(one, CountClause) for tag in one.items.tags}
    return {
        "as_of": as_of.isoformat(),
        "events_since": (as_of - timedelta(days=MAX_DAYS - 1)).isoformat(),
        "tables": list(TABLES),
        "tags": sorted(tags),
        "attributes": sorted({one.attribute for one in clauses if isinstance(one, Clause)}),
        "vocabulary": load_vocabulary().version,
    }


@dataclass(frozen=True, slots=True)
class Counted:
    """How many people a rule holds of, and what that is made of; show the number by `shown` or `told` only."""

    n: int
    lineage: Mapping[str, Any]


def counted(stores: Stores, segment_id: str, rule: PeopleRule, *, who: str, why: str, now: datetime) -> Counted:
    """Count whom a rule holds of now, as of the last night; that somebody asked stands in the audit log before."""
    as_of = newest_night(stores.warehouse)
    lineage = lineage_of(rule, as_of)
    facts = {"why": why, **{name: lineage[name] for name in ("as_of", "tags", "attributes")}}
    record_alone(stores.registry, Act(now, who, "segment_counted", segment_id, facts))
    return Counted(count_members(stores, rule, now, as_of), lineage)


def segment_members(stores: Stores, segment_id: str, *, who: str, why: str, now: datetime) -> Iterator[str]:
    """Yield the members of a kept segment; that somebody read them stands in the audit log before the first.

    Raises
    ------
    NotFound
        If there is no such segment.
    InvalidInput
        If a word of its rule is governed no longer.
    Unavailable
        As of `profiles.segments.members.members`.
    """
    kept = segment(stores.registry, segment_id)
    rule = rule_of(kept)
    facts = {"why": why, "version": kept.version}
    record_alone(stores.registry, Act(now, who, "segment_members_read", segment_id, facts))
    yield from members(stores, rule, now)


def count_segments(stores: Stores, day: date, now: datetime) -> dict[str, int]:
    """Ask every segment as of a night, and keep who is in and how many; return how many segments and members.

    A segment whose rule is governed no longer stops nothing: it is kept without a number, with the reason. Done again
    for the same day, it replaces what is there.
    """
    rules: dict[str, PeopleRule] = {}
    problems: dict[str, str] = {}
    every = {one.segment_id: one for one in list_segments(stores.registry)}
    for name, one in every.items():
        try:
            rules[name] = rule_of(one)
        except InvalidInput as error:
            problems[name] = str(error)
            _log.warning("segment_not_asked", segment=name, error=str(error))
    counts = dict.fromkeys(rules, 0)
    replace_day(stores.warehouse, "segment_members", day, _columns(stores, rules, day, now, counts))
    moved = _moved(stores, day, rules)
    sizes = [_size(every[name], day, rules.get(name), counts, moved, problems) for name in every]
    note_sizes(stores.registry, day, sizes)
    return {"segments": len(every), "members": sum(counts.values()), "not_asked": len(problems)}


def _columns(
    stores: Stores, rules: Mapping[str, PeopleRule], day: date, now: datetime, counts: dict[str, int]
) -> Iterator[dict[str, list[str]]]:
    segments: list[str] = []
    actors: list[str] = []
    for subject, names in members_of_each(stores, rules, now, day):
        for name in names:
            counts[name] += 1
        segments += names
        actors += [subject] * len(names)
        if len(segments) >= _AT_ONCE:
            yield {"segment": segments, "actor": actors}
            segments, actors = [], []
    yield {"segment": segments, "actor": actors}


def _moved(stores: Stores, day: date, names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return segment → how many entered and left since the night before, of those that were asked then."""
    (row,) = stores.warehouse.rows(_BEFORE, {"day": day})
    if not row["n"]:
        return {}
    before = date.fromisoformat(str(row["newest"]))
    drop_days_before(stores.warehouse, "segment_members", before)
    rows = stores.warehouse.rows(_MOVED, {"day": day, "before": before})
    moved = {row["segment"]: (int(row["entered"]), int(row["gone"])) for row in rows}
    return {name: moved.get(name, (0, 0)) for name in names if name in sizes_at(stores.registry, before)}


def _size(
    kept: Segment, day: date, rule: PeopleRule | None, counts: Mapping[str, int],
    moved: Mapping[str, tuple[int, int]], problems: Mapping[str, str],
) -> SegmentSize:  # fmt: skip
    name = kept.segment_id
    if rule is None:
        return SegmentSize(name, day, kept.version, None, problem=problems[name])
    entered, gone = moved.get(name, (None, None))
    return SegmentSize(name, day, kept.version, counts[name], entered, gone, lineage_of(rule, day))
