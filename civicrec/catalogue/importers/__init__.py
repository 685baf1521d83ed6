"""Importers: files of other systems turned into items, one file per format.

In: lines of a file, one JSON object each, and the name of its format. Out: for every line an `Item`, or a `BadRow`
with the line number and the reason. Nothing is lost in silence: source words that the governed vocabulary does not
know are kept in `tags`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from civicrec.catalogue.importers import civicrec_jsonl, feed_entries, gov_policies, zwfw_services
from civicrec.catalogue.importers.fields import Note
from civicrec.catalogue.importers.identity import KeptItems, NothingKept, PossibleIds, Register
from civicrec.catalogue.importers.quoting import linked_by_title
from civicrec.catalogue.stated import RuleCheck, check_conditions, no_rules
from civicrec.errors import InvalidInput
from civicrec.items import Item
from civicrec.json_files import no_number

SourceRow = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """How a file of this kind becomes items.

    Attributes
    ----------
    item
        Turns one row into an item, or raises `InvalidInput`; tells what of a good row could not be kept.
    also_called
        Other names of columns, and the name they stand for.
    ids
        Tells which ids the row may have, where the source has none that is surely its own.
    together
        Adds what only all rows together tell.
    """

    item: Callable[[SourceRow, Note], Item]
    also_called: Mapping[str, str] = field(default_factory=dict)
    ids: Callable[[SourceRow], PossibleIds] | None = None
    together: Callable[[Sequence[Item]], list[Item]] = list


#: By the name that stands on the command line.
FORMATS: Mapping[str, Format] = {
    "civicrec": Format(civicrec_jsonl.item),
    "zwfw-services": Format(zwfw_services.item),
    "feed-entries": Format(feed_entries.item, ids=feed_entries.ids_of),
    "gov-policies": Format(gov_policies.item, gov_policies.ALSO_CALLED, gov_policies.ids_of, linked_by_title),
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
    """A file, read: the items of its good rows in order, and the others.

    Attributes
    ----------
    items
    bad
    notes
        What of good rows was left out, by line.
    line_of
        Item id → line.
    """

    items: list[Item]
    bad: list[BadRow]
    notes: list[BadRow] = field(default_factory=list, compare=False)
    line_of: Mapping[str, int] = field(default_factory=dict, compare=False)


def read_rows(lines: Iterable[bytes], form: str, kept: KeptItems | None = None, check: RuleCheck = no_rules) -> Rows:
    """Read lines of UTF-8, one JSON object each; blank lines are passed over. See `rows_of`."""
    return rows_of(enumerate(lines, 1), form, kept, check)


def rows_of(
    texts: Iterable[tuple[int, bytes]], form: str, kept: KeptItems | None = None, check: RuleCheck = no_rules
) -> Rows:
    """Read objects of a file.

    Parameters
    ----------
    texts
        Line, and the JSON object that begins there, in UTF-8 (`civicrec.json_files.objects_in`).
    form
        One of `FORMATS`.
    kept
        What the catalogue holds already, so that a document gets the id it has there and never another's.
    check
        Knows the language of conditions.

    Raises
    ------
    InvalidInput
        If there is no such format. A bad row never raises: it comes back as a `BadRow`.
    """
    if form not in FORMATS:
        raise InvalidInput(f"unknown format {form!r}; expected one of {', '.join(FORMATS)}")
    reader = FORMATS[form]
    read: list[tuple[int, Item, PossibleIds]] = []
    bad: list[BadRow] = []
    notes: list[BadRow] = []
    for number, text in texts:
        text = text.removeprefix(_BYTE_ORDER_MARK).strip() if number == 1 else text.strip()
        if not text:
            continue
        row_notes: list[str] = []
        try:
            row = _named(_decode(text), reader.also_called)
            item = reader.item(row, row_notes.append)
            check_conditions(item, check, row_notes.append)
            read.append((number, item, reader.ids(row) if reader.ids else PossibleIds((item.item_id,))))
        except InvalidInput as error:
            bad.append(BadRow(number, str(error)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            more = "; a row of a table with more cells than its head?" if text.startswith(b"[") else ""
            bad.append(BadRow(number, f"expected one JSON object: {no_number(text) or error}{more}"))
        else:
            notes.extend(BadRow(number, what) for what in dict.fromkeys(row_notes))
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
    return Rows(reader.together(items), sorted(bad, key=lambda row: row.line), notes, line_of)


def _named(row: SourceRow, also_called: Mapping[str, str]) -> SourceRow:
    """Return the row under the names its format knows: without spaces and marks around, full width, or another word."""
    named = dict(row)
    for name, value in row.items():
        plain = unicodedata.normalize("NFKC", name).strip(" \t\r\n\ufeff\u200b*:")
        for known in (plain, also_called.get(plain, plain)):
            if known != name and named.get(known) in (None, ""):
                named[known] = value
                named.pop(name, None)
                name = known
    return named
