"""Keys of servers: which site a key speaks for, and what it may do.

In: the headers of a request. Out: the site of its key.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from civicrec.errors import Forbidden, Unauthorized
from civicrec.settings import Settings
from civicrec.settings.sites import Scope


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The API keys of all sites: key, and what it may do, by site."""

    keys: Mapping[str, bytes]
    scopes: Mapping[str, frozenset[Scope]]

    def site_of(self, key: bytes) -> str:
        """Return the site whose key this is, empty if it is none's."""
        return next((site for site, known in self.keys.items() if hmac.compare_digest(key, known)), "")

    def known(self, key: bytes) -> str:
        """Return the site whose key this is.

        Raises
        ------
        Unauthorized
            If it is none's.
        """
        if site := self.site_of(key):
            return site
        raise Unauthorized("got no API key of a configured site; send it as X-API-Key, take it from CIVICREC_SITES")

    def allowed(self, key: bytes, scope: Scope) -> str:
        """Return the site whose key this is, and which may do this.

        Raises
        ------
        Unauthorized
            If it is none's.
        Forbidden
            If it is a site's, and the site's `scopes` do not name this one.
        """
        site = self.known(key)
        if scope not in self.scopes[site]:
            raise Forbidden(
                f"the API key of site {site!r} has no scope {scope!r}; name it in `scopes` of CIVICREC_SITES"
            )
        return site


def load_api_keys(settings: Settings) -> ApiKeys:
    """Take the keys from the settings; a site without one has no server that may call."""
    sites = {name: site for name, site in settings.sites.items() if site.api_key is not None}
    return ApiKeys(
        {name: site.api_key.get_secret_value().encode() for name, site in sites.items() if site.api_key},
        {name: frozenset(site.scopes) for name, site in sites.items()},
    )
