"""Segments in the registry: versions, who edits at once, sizes of nights; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from civicrec.errors import InvalidInput, NotFound, Outdated
from civicrec.registry import segments as segments_module
from civicrec.registry.audit import audit_rows, verify
from civicrec.registry.segments import (
    KEEP_SIZES,
    Draft,
    SegmentSize,
    delete_segment,
    list_segments,
    newest_sizes,
    note_sizes,
    put_segment,
    segment,
    segments_version,
    sizes_at,
    sizes_of,
    versions,
)

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
DAY = date(2026, 3, 1)
FIRMS = Draft("firms", "小微企业", "每季度核对", "经信局", {"attribute": "scale", "one_of": ["小型企业"]}, "2026.1")
HOW = {"who": "li", "why": "专项行动"}


def test_each_change_is_a_version_and_an_audit_row_and_what_changes_nothing_is_neither(registry: Engine) -> None:
    first = put_segment(registry, FIRMS, **HOW, now=NOW)
    again = put_segment(registry, FIRMS, **HOW, now=NOW + timedelta(hours=1))
    second = put_segment(registry, replace(FIRMS, name="小企业"), **HOW, now=NOW + timedelta(hours=2))
    assert (first.version, second.version) == (1, 2)
    assert again == first == versions(registry, "firms")[1]
    assert segment(registry, "firms") == second
    assert second.rule == FIRMS.rule
    delete_segment(registry, "firms", **HOW, now=NOW)
    with pytest.raises(NotFound, match="no segment 'firms'"):
        segment(registry, "firms")
    assert list_segments(registry) == []
    assert put_segment(registry, FIRMS, **HOW, now=NOW).version == 4
    assert [(one.version, one.is_deleted) for one in versions(registry, "firms")] == [
        (4, False), (3, True), (2, False), (1, False)
    ]  # fmt: skip
    rows = audit_rows(registry, object_id="firms")
    assert [(row.action, row.facts["version"]) for row in reversed(rows)] == [
        ("segment_put", 1), ("segment_put", 2), ("segment_deleted", 3), ("segment_put", 4)
    ]  # fmt: skip
    assert rows[0].facts["why"] == "专项行动"
    assert verify(registry).broken is None
    assert segments_version(registry) == 5


def test_of_two_who_edit_the_same_version_the_second_is_told(registry: Engine) -> None:
    put_segment(registry, FIRMS, **HOW, now=NOW)
    put_segment(registry, replace(FIRMS, name="甲改", version=1), **HOW, now=NOW)
    with pytest.raises(Outdated, match="was edited from version 1, and version 2 is there"):
        put_segment(registry, replace(FIRMS, name="乙改", version=1), **HOW, now=NOW)
    with pytest.raises(Outdated, match="and it is not there"):
        put_segment(registry, replace(FIRMS, segment_id="other", version=1), **HOW, now=NOW)
    assert segment(registry, "firms").name == "甲改"
    assert put_segment(registry, replace(FIRMS, name="乙改", version=2), **HOW, now=NOW).version == 3


def test_there_is_an_end_to_how_many(registry: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "MAX_SEGMENTS", 1)
    put_segment(registry, FIRMS, **HOW, now=NOW)
    with pytest.raises(InvalidInput, match="there are 1 segments already"):
        put_segment(registry, replace(FIRMS, segment_id="other"), **HOW, now=NOW)
    assert put_segment(registry, replace(FIRMS, name="新名"), **HOW, now=NOW).version == 2


def test_sizes_of_a_night_replace_those_of_the_same_day_and_end_with_their_time(registry: Engine) -> None:
    old = SegmentSize("firms", DAY - KEEP_SIZES, 1, 30)
    note_sizes(registry, old.day, [old])
    first = SegmentSize("firms", DAY, 1, 40, 20, 10, {"tags": ["theme:就业创业"]})
    note_sizes(registry, DAY, [first, SegmentSize("gone", DAY, 3, None, problem="no such word")])
    assert sizes_of(registry, "firms") == [first, old]
    next_day = SegmentSize("firms", DAY + timedelta(days=1), 2, 50)
    note_sizes(registry, next_day.day, [next_day])
    note_sizes(registry, next_day.day, [replace(next_day, members=60)])
    assert sizes_of(registry, "firms") == [replace(next_day, members=60), first]
    assert {name: size.members for name, size in newest_sizes(registry).items()} == {"firms": 60, "gone": None}
    assert sizes_at(registry, DAY) == {"firms"}
