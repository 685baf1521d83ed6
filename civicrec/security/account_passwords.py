"""Passwords of the console's accounts: which are taken, and the argon2id hash that is kept of them.

In: a password. Out: its hash, or whether it is the one of a hash. The password itself goes no further than this file.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from civicrec.errors import InvalidInput

MIN_PASSWORD = 12
#: Longer ones only cost time.
MAX_PASSWORD = 1_024
_FEW_CHARACTERS = 5
#: What is tried first, after what is not a letter is taken away.
_COMMON = (
    "password",
    "passw0rd",
    "qwerty",
    "admin",
    "civicrec",
    "welcome",
    "letmein",
    "changeme",
    "abcdef",
    "iloveyou",
)
#: OWASP's least for argon2id with one lane, 19 MiB and two passes: some 25 ms in a process that answers lists, too.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
#: Sign-ins of one process wait for each other, so that many at once take neither its memory nor its cores.
_ONE_AT_A_TIME = threading.Lock()
#: Letters and digits that are not taken for one another when they are read aloud or copied by hand.
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


def checked_password(password: str, name: str) -> str:
    """Return the password.

    Parameters
    ----------
    name
        Of the account it is for; a password made of it is refused.

    Raises
    ------
    InvalidInput
        If it is short, long, or among the first that are tried.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidInput(f"got a password of {len(password)} characters; expected {MIN_PASSWORD} to {MAX_PASSWORD}")
    if len(set(password)) < _FEW_CHARACTERS:
        raise InvalidInput(f"got a password of {len(set(password))} different characters; expected more of them")
    whole = left = _folded(password).lower()
    for word in (*_COMMON, *([name] if len(name) > 2 else [])):
        left = left.replace(word, "")
    if left != whole and sum(sign.isalpha() for sign in left) < _FEW_CHARACTERS:
        raise InvalidInput("got a password made of the account's name or of words that everybody tries; take another")
    return password


def made_password() -> str:
    """Return a password to be told once: 80 bits, in groups of four."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(16))
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


def hash_of(password: str) -> str:
    """Return the argon2id hash to keep, with its own salt and parameters in it."""
    with _ONE_AT_A_TIME:
        return _HASHER.hash(_folded(password))


def is_password_of(password: str, kept: str) -> bool:
    """Say whether a hash is this password's; it takes as long for an account that is not there.

    Parameters
    ----------
    kept
        The hash; empty of an account without a password or of none, and the answer is no then.
    """
    with _ONE_AT_A_TIME:
        try:
            is_right = _HASHER.verify(kept or _nobodys_hash(), _folded(password[: MAX_PASSWORD + 1]))
        except (VerificationError, InvalidHashError):
            return False
    return is_right and bool(kept)


def is_outworn(kept: str) -> bool:
    """Say whether a hash was made with other parameters than those of now, and should be made anew."""
    return bool(kept) and _HASHER.check_needs_rehash(kept)


def _folded(password: str) -> str:
    # Keyboards and systems write one character in several ways.
    return unicodedata.normalize("NFKC", password.encode("utf-8", "replace").decode())


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash(secrets.token_hex(16))
