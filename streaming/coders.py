"""How Beam may carry blocks between workers, and what it may guess of their size. Imported for its effect.

Beam samples elements to tell their size, and does so by pickling them; of some hundred large elements a batch, that
was half of the stream's CPU time. A coder that estimates ends it.
"""

from __future__ import annotations

import pickle
from typing import Any

from apache_beam.coders import Coder
from apache_beam.coders.typecoders import registry

from streaming.blocks import Block, Facts, Parsed

#: Of an event on its way; only shown in Beam's own metrics.
_EVENT_BYTES = 400


class BlockCoder(Coder):
    """Pickle, as Beam does without a coder, but for the size."""

    def encode(self, value: Any) -> bytes:
        """Return a block as bytes."""
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def decode(self, encoded: bytes) -> Any:
        """Return the block."""
        return pickle.loads(encoded)

    def estimate_size(self, value: Any) -> int:
        """Guess how many bytes `encode` would return."""
        if isinstance(value, Block):
            return sum(len(logged.record.value) for logged in value.records)
        events = value.events if isinstance(value, Parsed) else value.columns.get("event_id", ())
        return _EVENT_BYTES * len(events)

    def is_deterministic(self) -> bool:
        """Blocks are never keys."""
        return False


for _kind in (Block, Parsed, Facts):
    registry.register_coder(_kind, BlockCoder)
