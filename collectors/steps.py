"""What happens to an event on arrival, in order: the list `STEPS` is the documentation.

In: an `Arrival` and the `RequestFacts` it came with. Out: the arrival filled in, or the first `Dropped`.
`put_…` adds or corrects facts, `drop_…` may end it. Nothing here reads a clock, a file or the network.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from functools import lru_cache
from operator import attrgetter
from typing import Any

from civicrec.events import Dropped, Event, bad_time, clean_props
from civicrec.text import printable
from collectors.arrival import Arrival
from collectors.facts.masking import are_clean, masked, masked_code
from collectors.facts.paths import clean_path, path_of
from collectors.facts.referrer import referrer_type
from collectors.facts.session import MAX_SESSION, began_at
from collectors.portal_faults import PortalFault
from collectors.request_facts import RequestFacts

_MAX_PATH = 512
#: So far beyond the longest path numbers are looked for: one that begins within it ends there.
_BEYOND = 256
#: A number below this is nobody's.
_LEAST_NUMBER = 10**9
#: Ids that tie events together: one of a person's number would tie together what is not.
_TIES = ("session_id", "request_id")
_NAMES = ("anonymous_id", "site")
_IDS = (*_NAMES, *_TIES, "item_id", "scene", "slot", "variant", "campaign_id")
_ids_of = attrgetter(*_IDS)
#: What is kept of a refusal: who and when, and how it was told.
_OF_A_REFUSAL = frozenset((
    "event_id", "kind", "occurred_at", "received_at", "site", "channel", "anonymous_id", "subject_id", "bot_reason",
))  # fmt: skip
_NOT_OF_A_REFUSAL = tuple(name for name in Event.__struct_fields__ if name not in _OF_A_REFUSAL)
ArrivalStep = Callable[[Arrival, RequestFacts], Dropped | None]


def drop_without_consent(event: Arrival, request: RequestFacts) -> Dropped | None:
    """End an event whose visitor said no; first, so that nothing else of it is looked at.

    That consent is withdrawn must be known to be obeyed; `put_refusal` sees to it that no more is kept.
    """
    if event.kind == "consent_withdrawn":
        return None
    if event.consent == "none":
        return Dropped("no_consent", "consent is none: counted, not stored")
    if request.refuses:
        return Dropped("no_consent", "the browser sends Sec-GPC or DNT: counted, not stored")
    return None


def put_site(event: Arrival, request: RequestFacts) -> None:
    """Take the site that a key or token proved where the event names none."""
    if not event.site:
        event.site = request.proven_site


def drop_unknown_site(event: Arrival, request: RequestFacts) -> Dropped | None:
    """End an event of a site that is not configured, once any is, or not the one whose key or token came with it."""
    if request.proven_site and event.site != request.proven_site:
        request.faults[PortalFault("unknown_site", event.site, request.origin, request.proven_site)] += 1
        return Dropped("unknown_site", f"got site {event.site!r} with a key or token of {request.proven_site!r}")
    if request.sites is not None and event.site not in request.sites:
        request.faults[PortalFault("unknown_site", event.site, request.origin)] += 1
        return Dropped("unknown_site", f"got site {event.site!r}; expected a configured site id")
    return None


def drop_foreign_origin(event: Arrival, request: RequestFacts) -> Dropped | None:
    """End an event that a page of somebody else sent: it would tell of visits the portal never had."""
    if request.origin_sites is None or event.site in request.origin_sites:
        return None
    request.faults[PortalFault("foreign_origin", event.site, request.origin)] += 1
    return Dropped(
        "foreign_origin", f"a page of {request.origin[:100]!r} sent it; expected an origin of site {event.site!r}"
    )


def put_ids(event: Arrival, request: RequestFacts) -> Dropped | None:
    """Take personal numbers out of ids: what says only how events belong together then says nothing.

    An event whose visitor or site is named by one ends: everything is kept under that name.
    """
    if are_clean(_ids_of(event)):
        return None
    for name in _IDS:
        value = getattr(event, name)
        if (clean := masked_code(value)) == value:
            continue
        if name in _NAMES:
            return Dropped("bad_field", f"{name} holds a personal number; send a random id of the visitor instead")
        setattr(event, name, "" if name in _TIES else clean)
        request.altered["private_text"] += 1
    return None


def put_session(event: Arrival, request: RequestFacts) -> None:
    """Cut a session into pieces of 24 h, counted from the time its UUIDv7 holds.

    The number of the piece depends on the event alone, so a retry gets the same, whatever was restarted between. Both
    times are still the client's: its clock may be wrong.
    """
    if event.session_id:
        began = began_at(event.session_id)
        if began is not None and event.occurred_at - began >= MAX_SESSION:
            piece = (event.occurred_at - began) // MAX_SESSION
            event.session_id = f"{event.session_id}.{piece}"
            request.altered["session"] += 1


def put_times(event: Arrival, request: RequestFacts) -> Dropped | None:
    """Set the arrival and correct the event's time by the client's clock skew."""
    event.received_at = request.received_at
    try:
        event.occurred_at = event.occurred_at.astimezone(UTC) + request.skew  # type: ignore[misc]
    except OverflowError:
        return Dropped("bad_time", "occurred_at is beyond the calendar")
    return None


def drop_bad_time(event: Arrival, request: RequestFacts) -> Dropped | None:
    """End an event too far from its arrival; that consent is withdrawn holds from then on, however wrong the clock."""
    bad = bad_time(event, request.received_at)
    if event.kind == "consent_withdrawn" and (bad or event.occurred_at > request.received_at):
        event.occurred_at = request.received_at  # type: ignore[misc]
        return None
    return bad


def put_consent_of_minors(event: Arrival, request: RequestFacts) -> None:
    """Only count what minors do, whatever consent they say: on a portal for them, or with a token that says so."""
    if event.consent != "personalise":
        return
    if event.site in request.sites_of_minors or request.holder_of(_token(event, request), event.site).is_minor:
        event.consent = "measure"  # type: ignore[misc]
        request.altered["minor"] += 1


def put_subject(event: Arrival, request: RequestFacts) -> None:
    """Turn the event's or the request's token into a pseudonym; an invalid one leaves the event anonymous."""
    token = _token(event, request)
    event.subject_token = None
    event.subject_id, event.pepper = "", 0  # type: ignore[misc]
    if token is not None:
        event.subject_id = request.subject_of(token, event.site)
        if event.subject_id:
            event.pepper = request.keys.generation  # type: ignore[misc]
        else:
            request.altered["bad_token"] += 1
            request.faults[PortalFault("bad_token", event.site)] += 1


def _token(event: Arrival, request: RequestFacts) -> Any:
    return request.subject_token if event.subject_token is None else event.subject_token


def put_consent(event: Arrival, request: RequestFacts) -> None:
    """Count as `measure` what a signed-in person's event claims beyond the consent ledger, where its site requires one.

    So does an event whose person could not be looked up; nothing is lost, and nothing learned without proof.
    """
    if event.subject_id and event.consent == "personalise" and event.site in request.ledger_sites:
        has_agreed = request.agreed.get(event.subject_id)
        if not has_agreed:
            event.consent = "measure"  # type: ignore[misc]
            request.altered["consent_unread" if has_agreed is None else "no_consent_entry"] += 1


def drop_without_actor(event: Arrival, request: RequestFacts) -> Dropped | None:
    """End an event that is nobody's."""
    if not event.anonymous_id and not event.subject_id:
        return Dropped("no_actor", "expected an anonymous_id or a valid subject_token")
    return None


def drop_erased(event: Arrival, request: RequestFacts) -> Dropped | None:
    """End an event of a person who asked to be erased; what is kept of them is removed, and no more comes in."""
    if request.erased.have(event.subject_id, event.anonymous_id, event.occurred_at):
        return Dropped("erased", "its visitor asked to be erased: counted, not stored")
    return None


def put_browser(event: Arrival, request: RequestFacts) -> None:
    """Take the browser's id from what somebody does on the browser of who was erased: it names who is gone."""
    if event.subject_id and request.erased.have_browser(event.anonymous_id, event.occurred_at):
        event.anonymous_id = ""  # type: ignore[misc]
        request.altered["erased_browser"] += 1


def put_url_path(event: Arrival, request: RequestFacts) -> None:
    """Keep the path only, decoded: query strings and fragments hold session keys and form fields."""
    if event.url_path:
        event.url_path, has_number = _page_path(event.url_path)
        request.altered["private_text"] += has_number


@lru_cache(maxsize=4096)
def _page_path(address: str) -> tuple[str, bool]:
    path = path_of(address)[: _MAX_PATH + _BEYOND]
    clean = masked_code(path)
    return clean[:_MAX_PATH], clean != path


def put_referrer_type(event: Arrival, request: RequestFacts) -> None:
    """Replace the referrer by its type; a pushed visit came from the push, whatever page was before."""
    event.referrer_type = "push" if event.campaign_id else referrer_type(event.referrer, request.page_host)
    event.referrer = None


def put_device(event: Arrival, request: RequestFacts) -> None:
    """Set the device class; a server's user agent says nothing of the visitor's."""
    is_server = request.is_server or event.channel == "server"
    event.device = "kiosk" if event.channel == "kiosk" else "" if is_server else request.device


def put_bot_reason(event: Arrival, request: RequestFacts) -> None:
    """Flag robots, those that say so and those that act so: reports can count with and without them.

    Whoever sends from a portal's server answers for its visitors itself.
    """
    if request.is_server or (event.channel == "server" and request.sites is None):
        event.bot_reason = ""
    else:
        seen = request.behaviour.suspicion(event) if request.behaviour is not None else ""
        event.bot_reason = request.bot_reason or seen


def put_region(event: Arrival, request: RequestFacts) -> None:
    """Keep a region only from a portal's server, which knows it; a browser would be guessing or tracking."""
    known = request.is_server and event.site == request.proven_site and isinstance(event.region, str)
    event.region = masked_code(printable(event.region))[:64] if known else ""


def put_query(event: Arrival, request: RequestFacts) -> None:
    """Keep what was searched on searches only, without personal numbers."""
    if event.query and event.kind != "search":
        event.query = ""  # type: ignore[misc]
        request.altered["query"] += 1
    elif event.query:
        event.query = _masked(event.query, request)  # type: ignore[misc]


def put_title(event: Arrival, request: RequestFacts) -> None:
    """Take personal numbers out of the page title."""
    if event.title:
        event.title = _masked(event.title, request)  # type: ignore[misc]


def put_props(event: Arrival, request: RequestFacts) -> None:
    """Keep allow-listed properties, without personal numbers in their texts; count what is left out."""
    if event.props:
        kept, left_out = clean_props(event.props)
        request.altered["props"] += bool(left_out)
        for name, value in kept.items():
            if isinstance(value, str):
                kept[name] = _target(value, request) if name == "target" else _masked(value, request)
            elif isinstance(value, int | float) and abs(value) >= _LEAST_NUMBER and float(value).is_integer():
                number = str(int(value))
                clean = _without_numbers(masked, number, request)
                kept[name] = value if clean == number else clean
        event.props = kept  # type: ignore[misc]


def put_refusal(event: Arrival, request: RequestFacts) -> None:
    """Keep of a refusal who said so and when, and nothing else that came with it or was told from it."""
    if event.kind == "consent_withdrawn" and (request.refuses or event.consent == "none"):
        nothing = Event(event_id=event.event_id, kind=event.kind, occurred_at=event.occurred_at)  # consent: measure
        for name in _NOT_OF_A_REFUSAL:
            setattr(event, name, getattr(nothing, name))


def _target(value: str, request: RequestFacts) -> str:
    """Return a host, or the path of a file as the path of a page is kept."""
    return _without_numbers(masked_code, clean_path(value), request)


def _masked(text: str, request: RequestFacts) -> str:
    clean = printable(text)
    request.altered["unprintable"] += clean != text
    return _without_numbers(masked, clean, request)


def _without_numbers(mask: Callable[[str], str], text: str, request: RequestFacts) -> str:
    clean = mask(text)
    request.altered["private_text"] += clean != text
    return clean


STEPS: tuple[ArrivalStep, ...] = (
    drop_without_consent,
    put_site,
    drop_unknown_site,
    drop_foreign_origin,
    put_ids,
    put_session,
    put_times,
    drop_bad_time,
    put_consent_of_minors,
    put_subject,
    put_consent,
    drop_without_actor,
    drop_erased,
    put_browser,
    put_url_path,
    put_referrer_type,
    put_device,
    put_bot_reason,
    put_region,
    put_query,
    put_title,
    put_props,
    put_refusal,
)


def take(event: Arrival, request: RequestFacts, steps: tuple[ArrivalStep, ...] = STEPS) -> Arrival | Dropped:
    """Run the steps; the first drop ends them."""
    for step in steps:
        dropped = step(event, request)
        if dropped is not None:
            return dropped
    return event
