"""The way to the lists, past the framework's: what it does for any route costs a tenth of a list.

In: a request. Out: the answer of the route whose path it names, or the application's own way to all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from civicrec.errors import CivicrecError


class Direct:
    """ASGI middleware: calls functions that take a request and return the response.

    Parameters
    ----------
    routes
        Without parameters in their paths; the application knows them too, for whatever does not come this way.
    refusal
        Makes the answer to an error of ours.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[APIRoute], refusal: Callable[[CivicrecError], Response]) -> None:
        self._app = app
        self._routes = {(method, route.path): route for route in routes for method in route.methods or ()}
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route  # what a fault is told to have happened in
        try:
            response = await route.endpoint(Request(scope, receive))
        except CivicrecError as error:
            response = self._refusal(error)
        await response(scope, receive, send)
