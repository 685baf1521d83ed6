"""What was shown several times and never opened gives way, for a fortnight, and is not hidden."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.clock import to_ms
from civicrec.items import hash_of
from profiles.online.ports import MAX_SHOWINGS, SHOWN_TTL_DAYS, ActorState, RecentItem
from recommender.catalogue import Catalogue
from recommender.editorial import Rule
from recommender.ranking.fatigue import LEAST_FACTOR
from recommender.recommend import recommend
from recommender.request import RankedList, Request
from recommender.scenes.scene import Scene
from tests.recommender.test_editorial import a_rule, decided
from tests.recommender.worlds import NOW, SCENES, World, an_item, signals_of, worlds

NOW_S = to_ms(NOW) // 1000
DAY_S = 86_400
# The newest first, each hardly less worth than the one before.
CATALOGUE = Catalogue.of(an_item(f"i{n}", published_at=NOW - timedelta(minutes=n)) for n in range(30))
HOME = replace(SCENES["home"], max_topic_share=1.0, explore_share=0.0, ranker="blend")


def shown(name: str, n: int, first_s: int = NOW_S - 60) -> dict[int, tuple[int, ...]]:
    return {hash_of(name): tuple(first_s - 600 * k for k in range(n))}


def a_list(profile: ActorState, scene: Scene = HOME, n: int = 10, rules: Sequence[Rule] = (), **how: Any) -> RankedList:
    signals = decided(*rules, catalogue=CATALOGUE) if rules else signals_of(CATALOGUE)
    return recommend(Request(scene, n, **how), profile, CATALOGUE, signals, NOW)


def ids(listed: RankedList) -> list[str]:
    return [one.item.item_id for one in listed.items]


@pytest.mark.parametrize(("n", "factor"), [(1, 1.0), (2, 1.0), (3, 0.5), (4, 0.25), (5, 0.125), (6, LEAST_FACTOR)])
def test_each_time_beyond_the_second_halves_a_score(n: int, factor: float) -> None:
    before = {one.item.item_id: one.score for one in a_list(ActorState(), n=30).items}
    after = {one.item.item_id: one for one in a_list(ActorState(shown=shown("i0", n)), n=30).items}
    assert after["i0"].score == pytest.approx(before["i0"] * factor)
    assert sum(after["i0"].parts.values()) == pytest.approx(after["i0"].score)
    assert all(one.score == before[name] for name, one in after.items() if name != "i0")


def test_what_was_shown_often_gives_way_and_the_list_stays_full() -> None:
    before = ids(a_list(ActorState()))
    listed = a_list(ActorState(shown=shown("i0", 4) | shown("i1", 4)))
    assert before[:3] == ["i0", "i1", "i2"]
    assert ids(listed) == [f"i{n}" for n in range(2, 12)]
    assert listed.mode == "personalised"
    everything = {hashed: times for name in CATALOGUE.items for hashed, times in shown(name, MAX_SHOWINGS).items()}
    assert ids(a_list(ActorState(shown=everything))) == before


def test_what_was_not_shown_for_a_fortnight_is_new_again() -> None:
    began = NOW_S - SHOWN_TTL_DAYS * DAY_S
    assert ids(a_list(ActorState(shown=shown("i0", 6, began))))[0] == "i0"
    assert ids(a_list(ActorState(shown=shown("i0", 3, began + 1_201))))[0] != "i0"
    assert ids(a_list(ActorState(shown=shown("i0", 3, began + 1_200))))[0] == "i0"  # the first of them is past


@pytest.mark.parametrize(
    "changes",
    [{"mode": "general"}, {"scene": replace(HOME, personalised=False)}, {"scene": replace(HOME, fatigue=1.0)}],
)
def test_a_general_list_and_a_scene_that_does_without_stay_as_they_are(changes: Mapping[str, Any]) -> None:
    assert a_list(ActorState(shown=shown("i0", 6)), **changes) == a_list(ActorState(), **changes)


def test_a_pin_stands_however_often_it_was_shown_and_a_boost_counts_besides() -> None:
    tired = ActorState(shown=shown("i0", 6))
    assert ids(a_list(tired, rules=(a_rule("pin", "i0", position=0),)))[0] == "i0"
    lifted = a_list(tired, n=30, rules=(a_rule("boost", "i0", factor=3.0),))
    plain = a_list(ActorState(), n=30)
    score = {one.item.item_id: one.score for one in lifted.items}["i0"]
    assert score == pytest.approx(plain.items[0].score * 3.0 * LEAST_FACTOR)


@given(worlds(), st.integers(1, 12))
@settings(max_examples=80, deadline=None)
def test_it_changes_no_list_but_in_its_order(world: World, n: int) -> None:
    def made(profile: ActorState) -> list[str]:
        request = replace(world.request, n=n)
        return ids(recommend(request, profile, world.catalogue, world.signals, NOW))

    found, without = made(world.profile), made(replace(world.profile, shown={}))
    assert len(found) == len(without) == len(set(found))
    many = replace(world.request, n=100)
    both = [
        ids(recommend(many, profile, world.catalogue, world.signals, NOW))
        for profile in (world.profile, replace(world.profile, shown={}))
    ]
    assert set(both[0]) == set(both[1])


def test_what_was_opened_is_out_as_seen() -> None:
    opened = ActorState(recent=(RecentItem("i0", 0),), seen=(hash_of("i0"),), shown=shown("i0", 3))
    assert "i0" not in ids(a_list(opened))
