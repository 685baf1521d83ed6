"""A proxy whose answers come late, or not until it is told so."""

import socket
import threading
import time
from contextlib import suppress
from queue import Queue


class SlowProxy:
    """Passes everything on to a port of this machine, answers after `delay_s`, and none while it is `is_held`.

    Attributes
    ----------
    port
        The proxy's own.
    """

    def __init__(self, port: int) -> None:
        self.delay_s, self.is_held = 0.0, False
        self._to = port
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._serve)

    def close(self) -> None:
        """End it, with all its connections."""
        for one in (self._listener, *self._sockets):
            _end(one)

    def _start(self, work: object, *given: object) -> None:
        threading.Thread(target=work, args=given, name="slow-proxy", daemon=True).start()  # type: ignore[arg-type]

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    store = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    _end(client)
                    continue
                self._sockets += [client, store]
                answers: Queue[tuple[float, bytes]] = Queue()
                self._start(_ask, client, store)
                self._start(_take, store, answers)
                self._start(self._answer, answers, client)

    def _answer(self, answers: Queue[tuple[float, bytes]], client: socket.socket) -> None:
        while True:
            came_s, data = answers.get()
            while self.is_held or time.monotonic() < came_s + self.delay_s:
                time.sleep(0.002)
            with suppress(OSError):
                client.sendall(data)
            if not data:
                _end(client)
                return


def _ask(client: socket.socket, store: socket.socket) -> None:
    with suppress(OSError):
        while data := client.recv(1 << 16):
            store.sendall(data)
    _end(store)


def _take(store: socket.socket, answers: Queue[tuple[float, bytes]]) -> None:
    with suppress(OSError):
        while data := store.recv(1 << 16):
            answers.put((time.monotonic(), data))
    answers.put((time.monotonic(), b""))


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
