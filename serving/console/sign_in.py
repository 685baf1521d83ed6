"""Who may open the console: who knows its password. Roles come later.

In: the password, the facts of a request. Out: yes or no, and the cookie of a session.
An address proves nothing: behind a proxy everybody comes from this machine. The cookie says until when it is good and
is signed with a key made from the password, so a new password ends every session and no list of sessions is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from civicrec.security.secrets import ensure_secret
from civicrec.settings import Settings

COOKIE = "civicrec_console"
#: A working day; the next morning one signs in again.
SESSION = timedelta(hours=12)


def password_of(settings: Settings) -> str:
    """Return the console's password, from the settings or from the home, where it is made at first use.

    Raises
    ------
    ConfigError
        If the file cannot be made or holds no good secret.
    """
    return settings.serving.console_password.get_secret_value() or ensure_secret(settings.console_key_path)


def is_password(entered: str, password: str) -> bool:
    """Compare in a time that tells nothing about where the two differ."""
    return hmac.compare_digest(_digest(entered), _digest(password))


def session_cookie(password: str, now: datetime) -> str:
    """Return the value of a cookie that opens the console for `SESSION` from now on."""
    until = str(int((now + SESSION).timestamp()))
    return f"{until}.{_signature(password, until)}"


def is_signed_in(headers: Mapping[str, str], cookie: str, password: str, now: datetime) -> bool:
    """Say whether the request carries a session's cookie, or the password itself (HTTP Basic, for scripts).

    Parameters
    ----------
    headers
        The request's headers; of ``Authorization: Basic`` any user name is taken.
    cookie
        Value of the cookie `COOKIE`, empty if there is none.
    """
    until, _, signature = cookie.partition(".")
    if until.isascii() and until.isdigit() and len(until) <= 12:
        signed = hmac.compare_digest(signature.encode(), _signature(password, until).encode())
        if signed and now.timestamp() < int(until) <= (now + SESSION).timestamp():
            return True
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        _, _, entered = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return False
    return is_password(entered, password)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _signature(password: str, until: str) -> str:
    key = hmac.new(password.encode(), b"console-session", hashlib.sha256).digest()
    return hmac.new(key, until.encode(), hashlib.sha256).hexdigest()
