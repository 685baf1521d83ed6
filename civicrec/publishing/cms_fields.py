"""What the CMS of a portal calls things, told in a small file a site: ``cms/<site>.toml`` of the home.

In: the file, a body that the CMS pushed. Out: events in our own words, with the rows of an import.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from civicrec.catalogue.importers.civicrec_jsonl import FIELDS
from civicrec.catalogue.importers.fields import text_in
from civicrec.errors import InvalidInput
from civicrec.home import CMS
from civicrec.toml_files import one_line, read_table

#: What happened to a document. A CMS often calls the same thing by either of the first two: both make it what is said.
Event = Literal["create", "update", "withdraw", "restore"]
Words = tuple[str, ...]


class EventWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a push says what happened, and its words for it; without `field` everything is an update."""

    field: str = ""
    create: Words = ("create",)
    update: Words = ("update",)
    withdraw: Words = ("withdraw", "delete")
    restore: Words = ("restore",)


class CmsFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The words of a CMS.

    Attributes
    ----------
    fields
        Item field → field of the CMS; ``a.b`` is field b of object a.
    defaults
        Item field → value where the CMS gives none.
    words
        Item field → word of the CMS → our word.
    rows
        Where in the body its rows stand; empty: the body itself is a row, or a list of them.
    id_prefix
        How ids of this CMS begin in the catalogue, so that they are no other system's.
    """

    fields: dict[str, str]
    defaults: dict[str, Any] = {}
    words: dict[str, dict[str, str]] = {}
    rows: str = ""
    id_prefix: Annotated[str, msgspec.Meta(max_length=64)] = ""
    event: EventWords = EventWords()


@dataclass(frozen=True, slots=True)
class Pushed:
    """A row of a push: its number from 1, what happened, the id of its document, and the row of an import."""

    line: int
    event: Event
    item_id: str
    row: dict[str, Any]


def fields_path(home: Path, site: str) -> Path:
    """Return where the file of a site stands, if it has one."""
    folder = CMS.of(home)
    return folder / f"{site}.toml"


def read_fields(path: Path) -> CmsFields:
    """Read the file of a site.

    Raises
    ------
    InvalidInput
        If it is none, names no field of an item, or not those that every item needs.
    """
    table = read_table(path, "the fields of a CMS")
    try:
        cms = msgspec.convert(table, CmsFields)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{path}: {error}; see docs/add-to-your-portal.md") from None
    for part in ("fields", "defaults", "words"):
        if unknown := sorted(getattr(cms, part).keys() - set(FIELDS)):
            raise InvalidInput(
                f"{path}: {part}.{one_line(unknown[0])} is no field of an item; expected {', '.join(FIELDS)}"
            )
    missing = [name for name in ("item_id", "title") if not cms.fields.get(name)]
    if "item_type" not in {**cms.fields, **cms.defaults}:
        missing.append("item_type")
    if missing:
        raise InvalidInput(f"{path}: fields.{missing[0]} is missing; expected the name that the CMS has for it")
    return cms


def rows_in(body: bytes, cms: CmsFields) -> list[Any]:
    """Return the rows of a pushed body.

    Raises
    ------
    InvalidInput
        If it is no JSON, or holds none where the file of the site says.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the body is no JSON in UTF-8: {str(error)[:300]}") from None
    found = _at(value, cms.rows) if cms.rows else value
    rows = found if isinstance(found, list) else [found]
    if not rows or found is None:
        raise InvalidInput(f"the body holds no rows{f' under {cms.rows}' if cms.rows else ''}; expected one or more")
    return rows


def pushed_row(line: int, row: Any, cms: CmsFields) -> Pushed:
    """Return a row in our own words.

    Raises
    ------
    InvalidInput
        If it is no object, has no id, or tells an event by a word that the file of the site does not have.
    """
    if not isinstance(row, dict):
        raise InvalidInput(f"expected an object, got {one_line(row)!r}")
    given = {name: value for name, called in cms.fields.items() if (value := _at(row, called)) not in (None, "")}
    item_id = text_in(given, "item_id")
    if not item_id:
        raise InvalidInput(f"{cms.fields['item_id']} is missing or empty; it tells which document this is")
    item = {**cms.defaults, **given, "item_id": cms.id_prefix + item_id}
    for name, words in cms.words.items():
        if isinstance(word := item.get(name), str | int) and not isinstance(word, bool):
            item[name] = words.get(str(word), word)
    return Pushed(line, _event(row, cms.event), item["item_id"], item)


def _event(row: dict[str, Any], words: EventWords) -> Event:
    if not words.field:
        return "update"
    said = _at(row, words.field)
    events: tuple[Event, ...] = ("create", "update", "withdraw", "restore")
    known: Iterator[Event] = (event for event in events if str(said) in getattr(words, event))
    if event := next(known, None):
        return event
    expected = ", ".join(word for one in events for word in getattr(words, one))
    raise InvalidInput(f"{words.field}: got {one_line(said)!r}; expected one of {expected}")


def _at(value: Any, path: str) -> Any:
    """Return what stands under a name, or under one in another, ``None`` if nothing does."""
    if isinstance(value, dict) and path in value:
        return value[path]
    name, dot, rest = path.partition(".")
    return _at(value.get(name), rest) if dot and isinstance(value, dict) else None
