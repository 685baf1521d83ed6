"""Files of rows as systems export them: JSON lines, one array, a table; UTF-8 or what Chinese office software writes.

In: the bytes of a file. Out: (line on which an object begins, the object's JSON in UTF-8), or one `InvalidInput` that
names what the file is. Lines that are no JSON come out as they are: who reads the objects tells their faults.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE, getincrementaldecoder
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain, islice
from typing import BinaryIO

import msgspec

from civicrec.errors import InvalidInput
from civicrec.exports import is_table, list_inside, table_rows, without_comma

_GZIP = b"\x1f\x8b"
#: Beginnings of files that are something else, and what to do about it.
_NOT_JSON = {
    b"PK\x03\x04": "a ZIP archive or an office workbook: unpack it, or save the sheet as JSON lines",
    b"\xd0\xcf\x11\xe0": "an old office workbook: save the sheet as JSON lines",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "a SQLite database",
    b"BZh": "packed by bzip2: unpack it",
    b"\xfd7zXZ": "packed by xz: unpack it",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it",
}
_HEAD = 1 << 16
_BEGINS = (b"{", b"[", b" ", b"\t", b"\r", b"\n")
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_SPACE = re.compile(r"[\s,]*")
#: What a script writes before its data, and behind: callback({...}); or var data = [...]; or, so that none is, )]}'
_SCRIPT = re.compile(
    rb"\s{0,99}(?:/\*[^*]{0,99}\*/\s{0,99})?(?:typeof [\w$.]{1,99} ?={2,3} ?['\"]function['\"] ?&& ?)?"
    rb"(?:(?:var|let|const)\s{1,9})?[A-Za-z_$][\w$.\[\]]{0,99}\s{0,9}[(=]\s{0,99}(?=[\[{])"
    rb"|\s{0,99}(?:\)\]\}'?,?|while ?\(1\);|for ?\(;;\);)\s{0,99}(?=[\[{])"
)
_SCRIPT_ENDS = b" \t\r\n;)"
#: What programs write for a number that is none, and JSON has not.
_NO_NUMBER = re.compile(rb"[:,\[]\s{0,9}(NaN|[+-]?Infinity|nan|undefined|None)\s{0,9}(?=[,}\]])")
_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def objects_in(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Read a file's objects, line by line where it is made of lines.

    Parameters
    ----------
    file
        Open for reading bytes: JSON lines, one JSON array, an API's answer around one, or a table whose first line
        names the columns; UTF-8, UTF-16, GB18030 or Big5; also packed by gzip.

    Raises
    ------
    InvalidInput
        If the file is none of these, or is cut off in its packing; the message names what it is.
    """
    head = file.read(_HEAD)
    if head.startswith(_GZIP):
        yield from _unpacked(chain([head], iter(lambda: file.read(_HEAD), b"")))
        return
    for begin, what in _NOT_JSON.items():
        if head.startswith(begin):
            raise InvalidInput(f"the file is {what}; expected JSON lines")
    lines = _lines(chain([head], iter(lambda: file.read(_HEAD), b"")))
    encoding = _encoding(head)
    if encoding != "utf-8":
        yield from objects_in(BytesIO(_decoded(b"".join(lines), encoding).encode()))
        return
    first = head.removeprefix(BOM_UTF8).lstrip()
    if script := _SCRIPT.match(first):
        content = b"".join(lines).removeprefix(BOM_UTF8).lstrip()[script.end() :]
        yield from objects_in(BytesIO(content.rstrip(_SCRIPT_ENDS)))
        return
    line = first.partition(b"\n")[0].strip()
    if line.startswith(b"<"):
        raise InvalidInput("the file is HTML or XML, as a login page or an error is; expected JSON lines")
    if first.startswith(b"[") and not _is_line(first):
        yield from _elements(b"".join(lines))
    elif line.startswith(b"{"):
        yield from _objects(line, lines)
    elif not line.startswith((b"[", b'"')) and is_table(first.replace(b"\r", b"\n").partition(b"\n")[0]):
        yield from table_rows(b"".join(lines))
    else:
        yield from _each(lines)


def no_number(text: bytes) -> str:
    """Say which word stands in a text where JSON has none; empty if none does.

    Examples
    --------
    >>> no_number(b'{"a": NaN}')
    'holds NaN, which is no JSON: write null in its place'
    """
    match = _NO_NUMBER.search(text)
    return f"holds {match[1].decode()}, which is no JSON: write null in its place" if match else ""


def _objects(first: bytes, lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Read a file that begins as an object: lines, objects over or within lines, or one answer around a list."""
    if first != b"{" and _decoded_object(without_comma(first)) is None:
        content = b"".join(lines)
        try:
            objects = list(_spread(content))
        except InvalidInput:
            objects = list(_each(content.splitlines(keepends=True)))  # its first line is a bad row
    elif first == b"{":
        objects = list(_spread(b"".join(lines)))
    else:
        rows = _each(lines)
        start = [row for row in islice(rows, 2)]
        if len(start) > 1 and start[1][1].strip():
            yield from chain(start, rows)
            return
        objects = [*start, *rows]
    inner = list_inside(_decoded_object(objects[0][1])) if sum(bool(text.strip()) for _, text in objects) == 1 else None
    yield from objects if inner is None else ((objects[0][0], msgspec.json.encode(row)) for row in inner)


def _decoded_object(text: bytes) -> object:
    try:
        return msgspec.json.decode(text.removeprefix(BOM_UTF8).strip())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _each(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, 1):
        # A mark stands also where two files were put together.
        clean = line.replace(BOM_UTF8, b"") if BOM_UTF8 in line[:64] else line
        yield number, without_comma(clean.lstrip(b"\x1e"))  # RFC 7464 puts a record separator before each


def _unpacked(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    try:
        content = gzip.decompress(b"".join(chunks))
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"the file is packed by gzip and damaged: {error}; copy it again") from None
    yield from objects_in(BytesIO(content))


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in complete)
    if rest:
        yield rest


def _encoding(head: bytes) -> str:
    if head.startswith(BOM_UTF32_LE):
        raise InvalidInput("the file is in UTF-32; expected UTF-8: save it again in that encoding")
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    if head[:1] in _BEGINS and head[1:2] == b"\0":
        return "utf-16-le"
    if head[:1] == b"\0" and head[1:2] in _BEGINS:
        return "utf-16-be"
    *lines, last = head.split(b"\n")
    if last and len(head) < _HEAD:
        lines.append(last)
    sample = [line for line in lines or [last] if not line.isascii()]
    if any(b"\0" in line for line in lines) and sum(b"\0" in line for line in lines) * 2 > len(lines):
        raise InvalidInput(
            "the file holds NUL bytes in most of its lines, so it is no text; expected JSON lines in UTF-8"
        )
    # Most lines, not one: a single damaged line in UTF-8 is a bad row and no other encoding.
    broken = sum(not _decodes(line, "utf-8") for line in sample)
    if broken * 2 <= len(sample):
        return "utf-8"
    if _is_big5(sample):
        return "big5hkscs"
    return "gb18030" if all(_decodes(line, "gb18030") for line in sample) else "utf-8"


def _is_big5(lines: list[bytes]) -> bool:
    """Tell Big5 from GB18030, which reads it too, as other words: only Big5 often has a second byte below 0x80."""
    pairs = [pair for line in lines for pair in _PAIR.findall(line)]
    low = sum(pair[1] < 0x80 for pair in pairs)
    return low * 5 > len(pairs) and all(_decodes(line, "big5hkscs") for line in lines)


def _decodes(content: bytes, encoding: str) -> bool:
    """Tell whether a text, which may be cut off in its last character, is in an encoding."""
    try:
        getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        return False
    return True


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"the file is in {encoding.upper()} and broken at byte {error.start}; save it again as UTF-8"
        ) from None


def _is_line(text: bytes) -> bool:
    """Tell whether a text that begins with ``[`` has a first line that is whole and no list of objects."""
    line = text.partition(b"\n")[0].strip()
    try:
        values = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return not all(isinstance(one, dict) for one in values)


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    try:
        elements = _raw_list(content.removeprefix(BOM_UTF8).strip())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = no_number(content) or f"does not end as one: {error}"
        raise InvalidInput(f"the file begins as one JSON array and {why}") from None
    at, line = 0, 1
    for element in elements:
        text = bytes(element)
        start = content.index(text, at)
        line += content.count(b"\n", at, start)
        yield line, text
        at = start + len(text)
        line += text.count(b"\n")


def _spread(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Read objects that are each spread over several lines, one after another."""
    try:
        text = content.decode("utf-8-sig")
        at, line, decoder = 0, 1, json.JSONDecoder()
        while at < len(text):
            start = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing too
            if start == len(text):
                return
            line += text.count("\n", at, start)
            _, at = decoder.raw_decode(text, start)
            yield line, text[start:at].encode()
            line += text.count("\n", start, at)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the file's objects are spread over lines and one is no JSON: {error}") from None
