"""What is told of recommendations is what runs: model, figures, signals and filing number, by API and as a page."""

from dataclasses import replace
from html import unescape
from pathlib import Path

import msgspec
import pytest
from pydantic import ValidationError

from civicrec.events import INTEREST_WEIGHTS
from civicrec.registry.runs import save_run
from civicrec.settings import ServingSettings
from profiles.online.ports import RECENT_TTL_DAYS, SIGNED_IN_TTL_DAYS, TAGS_TTL_DAYS
from recommender.artifacts import save_models
from recommender.manifest import Offline
from recommender.training.train import SINGLES
from serving.portal.routes import BEHAVIOUR_NAMES, MODEL_NAMES
from tests.recommender.worlds import some_models
from tests.serving.conftest import NOW, Api, stocked_api

FILED = "网信算备110108000000000000001号"


def page(api: Api) -> str:
    answer = api.get("/portal/about")
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def test_before_the_first_night_no_model_and_no_number_is_told(api: Api) -> None:
    told = api.get("/v1/transparency").json()
    assert (told["model"], told["filing_number"]) == (None, "")
    assert "尚未训练" in page(api)
    assert "备案编号" not in page(api)


def test_the_model_in_force_is_told_with_its_day_and_figures(api: Api) -> None:
    models = some_models([f"i{n}" for n in range(30)], seed=1)
    offline = Offline(users=120, recall={"popular": 0.25, "als": 0.375})
    manifest = msgspec.structs.replace(models.manifest, day="2026-03-09", offline=offline)
    save_models(api.settings.models_path, replace(models, manifest=manifest))
    save_run(api.registry, "run-1", NOW.date(), {}, NOW)
    api.live.refresh()
    model = api.get("/v1/transparency").json()["model"]
    assert (model["run"], model["day"], model["decision"]) == ("run-1", "2026-03-09", None)
    assert model["offline"] == {"users": 120, "recall@10": {"popular": 0.25, "als": 0.375}}
    shown = page(api)
    for words in (model["run"], "数据截至 2026-03-09", "120 名访客", "热门 25.0%", "协同过滤（ALS） 37.5%"):
        assert words in shown


def test_the_filing_number_stands_where_it_is_set(tmp_path: Path) -> None:
    with stocked_api(tmp_path, serving=ServingSettings(filing_number=FILED)) as api:
        assert api.get("/v1/transparency").json()["filing_number"] == FILED
        assert f"算法备案编号：{FILED}" in page(api)
    with pytest.raises(ValidationError, match="at most 64 characters"):
        ServingSettings(filing_number="9" * 65)


def test_the_page_names_every_scene_with_its_sources_and_every_signal(api: Api) -> None:
    shown, told = page(api), api.get("/v1/transparency").json()
    assert told["purpose"] in shown
    assert told["rules_first"] in shown
    for scene in told["scenes"]:
        assert scene["title"] in shown
        assert [one["says"] for one in scene["sources"] if one["says"] not in shown] == []
    assert set(BEHAVIOUR_NAMES) == set(INTEREST_WEIGHTS)
    assert [words for words in BEHAVIOUR_NAMES.values() if words not in shown] == []
    assert f"保留 {RECENT_TTL_DAYS} 天，兴趣标签保留 {TAGS_TTL_DAYS} 天" in shown
    assert (told["data"]["session_minutes"], told["data"]["signed_in_days"]) == (30, SIGNED_IN_TTL_DAYS)
    assert f"短码保留 {SIGNED_IN_TTL_DAYS} 天" in shown


def test_every_model_whose_figures_a_night_keeps_has_a_name() -> None:
    assert set(SINGLES) <= set(MODEL_NAMES)
