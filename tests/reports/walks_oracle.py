"""Sessions, retention, lives of items and paths, recounted from made-up events in plain Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from civicrec.reports.report import Window
from tests.reports.oracle import DAYS, Row, people


def recount_sessions(rows: list[Row], window: Window = DAYS) -> dict[str, dict[str, Any]]:
    by_session = defaultdict(list)
    for row in people(rows, window):
        if row.session_id:
            by_session[row.site, row.session_id].append(row)
    by_day = defaultdict(list)
    for group in by_session.values():
        by_day[min(row.local_day for row in group).isoformat()].append(group)
    found = {}
    for day, groups in by_day.items():
        spans = [[row.occurred_at for row in group] for group in groups]
        lengths = sorted((max(span) - min(span)).total_seconds() for span in spans)
        found[day] = {
            "sessions": len(groups),
            "actors": len({row.actor for group in groups for row in group}),
            "median_s": lengths[len(lengths) // 2],
            "events_each": sum(map(len, groups)) / len(groups),
            "single": sum(1 for group in groups if len(group) == 1) / len(groups),
        }
    return found


def recount_retention(rows: list[Row], window: Window) -> dict[tuple[date, int], tuple[int, int]]:
    """Return (first Monday, weeks since) → people of the cohort, and who of them came."""
    weeks = defaultdict(set)
    for row in people(rows, window):
        weeks[row.actor].add(row.local_day - timedelta(days=row.local_day.weekday()))
    cohorts = defaultdict(list)
    for seen in weeks.values():
        cohorts[min(seen)].append(seen)
    found = {}
    for monday, members in cohorts.items():
        for n in range(100):
            week = monday + timedelta(weeks=n)
            if week + timedelta(days=6) <= window.last:
                found[monday, n] = len(members), sum(1 for seen in members if week in seen)
    return found


def recount_lives(rows: list[Row], window: Window = DAYS) -> dict[str, dict[str, Any]]:
    reads = defaultdict(set)
    for row in people(rows, window):
        if row.kind == "read" and row.item_id:
            reads[row.item_id].add((row.local_day, row.actor))
    found = {}
    for item_id, pairs in reads.items():
        days = sorted(day for day, _ in pairs)
        half = days[(len(days) + 1) // 2 - 1]  # the read with which half of them have come
        found[item_id] = {
            "first_day": days[0],
            "reads": len(days),
            "first_share": days.count(days[0]) / len(days),
            "half_life_days": (half - days[0]).days,
            "is_cut": days[0] == window.first,
            "actors": len({actor for _, actor in pairs}),
        }
    return found


def recount_paths(rows: list[Row], window: Window = DAYS) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (from, to) → times and people."""
    walks = defaultdict(list)
    for row in people(rows, window):
        if row.kind in ("click", "read") and row.item_id and row.session_id:
            walks[row.actor, row.site, row.session_id].append((row.occurred_at, row.item_id))
    times: dict[tuple[str, str], int] = defaultdict(int)
    who = defaultdict(set)
    for (actor, *_), walk in walks.items():
        walk.sort()
        for (_, before), (_, after) in zip(walk, walk[1:], strict=False):
            if before != after:
                times[before, after] += 1
                who[before, after].add(actor)
    return {step: (times[step], len(who[step])) for step in times}


def recount_people_of(rows: list[Row], steps: set[tuple[str, str]], window: Window = DAYS) -> int:
    """Return how many people took one of these steps."""
    return len({
        actor
        for actor in {row.actor for row in people(rows, window)}
        if steps & recount_paths([row for row in rows if row.actor == actor], window).keys()
    })  # fmt: skip
