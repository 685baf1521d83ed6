"""The channel `webhook`: signed requests to the portal's own gateway, which knows telephones and open ids.

In: messages. Out: what the gateway said of each. The gateway takes each key once; what it did not answer comes again
under the same key. docs/push.md has what it receives, and a receiver.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from queue import SimpleQueue
from typing import Any

import httpcore
import msgspec
from httpx import URL

from civicrec.clock import Clock, monotonic_s, utc_now
from civicrec.errors import ConfigError, InvalidInput
from civicrec.polling.guarded import GuardedBackend
from civicrec.polling.reach import NotAsked, Reach, is_local
from civicrec.security.signatures import signature_of
from civicrec.settings.push import PushSettings
from recommender.push.channels.ports import Addressed, Taken
from recommender.push.message import Message

_MAX_ANSWER = 1 << 20
_LONGEST_WAIT_S = 86_400.0
#: Answers after which the same request may be taken later; 425 of a gateway that is starting.
_LATER = frozenset({408, 425, 429})
_MAX_REASON = 40


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    retry_after_s: float
    body: bytes


class WebhookChannel:
    """Sends messages to a gateway over several connections.

    Parameters
    ----------
    key
        Signs requests, as `civicrec.security.signatures` does pushes of a CMS.

    Raises
    ------
    ConfigError
        If the address of the settings is none that may be asked.
    """

    name = "webhook"
    passes_words_on = True

    def __init__(self, settings: PushSettings, key: bytes, clock: Clock = utc_now) -> None:
        self._reach = Reach(settings.networks, is_local(settings.webhook_url), "CIVICREC_PUSH__NETWORKS")
        try:
            self._url = self._reach.checked(settings.webhook_url)
        except NotAsked as error:
            raise ConfigError(f"CIVICREC_PUSH__WEBHOOK_URL: {error}") from None
        self._key, self._clock, self._timeout_s = key, clock, settings.webhook_timeout_s
        self._batch = settings.webhook_batch
        self._free: SimpleQueue[_Connection] = SimpleQueue()
        self._all = [_Connection(self._reach) for _ in range(settings.webhook_connections)]
        for connection in self._all:
            self._free.put(connection)
        self._threads = ThreadPoolExecutor(settings.webhook_connections, thread_name_prefix="webhook")
        self.at_once = self._batch * settings.webhook_connections

    def deliver(self, messages: Sequence[Addressed], now: datetime) -> list[Taken]:
        """Send messages, several requests at the same time."""
        batches = [messages[start : start + self._batch] for start in range(0, len(messages), self._batch)]
        return [taken for batch in self._threads.map(self._send, batches) for taken in batch]

    def close(self) -> None:
        """End the connections."""
        self._threads.shutdown()
        for connection in self._all:
            connection.close()

    def _send(self, batch: Sequence[Addressed]) -> list[Taken]:
        reply = self._reply([one.words() for one in batch])
        if isinstance(reply, Taken):
            return [reply] * len(batch)
        if 200 <= reply.status < 300:
            refused = _refused_in(reply.body)
            return [Taken("refused", refused[one.key]) if one.key in refused else Taken("sent") for one in batch]
        reason = f"http_{reply.status}"
        if reply.status in _LATER or reply.status >= 500:
            return [Taken("later", reason, reply.retry_after_s)] * len(batch)
        if len(batch) == 1:
            return [Taken("refused", reason)]
        # One message of many may be what the gateway refuses: each is sent alone, under its own key as before.
        return [taken for one in batch for taken in self._send([one])]

    def _reply(self, messages: Sequence[Message]) -> _Reply | Taken:
        body = msgspec.json.encode({"messages": messages})
        timestamp = f"{self._clock().timestamp():.3f}"
        keys = "\n".join(message.key for message in messages)
        headers = {
            b"Host": self._url.netloc,
            b"User-Agent": b"civicrec push",
            b"Content-Type": b"application/json",
            b"Content-Length": str(len(body)).encode(),
            b"Idempotency-Key": hashlib.sha256(keys.encode()).hexdigest().encode(),
            b"X-Civicrec-Timestamp": timestamp.encode(),
            b"X-Civicrec-Signature": b"sha256=" + signature_of(self._key, timestamp, body).encode(),
        }
        connection = self._free.get()
        try:
            return connection.post(self._url, headers, body, self._timeout_s, self._clock)
        except NotAsked:
            return Taken("later", "not_reached_inside")
        except (httpcore.TimeoutException, TimeoutError):
            return Taken("later", "no_answer_in_time")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            return Taken("later", "not_reached")
        finally:
            self._free.put(connection)


class _Connection:
    """A connection that is kept, with a deadline of its own for each answer; for one thread at a time."""

    def __init__(self, reach: Reach) -> None:
        self._backend = GuardedBackend(reach)
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), max_connections=1, retries=0, network_backend=self._backend
        )

    def post(self, url: URL, headers: dict[bytes, bytes], body: bytes, timeout_s: float, clock: Clock) -> _Reply:
        self._backend.deadline_s = monotonic_s() + timeout_s
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        steps = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
        with self._pool.stream(
            "POST", target, headers=list(headers.items()), content=body, extensions={"timeout": steps}
        ) as response:
            head = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            parts, n_bytes = [], 0
            for part in response.iter_stream():
                n_bytes += len(part)
                if n_bytes <= _MAX_ANSWER:
                    parts.append(part)
            return _Reply(response.status, _seconds(head.get(b"retry-after", ""), clock), b"".join(parts))

    def close(self) -> None:
        self._pool.close()


def webhook_of(settings: PushSettings, derived_key: bytes) -> WebhookChannel | None:
    """Return the channel that the settings tell of, ``None`` without an address."""
    if not settings.webhook_url:
        return None
    own = settings.webhook_key.get_secret_value()
    return WebhookChannel(settings, own.encode() if own else derived_key.hex().encode())


def check_webhook(settings: PushSettings) -> None:
    """Refuse a campaign of this channel where there is no gateway.

    Raises
    ------
    InvalidInput
        If no address is set.
    """
    if not settings.webhook_url:
        raise InvalidInput(
            "channels: webhook has no gateway; set CIVICREC_PUSH__WEBHOOK_URL, or send to the inbox alone"
        )


def _seconds(text: str, clock: Clock) -> float:
    """Return what Retry-After asks for (RFC 9110): seconds, or a date; 0 where it says nothing that can be read."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - clock()).total_seconds()), _LONGEST_WAIT_S)


def _refused_in(body: bytes) -> dict[str, str]:
    """Return key → reason of messages that the gateway took the request of and refuses; it need not answer any JSON."""
    try:
        answer: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    refused = answer.get("refused") if isinstance(answer, dict) else None
    return {
        str(one["key"]): "gateway: " + " ".join(str(one.get("reason", "")).split())[:_MAX_REASON]
        for one in (refused if isinstance(refused, list) else ())
        if isinstance(one, dict) and "key" in one
    }
