"""A channel that keeps messages in memory: the plain twin by which the others are tested."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recommender.push.channels.ports import Addressed, Taken
from recommender.push.message import Message


class MemoryChannel:
    """Keeps messages by key.

    Attributes
    ----------
    kept
        Key → message and person.
    """

    at_once = 500
    passes_words_on = True

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self.kept: dict[str, tuple[Message, str]] = {}

    def deliver(self, messages: Sequence[Addressed], now: datetime) -> list[Taken]:
        """Keep what is not kept yet."""
        for one in messages:
            self.kept.setdefault(one.key, (one.words(), one.subject))
        return [Taken("delivered")] * len(messages)

    def close(self) -> None:
        """Nothing is held."""
