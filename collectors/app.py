"""The endpoint for events as one process: `run` blocks until SIGTERM or SIGINT.

In: settings. Out: an HTTP server on the collector's port that owns the event log.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, nullcontext, suppress
from dataclasses import asdict
from functools import partial
from typing import Any

import uvloop
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from granian.server.embed import Server
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from civicrec.accounting.books import Books, read_books
from civicrec.accounting.proofs import missing_events
from civicrec.accounting.readers import acknowledged
from civicrec.clock import Clock, to_ms, utc_now
from civicrec.errors import CivicrecError, ConfigError, Unavailable
from civicrec.eventlog.ports import EventLog
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.home import COLLECTOR_LOCK, home_id
from civicrec.logs import get_logger
from civicrec.process.gc_tuning import spare_what_lives_long
from civicrec.process.heartbeat import beating
from civicrec.process.locks import owned
from civicrec.process.ports import check_ports
from civicrec.registry.erased import ErasedReader
from civicrec.registry.ledger import Ledger
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.web.asgi import PROBLEM, Receive, Scope, Send, for_a_framework, head_as_get, problem
from civicrec.web.calls import TEXT, Answer, Call, describes
from civicrec.web.connections import allow_files, granian_options
from civicrec.web.docs_page import HEADERS, docs_page
from civicrec.web.openapi import Operation, describe, operations_of
from civicrec.web.script import Script
from civicrec.web.whose import OwnHome
from collectors.commit import GroupCommit
from collectors.counters import Counters
from collectors.dedup.seen import SeenIds, warm
from collectors.described import EVENTS_CALL, EVENTS_DESCRIPTION, State
from collectors.endpoint import EventsEndpoint
from collectors.forwarding.assembly import Forwarding
from collectors.limits.capacity import Capacity

_log = get_logger(__name__)
EVENTS_PATH = "/v1/events"
SCRIPT_PATH = "/c.js"
_DESCRIPTION = (
    "Takes what happens on the pages of a portal, and answers once it is durable. "
    "接收门户页面上的行为事件，落盘后才应答。"
)
#: By default a thread that needs the interpreter waits 5 ms for it, and the writer of the log needs it once a row.
_SWITCH_S = 0.001
#: Between two looks for people who ask to be erased, seconds; `streaming.erasing.worker.HEARD` is longer.
_HEAR_S = 1.0


class CollectorApp:
    """The whole ASGI application: the fast route for events, FastAPI for everything else."""

    def __init__(
        self, settings: Settings, log: EventLog, clock: Clock = utc_now, forwarding: Forwarding | None = None
    ) -> None:
        collector = settings.collector
        self._settings, self._clock = settings, clock
        self.forwarding = forwarding
        self._seen = SeenIds(settings.ids_path, collector.dedup_window, collector.dedup_hours)
        n_ids = warm(self._seen, log, to_ms(clock()))
        _log.info("event_ids_remembered", n=n_ids)
        kafka = forwarding.acknowledged if forwarding else None
        self.commit = GroupCommit(log, self._seen, collector.group_commit_ms / 1000, clock, kafka)
        self.capacity = Capacity(settings, log, self._seen, partial(acknowledged, settings), clock)
        counters = Counters(self.commit.totals, partial(read_books, settings), kafka, settings.home)
        self._ledger = Ledger(settings)
        self._keys = load_keys(settings, during_change=True)
        self._endpoint = EventsEndpoint(
            settings, self._keys, self.commit, self.capacity, self._ledger, counters.observe, clock
        )
        self._api = _api(settings, self, counters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] != "http":
            await self._api(scope, receive, send)
        elif scope["path"].endswith(EVENTS_PATH):  # a proxy may leave its own path before it
            await self._endpoint(scope, receive, send)
        else:
            scope, send = head_as_get(for_a_framework(scope), send)
            if scope["path"].endswith(SCRIPT_PATH):
                scope = {**scope, "path": SCRIPT_PATH}
            await self._api(scope, receive, send)

    def problems(self) -> list[str]:
        """Return what portals lately sent wrongly."""
        return self._endpoint.faults.sentences(self._clock())

    async def degraded(self) -> str:
        """Return what keeps the events that are taken from going on; empty if nothing does."""
        if self.forwarding and self.forwarding.acknowledged.degraded:
            return self.forwarding.acknowledged.degraded
        with suppress(Unavailable):  # the ledger is the stream's: `status` tells of it
            if missing := await asyncio.to_thread(missing_events, self._settings.stream_path):
                return f"{missing} events are missing in the warehouse, their log is kept: `civicrec doctor --books`"
            books = await asyncio.to_thread(read_books, self._settings)
            return books.waiting(utc_now(), self._settings.alarms.waiting_s)
        return ""

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Write what is taken, and reclaim capacity, while the body runs; what waits by then is still committed."""
        tasks = asyncio.gather(self.commit.run(), self.capacity.run())
        hearing = asyncio.create_task(self._hear_of_erasures())
        try:
            yield
        finally:
            hearing.cancel()
            self.commit.close()
            self.capacity.close()
            await tasks
            self._seen.close()
            self._ledger.close()

    async def _hear_of_erasures(self) -> None:
        """Refuse those who ask to be erased, and put event ids where the eraser can take them out.

        A pepper that was changed is heard of too. Until then events come under the one before, and say so.
        """
        reader = ErasedReader(
            self._settings.registry_address,
            lambda name: self._keys.erased_digest(name),
            lambda name: self._keys.root(name),
        )
        with closing(reader):
            while True:
                with suppress(CivicrecError):
                    keys = await asyncio.to_thread(load_keys, self._settings, during_change=True)
                    if keys != self._keys:
                        self._keys = self._endpoint.keys = keys
                        _log.info("pepper_changed", number=keys.generation)
                with suppress(CivicrecError):  # the stream refuses them, too, and waits for the registry
                    names = await asyncio.to_thread(reader.read)
                    if names is not self._endpoint.erased:
                        self._endpoint.erased = names
                        self._seen.write_out()
                await asyncio.sleep(_HEAR_S)


def _api(settings: Settings, collector: CollectorApp, counters: Counters) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with collector.forwarding.running() if collector.forwarding else nullcontext(), collector.working():
            yield

    api = FastAPI(
        title="civicrec collector", lifespan=lifespan, docs_url=None, redoc_url=None
    )  # their pages need a CDN
    tracker = Script("collectors", "static/c.js")

    @api.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """Show every call with its parameters."""
        return HTMLResponse(docs_page(api.openapi()), headers=HEADERS)

    @api.exception_handler(HTTPException)
    async def explain(_: Request, error: HTTPException) -> Response:
        """Answer an unknown path or method as every other fault is answered."""
        body = problem(error.status_code, f"{error.detail}; the addresses are in /docs")
        return Response(body, error.status_code, error.headers, media_type=PROBLEM)

    @api.get(SCRIPT_PATH, tags=["tracker"])
    @describes(Call({200: Answer("JavaScript", media="text/javascript")}))
    async def script(request: Request) -> Response:
        """Return the tracker."""
        return tracker.answer(request.headers)

    @api.get("/healthz", tags=["health"])
    @describes(Call({200: Answer("it runs", State)}))
    async def healthz() -> dict[str, str]:
        """Say that the process runs."""
        return {"status": "ok"}

    @api.get("/readyz", tags=["health"])
    @describes(Call({200: Answer("events are taken", State), 503: Answer("events are not taken", State)}))
    async def readyz(response: Response) -> dict[str, object]:
        """Say whether events can be kept.

        503 while there is no capacity or the last try failed; degraded while Kafka is not keeping up, while events that
        were written are missing in the warehouse, while events wait too long for the stream, and (`problems`) while
        a noticeable share is sent by pages, for sites or with tokens that are refused.
        """
        if fault := collector.capacity.refusal() or collector.commit.fault:
            response.status_code = 503
            return {"status": "unavailable", "detail": fault}
        detail = await collector.degraded()
        problems = collector.problems()
        faults = ({"detail": detail} if detail else {}) | ({"problems": problems} if problems else {})
        return {"status": "degraded" if faults else "ok", **faults}

    @api.get("/metrics", tags=["health"])
    @describes(Call({200: Answer("text as Prometheus reads it", media=TEXT)}))
    def metrics() -> Response:
        """Return the metrics of this process for Prometheus."""
        return Response(generate_latest(counters.registry), media_type=CONTENT_TYPE_LATEST)

    @api.get("/v1/accounting", tags=["books"])
    @describes(Call({200: Answer("the books", Books)}))
    def accounting() -> dict[str, Any]:
        """Return the books: accepted = stored + rejected + pending."""
        return asdict(read_books(settings))

    events = Operation("POST", EVENTS_PATH, "post_events", "events", EVENTS_DESCRIPTION, EVENTS_CALL)
    others = operations_of(route for route in api.routes if isinstance(route, APIRoute))
    describe(api, "civicrec collector", _DESCRIPTION, [events, *others])
    return api


def run(settings: Settings) -> None:
    """Collect until SIGTERM or SIGINT; what was taken by then is committed and answered.

    Raises
    ------
    ConfigError
        If the port is in use, the log belongs to another collector or cannot be written, or answers are to wait for
        a Kafka that is not named.
    """
    if settings.collector.ack == "kafka" and not settings.kafka.bootstrap:
        raise ConfigError(
            "CIVICREC_COLLECTOR__ACK is kafka and CIVICREC_KAFKA__BOOTSTRAP is empty; name the brokers, or ack on disk"
        )
    allow_files(settings.collector.max_connections)
    check_ports({"collector": (settings.collector.host, settings.collector.port)})
    with owned(COLLECTOR_LOCK.of(settings.home), "the event log"):
        try:
            log = SqliteEventLog(settings.log_path)
        except Unavailable as error:
            raise ConfigError(str(error)) from error
        try:
            uvloop.run(_serve(settings, log))
        finally:
            log.close()


async def _serve(settings: Settings, log: EventLog) -> None:
    forwarding = Forwarding(settings, log) if settings.kafka.bootstrap else None
    app = CollectorApp(settings, log, forwarding=forwarding)
    server = Server(
        OwnHome(app, home_id(settings.home)),
        address=settings.collector.host,
        port=settings.collector.port,
        **granian_options(settings.collector),
    )
    spare_what_lives_long()
    sys.setswitchinterval(_SWITCH_S)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    _log.info("collector_started", address=settings.collector.endpoint.url)
    async with beating():
        await server.serve()
    _log.info("collector_stopped")
