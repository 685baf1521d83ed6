"""The list API as an application; `serving.site` adds the pages for people, `serving.server` runs it.

In: settings. Out: the HTTP API of docs/contracts.md §3.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from civicrec.clients import redis_client
from civicrec.clock import Clock, monotonic_s, utc_now
from civicrec.home import home_id
from civicrec.process.heartbeat import beating
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.web.bodies import BodyReader
from civicrec.web.guard import Guard
from civicrec.web.limits import Addresses, Buckets
from civicrec.web.whose import OwnHome
from profiles.online.bounds import bounds_of
from profiles.online.ports import OnlineReader, ServedStore
from profiles.online.redis_reader import RedisOnlineReader
from profiles.online.redis_store import RedisOnlineStore
from serving.api import (
    attributes,
    complaints,
    consents,
    disputes,
    document,
    erasures,
    feedback,
    feeds,
    health,
    inbox,
    items,
    match,
    me,
    my_data,
    pushes,
    recommendations,
    related,
    scripts,
    transparency,
)
from serving.catching_up import CatchingUp
from serving.consents import Consents
from serving.counters import ListCounters
from serving.decisions import Decisions
from serving.declared import Declared
from serving.direct import Direct
from serving.feedback import Recorder
from serving.list_log import ListLog
from serving.live import Live
from serving.problems import add_problem_handlers, refusal
from serving.publisher import Publisher
from serving.registry import Registry
from serving.related import RelatedLists
from serving.schemas import DEFAULT_SITE, origins_of

#: The largest page body that asks for anything: twenty lists that leave out a thousand items each.
MAX_BODY_BYTES = 1 << 20
#: Of unfinished bodies together.
MAX_HELD_BYTES = 32 << 20
#: Of one that is too long, so that whoever sends all of it before looking for an answer finds the 413.
MAX_READ_BYTES = 1 << 30


def create_app(
    settings: Settings,
    store: ServedStore | None = None,
    reader: OnlineReader | None = None,
    clock: Clock = utc_now,
) -> FastAPI:
    """Return the application; `app.state.live` is its `Live` state, `app.state.closing` is called at its end.

    Parameters
    ----------
    store, reader
        The online store, and the same for the event loop; Redis as the settings have it when not given.
    """
    counters = ListCounters()
    live = Live(
        settings,
        store or _redis_store(settings),
        reader or RedisOnlineReader(settings.redis),
        clock,
        counters.fault,
        counters.store_failed,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(live.start)
        app.state.list_log.start()
        async with beating():
            yield
        await asyncio.to_thread(live.stop)
        for close in app.state.closing:
            close()
        await live.reader.close()

    app = FastAPI(title="civicrec", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.live = live
    app.state.counters = counters
    app.state.recorder = Recorder(settings)
    app.state.list_log = ListLog(settings, counters.list_kept)
    app.state.related = RelatedLists(live, app.state.list_log)
    app.state.registry = Registry(settings.registry_address)
    app.state.warehouse = ClickHouseWarehouse(settings.warehouse)
    app.state.decisions = Decisions(live, app.state.registry)
    app.state.declared = Declared(live, app.state.registry)
    app.state.consents = Consents(live, app.state.registry, app.state.decisions, app.state.recorder)
    app.state.publisher = Publisher(settings, app.state.registry, counters.items_changed)
    closed = (app.state.recorder, app.state.list_log, app.state.registry, app.state.warehouse)
    app.state.closing = [one.close for one in closed]
    app.add_middleware(Direct, routes=recommendations.ROUTES, refusal=refusal)
    app.add_middleware(CatchingUp, has_news=live.has_news, catch_up=live.catch_up)
    app.add_middleware(
        Guard,
        bodies=BodyReader(settings.serving.body_timeout_s, MAX_BODY_BYTES, MAX_HELD_BYTES, MAX_READ_BYTES),
        addresses=Addresses(
            settings.serving.trusted_proxies,
            settings.serving.limits.unlimited_networks,
            "CIVICREC_SERVING__TRUSTED_PROXIES",
            monotonic_s,
        ),
        buckets=Buckets(settings.serving.limits.address_lists_per_s, settings.serving.limits.burst_s),
        refused=counters.refused,
        clock=monotonic_s,
        bodies_of=app.state.publisher.bodies_of,
    )
    origins = sorted(frozenset().union(*(origins_of(settings, site) for site in settings.sites or [DEFAULT_SITE])))
    if origins:
        app.add_middleware(
            _ListCORS, allow_origins=origins, allow_methods=["GET", "POST", "PUT", "DELETE"], allow_headers=["*"],
            expose_headers=["Retry-After"],
        )  # fmt: skip
    app.add_middleware(OwnHome, home=home_id(settings.home))
    add_problem_handlers(app)
    modules = (
        recommendations,
        related,
        feeds,
        items,
        pushes,
        feedback,
        me,
        my_data,
        consents,
        disputes,
        erasures,
        inbox,
        attributes,
        match,
        complaints,
        transparency,
        scripts,
        health,
        document,
    )
    for module in modules:
        app.include_router(module.router)
    app.state.routes = [route for module in modules for route in module.router.routes]
    document.describe_lists(app, [module.router for module in modules])
    return app


class _ListCORS(CORSMiddleware):
    """Lets the pages of the sites read lists, and nothing else of this server."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_lists = scope["type"] != "http" or scope["path"].startswith("/v1/")
        await (super().__call__ if is_lists else self.app)(scope, receive, send)


def _redis_store(settings: Settings) -> ServedStore:
    # No list waits for what threads do, trends read and refusals written, so they may take twice as long.
    timeout_s = 2 * settings.serving.store_timeout_ms / 1000
    return RedisOnlineStore(redis_client(settings.redis, timeout_s), bounds_of(settings.redis))
