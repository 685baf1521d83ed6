"""An experiment of a scene file decides the variant of a list, and ends when the file says so."""

from __future__ import annotations

from serving.portal.visitor import CONSENT_COOKIE, ID_COOKIE
from tests.recommender.scenes.test_scene_files import written
from tests.serving.conftest import NOW, Api
from tests.serving.test_list_log import waiting

PATH = "/v1/recommendations"
HALF = """
title = "首页"
[variants.b]
sources = {fresh = 1.0}
[experiment]
name = "plain"
shares = {b = 0.5}
"""
ALL = HALF.replace("0.5", "1.0")


def variant(api: Api, **query: str) -> str:
    return str(api.get(PATH, **query).json()["variant"])


def test_half_of_the_visitors_are_shown_the_variant_and_stay_with_it(api: Api) -> None:
    written(api.settings.scenes_path, HALF, "home")
    api.live.refresh()
    visitors = [f"visitor{n}" for n in range(60)]
    arms = [variant(api, anonymous_id=one) for one in visitors]
    assert 10 < arms.count("b") < 50
    assert set(arms) == {"", "b"}
    assert [variant(api, anonymous_id=one, n="3") for one in visitors] == arms
    shown = visitors[arms.index("b")]
    assert {item["source"] for item in api.get(PATH, anonymous_id=shown).json()["items"]} <= {"fresh", "fallback"}
    page = api.post(PATH, {"anonymous_id": shown, "blocks": [{"scene": "home"}, {"scene": "news"}]}).json()
    assert [block["variant"] for block in page["blocks"]] == ["b", ""]


def test_a_signed_in_visitor_is_shown_one_variant_on_every_device(api: Api) -> None:
    written(api.settings.scenes_path, HALF, "home")
    api.live.refresh()
    arms = set()
    for user in (f"用户{n}" for n in range(20)):
        tokens = {"subject_token": api.live.keys.sign("demo", user, NOW)}
        seen = {variant(api, **tokens, anonymous_id=device) for device in ("phone", "desk", "kiosk")}
        assert len(seen) == 1
        arms |= seen
    assert arms == {"", "b"}


def test_whoever_is_not_to_be_known_is_in_no_experiment(api: Api) -> None:
    written(api.settings.scenes_path, ALL, "home")
    api.live.refresh()
    assert variant(api, anonymous_id="visitor1") == "b"
    assert variant(api) == ""
    assert variant(api, recent="i3") == ""
    assert variant(api, anonymous_id="visitor1", mode="general") == ""
    for signal in ("DNT", "Sec-GPC"):
        told = api.ask("GET", PATH, params={"anonymous_id": "visitor1"}, headers={signal: "1"}).json()
        assert (told["variant"], told["mode"]) == ("", "general")


def test_taking_the_experiment_out_of_the_file_ends_it_at_once(api: Api) -> None:
    written(api.settings.scenes_path, ALL, "home")
    api.live.refresh()
    assert variant(api, anonymous_id="visitor1") == "b"
    written(api.settings.scenes_path, ALL.split("[experiment]")[0], "home")
    api.live.refresh()
    assert variant(api, anonymous_id="visitor1") == ""


def test_a_page_of_the_portal_carries_the_variant_into_its_events(api: Api) -> None:
    written(api.settings.scenes_path, ALL, "home")
    api.live.refresh()
    agreed = f"{ID_COOKIE}=visitor{1:0>20}; {CONSENT_COOKIE}=personalise"
    page = api.ask("GET", "/portal/", headers={"Cookie": agreed})
    assert 'data-civicrec-variant="b"' in page.text
    assert 'data-civicrec-variant="b"' not in api.get("/portal/").text


def test_the_log_of_lists_keeps_how_large_a_part_is_shown_the_variant(api: Api) -> None:
    written(api.settings.scenes_path, HALF.replace("0.5", "0.2"), "home")
    api.live.refresh()
    arms = [variant(api, anonymous_id=f"visitor{n}") for n in range(30)]
    variant(api)
    kept = waiting(api)
    assert [one["variant_share"] for one in kept] == [*(0.2 if arm else 0.8 for arm in arms), 0.0]


MIXED = """
title = "首页"
[sources]
fresh = 1.0
[variants.b]
sources = {deadline = 1.0, tags = 1.0, related = 1.0}
[experiment]
name = "orders"
interleaved = true
shares = {b = 0.5}
"""


def test_interleaved_orders_are_told_apart_in_the_log_and_end_at_once(api: Api) -> None:
    written(api.settings.scenes_path, MIXED, "home")
    api.live.refresh()
    arms = set()
    for user in (f"用户{n}" for n in range(12)):
        tokens = {"subject_token": api.live.keys.sign("demo", user, NOW)}
        seen = {variant(api, **tokens, recent="i3", anonymous_id=device) for device in ("phone", "desk")}
        assert len(seen) == 1
        arms |= seen
    assert arms == {"", "b"}
    kept = waiting(api)
    assert all(bool(one["teams"]) == (one["variant"] == "b") for one in kept)
    assert {"A", "B"} <= {team for one in kept for team in one["teams"]}
    assert {one["variant_share"] for one in kept} == {0.0, 0.5}
    written(api.settings.scenes_path, MIXED.split("[experiment]")[0], "home")
    api.live.refresh()
    assert variant(api, anonymous_id="visitor1") == ""


def test_experiments_of_two_scenes_divide_visitors_independently(api: Api) -> None:
    written(api.settings.scenes_path, HALF, "home")
    written(api.settings.scenes_path, HALF.replace('"plain"', '"other"'), "news")
    api.live.refresh()
    arms = set()
    for n in range(60):
        body = {"anonymous_id": f"visitor{n}", "blocks": [{"scene": "home"}, {"scene": "news"}]}
        arms.add(tuple(block["variant"] for block in api.post(PATH, body).json()["blocks"]))
    assert arms == {("", ""), ("", "b"), ("b", ""), ("b", "b")}
