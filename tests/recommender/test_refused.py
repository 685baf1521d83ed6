"""What was refused a moment ago sinks what is like it, and nothing else, and not for long."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from civicrec.clock import to_ms
from civicrec.items import Link
from profiles.online.ports import ActorState
from recommender.catalogue import Catalogue
from recommender.ranking.refused import LIKE_FACTOR, like_refused
from recommender.recommend import may_show, query_of, recommend
from recommender.request import RankedList, Request
from tests.recommender.worlds import NOW, SCENES, an_item, signals_of, some_models

HOUR = timedelta(hours=1)
# One of two dozen carries a word, others stand in a series with `bad`; the newest of all are those like it.
ITEMS = [
    an_item("bad", published_at=NOW - HOUR, theme=("就业创业",), links=(Link("part_of", "series"),)),
    an_item("word", published_at=NOW - 2 * HOUR, theme=("就业创业",)),
    an_item("sister", published_at=NOW - 3 * HOUR, links=(Link("part_of", "series"),)),
    an_item("series", published_at=NOW - 4 * HOUR),
    *(an_item(f"o{n:02}", published_at=NOW - (5 + n) * HOUR) for n in range(24)),
]
CATALOGUE = Catalogue.of(ITEMS)
LIKE = ["word", "sister", "series"]


def a_list(at_ms: int | None, **changes: object) -> RankedList:
    profile = ActorState(disliked={} if at_ms is None else {"bad": at_ms})
    request = Request(SCENES["home"], 27, **changes)  # type: ignore[arg-type]
    return recommend(request, profile, CATALOGUE, signals_of(CATALOGUE), NOW)


def ids(listed: RankedList) -> list[str]:
    return [one.item.item_id for one in listed.items]


def test_what_is_like_it_sinks_and_the_rest_keeps_its_order() -> None:
    before, after = ids(a_list(None)), ids(a_list(to_ms(NOW) - 1_000))
    assert before[:4] == ["bad", *LIKE]
    others = [one for one in before if one.startswith("o")]
    assert "bad" not in after
    assert [one for one in after if one.startswith("o")][: len(others)] == others
    assert all(after.index(one) > 10 for one in LIKE)


def test_its_parts_tell_by_how_much() -> None:
    before = {one.item.item_id: one.score for one in a_list(None, exclude=frozenset({"bad"})).items}
    after = {one.item.item_id: one for one in a_list(to_ms(NOW) - 1_000).items}
    for name in LIKE:
        assert after[name].score == pytest.approx(before[name] * LIKE_FACTOR)
        assert sum(after[name].parts.values()) == pytest.approx(after[name].score)


def test_a_neighbour_of_the_night_is_like_it_unless_its_weight_is_against() -> None:
    models = some_models(list(CATALOGUE.item_ids))
    neighbours, weights = models.neighbours.copy(), models.neighbour_weights.copy()
    neighbours[0], weights[0] = [10, 11, -1, -1], [0.5, -0.5, 0.0, 0.0]
    signals = signals_of(CATALOGUE, replace(models, neighbours=neighbours, neighbour_weights=weights))
    request, profile = Request(SCENES["home"], 5), ActorState()
    open_rows = may_show(request, profile, CATALOGUE, NOW)
    query = query_of(request, profile, CATALOGUE, signals, NOW, open_rows)
    factors = like_refused(query, {"bad": to_ms(NOW)}, np.arange(len(CATALOGUE)).tolist())
    assert factors.keys() - set(CATALOGUE.rows_of([*LIKE, "bad"])) == {10}


def test_the_next_day_only_the_item_itself_is_left_out() -> None:
    without = ids(a_list(None, exclude=frozenset({"bad"})))
    assert ids(a_list(to_ms(NOW - timedelta(hours=24)))) == without


def test_a_general_list_does_not_know_of_it() -> None:
    assert ids(a_list(to_ms(NOW), mode="general")) == ids(a_list(None, mode="general"))
