"""The hash chain of audit rows: what a digest is made of, and whether rows are as they were written.

In: rows. Out: digests, and the first place where a chain does not hold. No database is known here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from civicrec.clock import as_utc
from civicrec.errors import InvalidInput

#: What stands before the first row.
NOTHING = "0" * 64
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Link:
    """One row of the chain.

    Attributes
    ----------
    number
        Its place; rows written before there was a chain may leave gaps.
    at
        With a time zone.
    previous, digest
        SHA-256 in hex, of the row before and of this one.
    """

    number: int
    at: datetime
    who: str
    action: str
    object_id: str
    facts: Mapping[str, Any]
    previous: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain, as who wrote it last noted it."""

    number: int = 0
    digest: str = NOTHING

    def __str__(self) -> str:
        """Return what somebody notes down and gives to a later check."""
        return f"{self.number}:{self.digest}"


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold: the row, and what is wrong there."""

    number: int
    why: str


def head_from(text: str) -> Head:
    """Return the head that somebody noted.

    Raises
    ------
    InvalidInput
        If the text is none.
    """
    found = _HEAD.fullmatch(text.strip().lower())
    if not found:
        raise InvalidInput(f"got head {text[:80]!r}; expected NUMBER:DIGEST as `civicrec audit verify` prints it")
    return Head(int(found[1]), found[2])


def digest_of(link: Link) -> str:
    r"""Return the digest of a row over the one before it and all that it says.

    Canonical: JSON in ASCII, keys sorted, no spaces, the time in UTC with six decimals.

    Examples
    --------
    >>> link = Link(1, datetime(2026, 1, 31, 8, tzinfo=UTC), "li", "item_erased", "a", {"why": "错"}, NOTHING)
    >>> said = '\n[1,"2026-01-31T08:00:00.000000Z","li","item_erased","a",{"why":"\\u9519"}]'
    >>> digest_of(link) == hashlib.sha256((NOTHING + said).encode()).hexdigest()
    True
    """
    at = as_utc(link.at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    said = [link.number, at, link.who, link.action, link.object_id, link.facts]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{link.previous}\n{text}".encode()).hexdigest()


def chained(links: Iterable[Link], head: Head) -> Iterator[Link]:
    """Return the rows with their digests, the first after `head`."""
    previous = head.digest
    for link in links:
        link = replace(link, previous=previous)
        link = replace(link, digest=digest_of(link))
        yield link
        previous = link.digest


def first_break(links: Iterable[Link], head: Head, noted: Head | None = None) -> Break | None:
    """Return the first place where rows, in order of their numbers, are not as they were written; ``None`` if all are.

    Parameters
    ----------
    noted
        A head that somebody noted earlier. Who may write all of the database could chain every row anew; the head that
        was noted elsewhere is then not there.
    """
    last = Head()
    seen = noted is None or noted == last
    for link in links:
        if digest_of(link) != link.digest:
            return Break(link.number, "it was changed, moved, or written past the audit log")
        if link.previous != last.digest:
            return Break(link.number, f"it does not follow row {last.number}: rows before it were removed or put in")
        last = Head(link.number, link.digest)
        seen = seen or last == noted
        if noted is not None and link.number >= noted.number and not seen:
            return Break(link.number, f"the head that was noted, {noted}, is not there: the rows were written anew")
    if last != head:
        cut = last.number < head.number
        return Break(last.number, f"it is the last row, and the head is {head.number}: {_at_the_end(cut=cut)}")
    if not seen:
        return Break(last.number, f"it is the last row, and {noted} was noted: rows at the end were removed")
    return None


def _at_the_end(*, cut: bool) -> str:
    return "rows at the end were removed" if cut else "rows were put in at the end, or the head was changed"
