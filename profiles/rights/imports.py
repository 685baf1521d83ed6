"""Attributes that another office shared, as a file of rows: whose, what, until when (政务数据共享条例).

In: lines of a file, each an object. Out: good rows, and the others with their line and reason. A name of a column is
the attribute's or its label; a word is governed or refused. Nothing sensitive and nothing of a minor comes in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from civicrec.clock import PORTAL_TZ
from civicrec.errors import InvalidInput
from profiles.rights.attributes import check_contradictions, sensitive_of
from profiles.rules.attributes import ADULT_AGE, Attribute, load_attributes, plain_value

USER = ("user", "user_id", "用户编号")
UNTIL = ("valid_until", "有效期至")
_SEPARATORS = re.compile(r"[、,，;；|]")


@dataclass(frozen=True, slots=True)
class ImportRow:
    """What an office shared of one user; null takes an earlier value back.

    Attributes
    ----------
    user
        As the portal names them.
    """

    line: int
    user: str
    values: Mapping[str, Any]
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken, and why; lines count from 1."""

    line: int
    reason: str


def import_rows(texts: Iterable[tuple[int, bytes]]) -> tuple[list[ImportRow], list[BadRow]]:
    """Read the objects of a file, as `civicrec.json_files.objects_in` yields them."""
    rows, bad, line_of = list[ImportRow](), list[BadRow](), dict[str, int]()
    for line, text in texts:
        if not text.strip():
            continue
        try:
            row = _row(line, text)
            if row.user in line_of:
                raise InvalidInput(f"the user stands on line {line_of[row.user]} already; expected one line a user")
        except InvalidInput as error:
            bad.append(BadRow(line, str(error)))
        else:
            line_of[row.user] = line
            rows.append(row)
    return rows, bad


def _row(line: int, text: bytes) -> ImportRow:
    try:
        cells = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"expected one object with user and attributes: {error}") from None
    user, until, values = "", None, dict[str, Any]()
    for column, cell in cells.items():
        name = column.strip()
        if name in USER:
            user = str(cell).strip() if isinstance(cell, str | int) and not isinstance(cell, bool) else ""
        elif name in UNTIL:
            until = _end(cell)
        elif not (isinstance(cell, str) and not cell.strip()):
            attribute = _attribute(name)
            values[attribute.name] = None if cell is None else plain_value(attribute.name, _read(attribute, cell))
    if not user:
        raise InvalidInput(f"names no user; expected the portal's user id in {' or '.join(USER)}")
    if not values:
        raise InvalidInput(f"says nothing; expected a value of {', '.join(load_attributes())}")
    if sensitive := sensitive_of(values):
        raise InvalidInput(f"{sensitive[0]} is sensitive: only the person can declare it, with a consent of their own")
    if (age := values.get("age")) is not None and age < ADULT_AGE:
        raise InvalidInput("is of a minor, of whom nothing is kept; expected users of 18 and more")
    check_contradictions({name: value for name, value in values.items() if value is not None})
    return ImportRow(line, user, values, until)


def _attribute(column: str) -> Attribute:
    known = load_attributes()
    found = known.get(column) or next((one for one in known.values() if one.label == column), None)
    if found is None:
        raise InvalidInput(f"unknown column {column[:40]!r}; expected user, valid_until, {', '.join(known)}")
    return found


def _read(attribute: Attribute, cell: Any) -> Any:
    """Return what a cell of a table says: there numbers are texts, and words of a set stand in one cell."""
    if not isinstance(cell, str):
        return str(cell) if attribute.kind == "region" and isinstance(cell, int) else cell
    text = cell.strip()
    if attribute.kind == "set":
        return [] if text == "无" else [word.strip() for word in _SEPARATORS.split(text) if word.strip()]
    if attribute.kind == "number":
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _end(cell: Any) -> datetime | None:
    if cell is None or not str(cell).strip():
        return None
    text = str(cell).strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=PORTAL_TZ) + timedelta(days=1)
        end = datetime.fromisoformat(text)
        if end.tzinfo is None:
            raise ValueError("it names no zone")
    except (ValueError, OverflowError):
        raise InvalidInput(f"got valid_until {text[:40]!r}; expected a day such as 2027-06-30") from None
    return end
