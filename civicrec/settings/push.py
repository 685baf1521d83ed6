"""Push campaigns: what all of them have in common."""

from __future__ import annotations

from pydantic import Field

from civicrec.settings.fields import Group


class PushSettings(Group):
    """What all push campaigns have in common."""

    holdout_share: float = Field(default=0.05, ge=0, le=0.5)
    """Share of the people who get no push at all, so that reports tell what pushes are worth; 0 holds out nobody."""
