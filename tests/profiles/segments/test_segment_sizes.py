"""Segments counted by night: sizes, who entered and left, what cannot be asked, and numbers that tell of nobody."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from civicrec.erasure import Person
from civicrec.errors import InvalidInput, NotFound
from civicrec.registry.audit import audit_rows
from civicrec.registry.choices import switch
from civicrec.registry.segments import Draft, SegmentSize, delete_segment, newest_sizes, put_segment, sizes_of
from civicrec.warehouse.night_tables import NightTables, drop_night_tables
from profiles import tags as vocabulary_module
from profiles.rules import behaviour
from profiles.rules.behaviour import people_rule_from
from profiles.segments.items import put_item_facts
from profiles.segments.members import Stores
from profiles.segments.sizes import count_segments, counted, segment_members, shown, told
from tests.operations.nights import DAY, an_event, at
from tests.profiles.segments.test_segment_members import ITEMS, NOW

pytestmark = pytest.mark.stack
NEXT = DAY + timedelta(days=1)
READERS = {"count": "click", "days": 1, "at_least": 1}
HOW: dict[str, Any] = {"who": "li", "why": "核对", "now": NOW}


def people(first: int, last: int) -> list[str]:
    return [f"{n:032x}" for n in range(first, last)]


def click(stores: Stores, who: list[str], day: date) -> None:
    rows = [
        an_event(
            int(day.strftime("%Y%m%d")) * 1_000 + int(one, 16), at(day, 9), actor=one, subject_id=one, anonymous_id=""
        )
        for one in who
    ]
    stores.warehouse.insert("events", {name: [row[name] for row in rows] for name in rows[0]})


def night(stores: Stores, day: date) -> dict[str, int]:
    put_item_facts(stores.warehouse, day, ITEMS.values())
    return count_segments(stores, day, NOW)


def put(stores: Stores, segment_id: str, rule: Any) -> None:
    put_segment(stores.registry, Draft(segment_id, "读者", "", "o", rule, "2026.1"), **HOW)


def members_of(stores: Stores) -> list[tuple[Any, ...]]:
    rows = stores.warehouse.rows("SELECT day, segment, count() AS n FROM segment_members GROUP BY ALL ORDER BY ALL")
    return [(row["day"], row["segment"], row["n"]) for row in rows]


def test_a_night_tells_size_entered_and_left_and_again_the_same(stores: Stores) -> None:
    put(stores, "readers", READERS)
    put(stores, "nobody", READERS | {"at_least": 9})
    click(stores, people(0, 30), DAY)
    assert night(stores, DAY) == {"segments": 2, "members": 30, "not_asked": 0}
    (first,) = sizes_of(stores.registry, "readers")
    assert (first.members, first.entered, first.gone, first.version) == (30, None, None, 1)
    click(stores, people(20, 60), NEXT)
    put(stores, "new", READERS)
    for _ in range(2):
        assert night(stores, NEXT) == {"segments": 3, "members": 80, "not_asked": 0}
        found = {name: (size.members, size.entered, size.gone) for name, size in newest_sizes(stores.registry).items()}
        assert found == {"readers": (40, 30, 20), "nobody": (0, 0, 0), "new": (40, None, None)}
    assert len(sizes_of(stores.registry, "readers")) == 2
    assert members_of(stores) == [(DAY, "readers", 30), (NEXT, "new", 40), (NEXT, "readers", 40)]
    delete_segment(stores.registry, "new", **HOW)
    third = NEXT + timedelta(days=1)
    click(stores, people(50, 70), third)
    night(stores, third)
    assert members_of(stores) == [(NEXT, "new", 40), (NEXT, "readers", 40), (third, "readers", 20)]


def test_a_size_says_what_it_was_made_of(stores: Stores) -> None:
    rule = {"all": [
        READERS | {"tags": ["theme:就业创业"]}, {"not": {"tag": "theme:社会保障"}},
        {"attribute": "scale", "one_of": ["小型"]},
    ]}  # fmt: skip
    put(stores, "readers", rule)
    night(stores, DAY)
    lineage = newest_sizes(stores.registry)["readers"].lineage
    assert lineage == {
        "as_of": DAY.isoformat(), "events_since": "2025-03-31", "tables": ["events", "actor_tags", "item_facts"],
        "tags": ["theme:就业创业", "theme:社会保障"], "attributes": ["scale"],
        "vocabulary": vocabulary_module.load_vocabulary().version,
    }  # fmt: skip


def test_a_segment_whose_word_is_governed_no_longer_is_told_and_stops_no_other(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stores, "readers", READERS)
    put(stores, "tagged", {"tag": "theme:就业创业"})
    click(stores, people(0, 12), DAY)
    monkeypatch.setattr(behaviour, "load_vocabulary", lambda: vocabulary_module.read_vocabulary([]))
    assert night(stores, DAY) == {"segments": 2, "members": 12, "not_asked": 1}
    size = newest_sizes(stores.registry)["tagged"]
    assert (size.members, size.lineage) == (None, {})
    assert "segment 'tagged' cannot be asked: rule: unknown tag 'theme:就业创业'" in size.problem
    with pytest.raises(InvalidInput, match="segment 'tagged' cannot be asked"):
        list(segment_members(stores, "tagged", **HOW))
    monkeypatch.undo()
    night(stores, DAY)
    assert newest_sizes(stores.registry)["tagged"] == SegmentSize(
        "tagged", DAY, 1, 0, lineage=newest_sizes(stores.registry)["tagged"].lineage
    )


def test_who_reads_or_counts_members_stands_in_the_audit_log_and_the_switch_acts_at_once(stores: Stores) -> None:
    put(stores, "readers", READERS)
    click(stores, people(0, 12), DAY)
    night(stores, DAY)
    assert list(segment_members(stores, "readers", **HOW)) == people(0, 12)
    switch(stores.registry, people(0, 1)[0], on=False, now=NOW)
    assert counted(stores, "readers", people_rule_from(READERS), **HOW).n == 11
    rows = audit_rows(stores.registry, object_id="readers")
    assert [row.action for row in reversed(rows)] == ["segment_put", "segment_members_read", "segment_counted"]
    with pytest.raises(NotFound):
        list(segment_members(stores, "other", **HOW))


def test_a_night_killed_while_it_counts_leaves_the_day_as_it_was_and_its_table_is_dropped(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stores, "readers", READERS)
    click(stores, people(0, 12), DAY)
    night(stores, DAY)
    click(stores, people(12, 30), DAY + timedelta(days=1))

    def killed(*given: Any) -> None:
        raise KeyboardInterrupt  # nothing after it is done, as by kill -9

    monkeypatch.setattr("civicrec.warehouse.day_tables._swap_in", killed)
    with pytest.raises(KeyboardInterrupt):
        count_segments(stores, DAY, NOW)
    assert members_of(stores) == [(DAY, "readers", 12)]
    somebody = Person("demo", people(3, 4)[0])
    assert NightTables(stores.warehouse, lambda: False).count(somebody) == 1
    assert drop_night_tables(stores.warehouse) == ["segment_members_staging"]
    monkeypatch.undo()
    night(stores, NEXT)
    assert members_of(stores) == [(DAY, "readers", 12), (NEXT, "readers", 18)]


def test_numbers_are_told_down_to_tens_and_none_below_ten() -> None:
    assert [told(n) for n in (0, 1, 9, 10, 19, 1_234)] == [None, None, None, 10, 10, 1_230]
    assert [shown(n) for n in (0, 9, 10, 1_234, None)] == ["少于 10 人", "少于 10 人", "约 10 人", "约 1,230 人", "—"]
