"""A scene is a file: a serving process takes it in as it runs, and says when it cannot."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from tests.recommender.scenes.test_scene_files import VETERANS, written
from tests.running import running_stack, wait_for
from tests.serving.conftest import Api, items

PATH = "/v1/recommendations"


def test_a_scene_added_as_a_file_is_served(api: Api) -> None:
    assert api.get(PATH, scene="veterans").status_code == 422
    written(api.settings.scenes_path, "default_n = 4\n" + VETERANS)
    api.live.refresh()
    answer = api.get(PATH, scene="veterans").json()
    assert answer["scene"] == "veterans"
    assert len(answer["items"]) == 4
    assert {item["item_type"] for item in answer["items"]} <= {"service", "policy"}
    assert {item["source"] for item in answer["items"]} <= {"fresh", "tags", "fallback"}
    told = {one["scene"]: one for one in api.get("/v1/transparency").json()["scenes"]}
    assert [source["source"] for source in told["veterans"]["sources"]] == ["fresh", "tags"]


def test_an_own_home_scene_replaces_the_shipped_one_on_the_portal_too(api: Api) -> None:
    written(api.settings.scenes_path, 'title = "市民首页"\nitem_types = ["service"]', "home")
    api.live.refresh()
    assert {item["item_type"] for item in api.get(PATH).json()["items"]} == {"service"}
    assert "市民首页" in api.get("/portal/").text


def test_a_refused_scene_is_told_and_the_last_good_one_serves(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    written(api.settings.scenes_path, VETERANS)
    api.live.refresh()
    before = api.ids(scene="veterans")
    path = written(api.settings.scenes_path, VETERANS.replace("fresh", "freshest"))
    api.live.refresh()
    api.live.refresh()
    assert api.ids(scene="veterans") == before
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    (problem,) = ready.json()["problems"]
    assert problem.startswith(f"{path}: sources.freshest is no source; expected related, item_item,")
    assert 'civicrec_refresh_faults_total{what="scenes"} 1.0' in api.get("/metrics").text
    assert capsys.readouterr().out.count("scene_not_loaded") == 1


@pytest.mark.stack
def test_every_running_worker_takes_a_new_scene_in_without_a_restart(tmp_path: Path) -> None:
    with running_stack(tmp_path, only=("valkey", "serve"), env={"CIVICREC_SERVING__WORKERS": "2"}) as running:
        with registry_at(running.settings.registry_address) as registry:
            upsert_items(registry, items())

        def statuses() -> set[int]:
            """Ask on twelve new connections, which the workers share."""
            return {httpx.get(running.serving_url + PATH, params={"scene": "veterans"}).status_code for _ in range(12)}

        assert statuses() == {422}
        before = running.pids()
        written(running.settings.scenes_path, VETERANS)
        wait_for(lambda: statuses() == {200}, 10, "all workers to serve the new scene")
        answer = httpx.get(running.serving_url + PATH, params={"scene": "veterans", "n": 3}).json()
        assert [item["item_id"] for item in answer["items"]] != []
        assert running.pids() == before
