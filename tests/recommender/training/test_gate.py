"""The gate: a night's models are refused where they lose clearly, and only there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from civicrec.clock import PORTAL_TZ, local_date, utc_now
from civicrec.registry.runs import recent_runs, ruling_runs
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings, TrainingSettings
from recommender.artifacts import Models, save_models
from recommender.manifest import Gate, Manifest
from recommender.training.earlier import earlier_scorer, learned_until_ms
from recommender.training.gate import MIN_CLICKS, difference, judge
from recommender.training.interactions import Interactions
from recommender.training.nightly import publish
from recommender.training.train import train
from tests.recommender.training.blocks import blocks

SETTINGS = TrainingSettings(factors=8, neighbours=20)
N = 1_000
DAY = date(2026, 3, 1)


def found(share: float, seed: int = 0, n: int = N) -> NDArray[np.float64]:
    """Hits of a method that finds a share of what was hidden; one seed makes one order of difficulty."""
    return (np.random.default_rng(seed).random(n) < share).astype(float)


def judged(n: int = N, **shares: float) -> Gate:
    return judge({name: found(share, n=n) for name, share in shares.items()}, "new", "earlier", ["popular", "als"])


@pytest.mark.parametrize(
    ("shares", "decision", "why"),
    [
        ({"new": 0.3, "popular": 0.2}, "published", "no earlier run"),
        ({"new": 0.1, "popular": 0.9}, "published", "no earlier run"),
        ({"new": 0.3, "earlier": 0.3, "popular": 0.2, "als": 0.3}, "published", "loses to nothing"),
        ({"new": 0.29, "earlier": 0.293, "popular": 0.2}, "published", "loses to nothing"),
        ({"new": 0.2, "earlier": 0.3, "popular": 0.2}, "refused", "clearly less than earlier"),
        ({"new": 0.3, "earlier": 0.28, "popular": 0.2, "als": 0.4}, "published", "loses to nothing"),
    ],
)
def test_a_run_is_refused_where_it_clearly_loses(shares: dict[str, float], decision: str, why: str) -> None:
    gate = judged(**shares)
    assert (gate.decision, why in gate.why) == (decision, True), gate


def test_a_run_behind_one_model_is_refused_when_the_one_in_force_is_not_clearly_behind_it() -> None:
    als = np.ones(N)
    new, earlier = als.copy(), als.copy()
    new[:20] = 0  # 2 % behind als
    earlier[:10] = 0  # 1 % behind als and 1 % before the new one: neither clearly
    gate = judge({"new": new, "earlier": earlier, "als": als}, "new", "earlier", ["als"])
    assert (gate.decision, gate.why) == ("refused", "finds clearly less than als alone, which earlier does not")
    assert gate.against["als"][2] < -0.005 <= gate.against["earlier"][2]


def test_few_clicks_refuse_nothing_and_say_so() -> None:
    gate = judged(MIN_CLICKS - 1, new=0.1, earlier=0.9)
    assert (gate.decision, gate.clicks, gate.against) == ("published", MIN_CLICKS - 1, {})
    assert judged(MIN_CLICKS, new=0.1, earlier=0.9).decision == "refused"
    assert judge({"new": [], "earlier": []}, "new", "earlier", []).decision == "published"


def test_the_interval_holds_the_true_difference_about_95_times_in_100() -> None:
    held = 0
    for seed in range(200):
        draws = np.random.default_rng(seed).random((2, 400))
        gap = difference(draws[0] < 0.35, draws[1] < 0.3, samples=400)
        held += gap.low <= 0.05 <= gap.high
    assert 0.90 <= held / 200 <= 0.985


def test_equal_runs_are_hardly_ever_refused() -> None:
    refused = sum(
        judge({"new": found(0.3, seed), "earlier": found(0.3, seed + 10_000)}, "new", "earlier", []).decision
        == "refused"
        for seed in range(200)
    )
    assert refused <= 10


def days_later(data: Interactions, days: int) -> Interactions:
    """The same interactions, spread over the day that begins so many days after `DAY` has."""
    start_ms = int(np.datetime64(DAY, "ms").astype(np.int64)) - 8 * 3_600_000 + days * 86_400_000
    order = np.argsort(np.argsort(data.last_ms))
    return replace(data, last_ms=start_ms + order)


def test_the_models_in_force_are_asked_about_clicks_they_could_not_learn_from() -> None:
    data = days_later(blocks(), 1)
    earlier = train(blocks(), "old", SETTINGS, facts=Manifest(day=DAY.isoformat()))
    same_day = msgspec.structs.replace(earlier.manifest, day="2026-03-02")
    learned_it = replace(earlier, manifest=same_day)
    gates = {name: train(data, "new", SETTINGS, earlier=one).manifest.gate for name, one in
             (("fresh", earlier), ("learned", learned_it), ("none", None))}  # fmt: skip
    assert gates["learned"] is not None
    assert gates["learned"].clicks == 0
    assert gates["none"] == Gate("published", "no earlier run to compare with")
    assert gates["fresh"] is not None
    assert (gates["fresh"].clicks, gates["fresh"].earlier) == (100, "old")
    assert learned_until_ms(earlier) == 1_772_380_800_000  # midnight of 2 March, UTC+8
    assert str(PORTAL_TZ) == "Asia/Shanghai"


def test_the_same_models_find_the_same_whoever_asks_them() -> None:
    data = blocks()
    models = train(data, "old", SETTINGS)
    histories = data.user_items()[:5]
    scores = earlier_scorer(models, data.item_ids)(histories)
    turned = tuple(reversed(data.item_ids))
    others = earlier_scorer(models, turned)(histories[:, ::-1])
    assert np.allclose(scores, others[:, ::-1])
    strangers = earlier_scorer(models, tuple(f"new-{name}" for name in data.item_ids))(histories)
    assert not strangers.any()


def a_manifest(decision: str) -> dict[str, Any]:
    return {"models": {"gate": {"decision": decision, "why": "", "clicks": 9}}}


def saved(folder: Path, models: Models, run: str) -> str:
    save_models(folder, replace(models, run=run))
    return run


def test_a_refused_run_is_recorded_and_kept_and_not_in_force(tmp_path: Path) -> None:
    settings, models, today = Settings(home=tmp_path), train(blocks(), "r", SETTINGS), local_date(utc_now())
    with registry_at(settings.registry_address) as registry:
        for run, decision in (("one", "published"), ("two", "refused")):
            saved(settings.models_path, models, run)
            publish(registry, settings.models_path, run, today, a_manifest(decision))
        assert (recent_runs(registry, 9), ruling_runs(registry, 9)) == (["two", "one"], ["one"])
    assert {path.name for path in settings.models_path.iterdir()} == {"one", "two"}
