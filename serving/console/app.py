"""The console as an application of its own: `serving.site` puts it under ``/console``.

In: settings. Out: an ASGI application. It reads the warehouse and the registry; of lists it knows nothing.
"""

from __future__ import annotations

from fastapi import FastAPI

from civicrec.clock import Clock, utc_now
from civicrec.settings import Settings
from serving.console.answering import add_console_handlers
from serving.console.gate import Gate
from serving.console.openid import Provider
from serving.console.outside import router as outside
from serving.console.process import PageProcess
from serving.console.routes import router
from serving.console.sign_in import router as sign_in
from serving.problems import add_problem_handlers


def create_console(settings: Settings, clock: Clock = utc_now) -> FastAPI:
    """Return the application; whoever mounts it closes `app.state.pages` and `app.state.gate` at its end."""
    app = FastAPI(title="civicrec console", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    app.state.clock = clock
    app.state.pages = PageProcess(settings)
    app.state.gate = Gate(settings, clock)
    app.state.provider = Provider(settings.oidc)
    add_problem_handlers(app)
    add_console_handlers(app)
    app.include_router(router)
    app.include_router(sign_in)
    app.include_router(outside)
    return app
