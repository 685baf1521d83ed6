"""Events that tell of a portal set up wrong: whose page, site id or token was refused lately, and how many.

In: the faults of each request. Out: sentences for whoever runs civicrec. Bounded, in memory: a start, which every
setting needs, begins anew and speaks of the settings in force.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from civicrec.clock import from_ms, rfc3339, to_ms

#: What is looked at, and how finely it is forgotten.
WINDOW = timedelta(hours=3)
_PIECE = timedelta(minutes=15)
#: One visitor's page sends about ten events, so fewer may be a single translated or saved page.
LEAST_EVENTS = 20
#: Different faults and sites that a piece keeps apart; anybody can make up names.
_MOST_KEYS = 200
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,253}")
_SITE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_Key = TypeVar("_Key", bound=Hashable)


class PortalFault(NamedTuple):
    """What was wrong with an event.

    Attributes
    ----------
    reason
        ``foreign_origin``, ``unknown_site`` or ``bad_token``.
    site
        As the event names it.
    origin
        Of the page, where a browser sent it.
    proven
        The site whose key or token came with it.
    """

    reason: str
    site: str
    origin: str = ""
    proven: str = ""


@dataclass(slots=True)
class _Piece:
    began: datetime
    events: Counter[str] = field(default_factory=Counter)
    signed_in: Counter[str] = field(default_factory=Counter)
    faults: Counter[PortalFault] = field(default_factory=Counter)


class PortalFaults:
    """Counts what portals send wrongly, over the last hours.

    Parameters
    ----------
    share
        Of a site's events: what is noticeable.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._pieces: deque[_Piece] = deque()

    def note(
        self, events: Mapping[str, int], signed_in: Mapping[str, int], faults: Mapping[PortalFault, int], now: datetime
    ) -> None:
        """Count one request.

        Parameters
        ----------
        events, signed_in
            Site → events taken, and those of them whose visitor a token proved.
        """
        if not self._pieces or now - self._pieces[-1].began >= _PIECE:
            self._forget(now)
            self._pieces.append(_Piece(now))
        piece = self._pieces[-1]
        _add(piece.events, events, "")
        _add(piece.signed_in, signed_in, "")
        for fault, n in faults.items():
            _add(piece.faults, {fault: n}, PortalFault(fault.reason, ""))

    def sentences(self, now: datetime) -> list[str]:
        """Return what is wrong with a noticeable share of events, and what to do; empty if all is well."""
        self._forget(now)
        if not self._pieces:
            return []
        events, signed_in, faults = Counter[str](), Counter[str](), Counter[PortalFault]()
        for piece in self._pieces:
            events += piece.events
            signed_in += piece.signed_in
            faults += piece.faults
        since = f"since {rfc3339(from_ms(to_ms(self._pieces[0].began) // 1000 * 1000))}"
        n_refused = sum(n for fault, n in faults.items() if fault.reason != "bad_token")
        groups: dict[tuple[str, str], Counter[PortalFault]] = {}
        for fault, n in sorted(faults.items()):
            by = "" if fault.reason == "unknown_site" else fault.site
            groups.setdefault((fault.reason, by), Counter())[fault] += n
        sentences = []
        for (reason, site), some in groups.items():
            n, of = some.total(), events[site] + some.total()
            if reason == "unknown_site":
                of = events.total() + n_refused
            elif reason == "bad_token":
                of = signed_in[site] + n
            if n >= LEAST_EVENTS and n >= self._share * of:
                (worst, n_worst), how_many = some.most_common(1)[0], f"{n} of {of} events"
                sentences.append(_SENTENCE_OF[reason](worst, n_worst, how_many, f"{since} ({n / of:.0%})"))
        return sentences

    def _forget(self, now: datetime) -> None:
        while self._pieces and now - self._pieces[0].began >= WINDOW:
            self._pieces.popleft()


def _add(counts: Counter[_Key], more: Mapping[_Key, int], others: _Key) -> None:
    for key, n in more.items():
        counts[key if key in counts or len(counts) < _MOST_KEYS else others] += n


def _foreign_origin(worst: PortalFault, n_worst: int, how_many: str, since: str) -> str:
    # Anybody can send a header, and what is shown is copied into a shell.
    origin = worst.origin if _ORIGIN.fullmatch(worst.origin) else ""
    where = f"{n_worst} of them from {origin or 'a page without an address'}, which is none of its origins"
    add = f"`civicrec site add {worst.site} --origin {origin or 'https://…'}`"
    if not _SITE.fullmatch(worst.site):
        add = "`civicrec site add`"
    return (
        f"{how_many} of site {worst.site!r} {since} are refused as foreign_origin, {where}: if that is a page of the "
        f"portal, {add} and start civicrec again; else somebody has copied its page"
    )


def _unknown_site(worst: PortalFault, n_worst: int, how_many: str, since: str) -> str:
    origin = f" on {worst.origin}" if _ORIGIN.fullmatch(worst.origin) else ""
    said = f"{how_many} {since} are refused as unknown_site, {n_worst} of them name site {worst.site!r}"
    if worst.proven:
        return f"{said} and come with a key or token of {worst.proven!r}: correct `site` where they are sent"
    return (
        f"{said}{origin}: correct data-site there, or register it with `civicrec site add`; "
        "`civicrec site list` names those that are"
    )


def _bad_token(worst: PortalFault, n_worst: int, how_many: str, since: str) -> str:
    return (
        f"{how_many} of site {worst.site!r} that came with a subject token {since} count as anonymous (bad_token): it "
        "is expired, of another site or signed with another key; docs/contracts.md says what is in one, "
        "`civicrec doctor --site` tries one"
    )


_SENTENCE_OF = {"foreign_origin": _foreign_origin, "unknown_site": _unknown_site, "bad_token": _bad_token}
