"""What a scene declares of kinds: its page, its issuers, shares, least numbers, what comes first, slots for editors."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.editorial import Rule
from civicrec.items import ITEM_TYPES
from profiles.online.ports import ActorState
from recommender.catalogue import Catalogue
from recommender.editorial import Editorial
from recommender.recommend import recommend
from recommender.request import Request
from recommender.scenes.scene import Scene
from tests.recommender.worlds import NOW, SCENES, an_item, signals_of

HOME = replace(SCENES["home"], max_topic_share=1.0, rerankers=("quotas",))
TYPES = ("news", "news", "news", "news", "service", "news", "policy", "news", "service", "policy")
CATALOGUE = Catalogue.of(
    an_item(
        f"{kind}{n}", kind, published_at=NOW - timedelta(hours=n), issuer="甲局" if n % 2 else "", source=f"s{n % 3}"
    )
    for n, kind in enumerate(TYPES)
)  # fmt: skip


def ids(scene: Scene, n: int = 5, catalogue: Catalogue = CATALOGUE, *rules: Rule) -> list[str]:
    signals = replace(signals_of(catalogue), editorial=Editorial.of(rules, catalogue))
    return [one.item.item_id for one in recommend(Request(scene, n), ActorState(), catalogue, signals, NOW).items]


def test_without_quotas_the_order_stays() -> None:
    assert ids(HOME) == ["news0", "news1", "news2", "news3", "service4"]


def test_a_type_takes_its_share_at_most_and_fills_only_what_nobody_else_can() -> None:
    few = replace(HOME, max_type_share={"news": 0.4})
    assert ids(few) == ["news0", "news1", "service4", "policy6", "service8"]
    assert ids(few, 8) == ["news0", "news1", "news2", "service4", "policy6", "service8", "policy9", "news3"]


def test_an_issuer_takes_its_share_at_most_and_items_without_one_are_free() -> None:
    assert ids(replace(HOME, max_issuer_share=0.2)) == ["news0", "news1", "news2", "service4", "policy6"]


def test_a_type_has_its_least_number() -> None:
    assert ids(replace(HOME, min_type_count={"service": 2})) == ["news0", "news1", "news2", "service4", "service8"]
    both = replace(HOME, min_type_count={"policy": 1, "service": 3})
    assert Counter(name.rstrip("0123456789") for name in ids(both)) == {"news": 2, "policy": 1, "service": 2}


@given(
    st.dictionaries(st.sampled_from(ITEM_TYPES), st.integers(1, 4), max_size=3),
    st.dictionaries(st.sampled_from(ITEM_TYPES), st.floats(0, 1), max_size=3),
    st.floats(0, 1),
    st.integers(1, 12),
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_declared_a_list_is_full_and_repeats_nothing(
    least: dict[str, int], most: dict[str, float], of_issuer: float, n: int
) -> None:
    scene = replace(HOME, min_type_count=least, max_type_share=most, max_issuer_share=of_issuer)
    shown = ids(scene, n)
    assert len(shown) == len(set(shown)) == min(n, len(TYPES))


def test_only_the_issuers_and_sources_named_are_shown() -> None:
    assert ids(replace(HOME, issuers=("甲局",)), 20) == ["news1", "news3", "news5", "news7", "policy9"]
    assert ids(replace(HOME, origins=("s0", "s1"), issuers=("甲局",)), 20) == ["news1", "news3", "news7", "policy9"]


def test_a_page_is_no_longer_than_the_scene_allows_and_goes_on() -> None:
    short = replace(HOME, max_n=3)
    page = recommend(Request(short, 50), ActorState(), CATALOGUE, signals_of(CATALOGUE), NOW)
    assert len(page.items) == 3
    more = recommend(Request(short, 50, cursor=page.next_cursor), ActorState(), CATALOGUE, signals_of(CATALOGUE), NOW)
    assert [one.position for one in more.items] == [3, 4, 5]


def test_pins_stand_in_the_slots_of_editors_only() -> None:
    slots = replace(HOME, editorial_slots=(1, 3))
    rules = [Rule("pin", f"{TYPES[n]}{n}", position=0, why="x", number=n) for n in (7, 8, 9)]
    assert ids(slots, 5, CATALOGUE, *rules) == ["news0", "policy9", "news1", "service8", "news2"]


def test_elder_readers_get_services_of_their_themes_first_and_six_at_most() -> None:
    kinds = [("policy", "社会保障"), ("service", "设立变更"), ("service", "医疗卫生"), ("guide", "交通出行")]
    catalogue = Catalogue.of(
        an_item(f"{kind}{n}", kind, theme=(theme,), published_at=NOW - timedelta(hours=n))
        for n, (kind, theme) in enumerate(kinds * 3)
    )  # fmt: skip
    shown = ids(SCENES["elder"], 50, catalogue)
    assert shown == ["service2", "guide3", "service6", "guide7", "service10", "guide11"]
