"""The peppers that followed the first one, in a file of the home: who has it and the first knows every name.

In: a home. Out: the peppers in force, the newest last, and how far a change of them is.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from civicrec.errors import ConfigError
from civicrec.home import PEPPERS
from civicrec.process.atomic_files import replace_file


class Change(msgspec.Struct, frozen=True):
    """A change to a new pepper that is under way.

    Attributes
    ----------
    is_collected
        Whether it is kept which names are to be changed: only then is a name of before told from a new one.
    """

    pepper: str
    is_collected: bool = False


class Peppers(msgspec.Struct, frozen=True):
    """Peppers as the file has them.

    Attributes
    ----------
    later
        Those in force after the first, hex digits, the newest last.
    change
        The one that is being changed to.
    is_untidy
        Whether what the last change needed is still there.
    """

    later: tuple[str, ...] = ()
    change: Change | None = None
    is_untidy: bool = False

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The peppers in force after the first."""
        return tuple(map(bytes.fromhex, self.later))


def read_peppers(home: Path) -> Peppers:
    """Return the peppers of a home, none if there is no file.

    Raises
    ------
    ConfigError
        If the file cannot be read, others may read it, or it is damaged; the message tells nothing of it.
    """
    path = PEPPERS.of(home)
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read()
        if mode & 0o077:
            raise ConfigError(f"others may read the peppers in {path} (mode {mode:04o}); run `chmod 600` on it")
        found = msgspec.json.decode(content, type=Peppers)
        _ = found.keys
    except (FileNotFoundError, NotADirectoryError):
        return Peppers()
    except OSError as error:
        raise ConfigError(f"cannot read the peppers in {path}: {error.strerror}; run as the home's owner") from error
    except (msgspec.MsgspecError, ValueError):
        raise ConfigError(f"{path} is damaged; put it back from a copy (docs/operations.md, Secrets)") from None
    return found


def keep_peppers(home: Path, peppers: Peppers) -> None:
    """Write the peppers of a home, for this account alone.

    Raises
    ------
    ConfigError
        If the file cannot be written; the old one stays.
    """
    path = PEPPERS.of(home)
    try:
        replace_file(path, msgspec.json.encode(peppers), private=True)
    except OSError as error:
        raise ConfigError(f"cannot keep the peppers in {path}: {error.strerror}; make the folder writable") from error
