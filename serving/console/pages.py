"""The console's pages: what was shown, clicked and read, per item, for the people who own the content.

In: settings and the query of an address. Out: a `PageAnswer`: a page, a CSV, or the words that the warehouse is down.
These functions run in a process of their own (`serving.console.process`): they may load what is heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import jinja2

from civicrec.errors import CivicrecError, InvalidInput
from civicrec.logs import get_logger
from civicrec.registry.catalogue import titles
from civicrec.registry.tables import registry_at
from civicrec.reports.charts import items_chart, svg
from civicrec.reports.items import items
from civicrec.reports.report import Report
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from serving.console.table import TableView, as_csv, heads, in_order, view_of
from serving.links import item_path

log = get_logger(__name__)

HEADING = "内容效果：展示、点击与阅读"
MAX_ROWS = 500
"""Rows on the page; the CSV holds all."""
DOWN = "数据仓库暂时无法访问，报表稍后可用；采集和推荐不受影响。请稍候刷新，或请管理员运行 civicrec status 查看。"


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What a page gives to the browser."""

    status: int
    body: bytes
    media_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def items_page(settings: Settings, query: Mapping[str, str], now: datetime) -> PageAnswer:
    """Show the item table of a date range, sorted as asked."""
    try:
        view = view_of(query, now)
    except InvalidInput as error:
        return page("items.html", 422, problem=str(error), view=view_of({}, now))
    try:
        report = _report(settings, view, now)
    except CivicrecError as error:
        log.warning("console_without_warehouse", error=str(error))
        return page("items.html", 503, problem=DOWN, view=view)
    all_rows = list(report.rows())
    rows = [{**row, "href": item_path(row["item_id"])} for row in in_order(all_rows, view)[:MAX_ROWS]]
    return page(
        "items.html",
        200,
        view=view,
        report=report,
        rows=rows,
        more=max(0, len(all_rows) - MAX_ROWS),
        heads=heads(view),
        totals=_totals(all_rows),
        chart=svg(items_chart(report, width=760)) if rows else "",
    )


def items_csv(settings: Settings, query: Mapping[str, str], now: datetime) -> PageAnswer:
    """Give the same table to office software."""
    plain = "text/plain; charset=utf-8"
    try:
        view = view_of(query, now)
    except InvalidInput as error:
        return PageAnswer(422, str(error).encode(), plain)
    try:
        report = _report(settings, view, now)
    except CivicrecError:
        return PageAnswer(503, DOWN.encode(), plain)
    name = f"items_{view.window.first}_{view.window.last}.csv"
    return PageAnswer(
        200,
        as_csv(report, in_order(report.rows(), view)),
        "text/csv; charset=utf-8",
        {"Content-Disposition": f'attachment; filename="{name}"'},
    )


def page(template: str, status: int, **facts: Any) -> PageAnswer:
    """Fill a template."""
    text = _templates().get_template(template).render({"heading": HEADING, "here": "/console/", **facts})
    return PageAnswer(status, text.encode())


def _report(settings: Settings, view: TableView, now: datetime) -> Report:
    with registry_at(settings.registry_address) as registry:
        known = titles(registry)
    return items(ClickHouseWarehouse(settings.warehouse), view.window, now, known, shared_sites=settings.shared_sites)


def _totals(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    shown, clicked = sum(row["shown"] for row in rows), sum(row["clicked"] for row in rows)
    return [
        ("有记录的条目", f"{len(rows):,}"),
        ("次展示", f"{shown:,}"),
        ("次点击（来自展示）", f"{clicked:,}"),
        (f"总点击率（{clicked:,} ÷ {shown:,}）", f"{clicked / shown:.1%}" if shown else "—"),
        ("次阅读", f"{sum(row['reads'] for row in rows):,}"),
    ]


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(loader=jinja2.PackageLoader("serving.console"), autoescape=True, trim_blocks=True)
