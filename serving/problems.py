"""Problem documents (RFC 9457): every error of the API in one shape.

In: an exception. Out: ``{"type", "title", "status", "detail"}`` as ``application/problem+json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from civicrec.errors import CivicrecError, ConfigError
from civicrec.logs import get_logger, place_of
from civicrec.web import asgi

_log = get_logger(__name__)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": "1", **(headers or {})}
    return Response(asgi.problem(status, detail), status, dict(headers or {}), media_type=asgi.PROBLEM)


def refusal(error: CivicrecError) -> Response:
    """Return the problem document of an error of ours."""
    if isinstance(error, ConfigError):
        # For the operator, not the caller: the message names folders and settings.
        _log.error("settings_wrong", error=str(error))
        return problem(503, "this server is not set up well; its log says how")
    return problem(error.http_status, str(error))


def methods_at(path: str, routes: Iterable[APIRoute]) -> list[str]:
    """Return the methods that a path takes."""
    return sorted({method for route in routes if route.path_regex.match(path) for method in route.methods or ()})


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""

    @app.exception_handler(CivicrecError)
    async def ours(_: Request, error: CivicrecError) -> Response:
        return refusal(error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = ", ".join(methods_at(request.scope["path"], getattr(request.app.state, "routes", ())))
            if allowed:  # the framework names those of the first route with this path
                return problem(error.status_code, f"got {request.method}; expected {allowed}", {"Allow": allowed})
        return problem(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return problem(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        # Neither the address, which may name a person, nor the error's words, which may be what was sent.
        route = getattr(request.scope.get("route"), "path", "")
        _log.error("request_failed", route=route, error=type(error).__name__, exception=place_of(error))
        return problem(500, "this request met a fault of ours; it is in the log")
