"""Shapes that exports have besides lines and arrays: a table of text (CSV), and a list inside an answer of an API.

In: the content of a file in UTF-8. Out: rows as JSON, with the line on which each begins.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from civicrec.errors import InvalidInput

_DELIMITERS = "\t;|,，；"
#: What an answer of an API calls the list it holds, and what it puts around it.
_WRAPPERS = (
    "data", "result", "results", "response", "body", "payload", "content", "list", "rows", "items", "records", "row",
    "item", "hits", "page", "features", "docs",
)  # fmt: skip
_COUNTS = ("total", "totalcount", "totalrecords", "totalelements", "recordcount", "total_count")
_DEEPEST = 5
_BEHIND_COMMA = re.compile(rb",\s*\Z")


def is_table(first_line: bytes) -> bool:
    """Tell whether a file's first line is the head of a table: several short names, none of them of JSON."""
    line = first_line.decode("utf-8", "replace").strip()
    names = _cells(line, _delimiter(line))
    return len(names) > 1 and all(0 < len(name.strip()) <= 40 and not set(name) & set("{}<>") for name in names)


def table_rows(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Read a table; its first row names the columns. A row of more cells than names comes out as a list.

    Raises
    ------
    InvalidInput
        If it cannot be read as text or as a table.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the table is broken at byte {error.start}; save it again as UTF-8") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    reader = csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(text.partition("\n")[0]), strict=True)
    names: list[str] = []
    try:
        line = 1
        for cells in reader:
            if not names:
                names = [cell.strip() for cell in cells]
            elif any(cell.strip() for cell in cells):
                fits = len(cells) <= len(names) or not any(cells[len(names) :])
                yield line, msgspec.json.encode(dict(zip(names, cells, strict=False)) if fits else cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"the file begins as a table and cannot be read from line {line}: {error}") from None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def list_inside(value: Any) -> list[Any] | None:
    """Return the list of objects that an answer of an API wraps; None for an object that is no such answer.

    Raises
    ------
    InvalidInput
        If the answer says that there are more rows than it holds: the rest would be missing in silence.

    Examples
    --------
    >>> list_inside({"code": 200, "result": {"list": [{"标题": "甲"}]}})
    [{'标题': '甲'}]
    """
    total = None
    for _ in range(_DEEPEST):
        if isinstance(value, list):
            break
        if not isinstance(value, dict):
            return None
        by_name = {str(name).casefold(): one for name, one in value.items()}
        total = next((by_name[name] for name in _COUNTS if isinstance(by_name.get(name), int)), total)
        value = next((by_name[name] for name in _WRAPPERS if isinstance(by_name.get(name), dict | list)), None)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        return None
    if total is not None and total > len(value):
        raise InvalidInput(
            f"the file is one page of an API's answer: it holds {len(value)} rows and says there are {total}; "
            "ask for all pages and put them in one file, one answer's rows a line"
        )
    return [row["properties"] if row.keys() >= {"type", "properties"} else row for row in value]


def without_comma(line: bytes) -> bytes:
    """Return a line of an array whose brackets were cut off without the comma behind its object."""
    return _BEHIND_COMMA.sub(b"", line)
