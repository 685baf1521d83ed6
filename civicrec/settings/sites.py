"""The portals that send events and ask for lists."""

from __future__ import annotations

from typing import Literal

from civicrec.settings.fields import Group, Key

#: What an API key may do: send events, change the catalogue, bring what other offices know of a signed-in user.
Scope = Literal["events", "catalogue", "attributes"]


class Site(Group):
    """One portal that sends events and asks for lists."""

    key: Key
    """Signs this site's subject tokens (JWT HS256); at least 16 characters."""
    api_key: Key | None = None
    """Server-to-server key, at least 16 characters, sent as ``X-API-Key``; none: no server calls of this site."""
    scopes: tuple[Scope, ...] = ("events",)
    """What the API key may do: ``events``, ``catalogue`` to read and change every item over HTTP, ``attributes`` to
    import what other offices know of a signed-in user."""
    minors: bool = False
    """A portal for people under 18: lists are general and events are measured at most, whatever consent they say."""
    origins: tuple[str, ...] = ()
    """Browser origins whose pages may send this site's events, such as ``https://www.example.gov.cn``."""
    shared_devices: bool = False
    """Whether its pages stand on devices that many use, such as terminals of a service hall: then what was done before
    signing in is nobody's, and no list for a signed-in user looks at it."""
