"""What the polls of a feed have found so far, kept in ``polls/<name>.json`` of the home.

In: a feed's name. Out: its `Memory`; all can be lost, for then everything is asked for again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from civicrec.errors import ConfigError
from civicrec.home import POLLS
from civicrec.polling.feed_file import Feed
from civicrec.polling.fetch import Known
from civicrec.process.atomic_files import replace_file
from civicrec.security.secrets import private_folder


class Page(msgspec.Struct):
    """A page of a sitemap: what it answered, the day that the sitemap gave it then, when it was asked for."""

    known: Known
    changed: str = ""
    asked_at: str = ""
    is_gone: bool = False


class Listed(msgspec.Struct):
    """A feed or sitemap: what it answered, from where, and of a sitemap its addresses: line, day of the last change."""

    known: Known
    kind: Literal["feed", "sitemap", "index"]
    base: str
    addresses: dict[str, tuple[int, str]] = {}


class Memory(msgspec.Struct, kw_only=True):
    """What is known of a feed.

    Attributes
    ----------
    of
        Fingerprint of the feed's file: after a change of it everything is asked for again.
    began_at, ended_at, good_at
        Of the last poll, in UTC; and of the last that went well.
    fault
        What the last poll failed on, empty if it did not.
    counts
        What the last poll that was no 304 found.
    refused
        Of its rows, the first that were refused: place and reason.
    gone
        Pages that are not there any more while their items are in lists: id and address.
    has_kept
        Whether any entry or page was ever taken.
    documents, pages
        By address.
    """

    of: str = ""
    began_at: str = ""
    ended_at: str = ""
    good_at: str = ""
    fault: str = ""
    counts: dict[str, int] = {}
    refused: list[str] = []
    gone: list[str] = []
    has_kept: bool = False
    documents: dict[str, Listed] = {}
    pages: dict[str, Page] = {}


def memory_of(home: Path, name: str) -> Memory:
    """Return what is kept of a feed; nothing where it was never polled, or the file is damaged."""
    try:
        return msgspec.json.decode(_path(home, name).read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Memory()


def keep_memory(home: Path, name: str, memory: Memory) -> None:
    """Keep what is known of a feed.

    Raises
    ------
    ConfigError
        If the home cannot be written.
    """
    path = _path(home, name)
    try:
        private_folder(path.parent)
        replace_file(path, msgspec.json.encode(memory))
    except OSError as error:
        raise ConfigError(f"cannot keep {path}: {error.strerror}; make the folder writable") from error


def fingerprint(feed: Feed) -> str:
    """Return what differs when a file says something else of its entries."""
    return hashlib.sha256(msgspec.json.encode(feed)).hexdigest()[:16]


def _path(home: Path, name: str) -> Path:
    folder = POLLS.of(home)
    return folder / f"{name}.json"
