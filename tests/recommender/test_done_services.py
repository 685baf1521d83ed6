"""A service that is done (办结) is not offered again; what follows on it is, with a reason that names it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from civicrec.items import Link
from profiles.online.ports import ActorState, RecentItem
from recommender.catalogue import Catalogue
from recommender.recommend import recommend
from recommender.request import RankedList, Request
from tests.recommender.worlds import NOW, SCENES, an_item, signals_of

DAY = timedelta(days=30)
CATALOGUE = Catalogue.of([
    an_item("birth", "service", links=(Link("part_of", "topic"), Link("serves", "card"))),
    an_item("card", "service"),
    an_item("insurance", "guide", links=(Link("part_of", "topic"),)),
    an_item("reading", "interpretation", links=(Link("interprets", "birth"),)),
    an_item("gone", "service", links=(Link("part_of", "topic"),), status="withdrawn"),
    an_item("topic", "topic"),
    *(an_item(f"s{n}", "service", published_at=NOW - n * DAY) for n in range(1, 6)),
])  # fmt: skip
DONE = ActorState(recent=(RecentItem("birth", 0),), done={"birth": 0})


def a_list(profile: ActorState, **changes: object) -> RankedList:
    return recommend(
        replace(Request(SCENES["services"], 20), **changes), profile, CATALOGUE, signals_of(CATALOGUE), NOW
    )  # type: ignore[arg-type]


def ids(listed: RankedList) -> list[str]:
    return [one.item.item_id for one in listed.items]


def test_it_is_not_offered_even_when_nothing_else_is_left() -> None:
    only_read = replace(DONE, done={})
    assert ids(a_list(only_read))[-1] == "birth"
    assert "birth" not in ids(a_list(DONE))
    assert "birth" in ids(a_list(DONE, mode="general"))


def test_what_follows_on_it_stands_first_and_says_so() -> None:
    items = a_list(DONE).items
    assert [one.item.item_id for one in items[:2]] == ["card", "insurance"]
    assert {one.source for one in items[:2]} == {"related"}
    told = [one.reasons[0] for one in items[:2]]
    assert {reason.text for reason in told} == {"办结《标题birth》后可接着办"}
    assert all(reason.evidence == {"item_id": "birth", "rel": "follows"} for reason in told)


def test_what_one_only_reads_is_no_follow_up() -> None:
    listed = a_list(DONE, scene=SCENES["home"])
    followed = [
        one.item.item_id for one in listed.items if any(r.evidence.get("rel") == "follows" for r in one.reasons)
    ]
    assert followed == ["card", "insurance"]


@pytest.mark.parametrize("done", ["gone", "unknown"])
def test_a_service_that_may_not_be_named_is_followed_by_nothing(done: str) -> None:
    items = a_list(ActorState(done={done: 0})).items
    assert not any(reason.code == "related" for one in items for reason in one.reasons)
