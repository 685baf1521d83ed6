"""Is it there? Quick questions to each process, with the standard library only, so that the supervisor stays small."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import Any

from civicrec.process.ports import Endpoint

_TIMEOUT_S = 1.0


def http_ok(peer: Endpoint, path: str, context: ssl.SSLContext | None = None) -> bool:
    """Tell whether a GET is answered 200."""
    return _get(peer, path, context)[0] == 200


def http_json(peer: Endpoint, path: str, context: ssl.SSLContext | None = None) -> dict[str, Any]:
    """Return the JSON object a GET is answered with; empty if it is not, or not with 200."""
    status, body = _get(peer, path, context)
    try:
        decoded = json.loads(body) if status == 200 else {}
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _get(peer: Endpoint, path: str, context: ssl.SSLContext | None) -> tuple[int, bytes]:
    connection = (
        http.client.HTTPSConnection(peer.host, peer.port, timeout=_TIMEOUT_S, context=context)
        if context
        else http.client.HTTPConnection(peer.host, peer.port, timeout=_TIMEOUT_S)
    )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def redis_ok(host: str, port: int, password: str = "", context: ssl.SSLContext | None = None) -> bool:
    """Tell whether a Redis answers PING and has its data loaded; refusing our password counts as an answer."""
    secret = password.encode()
    # It asks for the password before it says that it is still loading.
    login = b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n" % (len(secret), secret) if secret else b""
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_S) as plain:
            connection = context.wrap_socket(plain, server_hostname=host) if context else plain
            with connection, connection.makefile("rb") as answers:
                connection.sendall(login + b"PING\r\n")
                reply = answers.readline() if login else b""
                reply = reply if reply.startswith(b"-") else answers.readline()
                return reply.startswith((b"+PONG", b"-NOAUTH", b"-WRONGPASS", b"-ERR AUTH"))
    except OSError:
        return False
