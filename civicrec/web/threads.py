"""The bounds of `civicrec.web.connections` for a server of the standard library, with one thread a connection.

In: the bounds. Out: a server whose connections are few and whose handlers wait neither for a head nor for a body longer
than that.
"""

from __future__ import annotations

import io
import math
import socket
import threading
from collections import OrderedDict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from civicrec.clock import monotonic_s
from civicrec.logs import get_logger
from civicrec.settings import ConnectionSettings

_log = get_logger(__name__)
_READ_BYTES = 64 * 1024


class TimedReader(io.RawIOBase):
    """Reads a socket until a point in time, however little comes at once.

    Parameters
    ----------
    send_s
        How long a send on this socket may wait for its reader; reading leaves it so.
    """

    def __init__(self, connection: socket.socket, send_s: float) -> None:
        self._connection = connection
        self._send_s = send_s
        self._until_s = math.inf
        connection.settimeout(send_s)

    def give(self, seconds: float) -> None:
        """Let reads take until so long from now."""
        self._until_s = monotonic_s() + seconds

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is.

        Raises
        ------
        TimeoutError
            If the time is over.
        """
        left_s = self._until_s - monotonic_s()
        if left_s <= 0:
            raise TimeoutError("what was to be read did not come in time")
        self._connection.settimeout(left_s)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(self._send_s)


class BoundedServer(ThreadingHTTPServer):
    """Holds so many connections at most: one more takes the place of the one that has rested longest.

    Attributes
    ----------
    bounds : ConnectionSettings
        Set before the first connection comes.
    """

    daemon_threads = True
    request_queue_size = 128
    bounds: ConnectionSettings

    def __init__(self, *arguments: Any) -> None:
        self._open = 0
        self._resting: OrderedDict[socket.socket, None] = OrderedDict()
        self._counting = threading.Lock()
        self._last_warning_s = -math.inf
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a new connection, if there is or can be made a place for it."""
        if not self._has_place():
            super().shutdown_request(request)
            return
        with self._counting:
            self._open += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection and give its place free."""
        with self._counting:
            self._open -= 1
            self._resting.pop(request, None)
        super().shutdown_request(request)

    def rests(self, connection: socket.socket) -> None:
        """Note that a connection waits for the head of a request."""
        with self._counting:
            self._resting[connection] = None

    def works(self, connection: socket.socket) -> None:
        """Note that a request has come on a connection."""
        with self._counting:
            self._resting.pop(connection, None)

    def _has_place(self) -> bool:
        with self._counting:
            if self._open < self.bounds.max_connections:
                return True
            rested, _ = self._resting.popitem(last=False) if self._resting else (None, None)
            if monotonic_s() - self._last_warning_s > 60:
                self._last_warning_s = monotonic_s()
                _log.warning("connections_full", open=self._open, one_ended=rested is not None)
        if rested is None:
            return False
        with suppress(OSError):  # it may have ended by itself
            rested.shutdown(socket.SHUT_RDWR)  # wakes its thread, which ends it
        return True


class BoundedHandler(BaseHTTPRequestHandler):
    """Waits for a head and for a body as long as the server's bounds say; `TimeoutError` ends the connection."""

    server: BoundedServer

    def setup(self) -> None:
        """Make the files of the connection, the one for reading with a time."""
        super().setup()
        self._reader = TimedReader(self.connection, self.server.bounds.body_timeout_s)
        self.rfile = io.BufferedReader(self._reader, _READ_BYTES)

    def handle_one_request(self) -> None:
        """Wait for a request and answer it."""
        self.server.rests(self.connection)
        self._reader.give(self.server.bounds.header_timeout_s)
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Read the rest of the head; what follows is the body."""
        is_one = super().parse_request()
        self.server.works(self.connection)
        self._reader.give(self.server.bounds.body_timeout_s)
        return is_one
