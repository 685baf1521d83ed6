"""Ids of sessions: random, told to a browser once, kept as a digest; and the token that forms of a session carry."""

from __future__ import annotations

import hashlib
import hmac
import secrets


def new_id() -> str:
    """Return 256 random bits as 43 characters."""
    return secrets.token_urlsafe(32)


def id_digest(session_id: str) -> str:
    """Return what is kept of an id: of random bits, a plain SHA-256 tells nothing."""
    return hashlib.sha256(session_id.encode("utf-8", "replace")).hexdigest()


def form_token(session_id: str) -> str:
    """Return what every form of this session carries: it follows from the id, and the id does not follow from it."""
    return hmac.digest(session_id.encode("utf-8", "replace"), b"form", "sha256").hex()


def is_form_token(given: str, session_id: str) -> bool:
    """Compare in a time that tells nothing about where the two differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), form_token(session_id).encode())
