"""Values sealed for the disk: AES-256-GCM under a key that only the home has.

In: a text and what it belongs to. Out: bytes that tell nothing, and open for the same owner only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from civicrec.errors import ConfigError

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals and opens with one key of 32 bytes."""

    key: bytes

    def close(self, text: bytes, owner: str) -> bytes:
        """Return the text sealed for an owner; the same text twice gives different bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, text, owner.encode())

    def open(self, sealed: bytes, owner: str) -> bytes:
        """Return the text again.

        Raises
        ------
        ConfigError
            If it was sealed with another key or for another owner, or was changed.
        """
        try:
            return AESGCM(self.key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode())
        except (InvalidTag, ValueError):
            raise ConfigError(
                "a sealed value does not open: it was sealed with another pepper (secret.key, CIVICREC_PEPPER), or was "
                "changed; restore the key it was made with"
            ) from None
