"""A small disk of its own for a test to fill up: a tmpfs, which only root may mount."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """Mount a disk of `size_mb` for the length of the body; the test is skipped where that cannot be."""
    if os.getuid() != 0:
        pytest.skip("only root may mount a small tmpfs to fill up")
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)], check=False)
    if done.returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(disk: Path, left_bytes: int) -> Iterator[Callable[[], int]]:
    """Let another program's file leave only so many bytes of the disk free, for the length of the body.

    Yields a function that takes what others gave back since, and returns how many bytes were free before.
    """
    file = disk / "of-another-program"
    try:
        with file.open("wb", buffering=0) as out:

            def fill() -> int:
                before = shutil.disk_usage(disk).free
                while (left := shutil.disk_usage(disk).free - left_bytes) > 0:
                    try:
                        out.write(b"\0" * min(left, 1 << 20))
                    except OSError as fault:
                        if fault.errno != errno.ENOSPC:
                            raise
                        break  # the stack took the rest meanwhile
                return before

            fill()
            yield fill
    finally:
        file.unlink()
