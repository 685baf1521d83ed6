import random
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.accounting.progress import Commit
from profiles.decay import forward_weight
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import (
    CO_CLICK_HALF_LIFE_DAYS,
    MAX_RECENT,
    MAX_SHOWN,
    MAX_SIGNED_IN,
    OnlineUpdate,
    RecentItem,
)
from profiles.online.pseudonyms import digest_of
from streaming.blocks import SHOWN, SIGNED_IN, WITHDRAWN, Facts, Handled, Interaction, Origin
from streaming.enrich import signed_in
from streaming.fold import (
    MAX_ITEMS_PER_ACTOR,
    MAX_PAIRS,
    SLICE_INTERACTIONS,
    fold,
    latest,
    other_actors,
    pairs,
    personal_actors,
    slices,
)

HOUR = 3_600_000
DAY = 24 * HOUR
AT = 1_769_846_400_000


def an_interaction(
    item: str = "i1", at_ms: int = AT, actor: str = "a", weight: float = 1.0, personal: bool = True
) -> Interaction:
    return Interaction(actor, item, at_ms, weight, personal)


_interactions = st.lists(
    st.builds(
        Interaction, st.sampled_from("abc"), st.sampled_from(["i1", "i2", "i3", "i4"]), st.integers(AT, AT + 3 * DAY),
        st.sampled_from([0.0, 0.5, 1.0, 3.0]), st.booleans(), kind=st.sampled_from(["", "", "", "undislike"]),
    ),
    max_size=30,
)  # fmt: skip


def test_two_clicks_of_one_actor_belong_together_in_both_directions() -> None:
    update = fold([an_interaction("x", AT), an_interaction("y", AT + HOUR)], {})
    weight = forward_weight(AT + HOUR, CO_CLICK_HALF_LIFE_DAYS)
    assert update.co_clicks == {"y": {"x": {"a": weight}}, "x": {"y": {"a": weight}}}


def test_clicks_of_two_actors_do_not_belong_together() -> None:
    update = fold([an_interaction("x", actor="a"), an_interaction("y", actor="b")], {})
    assert update.co_clicks == {}


def test_a_click_belongs_to_what_was_clicked_in_an_earlier_batch() -> None:
    update = fold([an_interaction("y")], {"a": [RecentItem("x", AT - HOUR), RecentItem("old", AT - 2 * DAY)]})
    assert set(update.co_clicks) == {"x", "y"}


def test_coming_back_within_the_window_adds_no_pair_and_after_it_does() -> None:
    before = {"a": [RecentItem("x", AT - HOUR), RecentItem("y", AT - 2 * HOUR)]}
    assert fold([an_interaction("y")], before).co_clicks == {}
    assert fold([an_interaction("y", AT + DAY - 2 * HOUR)], before).co_clicks == {}
    assert set(fold([an_interaction("y", AT + DAY - 2 * HOUR + 1)], before).co_clicks) == {"x", "y"}


def test_an_item_is_paired_with_the_last_few_only() -> None:
    before = [RecentItem(f"b{n}", AT - n - 1) for n in range(20)]
    assert [other for _, other, *_ in pairs([an_interaction("x")], before)] == [f"b{n}" for n in range(MAX_PAIRS)]


def test_the_next_click_is_the_one_after_the_last_within_half_an_hour() -> None:
    half_an_hour = HOUR // 2
    before = {"a": [RecentItem("x", AT - half_an_hour), RecentItem("y", AT - half_an_hour - 1)]}
    weight = forward_weight(AT, CO_CLICK_HALF_LIFE_DAYS)
    assert fold([an_interaction("z")], before).next_clicks == {"x": {"z": {"a": weight}}}
    assert fold([an_interaction("z", AT + 1)], before).next_clicks == {}
    assert fold([an_interaction("z", AT - HOUR)], before).next_clicks == {}  # late: it came before x
    assert fold([an_interaction("x")], before).next_clicks == {}
    in_a_row = fold([an_interaction(name, AT + n) for n, name in enumerate("pqr")], {}).next_clicks
    assert {item: list(after) for item, after in in_a_row.items()} == {"p": ["q"], "q": ["r"]}


def test_without_consent_only_the_crowd_is_told() -> None:
    interactions = [
        an_interaction("x", personal=False),
        an_interaction("y", personal=False),
        an_interaction("z", weight=0.0, personal=False),
    ]
    update = fold(interactions, {})
    assert personal_actors(interactions) == []
    assert (update.recent, update.co_clicks, update.disliked) == ({}, {}, {})
    assert update.interests == {AT // HOUR: {"x": {"a": 1.0}, "y": {"a": 1.0}}}


def test_nobody_counts_twice_for_an_item_in_an_hour() -> None:
    interactions = [
        an_interaction("x", AT),
        an_interaction("x", AT + 1, weight=3.0),
        an_interaction("x", AT + HOUR),
        an_interaction("x", AT, actor="b"),
    ]
    update = fold(interactions, {})
    assert update.interests == {AT // HOUR: {"x": {"a": 3.0, "b": 1.0}}, AT // HOUR + 1: {"x": {"a": 1.0}}}


def test_a_dislike_is_kept_and_is_no_interest() -> None:
    update = fold([an_interaction("x", weight=0.0)], {})
    assert update.disliked == {"a": {"x": AT}}
    assert (update.recent, update.interests, update.co_clicks) == ({}, {}, {})


def test_a_refusal_is_taken_back_by_saying_so_or_by_a_favourite_and_the_last_word_counts() -> None:
    refused, favoured = an_interaction("x", weight=0.0), an_interaction("x", weight=3.0)._replace(kind="favourite")
    restored = an_interaction("x", weight=0.0)._replace(kind="undislike")
    for last in (favoured, restored):
        update = fold([refused, last._replace(offset=1)], {})
        assert (update.disliked, update.restored) == ({}, {"a": ["x"]})
        update = fold([last, refused._replace(offset=1)], {})
        assert (update.disliked, update.restored) == ({"a": {"x": AT}}, {"a": ["x"]})  # taken back before it is added
    assert fold([restored._replace(is_personal=False)], {}).restored == {}


def test_a_refusal_has_the_time_of_the_latest_event_since_it_was_last_taken_back() -> None:
    back = an_interaction("x", AT + 9, weight=0.0)._replace(kind="undislike")
    said = [an_interaction("x", AT + n, weight=0.0) for n in (8, 3, 5)]
    for order, at_ms in ((said, AT + 8), ([said[0], back, *said[1:]], AT + 5), ([*said, back], None)):
        update = fold([one._replace(offset=n) for n, one in enumerate(order)], {})
        assert update.disliked == ({"a": {"x": at_ms}} if at_ms else {})


def withdrawal(at_ms: int, offset: int = 0) -> Interaction:
    return Interaction("a", "", at_ms, 0.0, True, offset, "consent_withdrawn")


def test_consent_withdrawn_ends_what_was_before_and_not_what_comes_after() -> None:
    interactions = [an_interaction("x", AT), an_interaction("no", AT, weight=0.0), withdrawal(AT + 1, 1)]
    interactions += [an_interaction("y", AT + 2)._replace(offset=2), an_interaction("late", AT)._replace(offset=3)]
    update = fold(interactions, {"a": [RecentItem("before", AT - 1)]})
    assert update.withdrawn == {"a": AT + 1}
    assert update.recent == {"a": [RecentItem("y", AT + 2)]}
    assert (update.disliked, update.co_clicks) == ({}, {})
    assert set(update.interests[AT // HOUR]) == {"x", "y", "late"}  # the crowd is counted without consent, too


def test_what_happened_before_a_known_withdrawal_and_comes_late_is_not_kept() -> None:
    update = fold(
        [an_interaction("late", AT), an_interaction("no", AT, weight=0.0), an_interaction("new", AT + 2)],
        {},
        {"a": AT + 1},
    )
    assert update.recent == {"a": [RecentItem("new", AT + 2)]}
    assert (update.disliked, update.co_clicks, update.withdrawn) == ({}, {}, {})


def test_a_crawler_cannot_flood_a_slice() -> None:
    interactions = [an_interaction(f"i{n}", AT + n) for n in range(5_000)]
    update = fold(interactions, {})
    assert len(update.recent["a"]) == MAX_RECENT
    assert sum(len(by_item) for by_item in update.interests.values()) == MAX_ITEMS_PER_ACTOR
    assert sum(len(others) for others in update.co_clicks.values()) <= 2 * MAX_PAIRS * MAX_ITEMS_PER_ACTOR


def test_slices_are_cut_between_records_and_hold_each_record_once() -> None:
    rng = random.Random(7)
    blocks, offset = [], 0
    for _ in range(30):
        records, interactions = [], []
        for _ in range(rng.randrange(1, 40)):
            offset += rng.randrange(1, 3)
            n = rng.choice([0, 3, 10, 700])
            records.append(Handled(offset, "a", n, {}))
            interactions += [an_interaction()._replace(offset=offset)] * n
        blocks.append(Facts(Origin("log"), -1, records, {}, interactions, []))
    found = list(slices([blocks[0], *blocks]))  # the first block comes twice
    assert [record for part in found for record in part.records] == [
        record for block in blocks for record in block.records
    ]
    assert [interaction for part in found for interaction in part.interactions] == [
        interaction for block in blocks for interaction in block.interactions
    ]
    for part in found:
        assert {interaction.offset for interaction in part.interactions} <= {record.offset for record in part.records}
        assert len(part.interactions) <= SLICE_INTERACTIONS or len(part.records) == 1
    assert len(found) < sum(len(block.interactions) for block in blocks) / SLICE_INTERACTIONS * 2 + 1


def applied(store: MemoryOnlineStore, interactions: list[Interaction], first: int) -> None:
    assert store.apply(
        Commit("log", first, first + 1), fold(interactions, store.known_of(personal_actors(interactions)).recent)
    )


@given(interactions=_interactions, cuts=st.lists(st.integers(0, 30), max_size=5))
def test_folding_in_parts_is_folding_at_once(interactions: list[Interaction], cuts: list[int]) -> None:
    interactions = [one._replace(offset=offset) for offset, one in enumerate(interactions)]  # records are never cut
    at_once, in_parts = MemoryOnlineStore(min_actors=1), MemoryOnlineStore(min_actors=1)
    applied(at_once, interactions, 0)
    borders = [0, *sorted(cuts), len(interactions)]
    for number, (first, last) in enumerate(pairwise(borders)):
        applied(in_parts, interactions[first:last], number)
    assert in_parts.known_of("abc").recent == at_once.known_of("abc").recent
    assert [in_parts.actor(actor) for actor in "abc"] == [at_once.actor(actor) for actor in "abc"]
    assert [in_parts._disliked.get(actor, {}) for actor in "abc"] == [
        at_once._disliked.get(actor, {}) for actor in "abc"
    ]
    hours = range(AT // HOUR, AT // HOUR + 73)
    assert in_parts.trends(hours) == at_once.trends(hours)
    items = ["i1", "i2", "i3", "i4"]
    one, other = at_once.co_clicks(items), in_parts.co_clicks(items)
    assert one.keys() == other.keys()
    for item, weights in one.items():
        assert dict(weights) == pytest.approx(dict(other[item]))


@given(interactions=_interactions, seed=st.integers(0, 100))
def test_in_what_order_a_record_holds_its_interactions_is_no_matter(interactions: list[Interaction], seed: int) -> None:
    """The warehouse does not keep that order, and a rebuild must give the same."""
    shuffled = random.Random(seed).sample(interactions, len(interactions))
    one, other = fold(interactions, {}), fold(shuffled, {})
    assert one.recent == other.recent
    assert one.interests == other.interests
    assert one.co_clicks.keys() == other.co_clicks.keys()
    for item, others in one.co_clicks.items():
        assert others.keys() == other.co_clicks[item].keys()
        for name, weights in others.items():
            assert weights == pytest.approx(other.co_clicks[item][name])


def test_more_items_than_are_remembered_fold_alike_in_parts() -> None:
    rng = random.Random(11)
    interactions = [
        an_interaction(f"i{rng.randrange(90)}", AT + rng.randrange(3 * HOUR))._replace(offset=n) for n in range(400)
    ]
    found = []
    for step in (1, 7, 40):
        store = MemoryOnlineStore(min_actors=1)
        for first in range(0, len(interactions), step):
            applied(store, interactions[first : first + step], first)
        found.append({item: dict(weights) for item, weights in store.co_clicks([f"i{n}" for n in range(90)]).items()})
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for item, weights in other.items():
            assert weights == pytest.approx(found[0][item])


@given(interactions=_interactions)
def test_co_clicks_are_symmetric_and_trends_and_recents_come_from_the_interactions(
    interactions: list[Interaction],
) -> None:
    updates = [fold(interactions, {})]
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for update in updates:
        for item_id, others in update.co_clicks.items():
            for other, by_actor in others.items():
                assert all(weight > 0 for weight in by_actor.values())
                assert other != item_id
                weights[item_id, other] += sum(by_actor.values())
    assert all(weights[other, item_id] == pytest.approx(weight) for (item_id, other), weight in weights.items())
    expected = {
        (one.actor, one.at_ms // HOUR, one.item_id): max(
            other.weight for other in interactions
            if (other.actor, other.at_ms // HOUR, other.item_id) == (one.actor, one.at_ms // HOUR, one.item_id)
        )
        for one in interactions if one.weight
    }  # fmt: skip
    found = {
        (actor, hour, item_id): weight
        for update in updates
        for hour, by_item in update.interests.items()
        for item_id, weights in by_item.items()
        for actor, weight in weights.items()
    }
    assert found == expected


@given(interactions=_interactions)
def test_latest_is_the_newest_time_of_each_item(interactions: list[Interaction]) -> None:
    found = latest(interactions)
    assert {item.item_id: item.at_ms for item in found} == {
        interaction.item_id: max(other.at_ms for other in interactions if other.item_id == interaction.item_id)
        for interaction in interactions
    }
    assert [item.at_ms for item in found] == sorted((item.at_ms for item in found), reverse=True)


def test_a_late_interaction_does_not_make_the_item_older() -> None:
    before = [RecentItem("x", AT)]
    found = pairs([an_interaction("x", AT - 20 * HOUR), an_interaction("z", AT + 5 * HOUR)], before)
    assert [(item, other) for item, other, *_ in found] == [("z", "x")]


def test_a_completed_service_is_done_and_refuses_nothing() -> None:
    done = Interaction("a", "permit", AT, 4.0, True, 1, "service_complete")
    later = done._replace(at_ms=AT + 5, offset=2)
    in_the_crowd = done._replace(actor="b", is_personal=False)
    update = fold([done, later, in_the_crowd], {})
    assert update.done == {"a": {"permit": AT + 5}}
    assert [item.item_id for item in update.recent["a"]] == ["permit"]
    assert (update.disliked, update.restored) == ({}, {})
    # Of days long past only that it was done is looked at.
    assert fold([done._replace(weight=0.0)], {}).recent == {}
    assert fold([done._replace(weight=0.0)], {}).done == {"a": {"permit": AT}}
    assert fold([done], {}, {"a": AT}).done == {}


def test_what_was_shown_is_known_of_its_actor_and_of_nothing_else() -> None:
    def shown(item: str, at_ms: int, actor: str = "a") -> Interaction:
        return Interaction(actor, item, at_ms, 0.0, True, kind=SHOWN)

    times = [shown("x", AT + 1_000 * k) for k in (3, 1, 1, 9, 4, 5, 2, 8)]
    update = fold([*times, shown("y", AT + 500), shown("late", AT, "b")], {}, {"b": AT})
    assert update == OnlineUpdate(shown={"a": {"x": [AT // 1000 + k for k in (9, 8, 5, 4, 3, 2)], "y": [AT // 1000]}})
    clicked = [*times, an_interaction("x", actor="c"), shown("z", AT, "c")]
    assert (personal_actors(clicked), other_actors(clicked)) == (["c"], ["a"])
    flood = fold([shown(f"i{n}", AT + 1_000 * n) for n in range(MAX_SHOWN + 30)], {}).shown["a"]
    assert set(flood) == {f"i{n}" for n in range(30, MAX_SHOWN + 30)}


_HEX = [f"{n:032x}" for n in range(7)]


@given(
    marks=st.lists(st.tuples(st.sampled_from(_HEX), st.integers(0, 20), st.booleans()), max_size=10),
    withdrawn=st.none() | st.integers(0, 20), data=st.data(),
)  # fmt: skip
def test_who_was_signed_in_is_the_same_in_whatever_order_and_slices_events_come(
    marks: list[tuple[str, int, bool]], withdrawn: int | None, data: st.DataObject
) -> None:
    told = [signed_in(who, "b", AT + at, 0, is_personal) for who, at, is_personal in marks]
    until = -1
    if withdrawn is not None:
        told.append(Interaction("b", "", AT + withdrawn, 0.0, True, kind=WITHDRAWN))
        until = withdrawn
    latest_of: dict[str, int] = {}
    for who, at, is_personal in marks:
        name = digest_of(who) if is_personal else ""
        if at > until:
            latest_of[name] = max(AT + at, latest_of.get(name, 0))
    kept = sorted(latest_of, key=lambda name: (latest_of[name], name), reverse=True)[:MAX_SIGNED_IN]
    store = MemoryOnlineStore()
    for n, slice_ in enumerate(_cut(data.draw(st.permutations(told)), data)):
        known = store.known_of(personal_actors(slice_), other_actors(slice_))
        store.apply(Commit("log", n, n + 1), fold(slice_, known.recent, known.withdrawn))
    assert store.actor("b").signed_in == {name: latest_of[name] for name in kept}


def _cut(told: list[Interaction], data: st.DataObject) -> list[list[Interaction]]:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(told)), max_size=4)))
    return [told[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(told)], strict=True)]


def test_more_showings_than_other_interactions_make_a_slice() -> None:
    def found(kind: str) -> list[int]:
        n = 3 * SLICE_INTERACTIONS
        records = [Handled(offset, "a", 1, {}) for offset in range(1, n + 1)]
        interactions = [an_interaction()._replace(offset=offset, kind=kind) for offset in range(1, n + 1)]
        return [len(part.interactions) for part in slices([Facts(Origin("log"), -1, records, {}, interactions, [])])]

    assert found("") == [SLICE_INTERACTIONS] * 3
    assert found(SHOWN) == found(SIGNED_IN) == [3 * SLICE_INTERACTIONS]
