"""``POST /v1/events``: a plain ASGI route, because a framework's cost per request would be most of the work.

In: one HTTP request. Out: 200 once its events are durable, or a problem document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container
from typing import Any

from civicrec.clock import Clock, monotonic_s, utc_now
from civicrec.erasure import NOBODY
from civicrec.errors import CivicrecError, InvalidInput, Unauthorized, Unavailable
from civicrec.events import MAX_BATCH_BYTES, Dropped, Event
from civicrec.logs import get_logger, place_of
from civicrec.registry.ledger import Ledger
from civicrec.security.api_keys import load_api_keys
from civicrec.security.tokens import Keys, claimed_sites
from civicrec.settings import Settings
from civicrec.web.asgi import Headers, Receive, Scope, Send, answer, answer_json, answer_problem
from civicrec.web.bodies import BodyReader, BodyRefused
from civicrec.web.limits import TooMany
from civicrec.web.origins import host_of, origin_of
from civicrec.web.query import bearer_of
from civicrec.web.signals import refuses
from collectors.arrival import Envelope, read_envelope, unpack
from collectors.claims import claimants
from collectors.commit import GroupCommit
from collectors.facts.device import read_user_agent
from collectors.limits.capacity import Capacity
from collectors.limits.rates import Limits
from collectors.portal_faults import PortalFaults
from collectors.request_facts import RequestFacts, clock_skew
from collectors.robots.behaviour import Behaviour
from collectors.robots.declared import known_robots
from collectors.steps import take

_log = get_logger(__name__)

_CORS: Headers = [(b"access-control-allow-methods", b"POST, OPTIONS"), (b"access-control-max-age", b"86400")]
_HEADERS = b"content-type, content-encoding, authorization, x-api-key"
_DEBUG = re.compile(rb"(?:^|&)debug=(?:1|true)(?:&|$)")
#: Names of headers, as a browser lists them.
_NAMES = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~, -]{1,2000}", re.IGNORECASE)
#: A full group is through in well under a second; a full disk needs a person.
_RETRY_AFTER_S = {429: 1, 503: 5}


class UnknownEncoding(InvalidInput):
    """The body is packed in a way we do not undo."""

    http_status = 415


class EventsEndpoint:
    """Answers ``/v1/events``.

    Parameters
    ----------
    settings, keys
        Sites, their keys and origins.
    commit
        Keeps the events.
    capacity
        Says whether more can be kept.
    ledger
        Knows who agreed, where a site requires that.
    observe
        Called with the seconds and the status of each answer.
    clock
        The time of arrival.

    Attributes
    ----------
    faults
        What portals lately sent wrongly.
    erased
        People whose events are refused.
    """

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        commit: GroupCommit,
        capacity: Capacity,
        ledger: Ledger,
        observe: Callable[[float, int], None],
        clock: Clock = utc_now,
    ) -> None:
        self.keys = keys
        self._commit = commit
        self._capacity = capacity
        self._ledger = ledger
        self._observe = observe
        self._clock = clock
        self._sites = frozenset(settings.sites) or None
        self._sites_of_minors = frozenset(site for site, known in settings.sites.items() if known.minors)
        self._api_keys = load_api_keys(settings)
        self._origins = sites_by_origin(settings)
        self._bodies = BodyReader(settings.collector.body_timeout_s, MAX_BATCH_BYTES)
        self._limits = Limits(settings.collector.limits, settings.collector.trusted_proxies, monotonic_s)
        self._behaviour = Behaviour()
        self.erased = NOBODY
        self.faults = PortalFaults(settings.alarms.misdirected_share)
        known_robots()  # now, so that the first request need not wait for it

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
                await answer_json(send, await self._take(scope, headers, receive), cors)
            elif scope["method"] == "OPTIONS":
                status = 204
                await answer(send, status, b"", [*cors, *_CORS, _allowed(headers)] if len(cors) > 1 else cors)
            else:
                status = 405
                await answer_problem(send, status, "send events with POST", [*cors, (b"allow", b"POST, OPTIONS")])
        except (CivicrecError, MemoryError) as error:
            if isinstance(error, MemoryError):
                error = Unavailable("the collector gets no more memory; nothing was accepted, send again later")
            status = error.http_status
            if status in _RETRY_AFTER_S:
                seconds = error.retry_after_s if isinstance(error, TooMany) else _RETRY_AFTER_S[status]
                cors += [(b"retry-after", b"%d" % seconds), (b"access-control-expose-headers", b"retry-after")]
            await answer_problem(send, status, str(error), cors)
        except Exception as error:  # whatever it is, the sender must hear that nothing was accepted
            status = 500
            _log.error("request_failed", error=type(error).__name__, exception=place_of(error))
            await answer_problem(send, status, "the collector failed; nothing was accepted, send again", cors)
        self._observe(monotonic_s() - began, status)

    async def _take(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> dict[str, Any]:
        server_of = self._api_keys.site_of(headers.get(b"x-api-key", b""))
        debug = _DEBUG.search(scope["query_string"]) is not None
        if debug and not server_of:
            raise Unauthorized("debug=1 is for who sends the API key of a configured site as X-API-Key")
        payer = self._limits.payer((scope.get("client") or ("",))[0], scope["headers"], server_of)
        try:
            body = await self._bodies.read(
                receive
            )  # also if there is no capacity: cut off while sending, none hears why
        except BodyRefused as error:
            self._limits.charge(payer, 0, error.n_bytes)
            raise
        self._capacity.check()
        self._limits.check(payer)
        is_packed = _is_packed(headers)
        # What cannot be unpacked has cost as much as the largest that can.
        n_events, n_bytes = 0, MAX_BATCH_BYTES if is_packed else len(body)
        try:
            request = self._facts_of(scope, headers, server_of)
            if is_packed:
                body = unpack(body)
                n_bytes = len(body)
            envelope = read_envelope(body, headers.get(b"content-type", b"").decode("latin-1").lower())
            n_events = len(envelope.events)
        finally:
            self._limits.charge(payer, n_events, n_bytes)
        if self._ledger.sites and (asked := claimants(envelope, request, self._ledger.sites)):
            request.agreed = await self._ledger.agreed(asked)
        told: list[dict[str, Any]] | None = [] if debug else None
        events, rejected, counts = _judged(envelope, request, told)
        site = ""
        of_sites = Counter([event.site for event in events])
        if self._sites and events:  # else any name is taken, and proves nothing
            site = events[0].site
            self._limits.charge_sites(payer, of_sites)
        duplicates = await self._commit.put(events, counts, site)
        signed_in = Counter([event.site for event in events if event.subject_id]) if request.has_tokens else {}
        self.faults.note(of_sites, signed_in, request.faults, request.received_at)
        answer = {"accepted": len(events) - duplicates, "duplicates": duplicates, "rejected": rejected}
        if debug:
            answer["debug"] = {"site": server_of, "batch": envelope.altered, "events": told}
        return answer

    def _facts_of(self, scope: Scope, headers: dict[bytes, bytes], server_of: str) -> RequestFacts:
        device, bot_reason = read_user_agent(headers.get(b"user-agent", b"").decode("latin-1"))
        origin = headers.get(b"origin", b"")
        request = RequestFacts(
            self._clock(), self.keys, self._sites,
            refuses=refuses(scope["headers"]),
            page_host=host_of((origin or headers.get(b"referer", b"")).decode("latin-1")),
            device=device, bot_reason=bot_reason, behaviour=self._behaviour,
            proven_site=server_of, is_server=bool(server_of), sites_of_minors=self._sites_of_minors,
            ledger_sites=self._ledger.sites,
            erased=self.erased,
        )  # fmt: skip
        if origin and not server_of:
            request.origin, request.origin_sites = origin.decode("latin-1"), self._origins.get(origin, ())
        if b"x-api-key" in headers and not server_of:
            raise Unauthorized("X-API-Key is not the key of a configured site; take it from CIVICREC_SITES")
        if b"authorization" in headers:
            request.subject_token = self._bearer(headers[b"authorization"].decode("latin-1"), request)
        return request

    def _bearer(self, value: str, request: RequestFacts) -> str:
        token = bearer_of(value)
        if not token:
            raise Unauthorized("expected `Authorization: Bearer <subject token>`")
        site = next((site for site in claimed_sites(token) if request.subject_of(token, site)), "")
        if not site:
            raise Unauthorized("the bearer token is no subject token, is expired, or is not signed for its site")
        request.proven_site = request.proven_site or site
        return token


def _allowed(headers: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    """Allow what headers a browser asks for: pages measured by others add their own, and none of ours is a secret."""
    requested = headers.get(b"access-control-request-headers", b"")
    return b"access-control-allow-headers", requested if _NAMES.fullmatch(requested) else _HEADERS


def _is_packed(headers: dict[bytes, bytes]) -> bool:
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if encoding not in (b"", b"identity", b"gzip", b"x-gzip"):
        raise UnknownEncoding(f"got Content-Encoding {encoding[:40].decode('latin-1')!r}; expected gzip or none")
    return encoding in (b"gzip", b"x-gzip")


def _judged(
    envelope: Envelope, request: RequestFacts, told: list[dict[str, Any]] | None
) -> tuple[list[Event], list[dict[str, Any]], Counter[tuple[str, str]]]:
    """Return the events to keep, what is answered of the others, and what is counted; tell what of each was altered."""
    request.skew = clock_skew(envelope.sent_at, request.received_at)
    request.altered.update(envelope.altered)
    if envelope.subject_token is not None:
        request.subject_token = envelope.subject_token
    events: list[Event] = []
    rejected: list[dict[str, Any]] = []
    counts: Counter[tuple[str, str]] = Counter()
    for index, arrival in enumerate(envelope.events):
        before = request.altered.copy() if told is not None else None
        taken = arrival if isinstance(arrival, Dropped) else take(arrival, request)
        if isinstance(taken, Dropped):
            rejected.append({"index": index, "reason": taken.reason, "detail": taken.detail})
            counts["rejected", taken.reason] += 1
        else:
            events.append(taken)
        if told is not None and (altered := request.altered - (before or Counter())):
            told.append({"index": index, "altered": sorted(altered)})
    counts["received", ""] = len(envelope.events)
    for what, n in request.altered.items():
        counts["altered", what] = n
    return events, rejected, counts


def sites_by_origin(settings: Settings) -> dict[bytes, Container[str] | None]:
    """Return for each origin on a list the sites that list it; ``None``, any site, while none is configured."""
    if not settings.sites:
        return {origin_of(origin).encode(): None for origin in settings.collector.origins}
    listed = {name: frozenset(map(origin_of, site.origins)) for name, site in settings.sites.items()}
    return {
        origin.encode(): frozenset(name for name, origins in listed.items() if origin in origins)
        for origin in frozenset[str]().union(*listed.values())
    }
