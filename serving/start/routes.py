"""``/``: what runs here, where its pages are, and what an operator does next.

In: the state of the serving process. Out: HTML. It names no site and no city, and reads nothing but what lists are made
from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import jinja2
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from civicrec.home import DEMO
from serving.live import Live

router = APIRouter(include_in_schema=False)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}


@dataclass(frozen=True, slots=True)
class NextStep:
    """What is still to be done: why, and the command or setting that does it."""

    why: str
    what: str


@router.get("/")
def start(request: Request) -> HTMLResponse:
    """Show what runs, links to its pages, and what to do next."""
    live: Live = request.app.state.live
    text = _template().render(
        n_items=len(live.catalogue),
        model=live.models.run if live.models else "",
        problems=live.problems(),
        steps=next_steps(live),
        is_demo=DEMO.of(live.settings.home).exists(),
    )
    return HTMLResponse(text, headers=_HEADERS)


def next_steps(live: Live) -> list[NextStep]:
    """Return what this installation lacks, in the order in which it is needed."""
    steps = []
    if not len(live.catalogue):
        steps.append(
            NextStep("目录中还没有内容，列表为空。导入目录：", "civicrec catalog import FILE --format civicrec")
        )
    if not live.settings.sites:
        steps.append(
            NextStep(
                "还没有登记门户，任何站点编号都会被接受。登记门户的密钥和来源后再对外开放：",
                "civicrec site add 编号 --origin https://门户的主机",
            )
        )
    if not live.models:
        steps.append(NextStep("还没有训练过模型，列表使用最新和热门内容。每晚运行一次：", "civicrec nightly"))
    return steps


@cache
def _template() -> jinja2.Template:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("serving.start"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    ).get_template("start.html")
