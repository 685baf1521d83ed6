"""Importers: files of other systems turned into items, one file per format.

In: lines of a file, one JSON object each, and the name of its format. Out: for every line an `Item`, or a `BadRow`
with the line number and the reason. Nothing is lost in silence: source words that the governed vocabulary does not
know are kept in `tags`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from civicrec.errors import InvalidInput
from civicrec.items import Item
from civicrec.registry.importers import civicrec_jsonl, gov_policies, zwfw_services
from civicrec.registry.importers.identity import Ids, Kept, NothingKept, Register
from civicrec.registry.importers.quoting import linked_by_title

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """How a file of this kind becomes items.

    Attributes
    ----------
    item
        Turns one row into an item, or raises `InvalidInput`.
    ids
        Tells which ids the row may have, where the source has none that is surely its own.
    together
        Adds what only all rows together tell.
    """

    item: Callable[[Row], Item]
    ids: Callable[[Row], Ids] | None = None
    together: Callable[[Sequence[Item]], list[Item]] = list


#: By the name that stands on the command line.
FORMATS: Mapping[str, Format] = {
    "civicrec": Format(civicrec_jsonl.item),
    "zwfw-services": Format(zwfw_services.item),
    "gov-policies": Format(gov_policies.item, gov_policies.ids_of, linked_by_title),
}

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # office software puts one before UTF-8


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that became no item, and why; lines count from 1."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A file, read: the items of its good rows in order, the others, and the line of each item id."""

    items: list[Item]
    bad: list[BadRow]
    line_of: Mapping[str, int] = field(default_factory=dict, compare=False)


def read_rows(lines: Iterable[bytes], form: str, kept: Kept | None = None) -> Rows:
    """Read a file line by line; blank lines are passed over.

    Parameters
    ----------
    lines
        UTF-8, one JSON object a line.
    form
        One of `FORMATS`.
    kept
        What the catalogue holds already, so that a document gets the id it has there and never another's.

    Raises
    ------
    InvalidInput
        If there is no such format. A bad row never raises: it comes back as a `BadRow`.
    """
    if form not in FORMATS:
        raise InvalidInput(f"unknown format {form!r}; expected one of {', '.join(FORMATS)}")
    reader = FORMATS[form]
    read: list[tuple[int, Item, Ids]] = []
    bad: list[BadRow] = []
    for number, line in enumerate(lines, 1):
        line = line.removeprefix(_BYTE_ORDER_MARK).strip() if number == 1 else line.strip()
        if not line:
            continue
        try:
            row = _decode(line)
            item = reader.item(row)
            read.append((number, item, reader.ids(row) if reader.ids else Ids((item.item_id,))))
        except InvalidInput as error:
            bad.append(BadRow(number, str(error)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            bad.append(BadRow(number, f"expected one JSON object: {error}"))
    register = Register(read, kept or NothingKept())
    items: list[Item] = []
    line_of: dict[str, int] = {}
    for number, item, ids in read:
        try:
            items.append(item := register.settled(number, item, ids))
        except InvalidInput as error:
            # The first row keeps the id: which one is right, only the owner of the file can say.
            bad.append(BadRow(number, str(error)))
        else:
            line_of[item.item_id] = number
    return Rows(reader.together(items), sorted(bad, key=lambda row: row.line), line_of)
