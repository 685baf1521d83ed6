"""The console's pages of segments: how many people each has, and of one its rule in words and its history.

In: settings and the query of an address. Out: a `PageAnswer`. Sizes are those that nights kept, so the pages stand
while the warehouse is away; no number below ten is on them, and none is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from civicrec.clock import PORTAL_TZ
from civicrec.errors import InvalidInput, NotFound
from civicrec.registry.segments import Segment, SegmentSize, list_segments, newest_sizes, segment, sizes_of, versions
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings
from profiles.segments.draft import rule_of
from profiles.segments.sizes import shown
from profiles.segments.words import in_words
from serving.console.pages import PageAnswer, page
from serving.console.viewer import Viewer

SEGMENTS = "/console/segments"
HEADING = "人群"
#: Nights on the page of one segment.
MAX_NIGHTS = 62
NOT_COUNTED = "尚未统计"
CANNOT = "规则无法统计"
UNREADABLE = "规则中有词汇表不再包含的词，无法统计，请重新提交规则。"


def segments_page(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
    """Show all segments, or one if the address names it; `now` is not looked at."""
    try:
        with registry_at(settings.registry_address) as registry:
            if name := query.get("id", ""):
                found = segment(registry, name)
                return _one(viewer, found, sizes_of(registry, name)[:MAX_NIGHTS], versions(registry, name))
            sizes = newest_sizes(registry)
            rows = [_row(one, sizes.get(one.segment_id)) for one in list_segments(registry)]
    except NotFound:
        problem = f"没有编号为 {query['id'][:64]} 的人群，可能已删除。"
        return page("segments.html", 404, viewer, heading=HEADING, here=SEGMENTS, problem=problem, rows=None)
    return page("segments.html", 200, viewer, heading=HEADING, here=SEGMENTS, rows=rows)


def _one(viewer: Viewer, found: Segment, sizes: list[SegmentSize], made: list[Segment]) -> PageAnswer:
    newest = sizes[0] if sizes else None
    changes = [
        {
            "version": one.version, "deed": "删除" if one.is_deleted else "修改" if one.version > 1 else "新建",
            "at": one.made_at.astimezone(PORTAL_TZ).strftime("%Y-%m-%d %H:%M"), "who": one.who, "why": one.why,
        }
        for one in made
    ]  # fmt: skip
    return page(
        "segment.html", 200, viewer, heading=found.name, here=SEGMENTS, segment=found, words=_rule(found),
        nights=[_night(one) for one in sizes], changes=changes, newest=newest and _night(newest),
        lineage=newest.lineage if newest else {},
    )  # fmt: skip


def _row(one: Segment, size: SegmentSize | None) -> dict[str, Any]:
    facts = {"id": one.segment_id, "name": one.name, "owner": one.owner, "version": one.version}
    return facts | (_night(size) if size else {"day": "—", "members": NOT_COUNTED, "entered": "—", "gone": "—"})


def _night(size: SegmentSize) -> dict[str, Any]:
    members = shown(size.members) if size.members is not None else CANNOT
    return {
        "day": size.day.isoformat(), "size_version": size.version, "members": members, "entered": shown(size.entered),
        "gone": shown(size.gone), "problem": UNREADABLE if size.problem else "",
    }  # fmt: skip


def _rule(found: Segment) -> str:
    try:
        return in_words(rule_of(found))
    except InvalidInput:
        return UNREADABLE
