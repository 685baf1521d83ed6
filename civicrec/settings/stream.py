"""The micro-batches of the stream."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from civicrec.settings.fields import Group


class StreamSettings(Group):
    """The Beam micro-batches."""

    runner: Literal["embedded", "flink"] = "embedded"
    """What runs the stream: a process of its own on the event log, or a Flink cluster on Kafka's topic."""
    max_batch_records: int = Field(default=4_000, ge=1, le=100_000)
    """Log records in one micro-batch; a record holds about ten events."""
    max_batch_events: int = Field(default=20_000, ge=1, le=1_000_000)
    """Events in one micro-batch (one record is always taken): larger is faster, smaller is fresher under load."""
    block_records: int = Field(default=100, ge=1, le=10_000)
    """Log records in one Beam element: larger is faster, smaller spreads the work."""
    poll_s: float = Field(default=0.2, gt=0, le=60)
    """Pause before looking at an idle log again, seconds."""
    erased_list: Path | None = None
    """A file on another disk, where the embedded stream keeps the list of erased people, as digests: whatever of them a
    restored backup brings back is erased again at its start."""
    online_patience_s: float = Field(default=10, ge=0, le=3_600)
    """How long a full or broken online store may hold the stream up before it is left out, to be rebuilt, seconds."""
