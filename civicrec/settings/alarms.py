"""When something is called a problem."""

from __future__ import annotations

from pydantic import Field

from civicrec.settings.fields import Group


class AlarmSettings(Group):
    """When ``civicrec status`` and ``/readyz`` call something a problem."""

    waiting_s: float = Field(default=60, ge=1, le=86_400)
    """Seconds that accepted events may wait for the stream."""
    models_days: int = Field(default=2, ge=1, le=365)
    """Days since the day that the models in force were learned up to."""
