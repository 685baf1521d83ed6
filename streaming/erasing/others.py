"""Who else reads of people and writes it later: an erasure waits for their end, then looks once more."""

from __future__ import annotations

from civicrec.home import HISTORY_LOCK, NIGHTLY_LOCK, REPROCESS_LOCK
from civicrec.process.locks import is_owned
from civicrec.settings import Settings

_LOCKS = {NIGHTLY_LOCK: "the night", REPROCESS_LOCK: "a reprocessing", HISTORY_LOCK: "a load of history"}


def who_else_writes(settings: Settings) -> str:
    """Name what runs that reads events, or files of events, and writes what it made of them later; empty if none."""
    return next((name for lock, name in _LOCKS.items() if is_owned(lock.of(settings.home))), "")
