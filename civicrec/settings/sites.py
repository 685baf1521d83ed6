"""The portals that send events and ask for lists."""

from __future__ import annotations

from civicrec.settings.fields import Group, Key


class Site(Group):
    """One portal that sends events and asks for lists."""

    key: Key
    """Signs this site's subject tokens (JWT HS256); at least 16 characters."""
    api_key: Key | None = None
    """Server-to-server key, at least 16 characters, sent as ``X-API-Key``; none: no server calls of this site."""
    origins: tuple[str, ...] = ()
    """Browser origins whose pages may send this site's events, such as ``https://www.example.gov.cn``."""
