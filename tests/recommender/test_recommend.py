"""What every list keeps, whatever the models say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from civicrec.items import Item, hash_of
from profiles.online.ports import ActorState, RecentItem
from recommender.catalogue import Catalogue
from recommender.recommend import recommend
from recommender.related import related_to
from recommender.request import RankedList, Request
from recommender.scenes.files import shipped_scenes
from recommender.scenes.scene import Scene
from recommender.signals import Signals
from tests.recommender.worlds import NOW, World, an_item, signals_of, some_models, worlds

SCENES = shipped_scenes()

HOME = SCENES["home"]


def made(world: World, **changes: object) -> RankedList:
    request = replace(world.request, **changes)
    return recommend(request, world.profile, world.catalogue, world.signals, NOW)


def ids(ranked: RankedList) -> list[str]:
    return [one.item.item_id for one in ranked.items]


def may_be_named(item: Item) -> bool:
    """The rules in plain words, as an oracle."""
    return bool(
        item.status == "online"
        and item.validity in ("有效", "修改")
        and (item.item_type != "news" or item.source_permitted)
        and (item.valid_from is None or item.valid_from <= NOW)
        and (item.valid_until is None or item.valid_until > NOW)
        and (item.published_at is None or item.published_at <= NOW)
    )


def may_be_shown(item: Item, scene: Scene) -> bool:
    return bool(
        may_be_named(item)
        and item.item_type in scene.item_types
        and not (item.item_type in ("policy", "service", "guide") and item.apply_until and item.apply_until <= NOW)
    )


def allowed(world: World) -> set[str]:
    request, is_personal = world.request, world.request.mode == "personalised" and world.request.scene.personalised
    hidden = request.exclude | {request.item_id} | (world.profile.disliked.keys() if is_personal else frozenset())
    return {
        name for name, item in world.catalogue.items.items() if may_be_shown(item, request.scene) and name not in hidden
    }


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_a_list_holds_only_what_may_be_shown_once_and_is_as_long_as_it_can_be(world: World) -> None:
    shown = ids(made(world))
    assert len(set(shown)) == len(shown)
    assert set(shown) <= allowed(world)
    assert len(shown) == min(world.request.n, world.request.scene.max_n, len(allowed(world)))


@given(worlds())
@settings(max_examples=200, deadline=None)
def test_pages_repeat_nothing_and_end_when_everything_was_shown(world: World) -> None:
    shown: list[str] = []
    page = made(world)
    for turn in range(30):
        shown += ids(page)
        assert [one.position for one in page.items] == list(range(len(shown) - len(page.items), len(shown)))
        if page.next_cursor is None:
            break
        # Clicks between two pages must not bring anything back.
        clicked = (RecentItem(shown[0], turn),)
        world = replace(world, profile=replace(world.profile, recent=clicked + world.profile.recent))
        page = made(world, cursor=page.next_cursor)
    assert len(set(shown)) == len(shown)
    assert set(shown) == allowed(world)


@given(worlds())
@settings(max_examples=100, deadline=None)
def test_the_same_question_at_the_same_time_gives_the_same_list(world: World) -> None:
    assert made(world) == made(world)


@given(worlds())
@settings(max_examples=200, deadline=None)
def test_what_was_seen_comes_back_only_when_nothing_else_is_left(world: World) -> None:
    shown, request = ids(made(world)), world.request
    if request.mode == "general" or not request.scene.personalised:
        return
    seen = {*request.recent, *(one.item_id for one in world.profile.recent)}
    unseen = allowed(world) - seen
    if set(shown) & seen:
        assert unseen <= set(shown)


@given(worlds())
@settings(max_examples=200, deadline=None)
def test_a_general_list_does_not_depend_on_who_asks(world: World) -> None:
    general = made(world, mode="general")
    stranger = replace(world, profile=ActorState(), request=replace(world.request, recent=()))
    assert made(stranger, mode="general") == general
    assert general.mode == "general"


@given(worlds(), st.randoms())
@settings(max_examples=200, deadline=None)
def test_a_general_list_does_not_depend_on_the_order_in_which_a_process_met_the_items(
    world: World, random: Random
) -> None:
    met = list(world.catalogue.items.values())
    random.shuffle(met)
    other = Catalogue.of(met)
    stranger = replace(world.request, mode="general", item_id="")
    lists = [
        ids(recommend(stranger, ActorState(), catalogue, Signals(), NOW)) for catalogue in (world.catalogue, other)
    ]
    assert lists[0] == lists[1]


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_what_is_not_in_force_is_named_by_nothing_whoever_names_it(world: World) -> None:
    hidden = {name for name, item in world.catalogue.items.items() if not may_be_named(item)}
    for one in made(world).items:
        told = [one.item.item_id, *(reason.evidence.get("item_id", "") for reason in one.reasons)]
        assert hidden.isdisjoint(told)
        titles = {f"《{world.catalogue.items[name].title}》" for name in hidden}
        assert not any(title in reason.text for title in titles for reason in one.reasons)


@given(worlds())
@settings(max_examples=200, deadline=None)
def test_no_theme_takes_more_than_its_share_unless_the_page_could_not_be_filled(world: World) -> None:
    ranked, scene = made(world), world.request.scene
    if (
        scene.max_topic_share == 1.0
        or len(ranked.items) < min(world.request.n, scene.max_n)
        or any("seen" in one.reasons[0].code for one in ranked.items)
    ):
        return
    most = max(1, int(scene.max_topic_share * min(world.request.n, scene.max_n)))
    counts: dict[str, int] = {}
    for one in ranked.items:
        for theme in one.item.theme:
            counts[theme] = counts.get(theme, 0) + 1
    crowded = {theme for theme, count in counts.items() if count > most}
    left = [world.catalogue.items[name] for name in allowed(world) - set(ids(ranked))]
    seen = {*world.request.recent, *(one.item_id for one in world.profile.recent)}
    # Whatever is left (and unseen) would have broken the rule as well.
    full = {theme for theme, count in counts.items() if count >= most}
    if crowded and not seen:
        assert all(set(item.theme) & full for item in left)


def test_three_clicks_change_a_list_with_and_without_models() -> None:
    ids_ = [f"i{n}" for n in range(40)]
    catalogue = Catalogue.of(
        [an_item(name, "news", theme=("就业创业" if n % 4 == 0 else f"主题{n % 7}",)) for n, name in enumerate(ids_)]
    )
    co_clicks = {"i4": [("i33", 3.0)]}
    for signals in (
        signals_of(catalogue, None, None, co_clicks),
        signals_of(catalogue, some_models(ids_), None, co_clicks),
    ):
        before = a_list(catalogue, signals, Request(HOME, 8))
        after = a_list(catalogue, signals, Request(HOME, 8, recent=("i4", "i8", "i12")))
        assert len(set(after) - set(before)) >= 3
        assert not {"i4", "i8", "i12"} & set(after)


def test_a_pair_of_few_people_orders_and_is_told_to_nobody() -> None:
    names = [f"i{n}" for n in range(40)]
    catalogue = Catalogue.of([an_item(name, "news") for name in names])
    signals = signals_of(catalogue, None, None, {"i4": [("i33", -3.0), ("i20", 2.0)]})
    first, second, *_ = recommend(Request(HOME, 8, recent=("i4",)), ActorState(), catalogue, signals, NOW).items
    assert [(one.item.item_id, one.source) for one in (first, second)] == [("i33", "co_click"), ("i20", "co_click")]
    assert [reason.code for reason in second.reasons] == ["co_click"]
    assert "co_click" not in [reason.code for reason in first.reasons]
    beside = related_to("i4", catalogue, signals, NOW, 5)["news"]
    assert [one.item.item_id for one in beside] == ["i20"]


def test_what_was_seen_long_ago_comes_last_the_longest_ago_first() -> None:
    names = [f"i{n}" for n in range(40)]
    catalogue = Catalogue.of([an_item(name, "news", theme=(f"主题{n % 7}",)) for n, name in enumerate(names)])
    seen = (*names[3:37], "gone")
    profile = ActorState(recent=(RecentItem("i36", 9),), seen=tuple(hash_of(name) for name in seen))
    for signals in (signals_of(catalogue), signals_of(catalogue, some_models(names), {"i5": 99.0, "i9": 50.0})):
        page = a_list(catalogue, signals, Request(HOME, 8), profile)
        assert set(page[:6]) == {"i0", "i1", "i2", "i37", "i38", "i39"}
        assert page[6:] == ["i3", "i4"]
        assert a_list(catalogue, signals, Request(HOME, 40), profile)[-1] == "i36"
        general = a_list(catalogue, signals, Request(HOME, 8, mode="general"), profile)
        assert general == a_list(catalogue, signals, Request(HOME, 8, mode="general"))
    assert recommend(Request(HOME, 4), profile, catalogue, Signals(), NOW).mode == "personalised"


def a_list(catalogue: Catalogue, signals: Signals, request: Request, profile: ActorState | None = None) -> list[str]:
    return ids(recommend(request, profile or ActorState(), catalogue, signals, NOW))


def test_the_latest_scene_is_newest_first_and_the_hot_one_goes_by_trend() -> None:
    catalogue = Catalogue.of(
        [an_item(f"i{n}", "news", published_at=NOW - timedelta(days=n)) for n in (3, 1, 12, 0, 30)]
        + [an_item("undated")]
    )
    signals = signals_of(catalogue, None, {"i12": 9.0, "i30": 5.0})
    assert a_list(catalogue, signals, Request(SCENES["latest"], 6)) == ["i0", "i1", "i3", "i12", "i30", "undated"]
    assert a_list(catalogue, signals, Request(SCENES["hot"], 2)) == ["i12", "i30"]


def test_item_item_leads_when_there_is_a_history() -> None:
    ids_ = [f"i{n}" for n in range(30)]
    catalogue = Catalogue.of([an_item(name) for name in ids_])
    models = some_models(ids_, kind="cosine")
    models.neighbours[0] = [5, 6, 7, 8]
    models.neighbour_weights[0] = [0.9, 0.8, 0.7, 0.6]
    models.factors[:] = 0
    signals = signals_of(catalogue, models, {"i20": 99.0})
    assert a_list(catalogue, signals, Request(HOME, 4, recent=("i0",)))[:3] == ["i5", "i6", "i7"]


def test_an_empty_catalogue_gives_an_empty_list() -> None:
    assert a_list(Catalogue(), Signals(), Request(HOME, 10, recent=("x",), item_id="y")) == []


def test_of_one_time_the_latest_go_by_id() -> None:
    catalogue = Catalogue.of([an_item(f"i{n}", "news", published_at=NOW) for n in (3, 1, 2, 0)])
    assert a_list(catalogue, signals_of(catalogue), Request(SCENES["latest"], 4)) == ["i0", "i1", "i2", "i3"]


@given(worlds())
@settings(max_examples=30, deadline=None)
def test_a_variant_is_made_as_a_scene_of_its_own_would_be(world: World) -> None:
    newest = replace(HOME, sources={"fresh": 1.0}, fallback=(), rerankers=())
    both = replace(HOME, variants={"newest": newest})
    of_variant = made(world, scene=both, variant="newest")
    assert of_variant.variant == "newest"
    assert replace(of_variant, variant="") == made(world, scene=newest)
    assert made(world, scene=both) == made(world, scene=HOME)
    with pytest.raises(InvalidInput, match="unknown variant 'other' of scene 'home'; it has newest"):
        made(world, scene=both, variant="other")
