"""Files that other accounts of the machine may read or change: secrets, and what tells of single visitors.

In: paths. Out: an `Opening` for each that is open. A file counts as open only to those who can reach it through the
folders of the home above it; a secret must be closed by itself, as civicrec reads no other.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from civicrec.home import FILES, PEPPERS, SITES, personal_files
from civicrec.settings import Settings
from operations.stack.security.openings import Opening

CHECK_SECRETS, CHECK_PERSONAL = "files of secrets", "files of persons"
#: Where docs/operations.md puts the variables of the units; it may hold keys, and belongs to root and a group.
ENVIRONMENT_FILE = Path("/etc/civicrec/civicrec.env")
#: Bits by which the group, and everybody else, reads or writes a file, and passes a folder.
_READ_OR_WRITE = {"its group": 0o060, "everybody": 0o006}
_PASS = {"its group": 0o010, "everybody": 0o001}


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file and who else may read or change it."""

    path: Path
    mode: int
    to: tuple[str, ...]


def open_secrets(files: Iterable[OpenFile], may_have_group: Iterable[Path] = ()) -> list[Opening]:
    """Judge files of secrets that others may read.

    Parameters
    ----------
    may_have_group
        Those that an administrator may share with one group, such as a TLS key.
    """
    shared = set(may_have_group)
    return [
        Opening(
            CHECK_SECRETS, "hole", f"{one.path} (mode {one.mode:04o}) is open to {' and '.join(one.to)}",
            f"run `chmod {'o=' if one.path in shared else 'go='} {one.path}`, and make another secret if somebody may "
            "have read it",
        )
        for one in files
        if one.path not in shared or "everybody" in one.to
    ]  # fmt: skip


def open_personal_files(files: Iterable[OpenFile], home: Path) -> list[Opening]:
    """Judge files of persons that others can reach and read: one opening for all, which names the first."""
    found = list(files)
    if not found:
        return []
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    to = " and ".join(found[0].to)
    what = f"{found[0].path} (mode {found[0].mode:04o}){more} tells of single visitors and is open to {to}"
    return [Opening(CHECK_PERSONAL, "hole", what, f"run `chmod -R go= {home}`")]


def secret_files(settings: Settings) -> tuple[list[Path], list[Path]]:
    """Return the files of secrets of the home, and those the settings name, which may have a group."""
    home = [path for file in FILES if file.name.endswith(".key") for path in [file.of(settings.home)]]
    stores = (settings.warehouse, settings.redis, settings.kafka)
    named = [file for store in stores for file in (store.key_file or store.cert_file,) if file is not None]
    named += [settings.oidc.client_secret_file] if settings.oidc.client_secret_file else []
    return [*home, SITES.of(settings.home), PEPPERS.of(settings.home)], [*named, ENVIRONMENT_FILE]


def look_at_secrets(settings: Settings) -> list[Opening]:
    """Look at every file of a secret."""
    own, named = secret_files(settings)
    return open_secrets((one for path in (*own, *named) for one in _if_open(path, tuple(_READ_OR_WRITE))), named)


def look_at_personal_files(settings: Settings) -> list[Opening]:
    """Look at everything in the home that tells of single visitors."""
    ways = _passed(settings.home, tuple(_PASS))
    found = [one for path in personal_files(settings.home) for one in _below(path, ways)] if ways else []
    return open_personal_files(found, settings.home)


def _below(path: Path, ways: tuple[str, ...]) -> Iterator[OpenFile]:
    """Yield what is open at or below a path for those who come this far."""
    if path.is_symlink() or not ways:
        return
    if not path.is_dir():
        yield from _if_open(path, ways)
        return
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return
    inside = _passed(path, ways)
    for name in names if inside else ():
        yield from _below(path / name, inside)


def _passed(folder: Path, ways: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(way for way in ways if _mode(folder) & _PASS[way])


def _if_open(path: Path, ways: tuple[str, ...]) -> list[OpenFile]:
    mode = _mode(path)
    to = tuple(way for way in ways if mode & _READ_OR_WRITE[way])
    return [OpenFile(path, mode, to)] if to else []


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:  # not there, or of another account: nothing that we could tell
        return 0
