"""Signed pushes: a server proves that it has a site's key without sending it.

In: the key, when the push was signed, its body. Out: the signature; or nothing, if the one that came is good.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime

from civicrec.errors import Unauthorized

#: How far the clock of a sender may be from ours, and how long a push is good, seconds.
WINDOW_S = 300
#: With a fraction, so that what is done, undone and done again within a second is three pushes and not two.
_SECONDS = re.compile(r"[0-9]{9,11}(?:\.[0-9]{1,9})?", re.ASCII)
_SIGNATURE = re.compile(r"(?:sha256=)?([0-9a-fA-F]{64})", re.ASCII)
_HOW = "expected X-Civicrec-Signature: sha256=<HMAC-SHA256 of timestamp + '.' + body with the site's API key, in hex>"


def signature_of(key: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature of a push, 64 hexadecimal digits.

    Parameters
    ----------
    timestamp
        Seconds since 1970, with a fraction or without, as they are sent.
    """
    return hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def checked_signature(key: bytes, timestamp: str, signature: str, body: bytes, now: datetime) -> str:
    """Return the signature of a push in small digits, if it is good.

    Parameters
    ----------
    key
        Empty where there is none; it takes as long as with one.

    Raises
    ------
    Unauthorized
        If it was signed by nobody who has the key, or more than `WINDOW_S` from now.
    """
    if not _SECONDS.fullmatch(timestamp):
        raise Unauthorized(
            f"X-Civicrec-Timestamp: got {timestamp[:30]!r}; expected seconds since 1970, such as 1769817600"
        )
    match = _SIGNATURE.fullmatch(signature.strip())
    if match is None:
        raise Unauthorized(f"got {'another' if signature else 'no'} signature; {_HOW}")
    is_good = hmac.compare_digest(match[1].lower(), signature_of(key, timestamp, body))
    if not (is_good and key):
        raise Unauthorized(f"the signature is not that of a configured site; {_HOW}")
    if (off_s := abs(float(timestamp) - now.timestamp())) > WINDOW_S:
        raise Unauthorized(
            f"X-Civicrec-Timestamp: {off_s:.0f} s from the clock of this server; expected at most {WINDOW_S}, "
            "set the sender's clock, and sign again what is sent again"
        )
    return match[1].lower()
