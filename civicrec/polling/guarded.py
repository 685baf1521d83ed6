"""Connections of the poller: to addresses that were looked at, and never for longer than a request may take.

In: a host. Out: a connection to one of the addresses it stands for at this moment. The name is asked for once, and
what is connected to is the answer that was looked at: a name that changes in between leads nowhere else.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

import httpcore

from civicrec.clock import monotonic_s
from civicrec.polling.reach import IP, Reach, allowed_of

#: Host, port → the addresses it stands for.
Resolve = Callable[[str, int], Iterable[IP]]


def resolved(host: str, port: int) -> list[IP]:
    """Ask the machine's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections where `reach` lets it; `deadline_s` on the clock is when the request must be over."""

    def __init__(self, reach: Reach, resolve: Resolve = resolved) -> None:
        self._reach, self._resolve, self._inner = reach, resolve, httpcore.SyncBackend()
        self.deadline_s = float("inf")

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        """Connect to the first address that may be asked and answers."""
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"nobody knows the name {host}: {error}") from None
        failed: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for ip in dict.fromkeys(allowed_of(self._reach, host, found)):
            try:
                stream = self._inner.connect_tcp(str(ip), port, self.left(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Hurried(stream, self)
        raise failed or httpcore.ConnectError(f"{host} cannot be reached")

    def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """Refuse: no feed is a socket of this machine."""
        raise httpcore.ConnectError(f"{path} is not asked")

    def sleep(self, seconds: float) -> None:
        """Refuse to wait: a poll comes again."""
        raise httpcore.ConnectTimeout("no time is left")

    def left(self, timeout: float | None) -> float:
        """Return the seconds that one step may take."""
        left = self.deadline_s - monotonic_s()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for one answer is over")
        return min(left, timeout) if timeout is not None else left


class _Hurried(httpcore.NetworkStream):
    """A connection whose steps end when the request must be over, in however small pieces its answer comes."""

    def __init__(self, stream: httpcore.NetworkStream, backend: GuardedBackend) -> None:
        self._stream, self._backend = stream, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._backend.left(timeout))
        return _Hurried(stream, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
