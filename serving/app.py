"""The door for lists as an application; `serving.server` runs it.

In: settings. Out: the HTTP API of docs/contracts.md §3, the portal pages and the console.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from civicrec.clients import redis_client
from civicrec.clock import Clock, utc_now
from civicrec.settings import Settings
from profiles.redis_reader import RedisOnlineReader
from profiles.redis_store import RedisOnlineStore
from profiles.store import OnlineReader, OnlineStore
from serving.console.process import PageProcess
from serving.console.routes import router as console
from serving.console.sign_in import password_of
from serving.counters import ListCounters
from serving.live import Live
from serving.portal.routes import router as portal
from serving.problems import add_problem_handlers
from serving.routes import docs, feedback, health, recommendations, related, transparency


def create_app(
    settings: Settings,
    store: OnlineStore | None = None,
    reader: OnlineReader | None = None,
    clock: Clock = utc_now,
) -> FastAPI:
    """Return the application; `app.state.live` is its `Live` state.

    Parameters
    ----------
    store, reader
        The online store, and the same for the event loop; Redis as the settings have it when not given.
    """
    live = Live(settings, store or _redis_store(settings), reader or RedisOnlineReader(settings.redis), clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(live.start)
        yield
        await asyncio.to_thread(live.stop)
        app.state.console_pages.close()
        await live.reader.close()

    app = FastAPI(title="civicrec", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.live = live
    app.state.counters = ListCounters()
    app.state.console_pages = PageProcess(settings)
    app.state.console_password = partial(password_of, settings)
    origins = sorted({origin for site in settings.sites.values() for origin in site.origins})
    if origins:
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"])
    add_problem_handlers(app)
    for module in (recommendations, related, feedback, transparency, health, docs):
        app.include_router(module.router)
    app.include_router(portal)
    app.include_router(console)
    return app


def _redis_store(settings: Settings) -> OnlineStore:
    # A read that took longer than a list may wait is of no use, so the socket gives up then too.
    return RedisOnlineStore(redis_client(settings.redis, settings.serving.store_timeout_ms / 1000))
