"""The parts of a report that need no warehouse."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from civicrec.reports.charts import funnel_chart, items_chart, svg, traffic_chart
from civicrec.reports.freshness import Freshness
from civicrec.reports.ratios import Z_95, wilson
from civicrec.reports.report import Report, Window, hide_small

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)


def a_report(rows: list[dict[str, object]], **changes: object) -> Report:
    facts = {"title": "表", "definition": "定义", "window": Window(date(2026, 3, 2), date(2026, 3, 8)), "bot_events": 0}
    return Report(**{**facts, "freshness": Freshness(NOW, NOW), "table": pa.Table.from_pylist(rows), **changes})


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_bounds_solve_their_own_equation(clicked: int, more: int) -> None:
    # The bounds are the p with |share - p| = z * sqrt(p(1-p)/n): the score test inverted.
    n = clicked + more
    bounds = wilson(clicked, n)
    assert bounds is not None
    for p in bounds:
        assert (clicked / n - p) ** 2 == pytest.approx(Z_95**2 * p * (1 - p) / n, abs=1e-12)
    assert bounds[0] <= clicked / n <= bounds[1]


def test_a_share_without_a_base_has_no_interval() -> None:
    assert wilson(0, 0) is None


def test_the_last_days_end_with_the_local_day_of_now() -> None:
    before_midnight, after = datetime(2026, 3, 9, 15, 59, tzinfo=UTC), datetime(2026, 3, 9, 16, 0, tzinfo=UTC)
    assert Window.last_days(1, before_midnight) == Window(date(2026, 3, 9), date(2026, 3, 9))
    assert Window.last_days(7, after) == Window(date(2026, 3, 4), date(2026, 3, 10))


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidInput, match="swap"):
        Window(date(2026, 3, 2), date(2026, 3, 1))


def test_only_rows_of_one_to_nine_actors_are_hidden() -> None:
    rows, hidden = hide_small([{"period": str(n), "actors": n, "events": n * 2} for n in (0, 1, 9, 10)], "period")
    assert hidden == 2
    assert [row["events"] for row in rows] == [0, None, None, 20]
    assert [row["period"] for row in rows] == ["0", "1", "9", "10"]


def test_a_title_with_what_xml_forbids_is_drawn_without_it() -> None:
    # Drawn in a process of its own: the renderer would abort this one. One title per character that must not reach it.
    bad = [chr(n) for n in (*range(9), 11, 12, *range(14, 32), 127, 155, 0xFDD0, 0xFFFE, 0xFFFF, 0x1FFFE)]
    program = (
        "import sys, json; from tests.reports.test_report import *\n"
        "rows = [{'title': t, 'shown': 9, 'clicked': 1} for t in json.loads(sys.argv[1])]\n"
        "print(svg(items_chart(a_report(rows, title=rows[0]['title']), top=99)))"
    )
    titles = json.dumps([f"标{one}题" for one in bad])
    done = subprocess.run([sys.executable, "-c", program, titles], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    drawn = "".join(ET.fromstring(done.stdout).itertext())
    assert drawn.count("标 题") == len(bad)


@pytest.mark.parametrize(("age", "words"), [(5, "5 秒前"), (600, "10 分钟前"), (7200, "2 小时前"), (259_200, "3 天前")])
def test_freshness_says_its_age(age: int, words: str) -> None:
    assert words in str(Freshness(NOW - timedelta(seconds=age), NOW))


def test_freshness_of_nothing_says_so() -> None:
    assert Freshness(None, NOW).age_s is None
    assert "尚无数据" in str(Freshness(None, NOW))


@pytest.mark.parametrize(("oldest", "said"), [
    (date(2026, 3, 1), ""),
    (date(2026, 3, 2), "2026-03-02 的数据可能不全"),
    (date(2026, 3, 5), "2026-03-02 至 2026-03-04 没有数据，2026-03-05 的数据可能不全"),
    (date(2026, 3, 8), "2026-03-02 至 2026-03-07 没有数据，2026-03-08 的数据可能不全"),
    (date(2026, 3, 9), "2026-03-02 至 2026-03-08 没有数据（"),
])  # fmt: skip
def test_a_report_says_which_of_its_days_are_not_covered(oldest: date, said: str) -> None:
    note = a_report([{"a": 1}], freshness=Freshness(NOW, NOW, oldest)).footnote()
    assert said in note
    assert ("超过保存期限" in note) == bool(said)


def test_every_footnote_carries_window_freshness_and_what_is_left_out() -> None:
    note = a_report([{"a": 1}], bot_events=7, hidden=3).footnote()
    assert all(words in note for words in ("2026-03-02 至 2026-03-08", "数据新鲜度", "机器访问 7 次", "3 行"))


def test_charts_are_well_formed_svg_with_a_name_and_chinese_labels() -> None:
    funnel_rows = [{"kind": "click", "step": "点击", "actors": 12, "of_previous": None, "of_first": 1.0}]
    hidden = [{"kind": "read", "step": "阅读", "actors": None, "of_previous": None, "of_first": None}]
    item = {"title": "<script>alert(1)</script>", "shown": 9, "clicked": 2}
    drawn = {
        "点击": svg(funnel_chart(a_report(funnel_rows + hidden))),
        "展示": svg(items_chart(a_report([item, item]))),
        "访客数": svg(traffic_chart(a_report([{"period": "2026-03-02", "events": 9, "actors": 3}]))),
    }
    for words, text in drawn.items():
        root = ET.fromstring(text)
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert words in "".join(root.itertext())
        assert "<script" not in text
        assert "http" not in text.replace("http://www.w3.org/", "")


def test_two_items_of_one_title_keep_a_bar_each() -> None:
    item = {"title": "关于公共租赁住房申请条件的若干问题解答和补充说明", "shown": 9, "clicked": 2}
    drawn = "".join(ET.fromstring(svg(items_chart(a_report([item, item])))).itertext())
    assert "1. 关于" in drawn
    assert "2. 关于" in drawn
