"""The draft of the impact assessment says what runs, and leaves to people what only they can judge."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from civicrec.errors import Unavailable
from civicrec.settings import ConsentSettings, ServingSettings, Settings, Site
from operations.assessment import _KEPT, assessment
from operations.cli import app
from operations.stack.security.openings import Opening, SecurityReport
from tests.serving.conftest import NOW, stocked_api

REPORT = SecurityReport((Opening("home", "hole", "secret.key 可被他人读取", "chmod 600"),), ("network",))


def draft(home: Path, report: SecurityReport = REPORT) -> tuple[str, dict[str, object]]:
    sites = {"school": Site(key=SecretStr("s" * 32), minors=True), "gz": Site(key=SecretStr("g" * 32))}
    serving = ServingSettings(filing_number="网信算备 440100 号", served_keep_days=30)
    consent = ConsentSettings(notice_version="2026-1", ledger_sites=("gz",))
    with stocked_api(home, sites=sites, serving=serving, consent=consent) as api:
        told = api.get("/v1/transparency").json()
        return assessment(told, api.settings, report, NOW), told


def test_it_says_what_runs(tmp_path: Path) -> None:
    text, told = draft(tmp_path)
    for said in (
        "网信算备 440100 号", "| 已返回的列表 | 30 天 |", "同意台账：gz", "告知书版本：2026-1", "未成年人频道：school",
        "尚未训练", "须立即处理：secret.key 可被他人读取", "已通过的检查：network", "2026-03-10",
    ):  # fmt: skip
        assert said in text
    for scene in told["scenes"]:  # type: ignore[attr-defined]
        assert f"| {scene['title']} | {'是' if scene['personalised'] else '否'} |" in text
    assert "【意见】" in text


def test_no_kind_of_data_that_is_told_elsewhere_is_left_out(tmp_path: Path) -> None:
    _, told = draft(tmp_path)
    assert {name for name in told["data"] if name.endswith("_days")} == set(_KEPT)  # type: ignore[attr-defined]


def test_nothing_found_is_said_and_not_left_out(tmp_path: Path) -> None:
    text, _ = draft(tmp_path, SecurityReport((), ("home", "network")))
    assert "未发现问题。" in text


def test_without_serving_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = Settings(home=tmp_path, serving=ServingSettings(port=1))
    monkeypatch.setattr("civicrec.settings.load_settings", lambda home: away)
    done = CliRunner().invoke(app, ["assessment", "--home", str(tmp_path)])
    assert isinstance(done.exception, Unavailable)
    assert "start it, then ask again" in str(done.exception)
