"""The console's table: what is asked, how it is sorted, what the CSV holds."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from civicrec.errors import InvalidInput
from civicrec.reports.freshness import Freshness
from civicrec.reports.report import Report, Window
from serving.console.table import CSV_COLUMNS, as_csv, heads, in_order, view_of

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)


def a_row(item_id: str, **facts: Any) -> dict[str, Any]:
    base = {name: 0 for name in CSV_COLUMNS}
    return {**base, "item_id": item_id, "title": item_id, "ctr": None, "ctr_low": None, "ctr_high": None, **facts}


def test_nothing_asked_means_the_last_fortnight_most_shown_first() -> None:
    view = view_of({}, NOW)
    assert (view.window, view.sort, view.descending) == (
        Window(date(2026, 2, 25), date(2026, 3, 10)),
        "shown",
        True,
    )


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"first": "gestern"}, "无法识别"),
        ({"first": "2026-03-09", "last": "2026-03-01"}, "早于"),
        ({"first": "2020-01-01", "last": "2026-03-01"}, "最长"),
        ({"sort": "actor"}, "没有"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_right(query: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        view_of(query, NOW)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_missing_figures_are_last_in_either_order(order: str) -> None:
    rows = [a_row("a"), a_row("b", ctr=0.5), a_row("c", ctr=0.1)]
    got = [row["item_id"] for row in in_order(rows, view_of({"sort": "ctr", "order": order}, NOW))]
    assert got == (["c", "b", "a"] if order == "asc" else ["b", "c", "a"])


def test_a_click_on_the_sorted_head_turns_the_order_round() -> None:
    query = {"first": "2026-03-01", "last": "2026-03-05", "sort": "reads", "order": "desc"}
    by_name = {head.name: head for head in heads(view_of(query, NOW))}
    assert by_name["reads"].href == "/console/?first=2026-03-01&last=2026-03-05&sort=reads&order=asc"
    assert by_name["reads"].sorted == "descending"
    assert by_name["shown"].sorted == "none"


def test_csv_opens_in_office_software_and_carries_its_facts() -> None:
    rows = [a_row("p-1", title='标题,"引号"', shown=10, clicked=3, ctr=0.3), a_row("p-2", title="=HYPERLINK(1)")]
    report = Report("表", "定义文字", Window(date(2026, 3, 1), date(2026, 3, 5)), Freshness(NOW, NOW), pa.table({}), 0)
    data = as_csv(report, rows)
    assert data.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert lines[0] == list(CSV_COLUMNS.values())
    assert lines[1][:5] == ["p-1", '标题,"引号"', "10", "3", "0.3"]
    assert lines[2][1] == "'=HYPERLINK(1)"
    assert any("数据新鲜度" in cell for line in lines[3:] for cell in line)
    assert ["定义文字"] in lines


@pytest.mark.parametrize(
    "title", ["=cmd", "＝cmd", "+1", "＋1", "-1", "－1", "@x", "＠x", " =cmd", "\u3000＝cmd", "\t=cmd"]
)
def test_a_title_never_runs_as_a_formula_in_office_software(title: str) -> None:
    assert cell_of(title=title).startswith("'")


def test_a_long_code_stays_a_text_in_office_software_and_a_short_one_a_number() -> None:
    assert cell_of(item_id="1144010000748532XN4442111003001"[:31], column=0) == "1144010000748532XN4442111003001"
    assert cell_of(item_id="1144010000748532844421110030011", column=0) == "\t1144010000748532844421110030011"
    assert cell_of(item_id="20261128", column=0) == "20261128"


def cell_of(column: int = 1, **facts: Any) -> str:
    report = Report("表", "定义文字", Window(date(2026, 3, 1), date(2026, 3, 5)), Freshness(NOW, NOW), pa.table({}), 0)
    data = as_csv(report, [a_row("p-1", **facts) if "item_id" not in facts else {**a_row("p-1"), **facts}])
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))[1][column]
