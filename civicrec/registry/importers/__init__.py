"""Importers: files of other systems turned into items, one file per format.

In: lines of a file, one JSON object each, and the name of its format. Out: for every line an `Item`, or a `BadRow`
with the line number and the reason. Nothing is lost in silence: source words that the governed vocabulary does not
know are kept in `tags`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from civicrec.errors import InvalidInput
from civicrec.items import Item
from civicrec.registry.importers import civicrec_jsonl, gov_policies, zwfw_services
from civicrec.registry.importers.quoting import linked_by_title

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """How a file of this kind becomes items.

    Attributes
    ----------
    item
        Turns one row into an item, or raises `InvalidInput`.
    together
        Adds what only all rows together tell.
    """

    item: Callable[[Row], Item]
    together: Callable[[Sequence[Item]], list[Item]] = list


#: By the name that stands on the command line.
FORMATS: Mapping[str, Format] = {
    "civicrec": Format(civicrec_jsonl.item),
    "zwfw-services": Format(zwfw_services.item),
    "gov-policies": Format(gov_policies.item, linked_by_title),
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
    """A file, read: the items of its good rows in order, and the others."""

    items: list[Item]
    bad: list[BadRow]


def read_rows(lines: Iterable[bytes], form: str) -> Rows:
    """Read a file line by line; blank lines are passed over.

    Parameters
    ----------
    lines
        UTF-8, one JSON object a line.
    form
        One of `FORMATS`.

    Raises
    ------
    InvalidInput
        If there is no such format. A bad row never raises: it comes back as a `BadRow`.
    """
    if form not in FORMATS:
        raise InvalidInput(f"unknown format {form!r}; expected one of {', '.join(FORMATS)}")
    items: list[Item] = []
    bad: list[BadRow] = []
    first_line: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        line = line.removeprefix(_BYTE_ORDER_MARK).strip() if number == 1 else line.strip()
        if not line:
            continue
        try:
            item = FORMATS[form].item(_decode(line))
        except InvalidInput as error:
            bad.append(BadRow(number, str(error)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            bad.append(BadRow(number, f"expected one JSON object: {error}"))
        else:
            # The first row keeps the id: which one is right, only the owner of the file can say.
            before = first_line.setdefault(item.item_id, number)
            if before == number:
                items.append(item)
            else:
                bad.append(
                    BadRow(number, f"item_id {item.item_id!r} stands in line {before} already; keep one of the two")
                )
    return Rows(FORMATS[form].together(items), bad)
