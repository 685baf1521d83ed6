"""Secrets of one installation: small files of the home, made at first start and read by everyone who needs them.

In: a path. Out: the secret in it. A secret is as good as its file, so a file that is empty, short or open to others is
refused, never taken.
"""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from civicrec.errors import ConfigError

#: Fewest characters of any secret, whoever chose it; those made here have 64.
MIN_CHARACTERS = 16


def ensure_secret(path: Path) -> str:
    """Return the secret in a file, which is made when it is not there; one that is there is only read.

    Raises
    ------
    ConfigError
        If the file cannot be made, or holds no good secret.
    """
    secret = read_secret(path)
    if secret:
        return secret
    try:
        private_folder(path.parent)
        _make(path)
    except OSError as error:
        raise ConfigError(f"cannot keep the secret in {path}: {error.strerror}; make the folder writable") from error
    secret = read_secret(path)
    if not secret:  # a link to nowhere: its name is taken, and nothing stands there
        raise ConfigError(
            f"cannot keep the secret in {path}: it is a link to a file that is not there; {_HOW_TO_GO_ON}"
        )
    return secret


def read_secret(path: Path) -> str:
    """Return the secret in a file; empty when there is no such file.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not this account's alone, or holds no good secret.
    """
    try:
        # Not blocking: whatever stands there instead of a file must not stop the start.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4_096).decode("utf-8-sig").strip()  # editors put a mark before it
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError:
        raise ConfigError(f"the secret in {path} is not text; {_HOW_TO_GO_ON}") from None
    except OSError as error:
        raise ConfigError(f"cannot read the secret in {path}: {error.strerror}; run as the home's owner") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(
            f"others may read the secret in {path} (mode {stat.S_IMODE(mode):04o}); run `chmod 600` on it, "
            "and make another if somebody may have read it"
        )
    if len(text) < MIN_CHARACTERS or not text.isprintable():
        raise ConfigError(
            f"the secret in {path} is not one line of at least {MIN_CHARACTERS} characters that can be read, "
            f"it has {len(text)}; {_HOW_TO_GO_ON}"
        )
    return text


_HOW_TO_GO_ON = "put the file back from a copy, or remove it to have another made (docs/operations.md, Secrets)"


def private_folder(path: Path) -> None:
    """Make a folder that only this account may enter; one that is there stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)


def _make(path: Path) -> None:
    """Write the whole secret, then give it its name: nobody ever reads a part, not even after a power cut."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    draft = Path(name)
    try:
        with open(number, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process made it first: then theirs is the secret
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
