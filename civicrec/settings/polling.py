"""How far the poller of feeds may reach, and how much it takes."""

from __future__ import annotations

from pydantic import Field

from civicrec.settings.fields import Group, NetworkList


class PollingSettings(Group):
    """Limits of the poller of feeds and sitemaps."""

    networks: NetworkList = ()
    """Private networks that feeds and pages may be read from, such as ``10.1.2.0/24``; others are refused."""
    timeout_s: float = Field(default=30, ge=1, le=600)
    """How long one answer may take as a whole, seconds."""
    max_mb: int = Field(default=16, ge=1, le=256)
    """How long a feed or sitemap may be, unpacked, MB; a page may have 2."""
