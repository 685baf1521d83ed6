"""The lines of a file of events, as people have such files: packed, with a byte order mark, with a line without end.

In: a path, or ``-`` for standard input. Out: `Lines`, one event each; `InvalidInput` that says how to make lines of a
file that has none.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import sys
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

from civicrec.errors import InvalidInput
from civicrec.events import MAX_BATCH_BYTES
from civicrec.json_files import objects_in

#: How files begin that we unpack, and those that we do not.
_UNPACK = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_OTHERS = {
    b"PK\x03\x04": "unzip -p",
    b"\x28\xb5\x2f\xfd": "zstd -dc",
    b"7z\xbc\xaf": "7z e -so",
    b"Rar!": "unrar p -inul",
}
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
_HEAD_BYTES = 4_096
#: A file that is not of lines is read whole, up to here.
_MOST_AT_ONCE = 64 << 20


class Lines:
    """Lines of bytes, each read once; none is held that is longer than a batch.

    Attributes
    ----------
    offset
        Bytes read so far, of what is inside if the file is packed.
    size
        Bytes of the file, ``None`` if it is packed or no file.
    """

    def __init__(self, file: IO[bytes], name: str, size: int | None = None) -> None:
        self._file = file
        self._name = name
        self.offset = 0
        self.size = size

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines from here on; of one that is too long for a batch the beginning, which is too long, too."""
        while line := self._read():
            first = line
            while not line.endswith(b"\n") and len(line) > MAX_BATCH_BYTES and (line := self._read()):
                pass
            yield first.removeprefix(BOM_UTF8)

    def head(self) -> bytes:
        """Return how the file begins, and go back there."""
        head = self._file.read(_HEAD_BYTES)
        self._file.seek(0)
        return head

    def seek(self, offset: int) -> None:
        """Go to a place that `offset` was at before."""
        self._file.seek(offset)
        self.offset = offset

    def _read(self) -> bytes:
        try:
            line = self._file.readline(MAX_BATCH_BYTES + 1)
        except _DAMAGED as error:
            raise InvalidInput(f"{self._name} is damaged behind byte {self.offset} of what it holds: {error}") from None
        self.offset += len(line)
        return line


@contextmanager
def open_lines(name: str) -> Iterator[Lines]:
    """Open a file of events, or standard input for ``-``; one array or another encoding is made lines of, if not large.

    Raises
    ------
    InvalidInput
        If it cannot be read, or is large and holds no lines of UTF-8; the message says with which command to make them.
    """
    with ExitStack() as stack:
        try:
            opened = sys.stdin.buffer if name == "-" else stack.enter_context(Path(name).open("rb"))
            file = cast(io.BufferedReader, opened)
            head = file.peek(_HEAD_BYTES)
        except OSError as error:
            raise InvalidInput(f"cannot read {name}: {error.strerror}") from None
        facts = os.fstat(file.fileno())
        size = facts.st_size if stat.S_ISREG(facts.st_mode) else None
        inside: IO[bytes] = file
        if unpack := next((unpack for magic, unpack in _UNPACK.items() if head.startswith(magic)), None):
            packed = io.BufferedReader(stack.enter_context(unpack(file, "rb")))  # type: ignore[operator]
            try:
                inside, head, size = packed, packed.peek(_HEAD_BYTES), None
            except _DAMAGED as error:
                raise InvalidInput(f"{name} is damaged: {error}") from None
        if trouble := _packed(head, name):
            raise InvalidInput(trouble)
        if trouble := _no_lines(head, name):
            content = inside.read(_MOST_AT_ONCE + 1)
            if len(content) > _MOST_AT_ONCE:
                raise InvalidInput(trouble)
            inside, size = io.BytesIO(_as_lines(content)), None
        yield Lines(inside, name, size)


def _as_lines(content: bytes) -> bytes:
    """Return an array, objects spread over lines or another encoding as lines of UTF-8, one object each."""
    # Line ends stand between the parts of an object, never inside a text of JSON.
    return b"".join(b" ".join(text.split(b"\n")).strip() + b"\n" for _, text in objects_in(io.BytesIO(content)))


def _packed(head: bytes, name: str) -> str:
    """Say how to unpack a file that is packed in a way we do not read; empty if it is not."""
    for magic, command in _OTHERS.items():
        if head.startswith(magic):
            return f"{name} is packed; expected lines of JSON, unpack it first: {command} {name} > NEW"
    return ""


def _no_lines(head: bytes, name: str) -> str:
    """Say why the beginning of a file is none of lines of events, and what to do; empty if it may be."""
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\x00" in head[:64]:
        return f"{name} is UTF-16; expected UTF-8, convert it: iconv -f UTF-16 -t UTF-8 {name} > NEW"
    if not _is(head, "utf-8") and _is(head, "gb18030"):
        return f"{name} is GB 18030; expected UTF-8, convert it: iconv -f GB18030 -t UTF-8 {name} > NEW"
    first = head.removeprefix(BOM_UTF8).lstrip().partition(b"\n")[0].strip()
    if first.startswith(b"["):
        return f"{name} is one JSON array; expected one event a line, convert it: jq -c '.[]' {name} > NEW"
    if first == b"{":
        return f"{name} has its events over several lines; expected one a line, convert it: jq -c . {name} > NEW"
    return ""


def _is(head: bytes, encoding: str) -> bool:
    try:
        getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True
