"""Documents that a text names: titles in 《》 and document numbers (发文字号), found in one way by import and lists.

In: text. Out: what it names, in order, in one writing. Every pattern is bounded, so a text costs its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

#: One title may stand inside another: 《关于印发〈…〉的通知》 is often written with 《》 for both.
_TITLE = r"《(?P<title>(?:[^《》]|《[^《》]{1,200}》){1,200})》"
_YEAR_AND_PLACE = (
    r"[〔\[（(［]\s{0,2}(?P<year>(?:19|20)\d\d)\s{0,2}[〕\]）)］]\s{0,2}第?\s{0,2}(?P<place>\d{1,5})\s{0,2}号"
)
_REFERENCE = re.compile(rf"{_TITLE}|{_YEAR_AND_PLACE}")
_ISSUER = re.compile(r"[\u4e00-\u9fff]{1,15}\s{0,2}\Z")
_MOST_BEFORE = 17
_OF_A_DATE = "年月日"


class Number(NamedTuple):
    """A document number: who issued it, as far as Chinese without spaces tells, the year and the number in it."""

    issuer: str
    year: str
    place: str
    written: str

    @property
    def normal(self) -> str:
        """The one writing of it: 云府发〔2026〕21号."""
        return f"{self.issuer}〔{self.year}〕{int(self.place)}号"


def references(text: str) -> Iterator[str | Number]:
    """Return the titles and the numbers that a text names, in their order.

    Chinese has no spaces, so what stands before a number may belong to the sentence: `Number.issuer` holds up to 15
    signs.

    Examples
    --------
    >>> [one if isinstance(one, str) else one.normal for one in references("解读《云澜市办法》（云府发[2026]第21 号）")]
    ['云澜市办法', '云府发〔2026〕21号']
    """
    done = 0
    for match in _REFERENCE.finditer(text):
        if match["title"]:
            yield match["title"]
        elif number := _number(text, max(done, match.start() - _MOST_BEFORE), match):
            yield number
        else:
            continue
        done = match.end()


def titles(text: str) -> list[str]:
    """Return the titles that stand in 《》."""
    return [one for one in references(text) if isinstance(one, str)]


def first_number(text: str) -> Number | None:
    """Return the first document number of a text."""
    return next((one for one in references(text) if isinstance(one, Number)), None)


def normal_number(document_no: str) -> str:
    """Return a document number in its one writing; what is none stays.

    Examples
    --------
    >>> normal_number("国办发[2019]005号"), normal_number("第24号")
    ('国办发〔2019〕5号', '第24号')
    """
    number = first_number(document_no)
    return number.normal if number and number.written == re.sub(r"\s", "", document_no) else document_no


def _number(text: str, begin: int, match: re.Match[str]) -> Number | None:
    before = _ISSUER.search(text[begin : match.start()])
    if not before:
        return None
    start, issuer = begin + before.start(), before[0].rstrip()
    while issuer and issuer[0] in _OF_A_DATE and text[start - 1 : start].isdigit():
        start, issuer = start + 1, issuer[1:]
    if not issuer:
        return None
    return Number(issuer, match["year"], match["place"], re.sub(r"\s", "", text[start : match.end()]))
