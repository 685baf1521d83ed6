"""Pseudonyms under peppers that change: one block cipher step over the keyed digest of a user, which can be undone.

In: the root of a person's pseudonyms, 32 hex digits, and a pepper. Out: 32 hex digits that lead to the root by that
pepper alone. So who has the peppers can rename all that is kept (decision 214), and nobody else can join two names.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB


def under(root: str, pepper: bytes) -> str:
    """Return the pseudonym that a pepper makes of a root.

    Examples
    --------
    >>> root = "0123456789abcdef0123456789abcdef"
    >>> root_under(under(root, b"pepper"), b"pepper") == root
    True
    """
    return _cipher(pepper).encryptor().update(bytes.fromhex(root)).hex()


def root_under(name: str, pepper: bytes) -> str:
    """Return the root of a pseudonym that this pepper made."""
    return _cipher(pepper).decryptor().update(bytes.fromhex(name)).hex()


@lru_cache(maxsize=32)
def _cipher(pepper: bytes) -> Cipher[ECB]:
    # A name is one block and a root is as good as random, so no two blocks of one person are alike by ECB.
    return Cipher(AES(hmac.digest(pepper, b"pseudonyms", hashlib.sha256)), ECB())  # noqa: S305
