"""Small forms that work without JavaScript: read safely, answered with a redirect.

In: a POST of url-encoded fields. Out: the fields, or `InvalidInput`.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import Request

from civicrec.errors import InvalidInput
from civicrec.settings import Settings
from civicrec.web.signals import is_from
from serving.schemas import origins_of

MAX_BYTES = 4096


async def form_of(request: Request, settings: Settings) -> dict[str, str]:
    """Return the fields of a small form; of several of one name the last. Raises as `fields_of` does."""
    return dict(await fields_of(request, settings))


async def fields_of(request: Request, settings: Settings, max_bytes: int = MAX_BYTES) -> list[tuple[str, str]]:
    """Return the fields of a form that a page of this origin sent, in their order.

    Raises
    ------
    InvalidInput
        If another site sent it, or it is longer than any form of ours.
    """
    # Browsers state where a request comes from, older ones by its origin; a page elsewhere must not change a
    # visitor's choices.
    origins = {origin for site in settings.sites or ("",) for origin in origins_of(settings, site)}
    fetched_from = request.headers.get("sec-fetch-site", "same-origin")
    if fetched_from not in ("same-origin", "none") or not is_from(request.headers, origins):
        raise InvalidInput("this form was sent from another site; open the page itself and choose there")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise InvalidInput(f"got a form of more than {max_bytes} bytes; the forms of these pages are shorter")
    return parse_qsl(body.decode("utf-8", "replace"))


def is_https(request: Request) -> bool:
    """Say whether the visitor's browser speaks https: to this server or, as any proxy may say, to that.

    Who claims it for themselves only gets a cookie that their browser sends over https alone.
    """
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower())
