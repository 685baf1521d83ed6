"""What one process serves on one port: the list API, the console as an application of its own, and pages to look at.

In: settings. Out: an ASGI application. The limits of `serving.app` stand in front of all of it.
"""

from __future__ import annotations

from fastapi import FastAPI

from civicrec.clock import Clock, utc_now
from civicrec.settings import Settings
from profiles.online.ports import OnlineReader, ServedStore
from serving.app import create_app
from serving.console.app import create_console
from serving.portal.account import router as account
from serving.portal.choices import router as choices
from serving.portal.mine.routes import routers as mine
from serving.portal.routes import router as portal
from serving.start.routes import router as start


def create_site(
    settings: Settings,
    store: ServedStore | None = None,
    reader: OnlineReader | None = None,
    clock: Clock = utc_now,
) -> FastAPI:
    """Return the application; the parameters are those of `serving.app.create_app`."""
    app = create_app(settings, store, reader, clock)
    app.include_router(start)
    app.include_router(portal)
    app.include_router(choices)
    app.include_router(account)
    for router in mine:
        app.include_router(router)
    console = create_console(settings, clock)
    app.mount("/console", console)
    app.state.closing += [console.state.pages.close, console.state.gate.close]
    return app
