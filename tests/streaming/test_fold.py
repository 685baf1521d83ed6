import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.decay import forward_weight
from profiles.store import CO_CLICK_HALF_LIFE_DAYS, MAX_RECENT, RecentItem
from streaming.blocks import Turn
from streaming.fold import MAX_ITEMS_PER_ACTOR, MAX_PAIRS, SHARD_TURNS, fold, latest, pairs, personal_actors

HOUR = 3_600_000
DAY = 24 * HOUR
AT = 1_769_846_400_000


def a_turn(item: str = "i1", at_ms: int = AT, actor: str = "a", weight: float = 1.0, personal: bool = True) -> Turn:
    return Turn(actor, item, at_ms, weight, personal)


_turns = st.lists(
    st.builds(
        Turn, st.sampled_from("abc"), st.sampled_from(["i1", "i2", "i3", "i4"]), st.integers(AT, AT + 3 * DAY),
        st.sampled_from([0.0, 0.5, 1.0, 3.0]), st.booleans(),
    ),
    max_size=30,
)  # fmt: skip


def test_two_clicks_of_one_actor_belong_together_in_both_directions() -> None:
    (update,) = fold([a_turn("x", AT), a_turn("y", AT + HOUR)], {})
    weight = forward_weight(AT + HOUR, CO_CLICK_HALF_LIFE_DAYS)
    assert update.co_clicks == {"y": {"x": weight}, "x": {"y": weight}}


def test_clicks_of_two_actors_do_not_belong_together() -> None:
    (update,) = fold([a_turn("x", actor="a"), a_turn("y", actor="b")], {})
    assert update.co_clicks == {}


def test_a_click_belongs_to_what_was_clicked_in_an_earlier_batch() -> None:
    (update,) = fold([a_turn("y")], {"a": [RecentItem("x", AT - HOUR), RecentItem("old", AT - 2 * DAY)]})
    assert set(update.co_clicks) == {"x", "y"}


def test_coming_back_within_the_window_adds_no_pair_and_after_it_does() -> None:
    before = {"a": [RecentItem("x", AT - HOUR), RecentItem("y", AT - 2 * HOUR)]}
    assert fold([a_turn("y")], before)[0].co_clicks == {}
    assert fold([a_turn("y", AT + DAY - 2 * HOUR)], before)[0].co_clicks == {}
    assert set(fold([a_turn("y", AT + DAY - 2 * HOUR + 1)], before)[0].co_clicks) == {"x", "y"}


def test_an_item_is_paired_with_the_last_few_only() -> None:
    before = [RecentItem(f"b{n}", AT - n - 1) for n in range(20)]
    assert [other for _, other, _ in pairs([a_turn("x")], before)] == [f"b{n}" for n in range(MAX_PAIRS)]


def test_without_consent_only_the_crowd_is_told() -> None:
    turns = [a_turn("x", personal=False), a_turn("y", personal=False), a_turn("z", weight=0.0, personal=False)]
    (update,) = fold(turns, {})
    assert personal_actors(turns) == []
    assert (update.recent, update.co_clicks, update.disliked) == ({}, {}, {})
    assert update.interests == {AT // HOUR: {"x": {"a": 1.0}, "y": {"a": 1.0}}}


def test_nobody_counts_twice_for_an_item_in_an_hour() -> None:
    turns = [a_turn("x", AT), a_turn("x", AT + 1, weight=3.0), a_turn("x", AT + HOUR), a_turn("x", AT, actor="b")]
    (update,) = fold(turns, {})
    assert update.interests == {AT // HOUR: {"x": {"a": 3.0, "b": 1.0}}, AT // HOUR + 1: {"x": {"a": 1.0}}}


def test_a_dislike_is_kept_and_is_no_interest() -> None:
    (update,) = fold([a_turn("x", weight=0.0)], {})
    assert update.disliked == {"a": ["x"]}
    assert (update.recent, update.interests, update.co_clicks) == ({}, {}, {})


def test_a_crawler_cannot_flood_a_shard() -> None:
    turns = [a_turn(f"i{n}", AT + n) for n in range(5_000)]
    (update,) = [update for update in fold(turns, {}) if update.recent]
    assert len(update.recent["a"]) == MAX_RECENT
    assert sum(len(by_item) for by_item in update.interests.values()) == MAX_ITEMS_PER_ACTOR
    assert sum(len(others) for others in update.co_clicks.values()) <= 2 * MAX_PAIRS * MAX_ITEMS_PER_ACTOR


def test_shards_are_about_their_size_and_an_actor_is_in_one() -> None:
    rng = random.Random(7)
    turns = [a_turn(f"i{rng.randrange(50)}", AT + n, actor=f"v{rng.randrange(4_000)}") for n in range(5_000)]
    updates = fold(turns, {})
    actors = Counter(actor for update in updates for actor in update.recent)
    assert set(actors.values()) == {1}
    assert set(actors) == {turn.actor for turn in turns}
    assert len(updates) == 5_000 / SHARD_TURNS
    sizes = [sum(turn.actor in update.recent for turn in turns) for update in updates]
    assert max(sizes) < 1.5 * SHARD_TURNS
    assert [update.shard for update in updates] == list(range(len(updates)))


@given(turns=_turns, seed=st.integers(0, 99))
def test_the_order_of_delivery_does_not_matter(turns: list[Turn], seed: int) -> None:
    shuffled = random.Random(seed).sample(turns, len(turns))
    one, other = fold(turns, {}), fold(shuffled, {})
    assert [update.recent for update in one] == [update.recent for update in other]
    assert [update.disliked for update in one] == [update.disliked for update in other]
    assert [update.interests for update in one] == [update.interests for update in other]
    for mine, theirs in zip(one, other, strict=True):
        assert mine.co_clicks.keys() == theirs.co_clicks.keys()
        for item_id, weights in mine.co_clicks.items():
            assert weights == pytest.approx(theirs.co_clicks[item_id])


@given(turns=_turns)
def test_co_clicks_are_symmetric_and_trends_and_recents_come_from_the_turns(turns: list[Turn]) -> None:
    updates = fold(turns, {})
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for update in updates:
        for item_id, others in update.co_clicks.items():
            for other, weight in others.items():
                assert weight > 0
                assert other != item_id
                weights[item_id, other] += weight
    assert all(weights[other, item_id] == pytest.approx(weight) for (item_id, other), weight in weights.items())
    expected = {
        (turn.actor, turn.at_ms // HOUR, turn.item_id): max(
            other.weight for other in turns
            if (other.actor, other.at_ms // HOUR, other.item_id) == (turn.actor, turn.at_ms // HOUR, turn.item_id)
        )
        for turn in turns if turn.weight
    }  # fmt: skip
    found = {
        (actor, hour, item_id): weight
        for update in updates
        for hour, by_item in update.interests.items()
        for item_id, weights in by_item.items()
        for actor, weight in weights.items()
    }
    assert found == expected


@given(turns=_turns)
def test_latest_is_the_newest_time_of_each_item(turns: list[Turn]) -> None:
    found = latest(turns)
    assert {item.item_id: item.at_ms for item in found} == {
        turn.item_id: max(other.at_ms for other in turns if other.item_id == turn.item_id) for turn in turns
    }
    assert [item.at_ms for item in found] == sorted((item.at_ms for item in found), reverse=True)


def test_a_late_turn_does_not_make_the_item_older() -> None:
    before = [RecentItem("x", AT)]
    found = pairs([a_turn("x", AT - 20 * HOUR), a_turn("z", AT + 5 * HOUR)], before)
    assert [(item, other) for item, other, _ in found] == [("z", "x")]
