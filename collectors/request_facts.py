"""The facts of one request that its events share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from civicrec.erasure import NOBODY, ErasedNames
from civicrec.errors import Unauthorized
from civicrec.events import Device
from civicrec.security.tokens import Holder, Keys
from collectors.portal_faults import PortalFault
from collectors.robots.behaviour import Behaviour

#: Below this a difference is the way through the network, not a wrong clock; and whole minutes make a retry, sent a
#: little later, correct to the same time.
_SKEW_STEP = timedelta(minutes=1)

_NOBODY = Holder("")


@dataclass(slots=True)
class RequestFacts:
    """One request as the steps see it.

    Attributes
    ----------
    received_at
        When it arrived.
    keys
        Turns subject tokens into pseudonyms.
    sites
        Site ids taken; `None` while none is configured and all are.
    skew
        What to add to the client's clock.
    refuses
        The browser said Global Privacy Control or Do Not Track.
    page_host
        Host of the page that sent it.
    origin, origin_sites
        What a browser said of the page, and the sites that list it; `None` where any site's events may come from it,
        or no browser sent them.
    device, bot_reason
        What the user agent says.
    behaviour
        Remembers what actors did lately; `None` judges nobody.
    proven_site
        The site whose API key, or whose valid bearer token, came with the request; else empty.
    is_server
        A site's API key came with the request.
    subject_token
        The token of the envelope or the Authorization header.
    sites_of_minors
        Sites for people under 18.
    ledger_sites, agreed
        Sites that require the consent ledger, and what it says of the people who claim `personalise` there; who is not
        in it could not be looked up.
    erased
        People who asked to be erased.
    altered
        What was taken away from its events, counted.
    faults
        What tells of a portal set up wrong, counted.
    """

    received_at: datetime
    keys: Keys
    sites: Container[str] | None = None
    skew: timedelta = timedelta(0)
    refuses: bool = False
    page_host: str = ""
    origin: str = ""
    origin_sites: Container[str] | None = None
    device: Device = ""
    bot_reason: str = ""
    behaviour: Behaviour | None = None
    proven_site: str = ""
    is_server: bool = False
    subject_token: Any = None
    sites_of_minors: Container[str] = ()
    ledger_sites: Container[str] = frozenset()
    agreed: Mapping[str, bool] = field(default_factory=dict)
    erased: ErasedNames = NOBODY
    altered: Counter[str] = field(default_factory=Counter)
    faults: Counter[PortalFault] = field(default_factory=Counter)
    _subjects: dict[tuple[str, str], Holder] = field(default_factory=dict)

    @property
    def has_tokens(self) -> bool:
        """Whether a token came with it or with one of its events."""
        return bool(self._subjects)

    def subject_of(self, token: Any, site: str) -> str:
        """Return the pseudonym a token proves for a site, empty if it proves none."""
        return self.holder_of(token, site).subject_id

    def holder_of(self, token: Any, site: str) -> Holder:
        """Return whom a token stands for at a site, nobody if it proves nothing; each token is read once."""
        if not isinstance(token, str):
            return _NOBODY
        known = self._subjects.get((token, site))
        if known is None:
            try:
                known = self.keys.holder_of(token, site, self.received_at)
            except Unauthorized:
                known = _NOBODY
            self._subjects[token, site] = known
        return known


def clock_skew(sent_at: datetime | None, received_at: datetime) -> timedelta:
    """Return what to add to the client's times: arrival minus `sent_at` in whole minutes, nothing if unknown."""
    if sent_at is None:
        return timedelta(0)
    return round((received_at - sent_at) / _SKEW_STEP) * _SKEW_STEP
