"""Is it there? Quick questions to each process, with the standard library only, so that the supervisor stays small."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any


def http_ok(host: str, port: int, path: str, timeout_s: float = 1.0) -> bool:
    """Tell whether a GET is answered 200."""
    return _get(host, port, path, timeout_s)[0] == 200


def http_json(host: str, port: int, path: str, timeout_s: float = 1.0) -> dict[str, Any]:
    """Return the JSON object a GET is answered with; empty if it is not, or not with 200."""
    status, body = _get(host, port, path, timeout_s)
    try:
        found = json.loads(body) if status == 200 else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _get(host: str, port: int, path: str, timeout_s: float) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
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
