"""One owner per data folder: a lock that the kernel drops when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from civicrec.errors import ConfigError

#: Whoever looks whether a lock is held has it for microseconds.
_TRIES, _LOOK_S = 3, 0.02


class InUse(ConfigError):
    """Another process holds the lock."""


def is_owned(lock: Path) -> bool:
    """Tell whether a process holds `lock` now; one that cannot be looked at is held by nobody we know."""
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@contextmanager
def owned(lock: Path, what: str) -> Iterator[None]:
    """Hold `lock` for the body; `what` names the folder's use in the message.

    Raises
    ------
    InUse
        If another process holds it; the message has its number.
    ConfigError
        If the folder cannot be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot write {lock}: {error.strerror}; make the folder writable") from error
    try:
        if not _is_taken(handle):
            holder = os.pread(handle, 20, 0).decode() or "unknown"
            raise InUse(
                f"{lock.parent} is in use as {what} by process {holder}; stop that process or choose another --home"
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


@contextmanager
def held_together(lock: Path, what: str) -> Iterator[None]:
    """Hold `lock` for the body with others who hold it so; meanwhile nobody has it alone by `owned`.

    In a folder that cannot be written nobody could have it alone either, and it is not held.

    Raises
    ------
    InUse
        If somebody has it alone.
    """
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(
                f"{lock.parent} cannot be used as {what} now: `{lock.name}` is held; wait for its end"
            ) from None
        yield
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    for _ in range(_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK_S)
        else:
            return True
    return False
