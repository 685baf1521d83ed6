"""Who stands behind a request to the console: a session's cookie, or a name and a password.

In: requests. Out: a `Viewer`, or nothing. An address proves nothing: behind a proxy everybody comes from this machine;
it is only counted against when a sign-in fails.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import threading

from fastapi import Request
from sqlalchemy import Engine

from civicrec.clock import Clock
from civicrec.errors import Unauthorized
from civicrec.registry.accounts import Account
from civicrec.registry.first_account import ensure_first_account
from civicrec.registry.sessions import begin_session, sign_out, signed_in
from civicrec.registry.sign_in import Attempt, know_browser, sign_in
from civicrec.registry.tables import open_registry
from civicrec.security.session_ids import form_token, id_digest, new_id
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.web.client import Networks, client_address
from serving.console.cookies import BROWSER, SESSION, cookie_of
from serving.console.viewer import Viewer

#: IPv6: a household or an office has a /64 to itself.
_IPV6_CLASS_BYTES = 8
_MAX_BASIC = 4_096


class Gate:
    """Opens the registry at the first use, and with it the first account; asked in threads."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._trusted = Networks(settings.serving.trusted_proxies)
        self._opening = threading.Lock()
        self._engine: Engine | None = None

    def viewer_of(self, request: Request) -> Viewer | None:
        """Return who is signed in; of a script that only reads, whose name and password it gives (HTTP Basic).

        Raises
        ------
        HeldBack
            If too many passwords were wrong.
        Unavailable
            If the registry is away.
        """
        session_id = cookie_of(request, SESSION)
        if session_id:
            found = signed_in(self.registry, id_digest(session_id), self._clock())
            if found:
                account, session = found
                return _viewer(account, form_token(session_id), session.number)
        typed = _basic(request) if request.method in ("GET", "HEAD") else None
        if typed is None:
            return None
        try:
            attempt = Attempt(*typed, self._address(request), is_script=True)
            return _viewer(sign_in(self.registry, attempt, self._clock()))
        except Unauthorized:
            return None

    def sign_in(self, request: Request, name: str, password: str) -> Account:
        """Return the account of a name and a password; raises as `civicrec.registry.sign_in.sign_in`."""
        attempt = Attempt(name, password, self._address(request), cookie_of(request, BROWSER))
        return sign_in(self.registry, attempt, self._clock())

    def begin(self, request: Request, account: Account) -> tuple[str, str]:
        """Begin a session with an id of its own; return it, and the id by which the browser is known from now on."""
        now = self._clock()
        self.end(request)
        session_id = new_id()
        begin_session(self.registry, account.name, id_digest(session_id), _browser(request), now)
        return session_id, know_browser(self.registry, account.name, now, cookie_of(request, BROWSER))

    def end(self, request: Request) -> None:
        """End the session of the browser, if there is one."""
        if session_id := cookie_of(request, SESSION):
            sign_out(self.registry, id_digest(session_id), self._clock())

    def close(self) -> None:
        """Let go of the registry."""
        if self._engine is not None:
            self._engine.dispose()

    @property
    def registry(self) -> Engine:
        """The registry, opened."""
        with self._opening:
            if self._engine is None:
                engine = open_registry(self._settings.registry_address)
                ensure_first_account(engine, self._settings, self._clock())
                self._engine = engine
            return self._engine

    def _address(self, request: Request) -> str:
        """Return a keyed digest of the client's address: enough to count by, and nobody's address."""
        peer = request.client.host if request.client else ""
        address = client_address(peer, request.scope["headers"], self._trusted)
        of_class = address if len(address) == 4 else address[:_IPV6_CLASS_BYTES]
        return hmac.digest(load_keys(self._settings).key_for("console addresses"), of_class, "sha256").hex()


def _viewer(account: Account, token: str = "", session: int = 0) -> Viewer:
    return Viewer(account.name, account.display_name, account.roles, token, session, account.must_change)


def _browser(request: Request) -> str:
    """Return what a browser says of itself, as a list of sessions can show it."""
    said = request.headers.get("user-agent", "")
    return "".join(sign for sign in said if sign.isprintable())[:120]


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or len(credentials) > _MAX_BASIC:
        return None
    try:
        name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return name, password
