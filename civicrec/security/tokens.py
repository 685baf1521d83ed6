"""Identity of callers: who may speak for a portal user, and the pseudonym we keep instead of their id.

In: a subject token (JWT HS256 signed by the portal backend with its site key). Out: `subject_id`, 32 hex digits.
The portal's own user id is used once, inside this file, and forgotten.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import jwt

from civicrec.errors import ConfigError, Unauthorized
from civicrec.events import is_subject
from civicrec.home import SECRET_KEY
from civicrec.security.peppers import read_peppers
from civicrec.security.pseudonyms import root_under, under
from civicrec.security.secrets import ensure_secret
from civicrec.settings import Settings

MAX_TOKEN_LIFE = timedelta(hours=24)
#: A portal whose clock is a little ahead of ours signs tokens whose ``nbf`` has not come here.
MAX_SKEW = timedelta(seconds=60)

#: A token holds who, where and until when. JSON of a megabyte costs a tenth of a second to be told that it is none.
_MAX_TOKEN = 8_192
#: Each is a signature to be checked where nothing else says for which site a token is.
_MAX_SITES = 8
#: Times are judged against the `now` that is passed in, not against the library's own clock; sites by `_sites`.
_OPTIONS: Any = {
    "require": ["sub", "aud", "exp"],
    "verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False,
}  # fmt: skip
#: Before a token that our own processes made; that of a portal begins as JSON in base64 does.
_OWN = "civicrec."
#: What hostile text raises: the library's own errors, those it lets through, and half a surrogate pair in a name.
_NO_TOKEN = (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError)


class Holder(NamedTuple):
    """Whom a subject token stands for: a pseudonym, and whether the portal says that it is a minor's."""

    subject_id: str
    is_minor: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one installation: a pepper for pseudonyms and a signing key per site.

    Attributes
    ----------
    later
        Peppers that followed the first one, the newest last (`civicrec.security.peppers`).
    """

    pepper: bytes
    site_keys: Mapping[str, str]
    later: tuple[bytes, ...] = ()

    @property
    def generation(self) -> int:
        """Number of the pepper in force, 0 for the first."""
        return len(self.later)

    def site_key(self, site: str) -> str:
        """Return the site's signing key; while no site is configured, one derived from the pepper."""
        if self.site_keys:
            if site not in self.site_keys:
                raise Unauthorized(f"unknown site {site!r}; expected one that is configured")
            return self.site_keys[site]
        return hmac.new(self.pepper, f"site-key:{site}".encode(), hashlib.sha256).hexdigest()

    def subject_id(self, site: str, user_id: str) -> str:
        """Return the pseudonym of a portal user: HMAC-SHA256 with the site's pepper, cut to 128 bits.

        Under a later pepper it is one block of AES over that (`civicrec.security.pseudonyms`).
        """
        site_pepper = hmac.new(self.pepper, f"site-pepper:{site}".encode(), hashlib.sha256).digest()
        return self._made(hmac.new(site_pepper, user_id.encode(), hashlib.sha256).hexdigest()[:32], self.generation)

    def named_subject(self, site: str, user_id: str) -> str:
        """Return the pseudonym of a user whom somebody names; raises as `site_key`: of an unknown site nobody is."""
        self.site_key(site)
        return self.subject_id(site, user_id)

    def root(self, subject_id: str, generation: int | None = None) -> str:
        """Return what all pseudonyms of a person come from, by one of them: it stays when the pepper is changed.

        Parameters
        ----------
        generation
            Of the pepper that made it; the one in force when not given.

        Raises
        ------
        ConfigError
            If there is no such pepper here.
        """
        made_with = self.generation if generation is None else generation
        if not 0 <= made_with <= self.generation:
            raise ConfigError(
                f"a name was made with pepper {made_with}, and this home has peppers up to {self.generation}: put its "
                "peppers.json back from a copy (docs/operations.md, Secrets)"
            )
        return root_under(subject_id, self.later[made_with - 1]) if made_with else subject_id

    def renamed(self, subject_id: str, generation: int) -> str:
        """Return the pseudonym in force of a person by one that another pepper made; raises as `root`."""
        return (
            subject_id
            if generation == self.generation
            else self._made(self.root(subject_id, generation), self.generation)
        )

    def former_names(self, subject_id: str) -> tuple[str, ...]:
        """Return the pseudonyms that a person had under the peppers before, the root first."""
        root = self.root(subject_id)
        return tuple(self._made(root, generation) for generation in range(self.generation))

    def _made(self, root: str, generation: int) -> str:
        return under(root, self.later[generation - 1]) if generation else root

    def audit_name(self, actor: str) -> str:
        """Return the name under which a person stands in the audit log, which is never erased: a keyed digest.

        Who has the pepper can tell whether a row is about somebody; who has not can tell nobody's name from it. It is
        the same under every pepper.
        """
        name = self.root(actor) if is_subject(actor) else actor
        return "person:" + hmac.new(self.pepper, f"audit:{name}".encode(), hashlib.sha256).hexdigest()[:32]

    def erased_digest(self, name: str) -> str:
        """Return what the list of erased people holds of one of their names: a keyed digest, 32 hex digits.

        A subject is known in it by its `root`.
        """
        return hmac.digest(self.pepper, b"erased:" + name.encode(), "sha256").hex()[:32]

    def sign_receipt(self, site: str, claims: Mapping[str, Any]) -> str:
        """Sign what was done for a person of a site, as a JWT; it has neither `sub` nor `exp`, so it lets nobody in."""
        return jwt.encode({**claims, "aud": site}, self.site_key(site), algorithm="HS256")

    def key_for(self, use: str) -> bytes:
        """Return a key of 32 bytes for one use, derived from the first pepper."""
        return hmac.new(self.pepper, f"key:{use}".encode(), hashlib.sha256).digest()

    def newest_key_for(self, use: str) -> bytes:
        """Return a key of 32 bytes for one use, derived from the pepper in force."""
        newest = self.later[-1] if self.later else self.pepper
        return hmac.new(newest, f"key:{use}".encode(), hashlib.sha256).digest()

    def sign(
        self, site: str, user_id: str, now: datetime, life: timedelta = timedelta(minutes=10), *, minor: bool = False
    ) -> str:
        """Make a subject token, as a portal backend would; `minor` for somebody under 18."""
        self.subject_id(site, user_id)  # what has no pseudonym would be refused when it comes back
        claims: dict[str, Any] = {"sub": user_id, "aud": site, "exp": int((now + life).timestamp())}
        if minor:
            claims["minor"] = True
        return jwt.encode(claims, self.site_key(site), algorithm="HS256")

    def sign_own(self, site: str, subject_id: str, now: datetime, life: timedelta = timedelta(minutes=10)) -> str:
        """Make a token for a pseudonym, by which our own processes tell the collector of what they did for somebody.

        Only who has the pepper makes one; portals have keys of their sites alone.
        """
        claims = {"sub": subject_id, "aud": site, "exp": int((now + life).timestamp())}
        return _OWN + jwt.encode(claims, self._own_key(), algorithm="HS256")

    def _own_key(self) -> bytes:
        return self.key_for("own-tokens")

    def subject_of(self, token: str, site: str, now: datetime) -> str:
        """Return the pseudonym of the token's user; raises as `holder_of`."""
        return self.holder_of(token, site, now).subject_id

    def holder_of(self, token: str, site: str, now: datetime) -> Holder:
        """Return whom the token stands for.

        Raises
        ------
        Unauthorized
            If the token is malformed, expired, not yet valid, lives too long, is signed with another key or for another
            site.
        """
        if len(token) > _MAX_TOKEN:
            raise Unauthorized(f"the subject token has {len(token)} characters; expected {_MAX_TOKEN} at most")
        try:
            is_own, site_key = token.startswith(_OWN), self.site_key(site)
            signed, key = (token[len(_OWN) :], self._own_key()) if is_own else (token, site_key)
            claims = jwt.decode(signed, key, algorithms=["HS256"], options=_OPTIONS)
            if site not in _sites(claims["aud"]):
                raise ValueError("it is for another one (aud)")
            subject_id = claims["sub"] if is_own else self.subject_id(site, claims["sub"])
            left_s = _seconds(claims["exp"]) - now.timestamp()
            early_s = _seconds(claims.get("nbf", 0)) - now.timestamp()
            if not isinstance(is_minor := claims.get("minor", False), bool):
                raise ValueError("expected true or false in `minor`")
        except _NO_TOKEN as error:
            raise Unauthorized(f"the subject token is not valid for site {site!r}: {error}") from None
        if not 0 < left_s <= MAX_TOKEN_LIFE.total_seconds():
            raise Unauthorized(f"the subject token expires in {left_s:.0f} s; expected 0 to 24 h from now")
        if early_s > MAX_SKEW.total_seconds():
            raise Unauthorized(f"the subject token is not valid for another {early_s:.0f} s (nbf)")
        if not claims["sub"].strip():
            raise Unauthorized("the subject token names no user; expected the portal's user id in `sub`")
        return Holder(subject_id, is_minor)


def _seconds(claim: object) -> float:
    """Return a NumericDate (RFC 7519); a number too large for the calendar is an error, not infinity."""
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not math.isfinite(claim):
        raise ValueError(f"expected a number of seconds, got {type(claim).__name__}")
    return float(claim)


def _sites(claim: object) -> tuple[str, ...]:
    """Return the sites of an ``aud`` claim: one, or a list of some (RFC 7519)."""
    sites = (claim,) if isinstance(claim, str) else tuple(claim) if isinstance(claim, list) else ()
    if not 0 < len(sites) <= _MAX_SITES or not all(isinstance(site, str) for site in sites):
        raise ValueError(f"expected a site id, or a list of 1 to {_MAX_SITES}, in `aud`")
    return sites


def claimed_sites(token: str) -> tuple[str, ...]:
    """Return the sites a token says it is for, unproven; empty if it says none."""
    if len(token) > _MAX_TOKEN:
        return ()
    try:
        signed = token.removeprefix(_OWN)
        return _sites(jwt.decode(signed, options={"verify_signature": False}).get("aud"))
    except _NO_TOKEN:
        return ()


def load_keys(settings: Settings, *, during_change: bool = False) -> Keys:
    """Take the pepper from the settings, else from ``<home>/secret.key``, made with mode 0600 at first use.

    Parameters
    ----------
    during_change
        Whether the caller may go on while the pepper is changed: it reads and writes no name that is kept.

    Raises
    ------
    ConfigError
        If a file of the home is not good, or the pepper is being changed.
    """
    peppers = read_peppers(settings.home)
    if peppers.change and not during_change:
        raise ConfigError(
            "the pepper is being changed, and names are half old, half new: run `civicrec site rotate-pepper` again"
        )
    pepper = settings.pepper.get_secret_value()
    if not pepper:
        pepper = ensure_secret(SECRET_KEY.of(settings.home))
    site_keys = {site: value.key.get_secret_value() for site, value in settings.sites.items()}
    return Keys(pepper.encode(), site_keys, peppers.keys)
