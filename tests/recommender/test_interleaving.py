"""Two orders in one list: everything once, either first as often, and the rules of the scene kept."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.online.ports import ActorState, RecentItem
from recommender.candidates.generator import NOTHING
from recommender.catalogue import Catalogue
from recommender.interleaving import TEAMS, interleaved
from recommender.ranking.blend import Blended
from recommender.ranking.named import Named
from recommender.recommend import recommend
from recommender.request import RankedList, Request
from recommender.scenes.experiment import Experiment
from tests.recommender.worlds import NOW, SCENES, an_item, signals_of


def an_order(rows: list[int]) -> Blended:
    return Blended(rows, np.linspace(1, 0, len(rows)), Named(), NOTHING.scores)


orders = st.lists(st.integers(0, 30), unique=True, max_size=20)


@given(orders, orders, st.integers(0, 2**32 - 1))
def test_every_item_stands_once_and_either_team_picks_its_best(first: list[int], second: list[int], coins: int) -> None:
    both = interleaved(an_order(first), an_order(second), coins)
    assert sorted(both.rows) == sorted({*first, *second})
    assert (np.diff(both.scores) < 0).all()
    # A plain draft, by the book: while both have something left, each round gives each one item.
    expected, turn, queues = dict[int, str](), 0, (list(first), list(second))
    while any(row not in expected for queue in queues for row in queue):
        order = (1, 0) if coins >> (turn % 32) & 1 else (0, 1)
        turn += 1
        for team in order:
            left = [row for row in queues[team] if row not in expected]
            if left:
                expected[left[0]] = TEAMS[team]
    assert list(both.teams.items()) == list(expected.items())


def test_neither_order_gains_from_where_its_items_stand() -> None:
    tops = Counter(interleaved(an_order([1, 2]), an_order([3, 4]), coins).rows[0] for coins in range(1024))
    assert tops == {1: 512, 3: 512}


CATALOGUE = Catalogue.of([
    an_item(f"i{n:02}", published_at=NOW - timedelta(days=n, hours=1), theme=(("社会保障", "就业创业")[n % 2],))
    for n in range(40)
])  # fmt: skip
TRENDS = {f"i{39 - n:02}": 60.0 - n for n in range(30)}
SIGNALS = signals_of(CATALOGUE, trends=TRENDS)
HOME = replace(SCENES["home"], sources={"trending": 1.0}, explore_share=0.0)
SCENE = replace(
    HOME, variants={"b": replace(HOME, sources={"fresh": 1.0})},
    experiment=Experiment("orders", {"b": 1.0}, interleaved=True),
)  # fmt: skip
VISITOR = ActorState(recent=(RecentItem("i20", 0),))


def a_list(coins: int | None, variant: str = "b") -> RankedList:
    return recommend(Request(SCENE, 10, variant=variant, coins=coins), VISITOR, CATALOGUE, SIGNALS, NOW)


@pytest.mark.parametrize("coins", [0, 2**32 - 1, 0b1011001])
def test_a_list_of_two_orders_keeps_the_rules_of_the_scene(coins: int) -> None:
    items = a_list(coins).items
    assert len({one.item.item_id for one in items}) == 10
    assert max(Counter(one.item.theme[0] for one in items).values()) <= 6  # its share, and what fills the page
    assert {one.team for one in items} == set(TEAMS)
    alone = {"A": a_list(None, ""), "B": a_list(None, "b")}
    best = {team: [one.item.item_id for one in listed.items] for team, listed in alone.items()}
    for one in items:
        assert one.source == {"A": "trending", "B": "fresh"}[one.team]
    assert items[0].item.item_id == best[TEAMS[coins & 1]][0]
    assert [one.position for one in items] == list(range(10))


def test_a_list_of_one_order_has_no_teams() -> None:
    assert {one.team for one in a_list(None).items} == {""}
    assert {one.propensity for one in a_list(None).items} == {1.0}
    assert {one.propensity for one in a_list(7).items} == {0.0}
