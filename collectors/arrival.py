"""What a client sent, on its way to becoming an event.

In: the body of one request. Out: an `Envelope` of `Arrival`s and `Dropped`s, in the order they were sent.
"""

from __future__ import annotations

import re
import zlib
from codecs import BOM_UTF8
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, get_args

import msgspec

from civicrec.errors import InvalidInput
from civicrec.events import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    MAX_EVENT_BYTES,
    Dropped,
    Event,
    EventItemType,
    Name64,
    Time,
    parse_with,
)
from civicrec.text import printable, printable_pattern
from civicrec.web.bodies import BodyTooLarge
from collectors.pieces import pieces_of

#: A label that can be shown; one that cannot is read again without those characters.
Label = Annotated[str, msgspec.Meta(max_length=64, pattern=printable_pattern())]


class Arrival(Event, frozen=False, omit_defaults=True, kw_only=True):  # type: ignore[misc]  # msgspec allows it
    """An `Event` that the collector's steps fill in; its fields are an event's once they all ran.

    What only the collector may say is read as anything at all, because the steps overwrite it: a client that sends
    such a field is not refused for it. `subject_token` and `referrer` are read, used and cleared, never stored. A path
    may come in percent code, nine characters for one.
    """

    site: Name64 = ""
    session_id: Name64 = ""
    request_id: Name64 = ""
    scene: Name64 = ""
    slot: Name64 = ""
    variant: Name64 = ""
    campaign_id: Name64 = ""
    url_path: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    received_at: Any = None
    subject_id: Any = ""
    referrer_type: Any = ""
    device: Any = ""
    bot_reason: Any = ""
    region: Any = ""
    subject_token: Any = None
    referrer: Any = None


class _Shown(Arrival, frozen=False, omit_defaults=True, kw_only=True):  # type: ignore[misc]  # as above
    """An `Arrival` whose labels are looked at sign by sign."""

    site: Label = ""
    session_id: Label = ""
    request_id: Label = ""
    scene: Label = ""
    slot: Label = ""
    variant: Label = ""
    campaign_id: Label = ""


class BadBody(InvalidInput):
    """The body holds no batch."""

    http_status = 400


@dataclass(slots=True)
class Envelope:
    """One readable body.

    Attributes
    ----------
    events
        In the order sent.
    sent_at
        The client's clock when it sent the batch, if it said so.
    subject_token
        Anything the client put there.
    altered
        What of the envelope could not be used.
    """

    events: list[Arrival | Dropped]
    sent_at: datetime | None = None
    subject_token: Any = None
    altered: list[str] = field(default_factory=list)


class _Batch(msgspec.Struct):
    events: list[Arrival]
    sent_at: Any = None
    subject_token: Any = None


class _ShownBatch(msgspec.Struct):
    events: list[_Shown]
    sent_at: Any = None
    subject_token: Any = None


class _Pieces(msgspec.Struct):
    events: list[msgspec.Raw]
    sent_at: Any = None
    subject_token: Any = None


_decode_arrival = msgspec.json.Decoder(Arrival).decode
_decode_shown = msgspec.json.Decoder(_Shown).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_shown_batch = msgspec.json.Decoder(_ShownBatch).decode
_decode_pieces = msgspec.json.Decoder(_Pieces).decode
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
#: Packed logs are put one behind the other, a few; each member costs a copy of what is behind it.
_MAX_MEMBERS = 64
#: What is told of half a character, because the reader's own words for it are of no help.
_HALVES = re.compile(
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]", re.DOTALL
)
_HALF = r"a text holds half of a surrogate pair, such as \ud83d without the other half: it was cut by UTF-16 units"
_ITEM_TYPES = frozenset(get_args(EventItemType))


def read_envelope(body: bytes, content_type: str = "") -> Envelope:
    """Take a body apart: the JSON envelope, or one JSON object a line.

    Raises
    ------
    BadBody
        If it is neither.
    BodyTooLarge
        If it holds more events than a batch may.
    """
    body = body.removeprefix(BOM_UTF8)
    if "ndjson" in content_type or "jsonl" in content_type:
        return _read_lines(body)
    batch: _Batch | _ShownBatch | _Pieces | None
    try:
        # The quick way reads envelope and events in one pass. In a small body no event can be over the limit.
        if len(body) > MAX_EVENT_BYTES:
            batch = _decode_pieces(body)
        else:  # searching seven labels an event by themselves is half of the reading
            is_plain = body.isascii() and b"\\" not in body and b"\x7f" not in body
            batch = _decode_batch(body) if is_plain else _decode_shown_batch(body)
    except _NOT_JSON as error:
        batch = _apart(body)
        if batch is None:
            return _lines_or_fault(body, error)
    _check_length(len(batch.events))
    sent_at, altered = _time(batch.sent_at)
    events = [read_event(piece, altered) if isinstance(piece, msgspec.Raw) else piece for piece in batch.events]
    return Envelope(events, sent_at, batch.subject_token, altered)


def _apart(body: bytes) -> _Pieces | None:
    """Return the events of a batch one by one, so that each is judged alone; ``None`` if it is no batch."""
    with suppress(*_NOT_JSON):
        return _decode_pieces(body)
    pieces = pieces_of(body)
    if pieces is None:
        return None
    batch = _Pieces([msgspec.Raw(event) for event in pieces[0]])
    for name in ("sent_at", "subject_token"):
        with suppress(*_NOT_JSON):
            setattr(batch, name, _decode_any(pieces[1].get(name, b"null")))
    return batch


def read_event(line: bytes | msgspec.Raw, altered: list[str]) -> Arrival | Dropped:
    """Read one event; say in `altered` what of it was passed over."""
    event = parse_with(_decode_shown, line)
    return event if isinstance(event, Arrival) or event.reason == "too_large" else _read_again(line, event, altered)


def _read_again(line: bytes | msgspec.Raw, refusal: Dropped, altered: list[str]) -> Arrival | Dropped:
    """Read an event without nulls, a type of items we do not know, and characters that cannot be shown."""
    try:
        fields = _decode_any(line)
    except _NOT_JSON:
        return Dropped("bad_json", _HALF) if _HALVES.search(bytes(line)) else refusal
    if not isinstance(fields, dict):
        return refusal
    taken_out = []
    stated = {name: value for name, value in fields.items() if value is not None}
    if stated.get("props") == []:  # PHP's way to write an empty object
        del stated["props"]
    item_type = stated.get("item_type", "")
    if not isinstance(item_type, str) or item_type not in _ITEM_TYPES:
        del stated["item_type"]
        taken_out.append("item_type")
    clean = {name: printable(value) if isinstance(value, str) else value for name, value in stated.items()}
    if clean != stated:
        taken_out.append("unprintable")
    event = parse_with(_decode_arrival, _encode(clean))
    if isinstance(event, Arrival):
        altered += taken_out
    return event


def unpack(body: bytes) -> bytes:
    """Undo gzip without ever holding more than a batch may have.

    Raises
    ------
    BadBody
        If it is not gzip, or cut short.
    BodyTooLarge
        If it would unpack to more.
    """
    parts: list[bytes] = []
    size = 0
    while body:
        if len(parts) == _MAX_MEMBERS:
            raise BadBody(f"the gzip body has more than {_MAX_MEMBERS} members; pack the batch as one")
        inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            parts.append(inflate.decompress(body, MAX_BATCH_BYTES + 1 - size))
        except zlib.error as error:
            raise BadBody(f"the body is not gzip as Content-Encoding says: {error}") from None
        size += len(parts[-1])
        if size > MAX_BATCH_BYTES:
            raise BodyTooLarge(f"the body unpacks to more than {MAX_BATCH_BYTES} bytes; send smaller batches")
        if not inflate.eof:
            raise BadBody("the gzip body is cut short; send it again")
        body = inflate.unused_data
    return b"".join(parts)


def _lines_or_fault(body: bytes, error: Exception) -> Envelope:
    # Nothing said that these are lines, so at least one must be an event for it to be believed.
    with suppress(BadBody):
        envelope = _read_lines(body)
        if any(isinstance(event, Arrival) for event in envelope.events):
            return envelope
    raise BadBody(f'the body is neither {{"sent_at", "events": […]}} nor one event a line: {str(error)[:200]}')


def _read_lines(body: bytes) -> Envelope:
    lines = [line for line in body.split(b"\n") if line.strip()]
    _check_length(len(lines))
    altered: list[str] = []
    events = [read_event(line, altered) for line in lines]
    if all(isinstance(event, Dropped) and event.reason == "bad_json" for event in events):
        raise BadBody("no line of the body is a JSON object; expected one event a line")
    return Envelope(events, altered=altered)


def _check_length(n_events: int) -> None:
    if n_events > MAX_BATCH_EVENTS:
        raise BodyTooLarge(f"got {n_events} events, at most {MAX_BATCH_EVENTS} fit one batch; send smaller batches")


def _time(value: Any) -> tuple[datetime | None, list[str]]:
    if value is None:
        return None, []
    try:
        return msgspec.convert(value, Time), []
    except msgspec.ValidationError:
        return None, ["bad_sent_at"]
