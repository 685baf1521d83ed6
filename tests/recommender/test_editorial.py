"""What editors decide: pins, boosts and blocks, beside what every list keeps anyway."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.editorial import Rule
from civicrec.items import Link
from profiles.online.ports import ActorState, RecentItem
from recommender.catalogue import Catalogue
from recommender.editorial import Editorial
from recommender.recommend import recommend
from recommender.related import related_to
from recommender.request import RankedList, Request
from recommender.signals import Signals
from tests.recommender.test_recommend import allowed
from tests.recommender.worlds import NOW, SCENES, World, an_item, signals_of, worlds

HOME = SCENES["home"]
HOUR = timedelta(hours=1)
CATALOGUE = Catalogue.of(
    an_item(f"i{n}", published_at=NOW - n * HOUR, theme=("就业创业",) if n < 4 else ()) for n in range(12)
)


def a_rule(kind: str, item_id: str, **fields: object) -> Rule:
    return Rule(kind, item_id, why="test", **fields)  # type: ignore[arg-type]


def decided(*rules: Rule, catalogue: Catalogue = CATALOGUE, signals: Signals | None = None) -> Signals:
    return replace(signals or signals_of(catalogue), editorial=Editorial.of(rules, catalogue))


def ids(*rules: Rule, request: Request | None = None, profile: ActorState | None = None) -> list[str]:
    return [one.item.item_id for one in a_list(*rules, request=request, profile=profile).items]


def a_list(*rules: Rule, request: Request | None = None, profile: ActorState | None = None) -> RankedList:
    return recommend(request or Request(HOME, 5), profile or ActorState(), CATALOGUE, decided(*rules), NOW)


def test_a_pin_stands_at_its_place_and_says_that_editors_put_it_there() -> None:
    pinned = a_list(a_rule("pin", "i9", position=1, text="年度重点", number=7))
    assert [one.item.item_id for one in pinned.items] == ["i0", "i9", "i1", "i4", "i5"]  # i2, i3: the theme is full
    assert [one.position for one in pinned.items] == [0, 1, 2, 3, 4]
    one = pinned.items[1]
    assert (one.source, one.reasons[0].code, one.reasons[0].text) == ("editorial", "editorial", "编辑推荐：年度重点")
    assert dict(one.reasons[0].evidence) == {"rule": 7}


def test_a_pinned_item_takes_its_part_of_the_share_of_its_theme() -> None:
    assert ids(a_rule("pin", "i3", position=0)) == ["i3", "i0", "i4", "i5", "i6"]


def test_a_pin_stands_also_for_who_has_read_it_but_not_for_who_dislikes_it() -> None:
    rule = a_rule("pin", "i9", position=0)
    read = ActorState(recent=(RecentItem("i9", 0),))
    assert ids(rule, profile=read)[0] == "i9"
    assert "i9" not in ids(rule, profile=ActorState(disliked={"i9": 0}))


def test_a_pin_is_not_repeated_on_the_next_page_nor_comes_late() -> None:
    rule = a_rule("pin", "i9", position=1)
    first = a_list(rule)
    second = a_list(rule, request=Request(HOME, 5, cursor=first.next_cursor))
    assert "i9" not in [one.item.item_id for one in second.items]
    unpinned = a_list()
    late = a_list(a_rule("pin", "i11", position=1), request=Request(HOME, 5, cursor=unpinned.next_cursor))
    assert late.items[1].item.item_id != "i11"
    deep = a_list(a_rule("pin", "i11", position=6), request=Request(HOME, 5, cursor=unpinned.next_cursor))
    assert (deep.items[1].item.item_id, deep.items[1].position) == ("i11", 6)


def test_of_two_pins_for_one_place_the_newer_has_it() -> None:
    rules = (a_rule("pin", "i8", position=0, number=1), a_rule("pin", "i9", position=0, number=2))
    assert ids(*rules)[:2] == ["i9", "i8"]


def test_a_pin_beyond_a_short_list_stands_at_its_end() -> None:
    few = Catalogue.of(an_item(f"i{n}") for n in range(3))
    made = recommend(Request(HOME, 5), ActorState(), few, decided(a_rule("pin", "i0", position=4), catalogue=few), NOW)
    ids = [one.item.item_id for one in made.items]
    assert (set(ids[:2]), ids[2]) == ({"i1", "i2"}, "i0")


def test_a_block_takes_an_item_out_of_one_scene_or_of_all_and_of_related() -> None:
    assert "i0" not in ids(a_rule("block", "i0"))
    assert "i0" not in ids(a_rule("block", "i0", scene="home"))
    assert "i0" in ids(a_rule("block", "i0", scene="news"))
    assert "i9" not in ids(a_rule("pin", "i9"), a_rule("block", "i9"))
    both = Catalogue.of([an_item("a", links=(Link("serves", "b"),)), an_item("b")])
    assert related_to("a", both, signals_of(both), NOW, 5)
    assert not related_to("a", both, decided(a_rule("block", "b", scene="related"), catalogue=both), NOW, 5)


def test_a_boost_multiplies_the_score() -> None:
    plain = {one.item.item_id: one.score for one in a_list().items}
    lifted = a_list(a_rule("boost", "i4", factor=3.0), a_rule("boost", "i4", factor=2.0))
    assert lifted.items[0].item.item_id == "i4"
    assert lifted.items[0].score == pytest.approx(6 * plain["i4"])
    assert ids(a_rule("boost", "i0", factor=0.1))[0] == "i1"


def test_a_rule_acts_within_its_time_only() -> None:
    assert "i0" in ids(a_rule("block", "i0", ends=NOW))
    assert "i0" in ids(a_rule("block", "i0", begins=NOW + timedelta(seconds=1)))
    rule = a_rule("block", "i1", begins=NOW, ends=NOW + HOUR)
    signals = decided(rule)
    shown = [
        "i1" in [one.item.item_id for one in recommend(Request(HOME, 5), ActorState(), CATALOGUE, signals, at).items]
        for at in (NOW - timedelta(milliseconds=1), NOW, NOW + HOUR - timedelta(milliseconds=1), NOW + HOUR, NOW)
    ]
    assert shown == [True, False, False, True, False]


@given(worlds(), st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_editors_decide_a_list_keeps_its_promises(world: World, data: st.DataObject) -> None:
    some = st.sampled_from([*world.catalogue.item_ids, "unknown"])
    pins = data.draw(st.lists(st.builds(Rule, st.just("pin"), some, position=st.integers(0, 14)), max_size=5))
    boosts = data.draw(st.lists(st.builds(Rule, st.just("boost"), some, factor=st.floats(0.1, 10)), max_size=3))
    blocked = data.draw(st.lists(some, max_size=3))
    rules = [*pins, *boosts, *(Rule("block", item_id) for item_id in blocked)]  # type: ignore[list-item]
    signals = decided(*rules, catalogue=world.catalogue, signals=world.signals)
    may, shown, request = allowed(world) - set(blocked), list[str](), world.request
    for _ in range(30):
        page = recommend(request, world.profile, world.catalogue, signals, NOW)
        assert [one.position for one in page.items] == list(range(len(shown), len(shown) + len(page.items)))
        shown += [one.item.item_id for one in page.items]
        if page.next_cursor is None:
            break
        assert len(page.items) == min(request.n, request.scene.max_n)
        request = replace(request, cursor=page.next_cursor)
    assert sorted(shown) == sorted(may)
