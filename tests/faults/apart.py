"""A process of the stack apart from its supervisor, which would start it again at once."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.running import RunningStack


def words_of(stack: RunningStack, name: str) -> Path:
    """Where a process apart writes to stderr."""
    return stack.settings.home / f"{name}.words"


@contextmanager
def apart(stack: RunningStack, name: str, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``civicrec <name>`` for the length of the body; it ends by ``kill -9``."""
    with words_of(stack, name).open("ab") as words:
        child = subprocess.Popen(
            [sys.executable, "-m", "civicrec", name], env={**stack.env, **(env or {})}, stderr=words
        )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
