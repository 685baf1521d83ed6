"""What must hold before the stack starts. Each function raises one clear `ConfigError` or returns nothing."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from civicrec.errors import ConfigError
from civicrec.home import WRITE_PROBE
from civicrec.security.secrets import private_folder


def check_home(home: Path) -> None:
    """Make the folder, for this account alone, and write a file in it."""
    probe = WRITE_PROBE.of(home, os.getpid())
    try:
        private_folder(home)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"cannot write to home {home}: {error.strerror}; make the folder writable or choose another --home"
        ) from error


def free_disk_mb(path: Path) -> int:
    """Return the free space of the disk that holds `path`, in MB."""
    return shutil.disk_usage(path).free >> 20


def check_disk(home: Path, free_mb: int, needed_mb: int) -> None:
    """Compare the free space with what is wanted."""
    if free_mb < needed_mb:
        raise ConfigError(
            f"the disk of {home} has {free_mb} MB free, expected at least {needed_mb} MB; "
            "free disk space, choose another --home, or lower CIVICREC_MIN_FREE_DISK_MB"
        )


def is_private(home: Path) -> bool:
    """Tell whether no other account may look into the folder."""
    return stat.S_IMODE(home.stat().st_mode) & 0o077 == 0
