"""The console as an application of its own: `serving.site` puts it under ``/console``.

In: settings. Out: an ASGI application. It reads the warehouse and the registry; of lists it knows nothing.
"""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from civicrec.clock import Clock, utc_now
from civicrec.settings import Settings
from serving.console.process import PageProcess
from serving.console.routes import router
from serving.console.sign_in import password_of
from serving.problems import add_problem_handlers


def create_console(settings: Settings, clock: Clock = utc_now) -> FastAPI:
    """Return the application; whoever mounts it closes `app.state.pages` at its end."""
    app = FastAPI(title="civicrec console", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    app.state.clock = clock
    app.state.pages = PageProcess(settings)
    app.state.password = partial(password_of, settings)
    add_problem_handlers(app)
    app.include_router(router)
    return app
