"""Is it there? Quick questions to each process, with the standard library only, so that the supervisor stays small."""

from __future__ import annotations

import http.client
import socket


def http_ok(host: str, port: int, path: str, timeout_s: float = 1.0) -> bool:
    """Tell whether a GET is answered 200."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def redis_ok(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Tell whether a Redis answers PING and has its data loaded; asking for a password counts as an answer."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False
