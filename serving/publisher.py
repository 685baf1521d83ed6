"""The way of servers into the catalogue: who may go it, one large import at a time.

In: the headers of a request, or its signature. Out: the name that goes into the audit, and the registry to write to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Engine

from civicrec.errors import ConfigError, InvalidInput, NotFound, Unavailable
from civicrec.publishing.cms_fields import CmsFields, fields_path, read_fields
from civicrec.security.api_keys import load_api_keys
from civicrec.security.signatures import checked_signature
from civicrec.settings import Settings
from civicrec.web.asgi import Scope
from civicrec.web.bodies import BodyReader
from serving.registry import Registry

ITEMS_PATH = "/v1/items"
CMS_PATH = "/v1/cms/{site}"
#: 10 000 items of a portal are some 8 MB, those with long texts three times that.
MAX_ITEMS_BYTES = 32 << 20
#: At 5 Mbit/s, which is a slow way between two offices.
ITEMS_TIMEOUT_S = 60.0
_WHO_CHARACTERS = 64  # of the audit's column
T = TypeVar("T")


class Publisher:
    """Lets servers change the catalogue.

    Parameters
    ----------
    counted
        Called with what became of items, and of how many.
    """

    def __init__(self, settings: Settings, registry: Registry, counted: Callable[[str, int], None]) -> None:
        self.counted = counted
        self.keys = load_api_keys(settings)
        self._registry = registry
        self._home = settings.home
        self._importing = asyncio.Lock()
        self._bodies = BodyReader(ITEMS_TIMEOUT_S, MAX_ITEMS_BYTES, 2 * MAX_ITEMS_BYTES)

    def who(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the name of a caller whose key may change the catalogue.

        Raises
        ------
        Unauthorized
            If there is no key, or it is no site's.
        Forbidden
            If the site's key may not do that.
        """
        return name_of(self.keys.allowed(_key_of(headers), "catalogue"))

    def site(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the site whose key came with a request, whatever it may do.

        Raises
        ------
        Unauthorized
            If there is no key, or it is no site's.
        """
        return self.keys.known(_key_of(headers))

    def signed(self, site: str, timestamp: str, signature: str, body: bytes, now: datetime) -> str:
        """Return the signature of a push, if a server of this site signed it and its key may change the catalogue.

        Raises
        ------
        Unauthorized
            If nobody with the site's key signed it a short while ago.
        Forbidden
            If the site's key may not do that.
        """
        key = self.keys.keys.get(site, b"")
        good = checked_signature(key, timestamp, signature, body, now)
        self.keys.allowed(key, "catalogue")
        return good

    def fields_of(self, site: str) -> CmsFields:
        """Return what the CMS of a site calls its fields.

        Raises
        ------
        NotFound
            If there is no file of this site.
        ConfigError
            If it is damaged: its author is the operator, not the caller.
        """
        path = fields_path(self._home, site)
        if not path.exists():
            raise NotFound(f"no file tells the fields of the CMS of {site!r}; docs/add-to-your-portal.md shows one")
        try:
            return read_fields(path)
        except InvalidInput as error:
            raise ConfigError(str(error)) from error

    def bodies_of(self, scope: Scope) -> BodyReader | None:
        """Return what reads the body of a request that may bring a whole catalogue, ``None`` for any other."""
        is_import = scope["method"] == "POST" and scope["path"] == ITEMS_PATH
        site = self.keys.site_of(_key_of(scope["headers"])) if is_import else ""
        return self._bodies if site and "catalogue" in self.keys.scopes[site] else None

    async def write(self, act: Callable[[Engine], T]) -> T:
        """Do something with the registry in a thread."""
        return await self._registry.do(act)

    @asynccontextmanager
    async def importing(self) -> AsyncIterator[None]:
        """Be the one large import of this process for the length of the body.

        Raises
        ------
        Unavailable
            If there is one already: two would take the time of lists from each other and from visitors.
        """
        if self._importing.locked():
            raise Unavailable("another import is under way; nothing was taken, send again in a second")
        async with self._importing:
            yield


def name_of(site: str) -> str:
    """Return the name of a site's servers in the audit."""
    return f"site:{site}"[:_WHO_CHARACTERS]


def _key_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return next((value for name, value in headers if name == b"x-api-key"), b"")
