"""Who looks at a page, as far as they allowed us to know: first-party cookies and nothing else.

In: the cookies of a request. Out: a `Visitor`. Without consent there is no id, and every list is the general one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from civicrec.events import Consent, anonymous_actor
from civicrec.web.origins import parts_of
from recommender.request import Mode

ConsentChoice = Literal["", "none", "measure", "personalise"]

CONSENT_COOKIE = "civicrec_consent"
ID_COOKIE = "civicrec_aid"
MODE_COOKIE = "civicrec_mode"
ELDER_COOKIE = "civicrec_elder"
#: The subject token that the portal's own sign-in signs; no script reads it.
ACCOUNT_COOKIE = "civicrec_subject"
HOME = "/portal/"
MAX_AGE_S = 180 * 86_400
"""A choice is asked for again after half a year, and not before (no nagging: PIPL 14, NDR 22)."""

_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the subject token of a signed-in visitor stands for."""

    actor: str
    site: str
    token: str
    is_minor: bool = False


@dataclass(frozen=True, slots=True)
class Visitor:
    """What one request may use.

    Attributes
    ----------
    choice
        What the visitor chose, empty before any choice.
    anonymous_id
        Pseudonym of this browser, empty unless the visitor agreed to statistics or more.
    switched_off
        Personalisation was agreed to and then switched off.
    elder
        The large-type pages.
    account
        Who is signed in; consent is the browser's all the same.
    """

    choice: ConsentChoice = ""
    anonymous_id: str = ""
    switched_off: bool = False
    elder: bool = False
    account: Account | None = None

    @property
    def actor(self) -> str:
        """Whose history and decisions count: the account's, else the browser's; empty for nobody."""
        return self.account.actor if self.account else anonymous_actor(self.anonymous_id)

    @property
    def mode(self) -> Mode:
        """Personalised only with consent, an id, and the switch on, and for nobody who is a minor."""
        agreed = self.choice == "personalise" and self.anonymous_id
        is_minor = self.account is not None and self.account.is_minor
        return "personalised" if agreed and not (self.switched_off or is_minor) else "general"

    @property
    def tracked_as(self) -> Consent:
        """Consent the tracker states: who switched personalisation off is only counted."""
        if not self.anonymous_id or self.choice in ("", "none"):
            return "none"
        return "personalise" if self.mode == "personalised" else "measure"


def visitor_of(cookies: Mapping[str, str]) -> Visitor:
    """Read the cookies; anything we would not have written counts as absent."""
    choice = cookies.get(CONSENT_COOKIE, "")
    if choice not in get_args(ConsentChoice):
        choice = ""
    anonymous_id = cookies.get(ID_COOKIE, "") if choice in ("measure", "personalise") else ""
    return Visitor(
        choice=cast(ConsentChoice, choice),
        anonymous_id=anonymous_id if _ID.fullmatch(anonymous_id) else "",
        switched_off=cookies.get(MODE_COOKIE) == "general",
        elder=cookies.get(ELDER_COOKIE) == "1",
    )


def new_anonymous_id() -> str:
    """Return a fresh random pseudonym of 128 bits that says nothing about anybody."""
    return secrets.token_urlsafe(16)


def safe_next(path: str) -> str:
    """Return the path to go back to if it is a page of this portal, else the home page."""
    parts = parts_of(path)
    inside = parts.path.startswith("/portal/") and not parts.scheme and not parts.netloc
    plain = path.isprintable() and "\\" not in path
    return path if inside and plain else HOME
