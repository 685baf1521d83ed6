"""A night's rankers, on a real warehouse: from which events they learn, and when what they learned is in force."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from civicrec.clock import from_ms, to_ms
from civicrec.events import INTEREST_WEIGHTS
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.runs import save_run
from civicrec.registry.tables import open_registry, registry_at
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.clicks import read_clicks
from operations import nightly
from operations.night import Night
from operations.nightly import run_nightly
from operations.rankers import learn_rankers
from operations.replay import Click, ReplayedPortal
from recommender.artifacts import Models, load_models, save_models
from recommender.manifest import LearnedWeights, Manifest
from recommender.scenes.files import shipped_scenes
from recommender.training.ranker import MIN_CLICKS
from recommender.training.train import train
from tests.operations.nights import DAY, an_event, at, many_events, store_events
from tests.recommender.training.blocks import blocks

N_ITEMS = 60
SCENES = shipped_scenes()


def news(now: datetime) -> list[Item]:
    """Two hundred hours of news, the newest an hour old."""
    return [
        Item(item_id=f"n{k}", item_type="news", title=f"第{k}条", published_at=now - timedelta(hours=3 * k + 1))
        for k in range(N_ITEMS)
    ]


def reading(n: int, days: int = 3, seed: int = 3) -> list[Click]:
    """Return clicks of readers who open the oldest news that is about: nothing a scene declares says so."""
    rng, began = np.random.default_rng(seed), to_ms(at(DAY - timedelta(days=days - 1), 0))
    times = np.sort(rng.integers(began, to_ms(at(DAY, 23)), n)).tolist()
    oldest = [N_ITEMS - 1 - int(rng.geometric(0.1)) % N_ITEMS for _ in range(n)]
    return [
        Click(f"u{int(rng.integers(0, n // 4))}", f"n{one}", at_ms) for one, at_ms in zip(oldest, times, strict=True)
    ]


def events_of(clicks: list[Click]) -> list[dict[str, Any]]:
    return [
        an_event(k, from_ms(click.at_ms), actor=click.user_id, item_id=click.item_id) for k, click in enumerate(clicks)
    ]


@pytest.mark.stack
def test_the_clicks_are_those_that_count_in_order_of_time_and_the_newest(settings: Settings) -> None:
    events = many_events()
    gone_ms = to_ms(at(DAY - timedelta(days=2), 12))
    events.append(an_event(9_000, from_ms(gone_ms), actor="a7", kind="consent_withdrawn", item_id="", consent="none"))
    store_events(settings, events)
    store_events(settings, events[:200])  # delivered twice
    first = DAY - timedelta(days=9)
    counted = [
        (event["actor"], event["item_id"], INTEREST_WEIGHTS[event["kind"]], event["occurred_at"])
        for event in events
        if event["kind"] in INTEREST_WEIGHTS and event["consent"] == "personalise" and not event["bot_reason"]
        and first <= event["local_date"] <= DAY and not (event["actor"] == "a7" and event["occurred_at"] <= gone_ms)
    ]  # fmt: skip
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        table = read_clicks(warehouse, first, DAY, 10_000)
        found = [tuple(row.values()) for row in table.drop_columns("draw").to_pylist()]
        newest = read_clicks(warehouse, DAY, DAY, 5).to_pylist()
    assert sorted(found) == sorted(counted)
    assert [row[3] for row in found] == sorted(row[3] for row in found)
    assert [row["at_ms"] for row in newest] == sorted(row[3] for row in counted if from_ms(row[3]) >= at(DAY, 0))[-5:]


@pytest.mark.stack
def test_a_night_learns_from_its_clicks_and_its_models_carry_the_weights(settings: Settings) -> None:
    upsert_items(open_registry(settings.registry_address), news(at(DAY, 23)))
    store_events(settings, events_of(reading(1_500)))
    first = run_nightly(settings, DAY)
    learned = first["rankers"]["news"]
    # Whatever shows news has been clicked in; services were not, and who reads one piece in an hour goes on from none.
    assert set(first["rankers"]) == {"home", "news"}
    assert learned["clicks"] >= MIN_CLICKS
    assert learned["learned"] > learned["declared"]
    assert first["seconds"]["rankers"] > 0
    in_force = load_models(settings.models_path, first["run"]).manifest.rankers["news"]
    assert (dict(in_force.weights), in_force.clicks) == (learned["weights"], learned["clicks"])
    assert learned["trees"] == (in_force.trees is not None)  # of their thousands of numbers a manifest says no more
    again = run_nightly(settings, DAY)
    assert (again["run"], again["unchanged"]) == (first["run"], True)
    models_alone = run_nightly(settings, DAY, "models")
    assert models_alone["models"]["rankers"] == first["rankers"]  # what was learned last stands


@pytest.mark.stack
def test_a_night_with_few_clicks_leaves_the_declared_weights(settings: Settings) -> None:
    upsert_items(open_registry(settings.registry_address), news(at(DAY, 23)))
    store_events(settings, events_of(reading(MIN_CLICKS - 1)))
    night = run_nightly(settings, DAY)
    assert night["rankers"] == {}
    assert "rankers" not in night["models"]


def test_lists_of_a_day_are_replayed_with_the_models_of_the_night_before(settings_alone: Settings) -> None:
    clicks, asked = reading(2_500), list[date]()  # of which the first part trains models, as there are none

    def models_before(day: date) -> Models | None:
        asked.append(day)
        return None

    learned = learn_rankers(clicks, news(at(DAY, 23)), SCENES, settings_alone, models_before)
    assert set(learned) == {"home", "news"}
    assert asked == [DAY - timedelta(days=days) for days in (2, 1, 0)]
    assert learn_rankers(clicks, news(at(DAY, 23)), SCENES, settings_alone, models_before) == learned


def test_beside_an_item_is_learned_from_what_was_clicked_from_there(settings_alone: Settings) -> None:
    items, now_ms = news(at(DAY, 23)), to_ms(at(DAY, 12))
    scene = replace(SCENES["item"], sources={"popular": 1.0, "trending": 1.0, "fresh": 1.0})
    portal = ReplayedPortal(items, [scene], settings_alone)
    for k in range(12):  # enough people to make items candidates
        for one in range(3):
            portal.add(Click(f"u{k}", f"n1{one}", now_ms + k), learns=False)
    for minutes, item_id in ((0, "n15"), (10, "n11"), (45, "n12"), (90, "n10"), (95, "n10")):
        portal.add(Click("reader", item_id, now_ms + minutes * 60_000))
    # From n15 to n11 after ten minutes; later it was too long, and the last was read before.
    assert [example.at_ms - now_ms for example in portal.examples["item"]] == [10 * 60_000]
    n_candidates = len(portal.examples["item"][0].values)
    assert 0 < n_candidates < N_ITEMS


def test_scenes_without_a_learned_ranker_cost_no_replay(settings_alone: Settings) -> None:
    others = {name: scene for name, scene in SCENES.items() if scene.ranker != "learned"}

    def never(day: date) -> Models | None:
        raise AssertionError(day)

    assert learn_rankers(reading(1_200), news(at(DAY, 23)), others, settings_alone, never) == {}


def test_lists_are_replayed_with_the_runs_that_ruled_and_not_with_refused_ones(
    settings_alone: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = train(blocks(), "any", settings_alone.training)
    with registry_at(settings_alone.registry_address) as registry:
        for run, days, is_refused in (("good", 4, False), ("refused", 2, True)):
            day = DAY - timedelta(days=days)
            save_models(settings_alone.models_path, replace(models, run=f"{day}-{run}"))
            save_run(registry, f"{day}-{run}", day, {}, at(day), is_refused=is_refused)
        click = {"actor": "u", "item_id": "n1", "at_ms": to_ms(at()), "weight": 1.0, "draw": 0.5}
        clicks = pa.Table.from_pylist([click])
        night = cast(Night, SimpleNamespace(
            clicks=clicks, registry=registry, catalogue=(1, []), settings=settings_alone, report=print,
        ))  # fmt: skip
        used: list[str] = []

        def learn(*inputs: Any) -> dict[str, Any]:
            used.append(inputs[4](DAY).run)
            return {}

        monkeypatch.setattr(nightly, "learn_rankers", learn)
        nightly.learn_to_rank(night)
    assert used == [f"{DAY - timedelta(days=4)}-good"]


def test_models_made_alone_keep_the_weights_in_force_and_not_those_of_a_refused_run(
    settings_alone: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = train(blocks(), "any", settings_alone.training)
    made: list[Manifest] = []
    monkeypatch.setattr(nightly, "rebuild_models", lambda *inputs: made.append(inputs[3]) or {})
    monkeypatch.setattr(nightly, "interactions_from", lambda *_: (None, 0))
    with registry_at(settings_alone.registry_address) as registry:
        for run, days, is_refused in (("good", 4, False), ("refused", 2, True)):
            day = DAY - timedelta(days=days)
            rankers = {"news": LearnedWeights({"idle": -1.0 - is_refused}, 500, 0.3, 0.2)}
            manifest = msgspec.structs.replace(models.manifest, rankers=rankers)
            save_models(settings_alone.models_path, replace(models, run=f"{day}-{run}", manifest=manifest))
            save_run(registry, f"{day}-{run}", day, msgspec.to_builtins(manifest), at(day), is_refused=is_refused)
        night = cast(Night, SimpleNamespace(
            registry=registry, interests=lambda: None, parts=1, catalogue=(1, []), counts={}, day=DAY,
            settings=settings_alone, window={"from": str(DAY), "until": str(DAY)}, report=print,
        ))  # fmt: skip
        nightly.train_models(night)
    assert [dict(one.rankers["news"].weights) for one in made] == [{"idle": -1.0}]


@pytest.fixture
def settings_alone(tmp_path: Any) -> Settings:
    return Settings(home=tmp_path)
