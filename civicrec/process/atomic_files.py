"""Small files that say how far something is, replaced as a whole.

In: a path and its new content. Out: the old file or the new one, whatever crashes in between.
"""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file; readers and crashes see the old content or the new. Two processes may do this at once.

    A power cut may leave an empty file: what is kept this way must be known elsewhere, or be worth losing.

    Raises
    ------
    OSError
        If the folder cannot be written; the old file stays.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
