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
from urllib.parse import urlencode

import jinja2

from civicrec.errors import CivicrecError, InvalidInput
from civicrec.logs import get_logger
from civicrec.permissions import Role
from civicrec.registry.catalogue import titles
from civicrec.registry.tables import registry_at
from civicrec.reports.charts import items_chart, svg
from civicrec.reports.items import items
from civicrec.reports.report import Report
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from serving.console.table import TableView, as_csv, heads, in_order, view_of
from serving.console.viewer import Viewer
from serving.links import item_path

log = get_logger(__name__)

HEADING = "内容效果：展示、点击与阅读"
MAX_ROWS = 500
"""Rows on the page; the CSV holds all."""
ROLE_WORDS: dict[Role, str] = {"owner": "内容负责人", "editor": "编辑", "analyst": "分析员", "admin": "系统管理员"}
DOWN = "数据仓库暂时无法访问，报表稍后可用；采集和推荐不受影响。请稍候刷新，或请管理员运行 civicrec status 查看。"


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What a page gives to the browser."""

    status: int
    body: bytes
    media_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def items_page(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
    """Show the item table of a date range, sorted as asked."""
    try:
        view = view_of(query, now)
    except InvalidInput as error:
        return page("items.html", 422, viewer, problem=str(error), view=view_of({}, now))
    try:
        report = _report(settings, view, now)
    except CivicrecError as error:
        log.warning("console_without_warehouse", error=str(error))
        return page("items.html", 503, viewer, problem=DOWN, view=view)
    all_rows = list(report.rows())
    rows = [{**row, "href": item_path(row["item_id"])} for row in in_order(all_rows, view)[:MAX_ROWS]]
    return page(
        "items.html",
        200,
        viewer,
        view=view,
        report=report,
        rows=rows,
        more=max(0, len(all_rows) - MAX_ROWS),
        heads=heads(view),
        totals=_totals(all_rows),
        chart=svg(items_chart(report, width=760)) if rows else "",
    )


def items_csv(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
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


def refused_page(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
    """Say that this page or deed is not open to the viewer's roles."""
    return page("refused.html", 403, viewer, heading="没有权限", here="")


def page(template: str, status: int, viewer: Viewer, **facts: Any) -> PageAnswer:
    """Fill a template; it may ask `viewer` what to show, and its forms carry `viewer.form_token`."""
    given = {"heading": HEADING, "here": "/console/", "viewer": viewer, "role_words": ROLE_WORDS, **facts}
    text = _templates().get_template(template).render(given)
    return PageAnswer(status, text.encode())


def way_back(path: str, **facts: str) -> PageAnswer:
    """Return the way to a page, so that reloading it sends nothing again."""
    return PageAnswer(303, b"", headers={"Location": f"{path}?{urlencode(facts)}"})


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
