"""What a person was sent and which pushes they want, as a copy of their data tells it.

In: the registry. Out: plain JSON.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from civicrec.clock import rfc3339
from civicrec.registry.deliveries import deliveries_of
from civicrec.registry.inbox import messages_of
from civicrec.registry.subscriptions import subscriptions_of

#: Of each; nobody is sent more in the time that they are kept.
_MOST = 10_000


def pushes_of(registry: Engine, subject: str) -> dict[str, list[dict[str, Any]]]:
    """Return a person's deliveries, with what became of each, the messages in their inbox, and their subscriptions."""
    return {
        "deliveries": [
            {"campaign_id": campaign_id, "channel": channel, "state": state, "at": rfc3339(at) if at else None}
            for campaign_id, channel, state, at in deliveries_of(registry, subject, _MOST)
        ],
        "messages": [
            {
                "id": one.key, "campaign_id": one.campaign_id, "at": rfc3339(one.at),
                "read_at": rfc3339(one.read_at) if one.read_at else None,
            }
            for one in messages_of(registry, subject, _MOST)
        ],
        "subscriptions": [
            {"channel": one.channel, "topic": one.topic, "on": one.is_on, "since": rfc3339(one.since)}
            for one in subscriptions_of(registry, subject)
        ],
    }  # fmt: skip
