"""``/v1/recommendations`` as a portal sees it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.registry.catalogue import set_status, upsert_items
from civicrec.registry.runs import save_run
from civicrec.settings import Site
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import OnlineUpdate, RecentItem
from recommender.artifacts import save_models
from recommender.manifest import LearnedWeights
from recommender.scenes.files import shipped_scenes
from tests.builders import a_crowd
from tests.recommender.worlds import some_models
from tests.serving.conftest import NOW, Api, items, open_api

SCENES = shipped_scenes()

URL = "/v1/recommendations"
HIDDEN = {"withdrawn", "draft", "void", "expired", "early", "closed"}


def click(api: Api, actor: str, *item_ids: str, offset: int = 1) -> None:
    recent = [RecentItem(name, to_ms(NOW) + place) for place, name in enumerate(item_ids)]
    api.store.apply(Commit("log", offset - 1, offset), OnlineUpdate(recent={actor: recent}))


def test_a_list_has_every_field_of_the_contract(api: Api) -> None:
    answer = api.get(URL, scene="home", n=3, recent="i0,i5")
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert set(body) == {
        "request_id", "scene", "mode", "variant", "model", "generated_at", "items", "next_cursor", "degraded",
    }  # fmt: skip
    assert (body["scene"], body["mode"]) == ("home", "personalised")
    assert body["generated_at"] == "2026-03-10T04:00:00.000Z"
    assert body["degraded"] is False
    for position, item in enumerate(body["items"]):
        assert {
            "item_id", "item_type", "title", "url", "position", "slot", "score", "source", "reasons",
        } <= set(item)  # fmt: skip
        assert item["position"] == position
        assert item["reasons"]
        assert set(item["reasons"][0]) == {"code", "text", "evidence"}


def test_explain_tells_every_reason_and_part(api: Api) -> None:
    items_ = api.get(URL, n=5, recent="i0", explain=1).json()["items"]
    assert all(sum(item["parts"].values()) == pytest.approx(item["score"], abs=1e-5) for item in items_)
    assert max(len(item["reasons"]) for item in items_) >= 2


@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_answers_with_items_it_may_show(api: Api, scene: str) -> None:
    shown = api.ids(scene=scene, n=100)
    assert shown
    assert not HIDDEN & set(shown)
    assert {api.live.catalogue.items[name].item_type for name in shown} <= set(SCENES[scene].item_types)


def test_pages_go_on_where_the_last_ended_whatever_was_clicked(api: Api) -> None:
    shown: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        body = api.get(URL, n=7, anonymous_id="a", cursor=cursor).json()
        shown += [item["item_id"] for item in body["items"]]
        click(api, "a", shown[0], shown[-1], offset=len(shown))
        cursor = body["next_cursor"]
    assert sorted(shown) == sorted(f"i{n}" for n in range(30))


def test_clicks_change_a_visitors_list_at_once_and_leave_the_strangers_alone(api: Api) -> None:
    stranger, before = api.ids(n=8), api.ids(n=8, anonymous_id="a")
    assert stranger == before
    api.store.apply(Commit("live", 0, 1), OnlineUpdate(co_clicks={"i26": {"i29": a_crowd()}}))
    click(api, "a", "i21", "i26", "i16")
    after = api.ids(n=8, anonymous_id="a")
    assert len(set(after) - set(before)) >= 2
    assert "i29" in after
    assert not {"i16", "i21", "i26"} & set(after)
    assert api.ids(n=8) == stranger
    assert set(api.ids(n=8, recent="i16,i26,i21")) == set(after)  # only ties go by who asks


def test_a_token_speaks_for_its_user(api: Api) -> None:
    token = api.live.keys.sign("demo", "张三", NOW)
    click(api, api.live.keys.subject_id("demo", "张三"), "i0")
    answer = api.get(URL, n=30, subject_token=token).json()
    assert answer["mode"] == "personalised"
    assert [item["item_id"] for item in answer["items"]][-1] == "i0"


class Untouchable(MemoryOnlineStore):
    """A store that must not be asked."""

    def actor(self, actor: str) -> Any:
        raise AssertionError("a profile was read")

    def co_clicks(self, item_ids: Any, n: int = 0) -> Any:
        raise AssertionError("co-clicks of somebody were read")


def test_general_mode_never_reads_a_profile(tmp_path: Path) -> None:
    api = open_api(tmp_path, Untouchable())
    upsert_items(api.registry, items())
    api.live.refresh()
    body = api.get(URL, n=5, anonymous_id="a", recent="i3", mode="general").json()
    assert (body["mode"], len(body["items"]), body["degraded"]) == ("general", 5, False)
    hot = api.get(URL, n=5, scene="hot", anonymous_id="a").json()
    assert (hot["mode"], hot["degraded"]) == ("general", False)
    assert api.get(URL, n=5, anonymous_id="a").status_code == 500  # the store does object when it is asked


def test_unknown_ids_are_passed_over(api: Api) -> None:
    assert api.ids(n=5, recent="nope,i3,", exclude="nobody", item_id="nowhere") == api.ids(n=5, recent="i3")


def test_excluded_items_stay_out(api: Api) -> None:
    first = api.ids(n=4)
    assert not set(first) & set(api.ids(n=26, exclude=",".join(first)))


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ({"n": "0"}, 422, "expected 1 to 100"),
        ({"n": "10000"}, 422, "expected 1 to 100"),
        ({"n": "ten"}, 422, "whole number"),
        ({"n": "9" * 5000}, 422, "whole number"),
        ({"scene": "attic"}, 422, "home, news"),
        ({"mode": "loud"}, 422, "general or personalised"),
        ({"cursor": "made-up"}, 422, "cursor"),
        ({"anonymous_id": "a b"}, 422, "anonymous_id"),
        ({"subject_token": "x.y.z"}, 401, "subject token"),
    ],
)
def test_a_bad_request_gets_a_problem_document(api: Api, query: dict[str, str], status: int, says: str) -> None:
    answer = api.get(URL, **query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail"}
    assert says in answer.json()["detail"]
    assert len(answer.content) < 1000


def test_a_token_of_another_site_or_time_is_refused(api: Api) -> None:
    other = api.live.keys.sign("other", "u", NOW)
    late = api.live.keys.sign("demo", "u", NOW - timedelta(hours=2))
    assert api.get(URL, subject_token=other).status_code == 401
    assert api.get(URL, subject_token=late).status_code == 401
    assert api.get(URL, subject_token=other, site="other").status_code == 200


def test_the_only_configured_site_is_the_default(tmp_path: Path) -> None:
    sites = {"yunlan": Site(key=SecretStr("k" * 32), origins=("https://www.yunlan.example",))}
    api = open_api(tmp_path, MemoryOnlineStore(), sites=sites)
    assert api.get(URL, subject_token=api.live.keys.sign("yunlan", "u", NOW)).status_code == 200
    allowed = api.ask("GET", URL, headers={"Origin": "https://www.yunlan.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://www.yunlan.example"
    assert "access-control-allow-origin" not in api.ask("GET", URL, headers={"Origin": "https://else"}).headers


def test_a_page_of_blocks_shows_no_item_twice(api: Api) -> None:
    blocks = [{"scene": "home", "n": 6}, {"scene": "news", "n": 4, "slot": "side"}, {"scene": "hot", "n": 6}]
    lists = api.post(URL, {"blocks": blocks, "anonymous_id": "a"}).json()["blocks"]
    shown = [item["item_id"] for made in lists for item in made["items"]]
    assert [len(made["items"]) for made in lists] == [6, 4, 6]
    assert len(set(shown)) == len(shown)
    assert {item["slot"] for item in lists[1]["items"]} == {"side"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"blocks": []}', b'{"blocks": [{"scene": "home", "n": 0}]}', b'{"blocks": [{"n": "3"}]}',
     b'{"blocks": [{"scene": "home"}], "who": "me"}', b'{"blocks": [{"scene": "home"}], "mode": 3}', b"\xff\xfe",
     json.dumps({"blocks": [{"scene": "home"}] * 21}).encode(), b"[" * 100_000],
)  # fmt: skip
def test_a_bad_body_gets_a_problem_document(api: Api, body: bytes) -> None:
    answer = api.post(URL, body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_catalogue_models_and_stores_there_is_an_empty_list(tmp_path: Path) -> None:
    api = open_api(tmp_path, MemoryOnlineStore())
    body = api.get(URL, n=5, anonymous_id="a", recent="x", item_id="y").json()
    assert (body["items"], body["model"], body["next_cursor"]) == ([], "", None)
    assert api.get("/readyz").status_code == 503
    api.live.refresh()
    assert api.get("/readyz").json()["status"] == "ok"


def test_a_withdrawal_and_a_new_item_act_at_the_next_refresh(api: Api) -> None:
    gone = api.ids(n=1)[0]
    set_status(api.registry, [gone], "withdrawn", who="editor", why="wrong figures", now=NOW)
    api.live.refresh()
    assert gone not in api.ids(n=100)
    set_status(api.registry, [gone], "online", who="editor", why="corrected", now=NOW)
    api.live.refresh()
    assert gone in api.ids(n=100)


def test_new_models_are_taken_up_and_a_broken_run_leaves_the_old_in_force(api: Api) -> None:
    names = [f"i{n}" for n in range(30)]
    save_models(api.settings.models_path, some_models(names, seed=1))
    save_run(api.registry, "run-1", NOW.date(), {}, NOW)
    api.live.refresh()
    assert api.get(URL, n=3, recent="i3").json()["model"] == "run-1"
    save_run(api.registry, "run-2", NOW.date() + timedelta(days=1), {}, NOW)
    api.live.refresh()
    assert api.get(URL, n=3, recent="i3").json()["model"] == "run-1"


def test_a_learned_order_is_public_and_explained_when_asked(api: Api) -> None:
    models = some_models([f"i{n}" for n in range(30)], seed=1)
    learned = {"news": LearnedWeights({"age_24h": 2.0, "idle": -0.5}, 500, 0.3, 0.2)}
    manifest = msgspec.structs.replace(models.manifest, rankers=learned)
    save_models(api.settings.models_path, replace(models, manifest=manifest))
    save_run(api.registry, "run-1", NOW.date(), {}, NOW)
    api.live.refresh()
    plain, explained = (api.get(URL, n=5, scene="news", recent="i3", explain=one).json()["items"] for one in ("", "1"))
    assert [one["item_id"] for one in plain] == [one["item_id"] for one in explained]
    assert not any("features" in one for one in plain)
    age = explained[0]["features"]["age_24h"]
    assert age["part"] == pytest.approx(2.0 * age["value"], abs=1e-5)
    scenes = {one["scene"]: one for one in api.get("/v1/transparency").json()["scenes"]}
    assert scenes["news"]["learned"] == {"weights": {"age_24h": 2.0, "idle": -0.5}, "clicks": 500}
    assert (scenes["home"]["ranker"], scenes["home"]["learned"]) == ("learned", None)
    assert (scenes["hot"]["ranker"], scenes["hot"]["learned"]) == ("blend", None)


def test_metrics_count_lists(api: Api) -> None:
    api.ids(n=2)
    text = api.get("/metrics").text
    assert 'civicrec_lists_served_total{mode="general",scene="home"} 1.0' in text
    assert "civicrec_recommend_seconds_count 1.0" in text


def test_a_pseudonym_sent_as_an_anonymous_id_opens_nobodys_profile(api: Api) -> None:
    subject = api.live.keys.subject_of(api.live.keys.sign("demo", "citizen", NOW), "demo", NOW)
    api.store.apply(Commit("log", 0, 1), OnlineUpdate(recent={subject: [RecentItem("i1", 0)]}))
    assert api.get("/v1/recommendations", n=5, anonymous_id=subject).json()["mode"] == "general"
    api.post("/v1/feedback", {"kind": "dislike", "item_id": "i2", "anonymous_id": subject})
    assert not api.store.actor(subject).disliked
    assert api.store.actor(f"a:{subject}").disliked.keys() == {"i2"}
