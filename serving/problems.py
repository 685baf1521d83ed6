"""Problem documents (RFC 9457): every error of the API in one shape.

In: an exception. Out: ``{"type", "title", "status", "detail"}`` as ``application/problem+json``.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from civicrec.errors import CivicrecError, ConfigError
from civicrec.logs import get_logger, place_of

_log = get_logger(__name__)


def problem(status: int, detail: str) -> Response:
    """Return a problem document."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Response(msgspec.json.encode(body), status, headers, media_type="application/problem+json")


def refusal(error: CivicrecError) -> Response:
    """Return the problem document of an error of ours."""
    if isinstance(error, ConfigError):
        # For the operator, not the caller: the message names folders and settings.
        _log.error("settings_wrong", error=str(error))
        return problem(503, "this server is not set up well; its log says how")
    return problem(error.http_status, str(error))


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""

    @app.exception_handler(CivicrecError)
    async def ours(_: Request, error: CivicrecError) -> Response:
        return refusal(error)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail))

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
