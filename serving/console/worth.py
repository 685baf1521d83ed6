"""The console's page that says what personalisation is worth; its first line is the answer.

In: settings and the query of an address. Out: a `PageAnswer`: a page, or the same as CSV.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import date, datetime

from civicrec.errors import CivicrecError, InvalidInput
from civicrec.logs import get_logger
from civicrec.reports.charts import svg, worth_chart
from civicrec.reports.worth import Worth, worth
from civicrec.reports.worth_begin import window_since
from civicrec.reports.worth_text import arms, as_csv, cells
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from serving.console.pages import DOWN, PageAnswer, page
from serving.console.table import MAX_DAYS, day_of
from serving.console.viewer import Viewer

WORTH = "/console/worth"
HEADING = "个性化推荐的效果"
log = get_logger(__name__)


def worth_page(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
    """Show the answer, the figures of both arms, and what each means."""
    try:
        found = _worth(settings, query, now)
    except InvalidInput as error:
        return page("worth.html", 422, viewer, heading=HEADING, here=WORTH, problem=str(error))
    except CivicrecError as error:
        log.warning("console_without_warehouse", error=str(error))
        return page("worth.html", 503, viewer, heading=HEADING, here=WORTH, problem=DOWN)
    rows = [{"words": row["words"], **cells(row)} for row in found.report.rows()]
    has_figures = any(row["recommended"] is not None for row in found.report.rows())
    return page(
        "worth.html", 200, viewer, heading=HEADING, here=WORTH, sentence=found.verdict.sentence, report=found.report,
        rows=rows, arms=arms(found), chart=svg(worth_chart(found.report)) if has_figures else "",
    )  # fmt: skip


def worth_csv(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
    """Give the same to office software."""
    plain = "text/plain; charset=utf-8"
    try:
        found = _worth(settings, query, now)
    except InvalidInput as error:
        return PageAnswer(422, str(error).encode(), plain)
    except CivicrecError:
        return PageAnswer(503, DOWN.encode(), plain)
    window = found.report.window
    headers = {"Content-Disposition": f'attachment; filename="worth_{window.first}_{window.last}.csv"'}
    return PageAnswer(200, as_csv(found), "text/csv; charset=utf-8", headers)


def _worth(settings: Settings, query: Mapping[str, str], now: datetime) -> Worth:
    first, last = (_day(query.get(name, "")) for name in ("first", "last"))
    if first and last and last < first:
        raise InvalidInput(f"结束日期 {last} 早于开始日期 {first}，请对调")
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        window = window_since(warehouse, now, first, last)
        if window.days > MAX_DAYS:
            raise InvalidInput(f"日期范围为 {window.days} 天，最长 {MAX_DAYS} 天，请缩短")
        return worth(warehouse, window, now)


def _day(text: str) -> date | None:
    return day_of(text) if text else None
