"""One list in some gives its last place to a new item that few have seen; lists that are the same for all never do."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from civicrec.editorial import Rule
from profiles.online.ports import ActorState, RecentItem
from recommender.catalogue import Catalogue
from recommender.editorial import Editorial
from recommender.exploration import EXPLORATION
from recommender.recommend import recommend
from recommender.request import RankedList, Request
from recommender.signals import Signals
from tests.recommender.worlds import NOW, SCENES, an_item, signals_of

HOUR = timedelta(hours=1)
# Popular are the old ones; of the young, one trends already and one carries the theme that the page is full of.
OLD = [an_item(f"old{n}", published_at=NOW - (30 + n) * HOUR) for n in range(12)]
YOUNG = [an_item(f"new{n}", published_at=NOW - (n + 1) * HOUR) for n in range(4)]
FULL = [an_item(f"full{n}", published_at=NOW - 40 * HOUR, theme=("就业创业",)) for n in range(2)]
CATALOGUE = Catalogue.of([
    *OLD, *YOUNG, *FULL,
    an_item("hot", published_at=NOW - HOUR),
    an_item("same", published_at=NOW - HOUR, theme=("就业创业",)),
    an_item("closed", published_at=NOW - HOUR, apply_until=NOW),
])  # fmt: skip
TRENDS = {item.item_id: 30.0 - n for n, item in enumerate([*FULL, *OLD])} | {"hot": 5.0}
SIGNALS = signals_of(CATALOGUE, trends=TRENDS)
VISITOR = ActorState(recent=(RecentItem("old11", 0),))
SCENE = replace(SCENES["home"], explore_share=0.25, sources={"trending": 1.0})


def a_list(
    draw: float | None, profile: ActorState = VISITOR, signals: Signals = SIGNALS, **changes: object
) -> RankedList:
    request = replace(Request(SCENE, 5, draw=draw), **changes)  # type: ignore[arg-type]
    return recommend(request, profile, CATALOGUE, signals, NOW)


def ids(listed: RankedList) -> list[str]:
    return [one.item.item_id for one in listed.items]


PLAIN = ids(a_list(None))


def test_one_list_in_four_explores_and_every_untried_item_gets_as_much() -> None:
    lists = [a_list((n + 0.5) / 400) for n in range(400)]
    last = Counter(ids(listed)[-1] for listed in lists if ids(listed) != PLAIN)
    assert set(last) == {item.item_id for item in YOUNG}
    assert last.total() == 100
    # The one whose theme has its share already gives its turns to the next in line.
    assert min(last.values()) == 20
    assert max(last.values()) == 40
    assert all(ids(listed)[:-1] == PLAIN[:-1] for listed in lists)


def test_every_place_tells_how_likely_it_was() -> None:
    draws = [(n + 0.5) / 4_000 for n in range(4_000)]
    lists = [a_list(draw) for draw in draws]
    assert all(one.propensity == 1.0 for listed in lists for one in listed.items[:-1])
    shown, told = Counter(), dict[str, float]()
    for listed in lists:
        if listed.items[-1].propensity:
            shown[ids(listed)[-1]] += 1
            told[ids(listed)[-1]] = listed.items[-1].propensity
    # What took the turn of the item whose theme has its share already is not told: it is likelier than one draw.
    assert {name: n / len(draws) for name, n in shown.items()} == pytest.approx(told)
    assert told[PLAIN[-1]] == 0.75
    assert [listed.items[-1].propensity for listed in (a_list(None), a_list(0.9, n=3))] == [1.0, 1.0]


def test_it_says_what_it_is() -> None:
    item = a_list(0.0).items[-1]
    assert (item.source, item.position, [reason.code for reason in item.reasons]) == (EXPLORATION, 4, ["fresh"])


@pytest.mark.parametrize("draw", [0.25, 0.9, None])
def test_other_lists_are_as_they_were(draw: float | None) -> None:
    assert ids(a_list(draw)) == PLAIN


@pytest.mark.parametrize(
    ("profile", "changes"),
    [
        (ActorState(), {}),
        (VISITOR, {"mode": "general"}),
        (VISITOR, {"scene": replace(SCENE, personalised=False)}),
        (VISITOR, {"scene": replace(SCENE, explore_share=0.0)}),
        (VISITOR, {"n": 3}),
    ],
    ids=["stranger", "general", "a scene for all", "not declared", "short"],
)
def test_what_is_the_same_for_all_and_what_is_short_never_explores(
    profile: ActorState, changes: dict[str, object]
) -> None:
    assert ids(a_list(0.0, profile, **changes)) == ids(a_list(None, profile, **changes))


def test_what_was_seen_refused_or_excluded_is_not_tried() -> None:
    profile = replace(VISITOR, recent=(RecentItem("new0", 0),), disliked={"new1": 0})
    tried = {ids(a_list(draw, profile, exclude=frozenset({"new2"})))[-1] for draw in np.linspace(0, 0.249, 50)}
    assert tried == {"new3"}


def test_a_page_on_which_editors_pinned_something_stays_as_they_left_it() -> None:
    pinned = replace(SIGNALS, editorial=Editorial.of([Rule("pin", "old9", why="test", position=4)], CATALOGUE))
    assert ids(a_list(0.0, signals=pinned)) == ids(a_list(None, signals=pinned))


def test_nobody_explores_what_many_have_seen_or_what_is_a_day_old() -> None:
    all_trend = signals_of(CATALOGUE, trends=TRENDS | {item.item_id: 1.0 for item in YOUNG} | {"same": 1.0})
    assert ids(a_list(0.0, signals=all_trend)) == ids(a_list(None, signals=all_trend))
