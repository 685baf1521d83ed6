"""The console's page of what personalisation is worth: the answer first, each figure with its base, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from civicrec.reports.worth import COLUMNS, worth
from civicrec.reports.worth_begin import window_since
from civicrec.settings import Settings, WarehouseSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from serving.console.worth import worth_csv, worth_page
from tests.account_builders import EVERYBODY
from tests.reports.worth_oracle import NOW, SHARE, store, world
from tests.running import free_ports, running_stack
from tests.serving.conftest import Api

pytestmark = pytest.mark.stack
DAYS = {"first": "2026-03-02", "last": "2026-03-14"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_stack(tmp_path_factory.mktemp("worth"), only=["warehouse"]) as stack:
        warehouse = ClickHouseWarehouse(stack.settings.warehouse)
        store(warehouse, world(3))
        warehouse.close()
        yield stack.settings


def test_the_answer_stands_first_and_every_figure_has_its_base(settings: Settings) -> None:
    warehouse = ClickHouseWarehouse(settings.warehouse)
    found = worth(warehouse, window_since(warehouse, NOW), NOW)
    warehouse.close()
    made = worth_page(settings, {}, NOW, EVERYBODY)
    text = unescape(made.body.decode())
    assert made.status == 200
    main = text[text.index("<main") :]
    assert main.index(found.verdict.sentence) < main.index("<form")
    for row in found.report.rows():
        assert f"{row['recommended']} / {row['recommended_people']} = " in main
        assert f"{row['held_out']} / {row['held_out_people']} = " in main
    assert 'role="img" aria-label="个性化推荐的效果' in main
    assert "数据新鲜度" in main
    assert f"设定比例 {SHARE}" in main
    assert 'aria-current="page">推荐效果' in text


def test_the_same_as_csv(settings: Settings) -> None:
    made = worth_csv(settings, DAYS, NOW, EVERYBODY)
    assert (made.status, made.media_type) == (200, "text/csv; charset=utf-8")
    assert made.headers["Content-Disposition"] == 'attachment; filename="worth_2026-03-02_2026-03-14.csv"'
    text = made.body.decode("utf-8-sig")
    assert text.startswith("尚不能判断：")
    assert ",".join(COLUMNS.values()).split("（")[0] in text


def test_before_anybody_is_held_out_the_page_says_so_without_a_chart(settings: Settings) -> None:
    long_ago = NOW - timedelta(days=400)
    made = worth_page(settings, {"first": "2025-01-01", "last": "2025-01-05"}, long_ago, EVERYBODY)
    text = made.body.decode()
    assert made.status == 200
    assert "无法判断（统计范围内没有划分对照组的访客" in text
    assert "<svg" not in text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"first": "gestern"}, "无法识别"),
        ({"first": "2026-03-09", "last": "2026-03-01"}, "早于"),
        ({"first": "2020-01-01", "last": "2026-03-01"}, "最长"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_right(settings: Settings, query: dict[str, str], words: str) -> None:
    assert (worth_page(settings, query, NOW, EVERYBODY).status, worth_csv(settings, query, NOW, EVERYBODY).status) == (
        422,
        422,
    )
    assert words in worth_page(settings, query, NOW, EVERYBODY).body.decode()


def test_without_a_warehouse_the_page_says_what_is_down(tmp_path: Path) -> None:
    nowhere = Settings(home=tmp_path, warehouse=WarehouseSettings(port=free_ports(1)[0], timeout_s=1))
    assert "数据仓库暂时无法访问" in worth_page(nowhere, {}, NOW, EVERYBODY).body.decode()
    assert worth_csv(nowhere, {}, NOW, EVERYBODY).status == 503


def test_nobody_reads_it_without_signing_in(api: Api) -> None:
    assert "口令" in api.get("/console/worth").text
    assert "置信区间" not in api.get("/console/worth").text
    assert api.get("/console/worth.csv").status_code == 401
