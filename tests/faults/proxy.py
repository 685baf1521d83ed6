"""A proxy between a client and a store that cuts the connection where a test says."""

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

_RESET = struct.pack("ii", 1, 0)
_SOON_S = 60.0


class CuttingProxy:
    """Passes everything on, until it is told to cut.

    Parameters
    ----------
    port
        Of the store, on loopback.

    Attributes
    ----------
    port
        The proxy's own.
    cuts
        Place → how often a connection was cut there.
    """

    PLACES = ("before the request", "in the request", "before the answer", "in the answer")

    def __init__(self, port: int) -> None:
        self.cuts: Counter[str] = Counter()
        self._to, self._rng = port, random.Random(port)
        self._armed, self._done = ("", b""), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, name="proxy", daemon=True).start()

    def cut(self, place: str, word: bytes) -> None:
        """Cut the next request that holds the word, at this place, and return when it is done."""
        self._done.clear()
        self._armed = place, word
        assert self._done.wait(_SOON_S), f"no {word!r} came to be cut {place}"

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    store = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    client.close()
                else:
                    _Connection(self, client, store).start()

    def _take(self, request: bytes) -> str:
        """Return where this request is to be cut, if so; once."""
        place, word = self._armed
        if not place or word not in request:
            return ""
        self._armed = "", b""
        return place

    def _has_cut(self, place: str) -> None:
        self.cuts[place] += 1
        self._done.set()


class _Connection:
    """One client's connection, and ours to the store for it."""

    def __init__(self, proxy: CuttingProxy, client: socket.socket, store: socket.socket) -> None:
        self._proxy, self._client, self._store = proxy, client, store
        self._place = ""
        #: Bytes of the request that still pass before it is cut.
        self._left = 0
        self._is_open, self._ending = True, threading.Lock()

    def start(self) -> None:
        for pump in (self._requests, self._answers):
            threading.Thread(target=pump, name="proxy-pump", daemon=True).start()

    def _requests(self) -> None:
        for data in _chunks(self._client):
            if place := self._proxy._take(data):
                self._left = self._proxy._rng.randrange(1, 2_000)
                self._place = place
            if self._place == "before the request":
                self._cut()
            elif self._place == "in the request" and len(data) >= self._left:
                self._send(self._store, data[: self._left])
                self._cut()
            else:
                self._left -= len(data)
                self._send(self._store, data)
        self._end()

    def _answers(self) -> None:
        for data in _chunks(self._store):
            if self._place == "in the request":  # which was shorter than that
                self._place = "before the answer"
            if self._place == "in the answer":
                self._send(self._client, data[: self._proxy._rng.randrange(len(data))])
            if self._place:
                self._cut()
            else:
                self._send(self._client, data)
        self._end()

    def _cut(self) -> None:
        if self._proxy._rng.random() < 0.5:  # else it ends as if the other side had closed it
            with suppress(OSError):
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if self._end():
            self._proxy._has_cut(self._place)

    def _send(self, to: socket.socket, data: bytes) -> None:
        try:
            to.sendall(data)
        except OSError:
            self._end()

    def _end(self) -> bool:
        """Close both ends; return whether they were open."""
        with self._ending:
            was_open, self._is_open = self._is_open, False
        for one in (self._client, self._store):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RD)  # wakes the other pump, and says nothing to the other side
            one.close()
        return was_open


def _chunks(connection: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):
        while data := connection.recv(65_536):
            yield data
