"""How far a file has been sent, kept beside it, so that the same command goes on after Ctrl-C or ``kill -9``.

In: a file and the address it goes to. Out: `ReplayProgress` in ``<file>.replay``, gone once all is sent.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec

from civicrec.errors import InvalidInput
from civicrec.process.atomic_files import replace_file
from collectors.replay.lines import Lines


class ReplayProgress(msgspec.Struct):
    """What a collector has answered for, of one file.

    Attributes
    ----------
    line, offset
        The last line answered, from 1, and the byte after it.
    lines, accepted, duplicates, rejected
        Sums up to there; blank lines are none.
    url, head
        Where it went, and which file it was.
    days
        The portal's days that got events, of a history.
    """

    url: str = ""
    head: str = ""
    line: int = 0
    offset: int = 0
    lines: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: dict[str, int] = {}
    days: set[date] = set()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ReplayProgress).decode


class Bookmark:
    """The ``.replay`` file of one file and address."""

    def __init__(self, file: Path, url: str) -> None:
        self._file = file
        self._url = url
        self._path = file.with_name(f"{file.name}.replay")

    def open(self, lines: Lines, *, from_start: bool = False) -> ReplayProgress:
        """Return how far this file has gone to this address, and set `lines` to the byte after that.

        It is the beginning if there is no bookmark, it is of another file or address, or `from_start` is set.
        """
        head = hashlib.sha256(lines.head()).hexdigest()
        progress = ReplayProgress()
        if not from_start:
            with suppress(OSError, msgspec.DecodeError):
                progress = _decode(self._path.read_bytes())
        is_shorter = lines.size is not None and progress.offset > lines.size
        if (progress.url, progress.head) != (self._url, head) or is_shorter:
            progress = ReplayProgress(self._url, head)
        lines.seek(progress.offset)
        return progress

    def set(self, progress: ReplayProgress) -> None:
        """Keep how far it has gone; whole or not at all.

        Raises
        ------
        InvalidInput
            If the folder cannot be written.
        """
        try:
            replace_file(self._path, _encode(progress))
        except OSError as error:
            raise InvalidInput(
                f"cannot keep how far it got in {self._path}: {error.strerror}; copy the file to a folder "
                "that can be written, or send it through - from standard input"
            ) from None

    def remove(self) -> None:
        """Forget it: all is sent."""
        self._path.unlink(missing_ok=True)
