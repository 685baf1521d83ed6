"""One answer of a portal's server: redirects followed where they may lead, and never more than was asked for.

In: an address, and what is known of it. Out: an `Answer`, or one error that says what is wrong.
"""

from __future__ import annotations

import re
import ssl
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpcore
from httpx import URL, InvalidURL

from civicrec.clock import monotonic_s
from civicrec.errors import InvalidInput, Unavailable
from civicrec.polling.guarded import GuardedBackend, Resolve, resolved
from civicrec.polling.reach import Reach
from civicrec.toml_files import one_line

_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_STEP_S = 15.0
_GZIP = b"\x1f\x8b"
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)
_AGENT = b"civicrec (reads what this portal publishes)"
_LONGEST_TAG = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What an address answered before, for a server that then need not send it again."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered.

    Attributes
    ----------
    url
        Where the last redirect led.
    body
        Unpacked; empty of anything but a 200.
    charset
        As the head of the answer says, empty if it does not.
    """

    status: int
    url: str
    body: bytes
    charset: str
    known: Known


class Fetcher:
    """Asks servers, one request after another, over connections that are kept meanwhile.

    Parameters
    ----------
    timeout_s
        For one answer as a whole, redirects too.
    """

    def __init__(self, reach: Reach, timeout_s: float, resolve: Resolve = resolved) -> None:
        self._reach, self._timeout_s = reach, timeout_s
        self._backend = GuardedBackend(reach, resolve)
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), max_connections=2, retries=0, network_backend=self._backend
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._pool.close()

    def get(self, address: str, max_bytes: int, known: Known = Known()) -> Answer:
        """Ask for an address.

        Raises
        ------
        NotAsked
            If it, or where it redirects to, may not be asked.
        InvalidInput
            If it redirects for ever, or answers more than `max_bytes` or packed in a way that is not known.
        Unavailable
            If there is no answer in time.
        """
        self._backend.deadline_s = monotonic_s() + self._timeout_s
        url = self._reach.checked(address)
        for _ in range(_MAX_REDIRECTS + 1):
            answer, leads_to = self._asked(url, max_bytes, known)
            if not leads_to:
                return answer
            url = self._reach.checked(_joined(url, leads_to))
        raise InvalidInput(f"{one_line(address)} redirects more than {_MAX_REDIRECTS} times")

    def _asked(self, url: URL, max_bytes: int, known: Known) -> tuple[Answer, str]:
        headers = [(b"Host", url.netloc), (b"User-Agent", _AGENT), (b"Accept-Encoding", b"gzip")]
        conditions = ((b"If-None-Match", known.etag), (b"If-Modified-Since", known.last_modified))
        headers += [(name, value.encode("latin-1")) for name, value in conditions if value]
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        steps = dict.fromkeys(("connect", "read", "write", "pool"), _STEP_S)
        try:
            with self._pool.stream("GET", target, headers=headers, extensions={"timeout": steps}) as response:
                head = {name.lower(): value.decode("latin-1") for name, value in response.headers}
                if response.status in _REDIRECTS and (leads_to := head.get(b"location", "").strip()):
                    return Answer(response.status, str(url), b"", "", Known()), leads_to
                body = b""
                if response.status == 200:
                    packed = head.get(b"content-encoding", "identity").strip().lower()
                    body = _unpacked(_limited(response.iter_stream(), max_bytes, url), packed, max_bytes, url)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise Unavailable(f"{one_line(url)}: no answer ({one_line(error) or type(error).__name__})") from None
        charset = _CHARSET.search(head.get(b"content-type", ""))
        etag, last_modified = (_kept(head.get(name, "")) for name in (b"etag", b"last-modified"))
        known = Known(etag, last_modified)
        return Answer(response.status, str(url), body, charset[1] if charset else "", known), ""


def _kept(value: str) -> str:
    return value if len(value) <= _LONGEST_TAG else ""


def _joined(url: URL, location: str) -> str:
    """Return where a redirect leads; a server may write the address in UTF-8 as it is."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode()
    try:
        return str(url.join(location.strip()))
    except (InvalidURL, ValueError):
        return location  # which is refused, and told


def _limited(chunks: Iterable[bytes], max_bytes: int, url: URL) -> bytes:
    parts, n_bytes = [], 0
    for chunk in chunks:
        n_bytes += len(chunk)
        if n_bytes > max_bytes:
            raise _too_long(url, max_bytes)
        parts.append(chunk)
    return b"".join(parts)


def _unpacked(body: bytes, packed: str, max_bytes: int, url: URL) -> bytes:
    if packed not in ("identity", "", "gzip", "x-gzip"):
        raise InvalidInput(f"{one_line(url)} is packed by {one_line(packed)}; expected gzip or nothing")
    if not body.startswith(_GZIP):  # a sitemap may be a packed file, whatever its head says
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise InvalidInput(f"{one_line(url)} is packed by gzip and damaged: {error}") from None
    if len(content) > max_bytes:
        raise _too_long(url, max_bytes)
    if not unpacker.eof or unpacker.unused_data.strip(b"\0"):
        raise InvalidInput(f"{one_line(url)} is packed by gzip and cut off, or in several parts; expected one")
    return content


def _too_long(url: URL, max_bytes: int) -> InvalidInput:
    return InvalidInput(
        f"{one_line(url)} has more than {max_bytes} bytes; for feeds CIVICREC_POLLING__MAX_MB says how many"
    )
