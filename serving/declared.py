"""What people and firms say of themselves, or a portal imports of them: kept sealed, told, taken back.

In: an actor and values. Out: all values as the person is told them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from civicrec.registry.attributes import Kept, change, forget, kept_of
from civicrec.registry.audit import Act
from profiles.rights.attributes import Imported, decision, seal_of, sensitive_of, told
from profiles.rules.attributes import attributes_from
from serving.live import Live
from serving.registry import Registry


class Declared:
    """Takes and tells attributes.

    Every method raises `Unavailable` if the registry is away; nothing was changed then.
    """

    def __init__(self, live: Live, registry: Registry) -> None:
        self._live = live
        self._registry = registry
        self._seal = seal_of(live.keys)

    async def of(self, actor: str) -> list[dict[str, Any]]:
        """Return all values of a person, the oldest first, those of the past included."""
        return self._told(await self._registry.do(lambda engine: kept_of(engine, actor)), actor)

    async def say(
        self, actor: str, said: Mapping[str, Any], *, consents: bool = False, valid_until: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Keep what a person says of themselves; null takes a value back. Return all values as they are then.

        Raises
        ------
        InvalidInput
            As of `profiles.rights.attributes.decision`; nothing changed then.
        """
        now = self._live.clock()
        names = sensitive_of(said) if consents else []
        person = self._live.keys.audit_name(actor)
        acts = [Act(now, "subject", "sensitive_consent_given", person, {"attributes": names})] if names else []
        decide = decision(said, actor, self._seal, now, consents=consents, valid_until=valid_until)
        return self._told(await self._registry.do(lambda engine: change(engine, actor, decide, now, acts)), actor)

    async def take(
        self, actor: str, values: Mapping[str, Any], imported: Imported, *, by: str, valid_until: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Keep what a portal's server imports of a person, as `say` does; what the person declared stays."""
        now = self._live.clock()
        acts = [imported.act(now, by, self._live.keys.audit_name(actor), values)]
        decide = decision(values, actor, self._seal, now, imported=imported, valid_until=valid_until)
        return self._told(await self._registry.do(lambda engine: change(engine, actor, decide, now, acts)), actor)

    async def forget(self, actor: str, attribute: str = "") -> int:
        """Delete all values of a person, or those of one attribute, history included; return how many there were.

        Raises
        ------
        InvalidInput
            If the attribute is none.
        """
        attributes_from({attribute: None} if attribute else {})
        return await self._registry.do(lambda engine: forget(engine, actor, attribute))

    def _told(self, rows: list[Kept], actor: str) -> list[dict[str, Any]]:
        return told(rows, actor, self._seal, self._live.clock())
