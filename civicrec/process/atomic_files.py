"""Small files that say how far something is, replaced as a whole.

In: a path and its new content. Out: the old file or the new one, whatever crashes in between.
"""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, content: bytes, *, private: bool = False) -> None:
    """Replace a file; readers and crashes see the old content or the new. Two processes may do this at once.

    A power cut may leave an empty file: what is kept this way must be known elsewhere, or be worth losing.

    Parameters
    ----------
    private
        For this account alone, and on the disk before the old file goes: for secrets.

    Raises
    ------
    OSError
        If the folder cannot be written; the old file stays.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if private else 0o666), "wb") as file:
            file.write(content)
            if private:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
