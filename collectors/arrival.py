"""What a client sent, on its way to becoming an event.

In: the body of one request. Out: an `Envelope` of `Arrival`s and `Dropped`s, in the order they were sent.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from civicrec.errors import InvalidInput
from civicrec.events import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES, Dropped, Event, Time, parse_with
from civicrec.web.bodies import BodyTooLarge


class Arrival(Event, frozen=False, omit_defaults=True, kw_only=True):  # type: ignore[misc]  # msgspec allows it
    """An `Event` that the collector's steps fill in; its fields are an event's once they all ran.

    What only the collector may say is read as anything at all, because the steps overwrite it: a client that sends
    such a field is not refused for it. `subject_token` and `referrer` are read, used and cleared, never stored.
    """

    received_at: Any = None
    subject_id: Any = ""
    referrer_type: Any = ""
    device: Any = ""
    bot_reason: Any = ""
    region: Any = ""
    subject_token: Any = None
    referrer: Any = None


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


class _Pieces(msgspec.Struct):
    events: list[msgspec.Raw]
    sent_at: Any = None
    subject_token: Any = None


_decode_arrival = msgspec.json.Decoder(Arrival).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_pieces = msgspec.json.Decoder(_Pieces).decode
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)


def read_envelope(body: bytes, content_type: str = "") -> Envelope:
    """Take a body apart: the JSON envelope, or one JSON object a line.

    Raises
    ------
    BadBody
        If it is neither.
    BodyTooLarge
        If it holds more events than a batch may.
    """
    if "ndjson" in content_type or "jsonl" in content_type:
        return _read_lines(body)
    batch: _Batch | _Pieces
    try:
        # The quick way reads envelope and events in one pass. In a small body no event can be over the limit.
        batch = _decode_batch(body) if len(body) <= MAX_EVENT_BYTES else _decode_pieces(body)
    except _NOT_JSON as error:
        try:
            batch = _decode_pieces(body)
        except _NOT_JSON:
            return _lines_or_fault(body, error)
    _check_length(len(batch.events))
    events = [parse_with(_decode_arrival, piece) if isinstance(piece, msgspec.Raw) else piece for piece in batch.events]
    sent_at, altered = _time(batch.sent_at)
    return Envelope(events, sent_at, batch.subject_token, altered)


def read_event(line: bytes) -> Arrival | Dropped:
    """Read one event."""
    return parse_with(_decode_arrival, line)


def unpack(body: bytes) -> bytes:
    """Undo gzip without ever holding more than a batch may have.

    Raises
    ------
    BadBody
        If it is not gzip, or cut short.
    BodyTooLarge
        If it would unpack to more.
    """
    unpacked = b""
    while body:
        inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            unpacked += inflate.decompress(body, MAX_BATCH_BYTES + 1 - len(unpacked))
        except zlib.error as error:
            raise BadBody(f"the body is not gzip as Content-Encoding says: {error}") from None
        if len(unpacked) > MAX_BATCH_BYTES:
            raise BodyTooLarge(f"the body unpacks to more than {MAX_BATCH_BYTES} bytes; send smaller batches")
        if not inflate.eof:
            raise BadBody("the gzip body is cut short; send it again")
        body = inflate.unused_data
    return unpacked


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
    events = [read_event(line) for line in lines]
    if all(isinstance(event, Dropped) and event.reason == "bad_json" for event in events):
        raise BadBody("no line of the body is a JSON object; expected one event a line")
    return Envelope(events)


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
