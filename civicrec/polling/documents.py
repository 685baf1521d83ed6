"""RSS, Atom and sitemaps, read as what strangers may have written: no document type, so no entity that could grow.

In: text. Out: entries or addresses, each with the line on which it begins. Signs that XML does not allow, entities of
HTML and bare ``&`` are mended before, because portals write them; anything else that is no XML is one error.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any, Literal
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from civicrec.errors import InvalidInput
from civicrec.text import printable

_ENTRIES = {"item": "feed", "entry": "feed", "url": "sitemap", "sitemap": "index"}
_ROOTS = {"rss": "feed", "rdf": "feed", "feed": "feed", "urlset": "sitemap", "sitemapindex": "index"}
#: Names of other vocabularies that say what we read: Dublin Core, whole contents, Atom within RSS.
_ALSO_READ = (
    "http://purl.org/dc/elements/1.1/", "http://purl.org/dc/terms/", "http://purl.org/rss/1.0/modules/content/",
    "http://www.w3.org/2005/Atom",
)  # fmt: skip
_AMPERSAND = re.compile(r"&(?:#(\d{1,8}|[xX][0-9a-fA-F]{1,7});|([A-Za-z][A-Za-z0-9]{0,31});)?")
_OF_XML = ("amp", "lt", "gt", "quot", "apos")
_LONGEST_FIELD = 1 << 20


@dataclass(slots=True)
class Entry:
    """An element that is an entry: its line, and its fields in order: name, text, attributes."""

    line: int
    space: str
    fields: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def text(self, *names: str) -> str:
        """Return the first text under one of these names, in the order of the names."""
        texts = (text for name in names for known, text, _ in self.fields if known == name and text)
        return next(texts, "")

    def texts(self, name: str) -> list[tuple[str, dict[str, str]]]:
        """Return every text under a name, with its attributes."""
        return [(text, attributes) for known, text, attributes in self.fields if known == name]


@dataclass(slots=True)
class Document:
    """A feed, a sitemap, or an index of sitemaps."""

    kind: Literal["feed", "sitemap", "index"]
    entries: list[Entry]


def read_document(text: str, max_entries: int) -> Document:
    """Read a feed or sitemap.

    Raises
    ------
    InvalidInput
        If it is none, is no XML, has a document type, or more entries than that; the message tells the line.
    """
    target = _Entries(max_entries)
    parser = XMLParser(target=target, forbid_dtd=True)
    target.parser = parser.parser
    try:
        parser.feed(_mended(text.lstrip("\ufeff \t\r\n")))
        parser.close()
    except DefusedXmlException:
        kind = "a page of HTML, as a login page or an error is" if _is_page(text) else "XML with a document type"
        raise InvalidInput(f"it is {kind}; expected RSS, Atom or a sitemap") from None
    except ParseError as error:
        what = "a page of HTML" if _is_page(text) else "no XML"
        raise InvalidInput(f"it is {what}: {error}; expected RSS, Atom or a sitemap") from None
    if target.root not in _ROOTS:
        raise InvalidInput(f"it begins as <{target.root[:40]}>; expected RSS, Atom or a sitemap")
    kind_of: Any = _ROOTS[target.root]
    return Document(kind_of, target.entries)


class _Entries:
    """Gathers the entries of one kind of root, flat: what stands deeper in a field is its text."""

    def __init__(self, max_entries: int) -> None:
        self.parser: Any = None
        self.root = ""
        self.entries: list[Entry] = []
        self._max_entries = max_entries
        self._depth = self._entry_depth = 0
        self._field: tuple[str, dict[str, str]] | None = None
        self._text: list[str] = []
        self._length = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        space, name = _parted(tag)
        if self._depth == 1:
            self.root = name
        elif not self._entry_depth:
            if _ENTRIES.get(name) == _ROOTS.get(self.root) is not None and self._depth <= 3:
                if len(self.entries) == self._max_entries:
                    raise InvalidInput(f"it has more than {self._max_entries} entries; name a smaller feed")
                self._entry_depth = self._depth
                self.entries.append(Entry(self.parser.CurrentLineNumber, space))
        elif self._depth == self._entry_depth + 1:
            is_read = space in ("", self.entries[-1].space, *_ALSO_READ)
            self._field = (name, attributes) if is_read else None
            self._text, self._length = [], 0
        elif self._field:
            self._text.append(" ")

    def data(self, text: str) -> None:
        if self._field:
            self._length += len(text)
            if self._length > _LONGEST_FIELD:
                line = self.entries[-1].line
                raise InvalidInput(f"the entry of line {line} has a field of more than {_LONGEST_FIELD} characters")
            self._text.append(text)

    def end(self, _: str) -> None:
        if self._field and self._depth == self._entry_depth + 1:
            name, attributes = self._field
            self.entries[-1].fields.append((name, "".join(self._text).strip(), attributes))
            self._field = None
        elif self._depth == self._entry_depth:
            self._entry_depth = 0
        self._depth -= 1

    def close(self) -> None:
        """Nothing is left to do."""


def _parted(tag: str) -> tuple[str, str]:
    space, _, name = tag.rpartition("}")
    return space.removeprefix("{"), name.lower()


def _mended(text: str) -> str:
    return _AMPERSAND.sub(_entity, printable(text, " "))


def _entity(match: re.Match[str]) -> str:
    number, name = match[1], match[2]
    if number:
        code = int(number[1:], 16) if number[0] in "xX" else int(number)
        sign = chr(code) if code < 0x110000 else "\ufffd"
        return match[0] if printable(sign, "") else " "
    if name in _OF_XML:
        return match[0]
    meant = html.unescape(match[0]) if name else ""
    return meant if meant and meant != match[0] and not set("&<>") & set(meant) else "&amp;" + match[0][1:]


def _is_page(text: str) -> bool:
    return bool(re.match(r"\s*(?:<!doctype html|<html|<!--)", text[:500], re.IGNORECASE))
