"""Is it there, and ours? Quick questions, with the standard library only, so that the supervisor stays small."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from enum import Enum
from io import BufferedReader
from typing import Any

from civicrec.process.ports import Endpoint
from civicrec.process.whose import MISDIRECTED, VALKEY_TITLE, is_anothers

_TIMEOUT_S = 1.0
#: How a Redis begins to say that it wants a password, or another.
_LOCKED = (b"-NOAUTH", b"-WRONGPASS", b"-ERR AUTH")


class Reached(Enum):
    """What a question came to."""

    READY = "ready"
    AWAY = "away"
    ANOTHERS = "another home's"
    LOCKED = "locked"


def ask_http(peer: Endpoint, path: str, context: ssl.SSLContext | None = None) -> Reached:
    """Ask with a GET; ready is what answers 200."""
    status, _ = get(peer, path, context)
    return {200: Reached.READY, MISDIRECTED: Reached.ANOTHERS}.get(status, Reached.AWAY)


def http_json(peer: Endpoint, path: str, context: ssl.SSLContext | None = None) -> dict[str, Any]:
    """Return the JSON object a GET is answered with; empty if it is not, or not with 200."""
    status, body = get(peer, path, context)
    try:
        decoded = json.loads(body) if status == 200 else {}
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def get(peer: Endpoint, path: str, context: ssl.SSLContext | None) -> tuple[int, bytes]:
    """Return status and body of an answer over HTTP, 0 and nothing if none came."""
    connection = (
        http.client.HTTPSConnection(peer.host, peer.port, timeout=_TIMEOUT_S, context=context)
        if context
        else http.client.HTTPConnection(peer.host, peer.port, timeout=_TIMEOUT_S)
    )
    try:
        connection.request("GET", path, headers=peer.headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def ask_redis(peer: Endpoint, password: str = "", context: ssl.SSLContext | None = None) -> Reached:
    """Ask a Redis; ready is what answers PING and has its data loaded.

    So is what refuses our password, but where it is to be this home's.
    """
    secret = password.encode()
    # It asks for the password before it says that it is still loading.
    login = b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n" % (len(secret), secret) if secret else b""
    whose = b"CONFIG GET %s\r\n" % VALKEY_TITLE.encode() if peer.home else b""
    try:
        with socket.create_connection((peer.host, peer.port), timeout=_TIMEOUT_S) as plain:
            connection = context.wrap_socket(plain, server_hostname=peer.host) if context else plain
            with connection, connection.makefile("rb") as answers:
                connection.sendall(login + whose + b"PING\r\n")
                reply = answers.readline() if login else b""
                if not reply.startswith(b"-") and whose:
                    reply, said = _value(answers)
                    if is_anothers(said, peer.home):
                        return Reached.ANOTHERS
                # A server of one's own may not let us look at its settings; that says nothing of the rest.
                reply = reply if reply.startswith(_LOCKED) else answers.readline()
                if reply.startswith(_LOCKED):
                    return Reached.LOCKED if peer.home else Reached.READY
                return Reached.READY if reply.startswith(b"+PONG") else Reached.AWAY
    except OSError:
        return Reached.AWAY


def _value(answers: BufferedReader) -> tuple[bytes, str]:
    """Read the answer to a CONFIG GET of one name: its first line, and the value; none of a name that is not known."""
    head = answers.readline()
    lines = [answers.readline() for _ in range(2 * int(head[1:]))] if head.startswith(b"*") else []
    return head, lines[-1].decode().strip() if lines else ""
