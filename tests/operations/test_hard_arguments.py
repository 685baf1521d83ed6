"""Whatever is written on the command line: one clear line and exit 2, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "arguments",
    [
        (b"model", b"show", b"\xff"),
        (b"subject", b"token", b"\xd4\xc6", b"u"),
        (b"subject", b"token", b"demo", b"\xff"),
        (b"editorial", b"block", b"a", b"--why", b"\xff"),
        (b"editorial", b"remove", b"--why", b"x", b"99999999999999999999"),
        (b"events", b"replay", b"/dev/null", b"--from-line", b"99999999999999999999"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused_in_words(tmp_path: Path, arguments: tuple[bytes, ...]) -> None:
    command = [sys.executable.encode(), b"-m", b"civicrec", *arguments, b"--home", str(tmp_path / "home").encode()]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False), done.stderr
    assert done.stdout == b""
