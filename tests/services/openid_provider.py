"""A small OpenID Connect provider, as a process: discovery, keys, code flow with PKCE, ID tokens it really signs.

``/authorize`` asks nobody: the query parameter ``as`` names who signs in, and ``fault`` what the token of this code has
wrong. Everything else is checked as a provider does: client, secret, redirect address, verifier, a code only once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import PIPE, Popen
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from civicrec.clock import utc_now

CLIENT, SECRET = "civicrec-console", "a secret / of + the console"
PEOPLE: dict[str, dict[str, Any]] = {
    "li": {"sub": "1001", "preferred_username": "Li.Ming", "name": "李明", "groups": ["portal-editors", "staff"]},
    "promoted": {"sub": "1001", "preferred_username": "Li.Ming", "name": "李明", "groups": ["portal-admins"]},
    "left": {"sub": "1001", "preferred_username": "Li.Ming", "name": "李明", "groups": ["staff"]},
    "admin": {"sub": "1002", "preferred_username": "admin", "name": "Eve", "groups": ["portal-editors"]},
    "odd": {"sub": "1003", "preferred_username": "王 芳\x07", "name": " ", "groups": "portal-editors"},
}


@dataclass
class Running:
    """A provider that runs."""

    issuer: str

    def settings(self, console: str, **more: Any) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "client_id": CLIENT, "client_secret": SECRET, "console_url": console,
            "roles": {"portal-editors": "editor", "portal-admins": "admin"}, **more,
        }  # fmt: skip


@contextmanager
def a_provider(port: int) -> Iterator[Running]:
    """Run one until the end of the body."""
    child = Popen([sys.executable, "-m", "tests.services.openid_provider", str(port)], stdout=PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield Running(f"http://127.0.0.1:{port}")
    finally:
        child.terminate()
        child.wait(10)
        child.stdout.close()  # type: ignore[union-attr]


class Provider:
    """Codes that were given, and the keys."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.codes: dict[str, dict[str, str]] = {}
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.strange = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }  # fmt: skip

    def keys(self) -> dict[str, Any]:
        return dict(KeySet([self.key]).as_dict(private=False))

    def authorized(self, query: dict[str, str]) -> str:
        expected = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256"}
        assert {name: query.get(name) for name in expected} == expected
        assert "openid" in query["scope"].split()
        assert all(len(query[name]) >= 43 for name in ("state", "nonce", "code_challenge"))
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def tokens(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        sent = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote_plus(sent[0]), unquote_plus(sent[2])) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        query = self.codes.pop(form["code"], None)  # a code is good once
        challenge = _base64(hashlib.sha256(form["code_verifier"].encode()).digest())
        if (
            query is None
            or query["code_challenge"] != challenge
            or query["redirect_uri"] != form["redirect_uri"]
            or form["grant_type"] != "authorization_code"
        ):
            return 400, {"error": "invalid_grant"}
        return 200, self.signed(query)

    def signed(self, query: dict[str, str]) -> dict[str, Any]:
        fault, now, access = query.get("fault", ""), int(utc_now().timestamp()), secrets.token_urlsafe(16)
        half = hashlib.sha256(access.encode()).digest()[:16]
        claims: dict[str, Any] = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": query["nonce"],
            "at_hash": _base64(half), **PEOPLE[query.get("as", "li")],
        }  # fmt: skip
        claims |= {
            "wrong issuer": {"iss": "http://127.0.0.1:1"},
            "wrong audience": {"aud": "another-client"},
            "among others": {"aud": ["another-client", CLIENT]},
            "expired": {"iat": now - 900, "exp": now - 600},
            "of tomorrow": {"iat": now + 86_400, "exp": now + 90_000, "nbf": now + 86_400},
            "wrong nonce": {"nonce": "of another sign-in"},
            "wrong access token": {"at_hash": "x" * 22},
        }.get(fault, {})
        if fault.startswith("no "):
            del claims[fault.removeprefix("no ")]
        if fault == "new key":
            self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})
        key = self.strange if fault == "strange key" else self.key
        token = jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
        if fault == "known secret":  # signed with what everybody can read: the public key
            head = _base64(json.dumps({"alg": "HS256", "kid": key.kid}).encode())
            signed = f"{head}.{token.split('.')[1]}"
            token = f"{signed}.{_base64(hmac.digest(key.as_pem(private=False), signed.encode(), 'sha256'))}"
        if fault == "unsigned":
            head = _base64(b'{"alg":"none"}')
            token = f"{head}.{token.split('.')[1]}."
        if fault == "changed":
            head, body, signature = token.split(".")
            said = json.loads(base64.urlsafe_b64decode(body + "=="))
            token = f"{head}.{_base64(json.dumps(said | {'sub': '1'}).encode())}.{signature}"
        return {"id_token": token, "access_token": access, "token_type": "Bearer", "expires_in": 300}


def _base64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorized(query))
                self.end_headers()
                return
            made = {"/.well-known/openid-configuration": provider.metadata, "/keys": provider.keys}.get(parts.path)
            self._json(200, made()) if made else self._json(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[-1] for name, values in parse_qs(body).items()}
            self._json(*provider.tokens(form, self.headers.get("Authorization", "")))

        def _json(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


if __name__ == "__main__":
    issuer = f"http://127.0.0.1:{sys.argv[1]}"
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _handler(Provider(issuer)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()
