"""``POST /v1/events``: a plain ASGI route, because a framework's cost per request would be most of the work.

In: one HTTP request. Out: 200 once its events are durable, or a problem document.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from civicrec.clock import Clock, monotonic_s, utc_now
from civicrec.errors import CivicrecError, InvalidInput, Unauthorized
from civicrec.events import Dropped, Event
from civicrec.logs import get_logger
from civicrec.settings import Settings
from civicrec.tokens import Keys, claimed_site
from collectors.arrival import read_envelope, unpack
from collectors.commit import GroupCommit
from collectors.device import read_user_agent
from collectors.http import Headers, Receive, Scope, Send, answer, answer_json, answer_problem, read_body
from collectors.referrer import host_of
from collectors.steps import take
from collectors.visit import Visit, clock_skew

_log = get_logger(__name__)

_CORS: Headers = [
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"content-type, content-encoding, authorization, x-api-key"),
    (b"access-control-max-age", b"86400"),
]
#: A full group is through in well under a second; a full disk needs a person.
_RETRY_AFTER_S = {429: b"1", 503: b"5"}
_BEARER = re.compile(r"bearer +(\S+)\s*\Z", re.IGNORECASE)


class UnknownEncoding(InvalidInput):
    """The body is packed in a way we do not undo."""

    http_status = 415


class Door:
    """Answers ``/v1/events``.

    Parameters
    ----------
    settings, keys
        Sites, their keys and origins.
    commit
        Keeps the events.
    observe
        Told the seconds and the status of each answer.
    clock
        The time of arrival.
    """

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        commit: GroupCommit,
        observe: Callable[[float, int], None],
        clock: Clock = utc_now,
    ) -> None:
        self._keys = keys
        self._commit = commit
        self._observe = observe
        self._clock = clock
        self._sites = frozenset(settings.sites) or None
        self._api_keys = {
            site: value.api_key.get_secret_value().encode() for site, value in settings.sites.items() if value.api_key
        }
        by_site = {origin for site in settings.sites.values() for origin in site.origins}
        self._origins = {origin.encode() for origin in (by_site if settings.sites else settings.collector.origins)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to ``/v1/events``."""
        began = monotonic_s()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        cors: Headers = [(b"vary", b"origin")]
        if origin in self._origins:
            cors.append((b"access-control-allow-origin", origin))
            cors.append((b"access-control-expose-headers", b"retry-after"))  # a script may not read it otherwise
        status = 200
        try:
            if scope["method"] == "POST":
                await answer_json(send, await self._take(headers, receive), cors)
            elif scope["method"] == "OPTIONS":
                status = 204
                await answer(send, status, b"", cors + _CORS if len(cors) > 1 else cors)
            else:
                status = 405
                await answer_problem(send, status, "send events with POST", [*cors, (b"allow", b"POST, OPTIONS")])
        except CivicrecError as error:
            status = error.http_status
            if status in _RETRY_AFTER_S:
                cors.append((b"retry-after", _RETRY_AFTER_S[status]))
            await answer_problem(send, status, str(error), cors)
        except Exception:  # whatever it is, the sender must hear that nothing was accepted
            status = 500
            _log.exception("request_failed")
            await answer_problem(send, status, "the collector failed; nothing was accepted, send again", cors)
        self._observe(monotonic_s() - began, status)

    async def _take(self, headers: dict[bytes, bytes], receive: Receive) -> dict[str, Any]:
        body = await read_body(receive)
        visit = self._visit(headers)
        encoding = headers.get(b"content-encoding", b"").lower()
        if encoding == b"gzip":
            body = unpack(body)
        elif encoding not in (b"", b"identity"):
            raise UnknownEncoding(f"got Content-Encoding {encoding.decode('latin-1')!r}; expected gzip or none")
        envelope = read_envelope(body, headers.get(b"content-type", b"").decode("latin-1").lower())
        visit.skew = clock_skew(envelope.sent_at, visit.received_at)
        visit.altered.update(envelope.altered)
        if envelope.subject_token is not None:
            visit.subject_token = envelope.subject_token
        events: list[Event] = []
        rejected: list[dict[str, Any]] = []
        counts: Counter[tuple[str, str]] = Counter()
        for index, arrival in enumerate(envelope.events):
            taken = arrival if isinstance(arrival, Dropped) else take(arrival, visit)
            if isinstance(taken, Dropped):
                rejected.append({"index": index, "reason": taken.reason, "detail": taken.detail})
                counts["rejected", taken.reason] += 1
            else:
                events.append(taken)
        counts["received", ""] = len(envelope.events)
        for what, n in visit.altered.items():
            counts["altered", what] = n
        duplicates = await self._commit.put(events, counts)
        return {"accepted": len(events) - duplicates, "duplicates": duplicates, "rejected": rejected}

    def _visit(self, headers: dict[bytes, bytes]) -> Visit:
        device, bot_reason = read_user_agent(headers.get(b"user-agent", b"").decode("latin-1"))
        visit = Visit(
            self._clock(), self._keys, self._sites,
            refuses=headers.get(b"sec-gpc") == b"1" or headers.get(b"dnt") == b"1",
            page_host=host_of((headers.get(b"origin") or headers.get(b"referer", b"")).decode("latin-1")),
            device=device, bot_reason=bot_reason,
        )  # fmt: skip
        if b"x-api-key" in headers:
            visit.proven_site, visit.is_server = self._site_of_key(headers[b"x-api-key"]), True
        if b"authorization" in headers:
            visit.subject_token = self._bearer(headers[b"authorization"].decode("latin-1"), visit)
        return visit

    def _site_of_key(self, key: bytes) -> str:
        for site, expected in self._api_keys.items():
            if hmac.compare_digest(key, expected):
                return site
        raise Unauthorized("X-API-Key is not the key of a configured site; take it from CIVICREC_SITES")

    def _bearer(self, value: str, visit: Visit) -> str:
        found = _BEARER.match(value)
        if not found:
            raise Unauthorized("expected `Authorization: Bearer <subject token>`")
        site = claimed_site(found[1])
        if not visit.subject_of(found[1], site):
            raise Unauthorized("the bearer token is no subject token, is expired, or is not signed for its site")
        visit.proven_site = visit.proven_site or site
        return found[1]
