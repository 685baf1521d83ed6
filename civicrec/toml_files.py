"""Small files that an operator writes: scenes, fields of a CMS, feeds.

In: a path. Out: the table in it, or one line that says what is wrong with the file.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from civicrec.errors import InvalidInput
from civicrec.text import printable

MAX_BYTES = 64 << 10
_SHOWN = 80


def read_table(path: Path, what: str) -> dict[str, Any]:
    """Read a file of TOML.

    Parameters
    ----------
    what
        What it should hold, for the message: ``a scene``.

    Raises
    ------
    InvalidInput
        If it cannot be read, is too long or is no TOML.
    """
    try:
        if not path.is_file():  # a pipe or a device would be read for ever
            raise InvalidInput(f"{path} is no file; expected {what} as TOML")
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInput(f"{path} has more than {MAX_BYTES} bytes; expected {what} as TOML")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}; expected {what} as TOML") from error
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, a date or a number that is none
        raise InvalidInput(
            f"{path}: {one_line(error)}; expected TOML in UTF-8, and names that hold other signs than a-z in quotes"
        ) from error


def one_line(message: object) -> str:
    """Return what a file held, or what is said of it, as one short line."""
    text = " ".join(printable(str(message), "?").split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
