"""``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from civicrec.clock import rfc3339
from civicrec.web.calls import TEXT, Answer, Call, describes
from serving.live import Live
from serving.shapes import Health, Readiness
from serving.state_metrics import model_problems, online_problems, state_metrics

router = APIRouter(tags=["health"])


@router.get("/healthz")
@describes(Call({200: Answer("it runs", Health)}))
async def healthz() -> dict[str, str]:
    """Say that the process runs."""
    return {"status": "ok"}


@router.get("/readyz")
@describes(Call({200: Answer("lists are served", Readiness), 503: Answer("not yet", Readiness)}))
async def readyz(request: Request, response: Response) -> dict[str, object]:
    """Say whether the catalogue was read, and what is served from; degraded while some of that is out of date."""
    live: Live = request.app.state.live
    problems = live.problems() + model_problems(live) + await asyncio.to_thread(online_problems, live.store)
    if not live.is_ready:
        response.status_code = 503
    return {
        "status": ("degraded" if problems else "ok") if live.is_ready else "unavailable",
        "problems": problems,
        "items": len(live.catalogue),
        "catalogue_version": live.catalogue.version,
        "model": live.models.run if live.models else "",
        "at": rfc3339(live.clock()),
    }


@router.get("/metrics")
@describes(Call({200: Answer("text as Prometheus reads it", media=TEXT)}))
def metrics(request: Request) -> Response:
    """Return the metrics for Prometheus."""
    live: Live = request.app.state.live
    return Response(request.app.state.counters.text() + state_metrics(live), media_type=CONTENT_TYPE_LATEST)
