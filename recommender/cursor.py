"""Cursors: where a list goes on. They hold what was shown, so a later page repeats nothing, whatever happened between.

In: a `Cursor`. Out: a short text, signed so that nobody can make one up, and back. Bounded: about 5 KB at the end.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass

from civicrec.errors import InvalidInput

#: After so many items nobody pages on, and an address must fit a request line.
MAX_SHOWN = 1_000
_SIGNATURE_BYTES = 12
_MAX_TEXT = 6_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """The end of a page.

    Attributes
    ----------
    scene
        Scene the list belongs to.
    shown
        32-bit hashes of the items shown so far (`Catalogue.hashes`). Two ids with one hash would hide an item
        from later pages: about one list in a hundred thousand for ten items of a catalogue of 10 000.
    """

    scene: str
    shown: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.shown)


def encode_cursor(cursor: Cursor, key: bytes) -> str:
    """Write a cursor as text that fits a query string."""
    scene = cursor.scene.encode()
    body = struct.pack(f"<B{len(scene)}s{len(cursor.shown)}I", len(scene), scene, *cursor.shown)
    return base64.urlsafe_b64encode(_signature(body, key) + body).rstrip(b"=").decode()


def decode_cursor(text: str, key: bytes, scene: str) -> Cursor:
    """Read a cursor back.

    Raises
    ------
    InvalidInput
        If it was not made here with this key, or belongs to another scene.
    """
    wrong = InvalidInput("the cursor is not one this service gave; expected next_cursor of the page before, unchanged")
    if len(text) > _MAX_TEXT:
        raise wrong
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not body or not hmac.compare_digest(signature, _signature(body, key)):
        raise wrong
    name, shown = body[1 : 1 + body[0]].decode(), body[1 + body[0] :]
    if name != scene:
        raise InvalidInput(f"the cursor belongs to scene {name!r}, not {scene!r}; begin this scene without one")
    return Cursor(name, struct.unpack(f"<{len(shown) // 4}I", shown))


def _signature(body: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(body, key=key, digest_size=_SIGNATURE_BYTES).digest()
