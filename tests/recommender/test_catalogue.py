"""The snapshot: a refresh gives what a fresh build gives, rows stay, orders and indexes are right."""

from __future__ import annotations

from datetime import timedelta
from math import inf

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.items import ITEM_TYPES, Item, Link, hash_of
from profiles.tags import learned_tags
from recommender.catalogue import Catalogue, by_id, mentions, shelved
from recommender.eligibility import eligible, in_force, is_public, public_rows
from recommender.likeness import rarity_of_terms
from recommender.related import related_to
from recommender.scenes.files import shipped_scenes
from tests.recommender.worlds import NOW, World, an_item, items, signals_of, worlds

SCENES = shipped_scenes()

IDS = ["a", "b", "c", "d"]


@given(st.lists(st.sampled_from(IDS).flatmap(lambda item_id: items(item_id, IDS)), max_size=10), st.integers(0, 10))
@settings(max_examples=150, deadline=None)
def test_a_refreshed_snapshot_equals_one_built_at_once(changes: list[Item], cut: int) -> None:
    steps = Catalogue.of(changes[:cut]).refreshed(2, changes[cut:])
    at_once = Catalogue.of({item.item_id: item for item in changes}.values())
    assert steps.items == at_once.items
    assert steps.item_ids == at_once.item_ids
    assert steps.linked_from == at_once.linked_from
    assert steps.named == at_once.named
    assert steps.mentioned_names == at_once.mentioned_names
    assert steps.mentioned_in == at_once.mentioned_in
    assert [_tagged(steps, row) for row in range(len(steps))] == [_tagged(at_once, row) for row in range(len(steps))]
    assert steps.fragments == at_once.fragments
    for name in ("types", "is_offered", "opens_ms", "closes_ms", "apply_until_ms", "published_ms", "newest", "hashes",
                 "is_public", "places"):  # fmt: skip
        assert np.array_equal(getattr(steps, name), getattr(at_once, name))


def _tagged(catalogue: Catalogue, row: int) -> dict[str, bool]:
    return {tag: row in catalogue.tag_rows[number].tolist() for tag, number in catalogue.tag_numbers.items()
            if len(catalogue.tag_rows[number])}  # fmt: skip


@given(worlds())
@settings(max_examples=40, deadline=None)
def test_the_public_rows_of_a_type_are_its_public_items_newest_first(world: World) -> None:
    for item_type in ITEM_TYPES:
        shown = [world.catalogue.items[world.catalogue.item_ids[row]] for row in
                 public_rows(world.catalogue, item_type, NOW).tolist()]  # fmt: skip
        every = [one for one in world.catalogue.items.values() if one.item_type == item_type and is_public(one, NOW)]
        every.sort(key=lambda one: one.item_id)
        every.sort(key=lambda one: one.published_at.timestamp() if one.published_at else -inf, reverse=True)
        assert shown == every


_texts = st.lists(
    st.sampled_from(["《云澜市办法》", "府发〔2026〕21号", "云府发〔2026〕21号", "为落实", "，", "《", "〔", "》"])
)


@given(_texts.map("".join), _texts.map("".join))
def test_an_item_without_its_text_names_the_same_documents(title: str, text: str) -> None:
    named = {"府发〔2026〕21号": 4, "云府发〔2026〕21号": 5, "云澜市办法": 7, "为落实": 8}
    kept = shelved(Item(item_id="a", item_type="news", title=title, body_text=text))
    assert mentions(kept.body_text, named) == mentions(text, named)
    assert kept.title == title


def test_an_item_without_its_text_holds_nothing_but_what_it_names() -> None:
    kept = shelved(
        Item(item_id="a", item_type="news", title="解读", body_text="为落实《云澜市办法》，" + "各单位照此办理。" * 99)
    )
    assert "云澜市办法" in kept.body_text
    assert "照此办理" not in kept.body_text


def test_a_withdrawal_takes_over_what_it_does_not_change() -> None:
    reading = Item(item_id="a", item_type="news", title="《云澜市办法》解读")
    first = Catalogue.of([reading, Item(item_id="b", item_type="news", title="云澜市办法")])
    second = first.refreshed(2, [Item(item_id="b", item_type="news", title="云澜市办法", status="withdrawn")])
    for name in ("item_ids", "rows", "named", "mentioned_in", "linked_from", "newest", "places", "tag_rows"):
        assert getattr(second, name) is getattr(first, name)


@given(worlds())
@settings(max_examples=100, deadline=None)
def test_tag_rows_hold_exactly_the_items_of_a_tag_newest_first(world: World) -> None:
    catalogue = world.catalogue
    place = {int(row): age for age, row in enumerate(catalogue.newest)}
    for tag, number in catalogue.tag_numbers.items():
        rows = catalogue.tag_rows[number].tolist()
        assert {catalogue.item_ids[row] for row in rows} == {
            name for name, item in catalogue.items.items() if tag in learned_tags(item)
        }
        assert [place[row] for row in rows] == sorted(place[row] for row in rows)


def test_a_row_belongs_to_its_item_for_good() -> None:
    first = Catalogue.of([an_item("a"), an_item("b")])
    second = first.refreshed(2, [an_item("c"), an_item("a", status="withdrawn")])
    assert [second.rows[name] for name in "abc"] == [0, 1, 2]
    assert eligible(second, SCENES["home"].item_types, NOW).tolist() == [False, True, True]
    assert eligible(first, SCENES["home"].item_types, NOW).tolist() == [True, True]


def test_hashes_find_their_items_in_order_and_every_item_that_shares_one() -> None:
    assert hash_of("plumless") == hash_of("buckeroo")
    catalogue = Catalogue.of([an_item("plumless"), an_item("a"), an_item("buckeroo"), an_item("b")])
    found = catalogue.rows_of_hashes([hash_of("b"), hash_of("plumless"), 7, hash_of("a")])
    assert [catalogue.item_ids[row] for row in found] == ["b", "plumless", "buckeroo", "a"]
    assert catalogue.rows_of_hashes([]) == Catalogue().rows_of_hashes([hash_of("a")]) == []


@given(worlds(), st.lists(st.integers(-50, 50), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_a_mask_kept_between_calls_is_right_at_every_time(world: World, days: list[int]) -> None:
    types, kept = world.request.scene.item_types, world.catalogue
    for day in days:
        now = NOW + timedelta(days=day)
        fresh = kept.refreshed(kept.version, [])
        assert np.array_equal(eligible(kept, types, now), eligible(fresh, types, now))
        assert np.array_equal(in_force(kept, now), in_force(fresh, now))


def test_an_item_begins_and_ends_on_the_instant() -> None:
    second = timedelta(seconds=1)
    catalogue = Catalogue.of([an_item("a", valid_from=NOW, valid_until=NOW + second, apply_until=NOW + second)])
    moments = [NOW - second, NOW, NOW + second - timedelta(milliseconds=1), NOW + second]
    assert [bool(eligible(catalogue, SCENES["home"].item_types, at)[0]) for at in moments] == [False, True, True, False]


def test_related_items_come_by_type_links_first_then_names_then_shared_tags() -> None:
    catalogue = Catalogue.of([
        an_item("p", "policy", document_no="云人社发〔2026〕21号", theme=("就业创业",), links=(Link("serves", "s"),)),
        an_item("s", "service", theme=("住房保障",)),
        an_item("i1", "interpretation", theme=("就业创业",)),
        an_item("i2", "interpretation", summary="解读云人社发〔2026〕21号"),
        an_item("i3", "interpretation", links=(Link("interprets", "p"),)),
        an_item("gone", "interpretation", status="withdrawn", links=(Link("interprets", "p"),)),
        *[an_item(f"other{n}", "news", theme=("民政",)) for n in range(40)],
    ])  # fmt: skip
    lists = related_to("p", catalogue, signals_of(catalogue), NOW, 5)
    told = {name: [one.item.item_id for one in made] for name, made in lists.items()}
    assert told == {"interpretation": ["i3", "i2", "i1"], "service": ["s"]}
    assert [one.reasons[0].code for one in lists["interpretation"]] == ["related", "mention", "tag"]
    assert [one.item.item_id for one in related_to("i2", catalogue, signals_of(catalogue), NOW, 5)["policy"]] == ["p"]


def test_names_are_found_in_texts() -> None:
    named = {"办法": 3, "云府〔2026〕1号": 4, "府〔2026〕1号": 5}
    assert mentions("见《办法》与《办法》以及云府〔2026〕1号、《没有的》", named) == [3, 4]


def test_an_item_that_stands_alone_has_nothing_related() -> None:
    alone = Catalogue.of([an_item("a")])
    assert related_to("a", alone, signals_of(alone), NOW, 5) == {}


def test_what_nothing_else_ties_to_an_item_is_related_by_its_title() -> None:
    items = [
        Item(item_id="t", item_type="service", title="城乡居民医疗保险参保登记"),
        Item(item_id="like", item_type="service", title="城乡居民医疗保险参保查询"),
        *[Item(item_id=f"other{n}", item_type="service", title=f"第{n}类船舶营运证核发") for n in range(40)],
    ]
    catalogue = Catalogue.of(items)
    (service,) = related_to("t", catalogue, signals_of(catalogue), NOW, 5)["service"]
    assert (service.item.item_id, service.source) == ("like", "content")
    assert [reason.code for reason in service.reasons] == ["content"]
    linked = [an_item(f"link{n}", "service", links=(Link("serves", "t"),)) for n in range(5)]
    tied = Catalogue.of([*items, *linked])
    shown = related_to("t", tied, signals_of(tied), NOW, 9)["service"]
    assert {one.item.item_id for one in shown} == {item.item_id for item in linked}


def test_what_is_worked_out_of_titles_stays_until_one_changes() -> None:
    before = Catalogue.of([an_item("a", published_at=NOW), an_item("b")])
    made = before.once(rarity_of_terms), before.rows_of_hashes([hash_of("b")])
    ids = before.once(by_id)
    withdrawn = before.refreshed(2, [an_item("a", status="withdrawn", published_at=NOW)])
    assert withdrawn.once(rarity_of_terms) is made[0]
    assert withdrawn.rows_of_hashes([hash_of("b")]) == made[1]
    retitled = withdrawn.refreshed(3, [Item(item_id="b", item_type="policy", title="医保报销办法")])
    moved = withdrawn.refreshed(3, [an_item("b", published_at=NOW)])
    for changed in (retitled, moved, withdrawn.refreshed(3, [an_item("c")])):
        fresh = Catalogue.of(changed.items.values())
        assert np.array_equal(changed.once(rarity_of_terms), fresh.once(rarity_of_terms))
    assert not np.array_equal(retitled.once(rarity_of_terms), made[0])
    assert retitled.once(by_id) is ids


ANY_ID = st.text(alphabet="ab-1新é\U00020000", min_size=1, max_size=5)


@given(st.lists(ANY_ID, unique=True, max_size=12), st.lists(ANY_ID, min_size=1, max_size=12))
@settings(deadline=None)
def test_rows_of_many_are_those_of_each(known: list[str], asked: list[str]) -> None:
    catalogue = Catalogue.of(an_item(item_id) for item_id in known).refreshed(2, [an_item("b-new")])
    asked += ["b-new", *(f"{item_id}{item_id}" for item_id in asked)]  # longer ones than any known
    assert catalogue.rows_of_many(asked).tolist() == [catalogue.rows.get(item_id, -1) for item_id in asked]
