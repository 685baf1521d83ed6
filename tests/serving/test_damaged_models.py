"""Damaged models leave the last good ones in force, and withdrawals act all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from civicrec.registry.catalogue import set_status
from civicrec.registry.runs import save_run
from profiles.online.memory import MemoryOnlineStore
from recommender import trends as trends_module
from recommender.artifacts import save_models
from serving import snapshot as snapshot_module
from serving.snapshot import STALE_S, SnapshotKeeper
from tests.recommender.test_artifacts import SPOILERS
from tests.recommender.worlds import some_models
from tests.serving.conftest import NOW, Api

NAMES = [f"i{n}" for n in range(30)]


def a_run(api: Api, number: int, spoil: Callable[[Path], None] = lambda _: None) -> None:
    spoil(save_models(api.settings.models_path, some_models(NAMES, seed=number)))
    save_run(api.registry, f"run-{number}", NOW.date() + timedelta(days=number), {}, NOW)


def model_of(api: Api) -> str:
    return str(api.get("/v1/recommendations", n=3, recent="i3").json()["model"])


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=list(SPOILERS))
def test_a_damaged_run_leaves_the_last_good_one_and_withdrawals_act(api: Api, spoil: Callable[[Path], None]) -> None:
    a_run(api, 1)
    api.live.refresh()
    a_run(api, 2, spoil)
    gone = api.ids(n=1)[0]
    set_status(api.registry, [gone], "withdrawn", who="editor", why="wrong", now=NOW)
    api.live.refresh()
    assert model_of(api) == "run-1"
    assert gone not in api.ids(n=100)
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert "run-2" in ready.json()["problems"][0]
    assert 'civicrec_refresh_faults_total{what="models"} 1.0' in api.get("/metrics").text


def restarted(api: Api) -> SnapshotKeeper:
    keeper = SnapshotKeeper(api.settings, MemoryOnlineStore())
    keeper.refresh_catalogue()
    return keeper


def test_at_the_start_the_newest_good_run_is_taken(api: Api) -> None:
    a_run(api, 1)
    for number, spoil in ((2, "an empty array"), (3, "facts in a list"), (4, "no folder")):
        a_run(api, number, SPOILERS[spoil])
    keeper = restarted(api)
    assert keeper.current.models is not None
    assert keeper.current.models.models.run == "run-1"
    keeper.close()


def test_with_no_good_run_lists_come_without_models(api: Api) -> None:
    a_run(api, 1, SPOILERS["an empty array"])
    keeper = restarted(api)
    assert keeper.has_catalogue
    assert len(keeper.current.catalogue) > 0
    assert keeper.current.models is None
    assert "none in force" in keeper.problems()[0]
    keeper.close()


def test_a_run_that_was_made_good_is_taken(api: Api) -> None:
    a_run(api, 1)
    a_run(api, 2, SPOILERS["a truncated array"])
    api.live.refresh()
    assert model_of(api) == "run-1"
    save_models(api.settings.models_path, some_models(NAMES, seed=2))
    api.live.refresh()
    assert model_of(api) == "run-2"
    assert api.get("/readyz").json()["problems"] == []


def test_a_fault_nobody_thought_of_ends_neither_catalogue_nor_thread(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> Any:
        raise AssertionError("nobody thought of this")

    monkeypatch.setattr(snapshot_module, "load_models", breaks)
    a_run(api, 1)
    gone = api.ids(n=1)[0]
    set_status(api.registry, [gone], "withdrawn", who="editor", why="wrong", now=NOW)
    api.live.refresh()
    assert gone not in api.ids(n=100)
    monkeypatch.setattr(snapshot_module, "ruling_runs", breaks)
    monkeypatch.setattr(trends_module, "place_hour", breaks)
    monkeypatch.setattr(trends_module, "Trends", breaks)
    api.live.refresh()
    assert api.get("/v1/recommendations", n=3).status_code == 200
    assert 'civicrec_refresh_faults_total{what="registry"} 1.0' in api.get("/metrics").text


def test_a_catalogue_not_read_for_long_is_a_problem_until_it_is_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    keeper = SnapshotKeeper(api.settings, MemoryOnlineStore(), clock_s=lambda: now_s[0])
    keeper.refresh_catalogue()
    now_s[0] = STALE_S + 1
    assert "withdrawals do not act" in keeper.problems()[0]
    keeper.refresh_catalogue()
    assert keeper.problems() == []
    keeper.close()
