"""Related items, feedback, transparency, the API page, and what the process does not load."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.errors import Unavailable
from civicrec.settings import RedisSettings, Settings
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import OnlineUpdate
from recommender.scenes.files import shipped_scenes
from serving.app import create_app
from serving.related import KEPT_MS
from tests.builders import a_crowd
from tests.serving.conftest import Api

SCENES = shipped_scenes()


def related(api: Api, item_id: str) -> dict[str, list[str]]:
    body = api.get(f"/v1/items/{item_id}/related").json()
    return {made["item_type"]: [item["item_id"] for item in made["items"]] for made in body["lists"]}


def test_related_lists_follow_links_in_both_directions(api: Api) -> None:
    assert related(api, "i0")["service"][0] == "i1"
    assert related(api, "i1")["policy"][0] == "i0"


def test_related_lists_hold_what_readers_clicked_next(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    now = api.live.clock()
    monkeypatch.setattr(api.live, "clock", lambda: now)
    assert "i18" not in related(api, "i1").get("policy", [])
    api.store.apply(Commit("log", 0, 1), OnlineUpdate(co_clicks={"i1": {"i18": a_crowd()}}))
    monkeypatch.setattr(api.live, "clock", lambda: now + timedelta(milliseconds=KEPT_MS))
    assert "i18" in related(api, "i1")["policy"]


@pytest.mark.parametrize("item_id", ["nope", "draft"])
def test_an_unknown_item_has_no_related_items(api: Api, item_id: str) -> None:
    answer = api.get(f"/v1/items/{item_id}/related")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_too_many_related_items_are_refused(api: Api) -> None:
    assert [api.get("/v1/items/i0/related", n=n).status_code for n in (0, 21, "x", 20)] == [422, 422, 422, 200]


def test_a_dislike_acts_on_the_next_list_and_only_for_its_actor(api: Api) -> None:
    first = api.ids(n=1, anonymous_id="a")[0]
    answer = api.post("/v1/feedback", {"kind": "dislike", "item_id": first, "anonymous_id": "a"})
    # No collector runs here, so it acts and is not recorded.
    assert (answer.status_code, answer.json()) == (202, {"acts": True, "recorded": False})
    assert first not in api.ids(n=100, anonymous_id="a")
    assert first in api.ids(n=100, anonymous_id="b")


def test_a_dislike_is_kept_by_the_time_its_event_has_and_as_no_log(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[dict[str, str]] = []
    monkeypatch.setattr(api.app.state.recorder, "record", lambda event, token, now: events.append({"at": now}) or True)
    assert feedback(api) == {"acts": True, "recorded": True}
    assert isinstance(api.store, MemoryOnlineStore)
    assert [list(times.values()) for times in api.store._disliked.values()] == [[to_ms(events[0]["at"])]]
    assert api.store.done() == {}


def test_serving_writes_within_the_bounds_of_the_settings(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, redis=RedisSettings(max_actors=1_234, min_actors=7)))
    store = app.state.live.store
    assert (store._bounds.actors, store._bounds.min_actors) == (1_234, 7)


def feedback(api: Api, kind: str = "dislike", headers: dict[str, str] | None = None, **fields: str) -> dict[str, bool]:
    body = {"kind": kind, "item_id": "i0", "anonymous_id": "a", **fields}
    answer = api.ask("POST", "/v1/feedback", json=body, headers=headers or {})
    assert answer.status_code == 202, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_a_dislike_can_be_taken_back(api: Api) -> None:
    assert feedback(api)["acts"]
    assert "i0" not in api.ids(n=100, anonymous_id="a")
    assert feedback(api, "undislike")["acts"]
    assert "i0" in api.ids(n=100, anonymous_id="a")


@pytest.mark.parametrize(
    "signal", [[("Sec-GPC", "1")], [("DNT", "1")], [("DNT", "0"), ("DNT", "1")], [("DNT", "1"), ("Sec-GPC", "0")]]
)
def test_the_browsers_signal_keeps_nothing_and_makes_every_list_general(
    api: Api, signal: list[tuple[str, str]]
) -> None:
    assert feedback(api, headers=signal) == {"acts": False, "recorded": False}
    assert not api.store.actor("a").disliked
    feedback(api)
    query = {"n": 100, "anonymous_id": "a", "recent": "i3"}
    answer = api.ask("GET", "/v1/recommendations", params=query, headers=signal).json()
    assert answer["mode"] == "general"
    assert [item["item_id"] for item in answer["items"]] == api.ids(n=100)
    body = {"blocks": [{"scene": "home", "n": 5}], "anonymous_id": "a"}
    page = api.ask("POST", "/v1/recommendations", json=body, headers=signal).json()
    assert page["blocks"][0]["mode"] == "general"


def test_more_ids_than_can_be_left_out_are_refused_and_not_cut(api: Api) -> None:
    names = [f"x{n}" for n in range(1_001)]
    body = {"blocks": [{"scene": "home", "n": 5, "exclude": names}]}
    assert api.get("/v1/recommendations", exclude=",".join(names[:1_000])).status_code == 200
    assert api.get("/v1/recommendations", exclude=",".join(names)).status_code == 422
    assert api.post("/v1/recommendations", body).status_code == 422


def test_a_general_list_says_that_its_trends_stand_still(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not api.get("/v1/recommendations").json()["degraded"]

    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(api.store, "trends", away)
    api.live.refresh()
    assert api.get("/v1/recommendations").json()["degraded"]
    monkeypatch.undo()
    api.live.refresh()
    assert not api.get("/v1/recommendations").json()["degraded"]


def test_what_is_recorded_has_the_consent_that_was_given(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        api.app.state.recorder, "record", lambda event, token, now: bool(sent.append(event["consent"])) or True
    )
    assert feedback(api, consent="none") == {"acts": False, "recorded": False}
    assert feedback(api, consent="measure") == {"acts": False, "recorded": True}
    assert not api.store.actor("a").disliked
    assert feedback(api, consent="personalise") == feedback(api) == {"acts": True, "recorded": True}
    assert sent == ["measure", "personalise", "measure"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://evil.example", 422), ("null", 422), ("http://test", 202), ("http://127.0.0.1:8702", 202), ("", 202)],
)
def test_feedback_is_taken_from_pages_of_this_server_and_of_known_origins(api: Api, origin: str, status: int) -> None:
    body = {"kind": "dislike", "item_id": "i0", "anonymous_id": "a"}
    headers = {"Origin": origin} if origin else {}
    assert api.ask("POST", "/v1/feedback", json=body, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "dislike", "item_id": "nope", "anonymous_id": "a"}, 404),
        ({"kind": "adore", "item_id": "i0", "anonymous_id": "a"}, 422),
        ({"kind": "dislike", "item_id": "i0"}, 422),
        ({"kind": "dislike", "item_id": "i0", "subject_token": "x"}, 401),
        ({"item_id": "i0"}, 422),
    ],
)
def test_bad_feedback_gets_a_problem_document(api: Api, body: dict[str, str], status: int) -> None:
    answer = api.post("/v1/feedback", body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_transparency_tells_the_weights_in_force(api: Api) -> None:
    scenes = {one["scene"]: one for one in api.get("/v1/transparency").json()["scenes"]}
    for name, scene in SCENES.items():
        assert {one["source"]: one["weight"] for one in scenes[name]["sources"]} == scene.sources
        assert scenes[name]["personalised"] is scene.personalised


def test_the_api_page_needs_nothing_from_elsewhere(api: Api) -> None:
    page = api.get("/docs").text
    assert "//" not in page.replace("<!doctype html>", "")
    for path in ("/v1/recommendations", "/v1/items/{item_id}/related", "/v1/feedback", "/v1/transparency"):
        assert path in page


def test_an_unknown_path_and_method_get_problem_documents(api: Api) -> None:
    for answer, status in ((api.get("/v1/nothing"), 404), (api.ask("DELETE", "/v1/recommendations"), 405)):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_serving_loads_no_training_library() -> None:
    code = (
        "import sys, serving.app; "
        "print([name for name in ('apache_beam', 'sklearn', 'implicit', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
