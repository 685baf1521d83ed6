"""Visitors who are held out get general lists everywhere, and lists say so; who switched off is in neither arm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.settings import ServingSettings
from profiles.online.ports import OnlineUpdate, RecentItem
from recommender.holdout import HELD_OUT, HoldOut
from serving.portal.visitor import CONSENT_COOKIE, ID_COOKIE
from tests.recommender.scenes.test_scene_files import written
from tests.serving.conftest import NOW, Api, stocked_api
from tests.serving.test_experiments_served import ALL
from tests.serving.test_list_log import waiting
from tests.serving.test_my_choices import Person

URL = "/v1/recommendations"
HALF = HoldOut(0.5, "of-the-test")
VISITORS = [f"visitor{n}" for n in range(40)]


@pytest.fixture
def dividing(tmp_path: Path) -> Iterator[Api]:
    given = ServingSettings(store_timeout_ms=100, holdout_share=HALF.share, holdout_salt=HALF.salt)
    with stocked_api(tmp_path, serving=given) as api:
        seen = [RecentItem("i0", to_ms(NOW)), RecentItem("i5", to_ms(NOW) + 1)]
        api.store.apply(Commit("log", 0, 1), OnlineUpdate(recent=dict.fromkeys(VISITORS, seen)))
        yield api


def asked(api: Api, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.get(URL, **query).json()
    return found


def shown(made: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in made["items"]]


def held(api: Api) -> str:
    return next(one for one in VISITORS if asked(api, anonymous_id=one)["variant"] == HELD_OUT)


def test_about_a_half_gets_what_a_stranger_gets_and_stays_there(dividing: Api) -> None:
    stranger = asked(dividing)
    made = {one: asked(dividing, anonymous_id=one) for one in VISITORS}
    arms = {one: answer["variant"] for one, answer in made.items()}
    assert 10 < list(arms.values()).count(HELD_OUT) < 30
    for answer in made.values():
        is_held_out = answer["variant"] == HELD_OUT
        assert answer["mode"] == ("general" if is_held_out else "personalised")
        assert (shown(answer) == shown(stranger)) == is_held_out
    blocks = [{"scene": "news"}, {"scene": "item", "item_id": "i3"}]
    for one, arm in arms.items():
        page = dividing.post(URL, {"anonymous_id": one, "blocks": blocks}).json()["blocks"]
        assert {block["variant"] for block in page} == {arm}
        assert {block["mode"] for block in page} == {"general" if arm else "personalised"}
    assert {one: asked(dividing, anonymous_id=one, recent="i7")["variant"] for one in VISITORS} == arms


def test_a_list_beside_an_item_is_that_of_a_stranger_too(dividing: Api) -> None:
    one, query = held(dividing), {"scene": "item", "item_id": "i4", "n": 8}
    assert shown(asked(dividing, anonymous_id=one, **query)) == shown(asked(dividing, **query))


def test_the_log_of_lists_tells_who_was_divided_and_by_what_share(dividing: Api) -> None:
    arms = [asked(dividing, anonymous_id=one)["variant"] for one in VISITORS]
    asked(dividing)
    asked(dividing, anonymous_id=VISITORS[0], mode="general")
    asked(dividing, anonymous_id=VISITORS[0], scene="hot")
    kept = waiting(dividing)
    assert [(one["variant"], one["holdout_share"]) for one in kept] == [
        *((arm, 0.5) for arm in arms), ("", 0.0), ("", 0.0), ("", 0.0),
    ]  # fmt: skip


def test_whoever_switched_personalisation_off_is_in_neither_arm(dividing: Api) -> None:
    people = [Person(dividing, f"user{n}") for n in range(12)]
    assert {person.list()["variant"] for person in people} == {"", HELD_OUT}
    for person in people:
        person.switch("off")
    off = [person.list() for person in people]
    assert {(made["variant"], made["mode"]) for made in off} == {("", "general")}
    kept = waiting(dividing)[-len(people) :]
    assert {one["holdout_share"] for one in kept} == {0.0}


def test_what_a_held_out_visitor_does_not_want_stays_away(dividing: Api) -> None:
    one = held(dividing)
    unwanted = shown(asked(dividing, anonymous_id=one))[0]
    dividing.post("/v1/feedback", {"kind": "dislike", "item_id": unwanted, "anonymous_id": one})
    after = asked(dividing, anonymous_id=one)
    assert (after["variant"], after["mode"]) == (HELD_OUT, "general")
    assert unwanted not in shown(after)
    assert unwanted in shown(asked(dividing))


def test_who_is_held_out_is_in_no_experiment_of_a_scene(dividing: Api) -> None:
    written(dividing.settings.scenes_path, ALL, "home")
    dividing.live.refresh()
    assert {asked(dividing, anonymous_id=one)["variant"] for one in VISITORS} == {"b", HELD_OUT}


def test_a_portal_page_holds_out_as_the_lists_do(dividing: Api) -> None:
    ids = [f"visitor{n:0>20}" for n in range(12)]
    arms = [asked(dividing, anonymous_id=one)["variant"] for one in ids]
    assert set(arms) == {"", HELD_OUT}
    for one, arm in zip(ids, arms, strict=True):
        cookies = f"{ID_COOKIE}={one}; {CONSENT_COOKIE}=personalise"
        page = dividing.ask("GET", "/portal/", headers={"Cookie": cookies}).text
        assert (f'data-civicrec-variant="{HELD_OUT}"' in page) == bool(arm)


def test_it_is_told_and_why(dividing: Api, api: Api) -> None:
    told = dividing.get("/v1/transparency").json()["holdout"]
    assert told["share"] == 0.5
    assert "随机抽取 50% 的访客使用通用列表" in told["says"]
    assert told["says"] in dividing.get("/portal/about").text
    assert api.get("/v1/transparency").json()["holdout"] is None
    assert "随机抽取" not in api.get("/portal/about").text


def test_without_the_setting_nobody_is_held_out(api: Api) -> None:
    assert {asked(api, anonymous_id=one)["variant"] for one in VISITORS} == {""}
    assert {one["holdout_share"] for one in waiting(api)} == {0.0}
