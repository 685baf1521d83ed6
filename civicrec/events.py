"""Events: the words a visitor's behaviour is told in.

In: JSON bytes from a client or from the event log. Out: an `Event`, or a `Dropped` that says why not.
The field table is docs/contracts.md §1; this file is its only implementation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar, get_args
from uuid import UUID

import msgspec

from civicrec.text import printable_pattern

Kind = Literal[
    "page_view", "impression", "click", "read", "search", "favourite", "share", "download", "dislike", "undislike",
    "rate", "subscribe", "unsubscribe", "service_start", "service_submit", "service_complete",
    "push_sent", "push_delivered", "push_open", "consent_given", "consent_withdrawn",
]  # fmt: skip
Channel = Literal["web", "app", "mini", "kiosk", "server"]
Consent = Literal["none", "measure", "personalise"]
ReferrerType = Literal["", "direct", "internal", "search", "government", "social", "push", "other"]
Device = Literal["", "desktop", "mobile", "tablet", "kiosk", "bot"]

DropReason = Literal[
    "bad_json",  # not a JSON object
    "bad_field",  # a field has the wrong type, length, range or alphabet
    "unknown_kind",  # `kind` is not one of KINDS
    "bad_time",  # more than 24 h ahead of arrival, or more than 30 days old
    "too_large",  # one event over 32 KiB
    "no_actor",  # neither an anonymous_id nor a valid subject token
    "no_consent",  # consent is `none`: counted, never stored
    "unknown_site",  # sites are configured and this is not one of them
    "erased",  # of a person who asked to be erased
    "foreign_origin",  # a browser's page sent it whose origin the site does not list
]
"""Why an event is not stored. Each reason is documented in docs/contracts.md and tested once."""

KINDS: frozenset[str] = frozenset(get_args(Kind))
DROP_REASONS: tuple[str, ...] = get_args(DropReason)

#: Kinds that say the actor interacted with an item, with the strength each gives an (actor, item) pair.
#: A click is the unit; the order, not the exact size, matters to the models (Hu, Koren & Volinsky 2008, §4).
INTEREST_WEIGHTS: dict[str, float] = {
    "click": 1.0, "read": 0.5, "favourite": 3.0, "share": 2.0, "download": 2.0, "subscribe": 3.0,
    "service_start": 3.0, "service_submit": 4.0, "service_complete": 4.0, "push_open": 1.0,
}  # fmt: skip

MAX_BATCH_EVENTS = 500
MAX_BATCH_BYTES = 1024 * 1024
MAX_EVENT_BYTES = 32 * 1024
MAX_AHEAD = timedelta(hours=24)
MAX_AGE = timedelta(days=30)

#: Keys a client may put into `props`. Closed, so that no free text or personal field slips in (PIPL 6).
ALLOWED_PROPS: frozenset[str] = frozenset({
    "city", "column", "dropped", "duration_s", "elder_mode", "error", "format", "form_step", "keyword_count", "lang",
    "link_type", "method", "purpose", "rating_scale", "reason", "result_count", "size_kb", "tab", "target", "topic",
})  # fmt: skip
MAX_PROPS = 16
MAX_PROPS_BYTES = 2048

Name64 = Annotated[str, msgspec.Meta(max_length=64)]
ActorName = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9_-]*\Z")]
#: Item ids can be shown and hold no separator of our own (`,` in `recent=`) and no space.
ItemName = Annotated[str, msgspec.Meta(max_length=128, pattern=printable_pattern(r"\s,"))]
EventItemType = Literal["", "policy", "interpretation", "service", "news", "guide", "faq", "topic"]
#: A time without an offset would be read as local time by one program and as UTC by the next.
Time = Annotated[datetime, msgspec.Meta(tz=True)]
PropValue = str | int | float | bool | None


#: Looks like a pseudonym that `civicrec.security.tokens` makes.
_SUBJECT = re.compile(r"[0-9a-f]{32}")


def is_subject(actor: str) -> bool:
    """Say whether an actor is a signed-in user, not a browser.

    Examples
    --------
    >>> is_subject("0123456789abcdef0123456789abcdef"), is_subject("me"), is_subject("")
    (True, False, False)
    """
    return _SUBJECT.fullmatch(actor) is not None


def anonymous_actor(anonymous_id: str) -> str:
    """Return the name under which an anonymous id's behaviour is kept: never that of a subject.

    Portals send random ids of 32 hex digits, too. Such a one is told apart by a mark that no anonymous id can hold,
    so that who knows somebody's pseudonym can neither read nor feed that person's profile with it.

    Examples
    --------
    >>> anonymous_actor("me"), anonymous_actor("0123456789abcdef0123456789abcdef")
    ('me', 'a:0123456789abcdef0123456789abcdef')
    """
    return f"a:{anonymous_id}" if len(anonymous_id) == 32 and _SUBJECT.fullmatch(anonymous_id) else anonymous_id


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing that happened, as stored. See docs/contracts.md §1 for each field.

    Empty string means "not given" for text, ``None`` for numbers. `subject_id`, `pepper` (which one made it),
    `received_at`, `referrer_type`, `device`, `region` and `bot_reason` are set by the collector, never taken from a
    client.
    """

    event_id: UUID
    kind: Kind
    occurred_at: Time
    received_at: Time | None = None
    site: Name64 = ""
    channel: Channel = "web"
    anonymous_id: ActorName = ""
    subject_id: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{32})?\Z")] = ""
    pepper: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    session_id: Name64 = ""
    item_id: ItemName = ""
    item_type: EventItemType = ""
    request_id: Name64 = ""
    scene: Name64 = ""
    slot: Name64 = ""
    position: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    variant: Name64 = ""
    campaign_id: Name64 = ""
    query: Annotated[str, msgspec.Meta(max_length=200)] = ""
    url_path: Annotated[str, msgspec.Meta(max_length=512)] = ""
    title: Annotated[str, msgspec.Meta(max_length=256)] = ""
    referrer_type: ReferrerType = ""
    active_ms: Annotated[int, msgspec.Meta(ge=0, le=86_400_000)] | None = None
    scroll_pct: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    value: Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)] | None = None
    device: Device = ""
    region: Name64 = ""
    bot_reason: Name64 = ""
    consent: Consent = "measure"
    props: dict[str, Any] = {}

    @property
    def actor(self) -> str:
        """Return the name this event counts under: the subject's if known, else that of the anonymous id."""
        return self.subject_id or anonymous_actor(self.anonymous_id)


class Dropped(msgspec.Struct, frozen=True):
    """Why an event was not taken: a value, because a bad event is expected."""

    reason: DropReason
    detail: str = ""


_decode = msgspec.json.Decoder(Event).decode
_encode = msgspec.json.Encoder().encode
E = TypeVar("E", bound=Event)


def parse(raw: bytes | msgspec.Raw) -> Event | Dropped:
    """Turn the JSON of one event into an `Event`, or say why it cannot be one.

    Checks shape only: type, length, range and alphabet of each field. Time, consent and identity need facts
    the bytes do not hold and are checked by the collector's steps.

    Parameters
    ----------
    raw
        UTF-8 JSON of one object; unknown fields are passed over.

    Returns
    -------
    Event or Dropped
        `Dropped.detail` names the field and what was expected.
    """
    return parse_with(_decode, raw)


def parse_with(decode: Callable[[bytes | msgspec.Raw], E], raw: bytes | msgspec.Raw) -> E | Dropped:
    """Parse with the decoder of a wider event type, by the same rules."""
    size = memoryview(raw).nbytes
    if size > MAX_EVENT_BYTES:
        return Dropped("too_large", f"got {size} bytes, at most {MAX_EVENT_BYTES} fit one event")
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        return _explain(str(error))
    except _NOT_JSON as error:
        return Dropped("bad_json", str(error))


#: ValueError: Python refuses to read an integer of more than 4 300 digits.
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
#: A reason is for people; a hostile value quoted in it must not make the answer long.
_MAX_DETAIL = 300


def _explain(message: str) -> Dropped:
    if message.endswith("- at `$.kind`"):
        return Dropped("unknown_kind", f"{message[:_MAX_DETAIL]}; expected one of {', '.join(sorted(KINDS))}")
    if message.endswith("- at `$.item_id`") and "regex" in message:
        message = "Expected `str` that can be shown, without spaces and commas - at `$.item_id`"
    if "at `$" not in message and message.startswith("Expected `object`"):
        return Dropped("bad_json", message)
    return Dropped("bad_field", message if len(message) <= _MAX_DETAIL else f"… {message[-_MAX_DETAIL:]}")


def bad_time(event: Event, received_at: datetime) -> Dropped | None:
    """Return a drop if the event's time is too far from its arrival, else ``None``."""
    if event.occurred_at > received_at + MAX_AHEAD:
        return Dropped("bad_time", f"occurred_at is more than {MAX_AHEAD} ahead of arrival; check the clock")
    if event.occurred_at < received_at - MAX_AGE:
        return Dropped("bad_time", f"occurred_at is more than {MAX_AGE.days} days old; use `events load --history`")
    return None


def dump(events: Sequence[Event]) -> bytes:
    """Write events as the JSON array that is one event-log record."""
    return _encode(events)


_decode_record = msgspec.json.Decoder(list[Event]).decode
_split_record = msgspec.json.Decoder(list[msgspec.Raw]).decode


def load(record: bytes) -> tuple[list[Event], list[tuple[bytes, Dropped]]]:
    """Read one event-log record back.

    Returns
    -------
    events, dropped
        The good events in order, and the original bytes of each bad one with its reason. A record that is
        not a JSON array at all comes back as one dropped piece holding the whole record.
    """
    try:
        return _decode_record(record), []
    except _NOT_JSON:
        pass  # at least one event is bad: take the record apart and judge each on its own
    try:
        pieces = _split_record(record)
    except _NOT_JSON as error:
        return [], [(record, Dropped("bad_json", str(error)))]
    events: list[Event] = []
    dropped: list[tuple[bytes, Dropped]] = []
    for piece in pieces:
        parsed = parse(piece)
        if isinstance(parsed, Event):
            events.append(parsed)
        else:
            dropped.append((bytes(piece), parsed))
    return events, dropped


def clean_props(props: dict[str, Any]) -> tuple[dict[str, PropValue], list[str]]:
    """Keep allow-listed scalar properties within their limits; return them and the keys left out, sorted."""
    kept = {key: props[key] for key in sorted(props.keys() & ALLOWED_PROPS) if _is_scalar(props[key])}
    while len(kept) > MAX_PROPS or (kept and len(_encode(kept)) > MAX_PROPS_BYTES):
        kept.popitem()
    return kept, sorted(props.keys() - kept.keys())


def _is_scalar(value: Any) -> bool:
    # Integers beyond 64 bits are JSON, but no store behind takes them.
    return abs(value) < 2**63 if isinstance(value, int) else value is None or isinstance(value, str | float)
