"""OpenID Connect as the console uses it: code flow with PKCE, state and nonce, checked as OpenID Connect Core 3.1.3.7.

In: settings, and what a browser brings back. Out: where to send it, and the claims of an ID token that is proved. No
database and no page is known here. The library is Authlib (``pip install 'civicrec[oidc]'``), loaded at first use.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from civicrec.clients import http_client
from civicrec.errors import ConfigError, Unauthorized, Unavailable
from civicrec.security.secrets import read_secret
from civicrec.settings.oidc import OidcSettings, is_safe

#: How long somebody may take at the provider.
LONGEST = timedelta(minutes=10)
#: Providers change keys and addresses seldom; an unknown key is asked for at once.
_KEPT = timedelta(hours=1)
#: Clocks differ a little.
_LEEWAY_S = 60
_TIMEOUT_S = 10.0
_MAX_ANSWER = 1 << 20
#: Signed with a key of the provider that nobody else has; never ``none``, never a secret that two know.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that was begun: what only this browser and we know until it comes back.

    Attributes
    ----------
    verifier
        Of PKCE (RFC 7636): the provider gives tokens to who knows it, so a code alone is worth nothing.
    at
        Epoch seconds.
    then
        The page that was asked for.
    """

    state: str
    nonce: str
    verifier: str
    at: float
    then: str

    def as_text(self) -> bytes:
        """Return it as JSON, to be sealed."""
        return json.dumps(asdict(self)).encode()


def begin(now: datetime, then: str) -> Begun:
    """Return a new sign-in."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Begun(state, nonce, verifier, now.timestamp(), then)


class Provider:
    """The provider of the settings: its addresses and keys are read at first use, and anew after an hour.

    All methods raise `Unavailable` while it is away and `ConfigError` where it is set up wrong.
    """

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] = {}
        self._keys: Any = None
        self._read_at: datetime | None = None

    def address(self, begun: Begun, now: datetime) -> str:
        """Return where to send the browser."""
        try:
            from authlib.oauth2.rfc7636 import create_s256_code_challenge
        except ImportError:
            raise ConfigError("an OpenID issuer is set, and Authlib is missing: pip install 'civicrec[oidc]'") from None
        metadata = self._known(now)
        query = {
            "response_type": "code", "client_id": self._settings.client_id, "redirect_uri": self._settings.callback_url,
            "scope": self._settings.scope, "state": begun.state, "nonce": begun.nonce,
            "code_challenge": create_s256_code_challenge(begun.verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        endpoint = metadata["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def claims(self, begun: Begun, query: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
        """Return who it is, of the query with which a browser came back.

        Raises
        ------
        Unauthorized
            If it is not the sign-in that was begun, took too long, was refused, or its token does not hold.
        """
        if not hmac.compare_digest(query.get("state", "").encode("utf-8", "replace"), begun.state.encode()):
            raise Unauthorized("the state is not the one that was begun with")
        if not timedelta() <= timedelta(seconds=now.timestamp() - begun.at) <= LONGEST:
            raise Unauthorized("the sign-in took too long")
        if query.get("iss", self._settings.issuer) != self._settings.issuer:  # RFC 9207
            raise Unauthorized("another issuer answered")
        if not query.get("code"):
            raise Unauthorized(f"the provider refused: {query.get('error', 'no code')[:80]!r}")
        tokens = self._tokens(query["code"], begun.verifier, now)
        return self._proved(tokens, begun.nonce, now)

    def _tokens(self, code: str, verifier: str, now: datetime) -> Mapping[str, Any]:
        given = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self._settings.callback_url,
            "code_verifier": verifier, "client_id": self._settings.client_id,
        }  # fmt: skip
        secret = _secret_of(self._settings)
        # RFC 6749 2.3.1: both are form-encoded before they are joined.
        known = tuple(urlencode({"": word})[1:] for word in (self._settings.client_id, secret))
        status, answer = _asked("POST", self._known(now)["token_endpoint"], data=given, auth=known if secret else None)
        if status in (400, 403):
            raise Unauthorized(f"the provider gave no tokens: {str(answer.get('error'))[:80]!r}")
        if status == 401:
            raise ConfigError("the provider does not know the console: see client_id and client_secret")
        if status != 200:
            raise Unavailable(f"the OpenID provider answered {status} where tokens are given")
        return answer

    def _proved(self, tokens: Mapping[str, Any], nonce: str, now: datetime) -> Mapping[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        token = str(tokens.get("id_token", ""))
        try:
            try:
                decoded = jwt.decode(token, self._keys, algorithms=_ALGORITHMS)
            except InvalidKeyIdError:  # it may be a new one
                self._read(now)
                decoded = jwt.decode(token, self._keys, algorithms=_ALGORITHMS)
            options = {
                "iss": {"essential": True, "value": self._settings.issuer},
                "aud": {"essential": True, "value": self._settings.client_id},
            }
            params = {
                "nonce": nonce, "client_id": self._settings.client_id, "access_token": tokens.get("access_token"),
            }  # fmt: skip
            claims = CodeIDToken(decoded.claims, decoded.header, options, params)
            claims.validate(now=int(now.timestamp()), leeway=_LEEWAY_S)
        except (JoseError, ValueError, TypeError) as error:
            raise Unauthorized(f"the ID token does not hold: {error}") from None
        return dict(decoded.claims)

    def _known(self, now: datetime) -> Mapping[str, Any]:
        with self._lock:
            if self._read_at is None or not timedelta() <= now - self._read_at < _KEPT:
                self._read(now)
            return self._metadata

    def _read(self, now: datetime) -> None:
        from joserfc.jwk import KeySet

        status, metadata = _asked("GET", self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if status != 200:
            raise Unavailable(f"the OpenID provider answered {status} where it describes itself")
        if metadata.get("issuer") != self._settings.issuer:
            raise ConfigError(f"the OpenID provider calls itself {metadata.get('issuer')!r}; set the issuer to that")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _check_address(name, str(metadata.get(name, "")))
        status, keys = _asked("GET", metadata["jwks_uri"])
        try:
            self._keys = KeySet.import_key_set(cast(Any, keys))
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"the OpenID provider's keys cannot be read ({status}): {error}") from None
        self._metadata, self._read_at = metadata, now


def roles_in(claims: Mapping[str, Any], settings: OidcSettings) -> list[str]:
    """Return the roles that claims give.

    Examples
    --------
    >>> given = OidcSettings(roles_claim="realm_access.roles", roles={"editors": "editor"})
    >>> roles_in({"realm_access": {"roles": ["editors", "staff"]}}, given), roles_in({"realm_access": 1}, given)
    (['editor'], [])
    """
    value: Any = claims
    for part in settings.roles_claim.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    words = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return sorted({settings.roles[word] for word in words if isinstance(word, str) and word in settings.roles})


def _asked(method: str, url: str, **given: Any) -> tuple[int, dict[str, Any]]:
    from httpx import HTTPError

    try:
        with http_client(timeout=_TIMEOUT_S) as client, client.stream(method, url, **given) as answer:
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > _MAX_ANSWER:
                    raise Unavailable("the OpenID provider's answer is longer than any of these is")
            found = json.loads(body or b"{}")
    except (HTTPError, ValueError) as error:
        raise Unavailable(f"the OpenID provider does not answer: {error}") from error
    if not isinstance(found, dict):
        raise Unavailable("the OpenID provider answered what is no JSON object")
    return answer.status_code, found


def _check_address(name: str, url: str) -> None:
    if not is_safe(url):
        raise ConfigError(f"the OpenID provider's {name} is {url[:200]!r}; expected https")


def _secret_of(settings: OidcSettings) -> str:
    given = settings.client_secret.get_secret_value()
    if given or settings.client_secret_file is None:
        return given
    secret = read_secret(settings.client_secret_file)
    if not secret:
        raise ConfigError(f"there is no secret in {settings.client_secret_file}; expected the OpenID client's")
    return secret
