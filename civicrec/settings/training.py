"""What the nightly job learns from, and how."""

from __future__ import annotations

from pydantic import Field

from civicrec.settings.fields import Group


class TrainingSettings(Group):
    """The nightly job."""

    window_days: int = Field(default=90, ge=1, le=730)
    """Days of behaviour the models learn from."""
    factors: int = Field(default=64, ge=4, le=512)
    """Length of an ALS vector."""
    neighbours: int = Field(default=200, ge=5, le=1_000)
    """Neighbours kept for an item by the item-item model."""
    max_interactions: int = Field(default=5_000_000, ge=1_000)
    """Interactions of the window that the nightly job reads at once, 100 bytes each. Of more, pairs of items are
    counted in the warehouse, and ALS learns from so many of them: those of one part of the actors."""
