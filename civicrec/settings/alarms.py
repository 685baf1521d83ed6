"""When something is called a problem."""

from __future__ import annotations

from pydantic import Field

from civicrec.settings.fields import Group


class AlarmSettings(Group):
    """When ``civicrec status`` and ``/readyz`` call something a problem."""

    waiting_s: float = Field(default=60, ge=1, le=86_400)
    """Seconds that accepted events may wait for the stream."""
    misdirected_share: float = Field(default=0.05, ge=0.001, le=1)
    """Share of a site's events in three hours that may be ``foreign_origin``, ``unknown_site`` or ``bad_token``."""
    models_days: int = Field(default=2, ge=1, le=365)
    """Days since the day that the models in force were learned up to."""
