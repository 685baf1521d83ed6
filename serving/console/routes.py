"""The console: what was shown, clicked and read, per item, for the people who own the content.

In: a date range. Out: a page, or a CSV. When the warehouse is down the page says so.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from civicrec.clock import utc_now
from civicrec.errors import CivicrecError, InvalidInput
from civicrec.logs import get_logger
from serving.console.access import is_local
from serving.console.table import Asked, as_csv, asked_of, heads, in_order
from serving.portal.views import item_path

router = APIRouter(include_in_schema=False)
log = get_logger(__name__)

HEADING = "内容效果：展示、点击与阅读"
MAX_ROWS = 500
"""Rows on the page; the CSV holds all."""
DOWN = "数据仓库暂时无法访问，报表稍后可用；采集和推荐不受影响。请稍候刷新，或请管理员运行 civicrec status 查看。"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}


@router.get("/console/")
def items_page(request: Request) -> Response:
    """Show the item table of a date range, sorted as asked."""
    if not _allowed(request):
        return _refusal()
    try:
        asked = asked_of(dict(request.query_params), utc_now())
    except InvalidInput as error:
        return _page(422, problem=str(error), asked=asked_of({}, utc_now()))
    try:
        report = _report(request, asked)
    except CivicrecError as error:
        log.warning("console_without_warehouse", error=str(error))
        return _page(503, problem=DOWN, asked=asked)
    found = list(report.rows())
    rows = [{**row, "href": item_path(row["item_id"])} for row in in_order(found, asked)[:MAX_ROWS]]
    return _page(
        200,
        asked=asked,
        report=report,
        rows=rows,
        more=max(0, len(found) - MAX_ROWS),
        heads=heads(asked),
        totals=_totals(found),
        chart=_chart(report) if rows else "",
    )


@router.get("/console/items.csv")
def items_csv(request: Request) -> Response:
    """Give the same table to office software."""
    if not _allowed(request):
        return _refusal()
    try:
        asked = asked_of(dict(request.query_params), utc_now())
    except InvalidInput as error:
        return PlainTextResponse(str(error), status_code=422, headers=_HEADERS)
    try:
        report = _report(request, asked)
    except CivicrecError:
        return PlainTextResponse(DOWN, status_code=503, headers=_HEADERS)
    name = f"items_{asked.window.first}_{asked.window.last}.csv"
    return Response(
        as_csv(report, in_order(report.rows(), asked)),
        media_type="text/csv; charset=utf-8",
        headers={**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/console/static/console.css")
def style() -> Response:
    """Serve the style sheet."""
    text = resources.files("serving.console").joinpath("static/console.css").read_text(encoding="utf-8")
    return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=300"})


def _report(request: Request, asked: Asked) -> Any:
    # The clients of the warehouse weigh a second of start-up that the list API must not pay.
    from civicrec.reports.items import items
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse

    live = request.app.state.live
    warehouse = ClickHouseWarehouse(live.settings.warehouse)
    return items(warehouse, asked.window, utc_now(), titles_of(live))


def titles_of(live: Any) -> dict[str, str]:
    """Return item id → title of the catalogue in force."""
    return {item_id: item.title for item_id, item in live.catalogue.items.items()}


def _chart(report: Any) -> str:
    from civicrec.reports.charts import items_chart, svg  # loads Altair

    return svg(items_chart(report, width=760))


def _totals(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    shown, clicked = sum(row["shown"] for row in rows), sum(row["clicked"] for row in rows)
    return [
        ("有记录的条目", f"{len(rows):,}"),
        ("次展示", f"{shown:,}"),
        ("次点击（来自展示）", f"{clicked:,}"),
        (f"总点击率（{clicked:,} ÷ {shown:,}）", f"{clicked / shown:.1%}" if shown else "—"),
        ("次阅读", f"{sum(row['reads'] for row in rows):,}"),
    ]


def _allowed(request: Request) -> bool:
    return is_local(request.client.host if request.client else "", request.headers)


def _refusal() -> Response:
    return PlainTextResponse("内容运营台目前只能在本机打开：http://127.0.0.1 。\n", status_code=403, headers=_HEADERS)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(loader=jinja2.PackageLoader("serving.console"), autoescape=True, trim_blocks=True)


def _page(status: int, **facts: Any) -> HTMLResponse:
    text = _templates().get_template("items.html").render(heading=HEADING, **facts)
    return HTMLResponse(text, status_code=status, headers=_HEADERS)
