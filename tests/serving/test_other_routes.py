"""Related items, feedback, transparency, the API page, and what the process does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

from civicrec.eventlog.fences import Mark
from civicrec.scenes import SCENES
from profiles.store import OnlineUpdate
from recommender.ranking.blend import weights_of
from tests.builders import a_crowd
from tests.serving.conftest import Door


def related(door: Door, item_id: str) -> dict[str, list[str]]:
    body = door.get(f"/v1/items/{item_id}/related").json()
    return {made["item_type"]: [item["item_id"] for item in made["items"]] for made in body["lists"]}


def test_related_lists_follow_links_in_both_directions(door: Door) -> None:
    assert related(door, "i0")["service"][0] == "i1"
    assert related(door, "i1")["policy"][0] == "i0"


def test_related_lists_hold_what_readers_clicked_next(door: Door) -> None:
    assert "i18" not in related(door, "i1").get("policy", [])
    door.store.apply(Mark("log", 0, 1), OnlineUpdate(co_clicks={"i1": {"i18": a_crowd()}}))
    assert "i18" in related(door, "i1")["policy"]


@pytest.mark.parametrize("item_id", ["nope", "draft"])
def test_an_unknown_item_has_no_related_items(door: Door, item_id: str) -> None:
    answer = door.get(f"/v1/items/{item_id}/related")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_too_many_related_items_are_refused(door: Door) -> None:
    assert [door.get("/v1/items/i0/related", n=n).status_code for n in (0, 21, "x", 20)] == [422, 422, 422, 200]


def test_a_dislike_acts_on_the_next_list_and_only_for_its_actor(door: Door) -> None:
    first = door.ids(n=1, anonymous_id="a")[0]
    answer = door.post("/v1/feedback", {"kind": "dislike", "item_id": first, "anonymous_id": "a"})
    # No collector runs here, so it acts and is not recorded.
    assert (answer.status_code, answer.json()) == (202, {"acts": True, "recorded": False})
    assert first not in door.ids(n=100, anonymous_id="a")
    assert first in door.ids(n=100, anonymous_id="b")


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
def test_bad_feedback_gets_a_problem_document(door: Door, body: dict[str, str], status: int) -> None:
    answer = door.post("/v1/feedback", body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_transparency_tells_the_weights_in_force(door: Door) -> None:
    told = {one["scene"]: one for one in door.get("/v1/transparency").json()["scenes"]}
    for name, scene in SCENES.items():
        assert {one["source"]: one["weight"] for one in told[name]["sources"]} == weights_of(scene)
        assert told[name]["personalised"] is scene.personalised


def test_the_api_page_needs_nothing_from_elsewhere(door: Door) -> None:
    page = door.get("/docs").text
    assert "//" not in page.replace("<!doctype html>", "")
    for path in ("/v1/recommendations", "/v1/items/{item_id}/related", "/v1/feedback", "/v1/transparency"):
        assert path in page


def test_an_unknown_path_and_method_get_problem_documents(door: Door) -> None:
    for answer, status in ((door.get("/v1/nothing"), 404), (door.ask("DELETE", "/v1/recommendations"), 405)):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_serving_loads_no_training_library() -> None:
    code = (
        "import sys, serving.app; "
        "print([name for name in ('apache_beam', 'sklearn', 'implicit', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
