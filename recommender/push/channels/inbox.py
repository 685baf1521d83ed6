"""站内信: messages go into the registry, where their owners find them; the words are made when they are read.

So an item that is withdrawn after it was sent is no longer recommended by a message, and a reason is true when it is
read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from civicrec.registry.inbox import put_messages
from recommender.push.channels.ports import Addressed, Taken


class InboxChannel:
    """Puts messages into inboxes."""

    name = "inbox"
    at_once = 500
    passes_words_on = False

    def __init__(self, registry: Engine) -> None:
        self._registry = registry

    def deliver(self, messages: Sequence[Addressed], now: datetime) -> list[Taken]:
        """Put messages into the inboxes of their people, all in one step."""
        put_messages(self._registry, [one.key for one in messages], now)
        return [Taken("delivered")] * len(messages)

    def close(self) -> None:
        """Nothing is held: the registry is its opener's."""
