"""What the stream knows of the registry: the type of every item, and who switched personalisation off since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from civicrec.errors import Unavailable
from civicrec.registry.catalogue import catalogue_version, items_since
from civicrec.registry.choices import choices_version, off_since


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """What events are enriched with.

    Attributes
    ----------
    item_types
        item id → item type, withdrawn and expired items included: what was shown once is known for good.
    off_since
        actor → epoch ms since when personalisation is switched off: later events of theirs are counted, not learned.
    """

    item_types: Mapping[str, str]
    off_since: Mapping[str, int] = field(default_factory=dict)


class RegistrySnapshot:
    """`RegistryFacts`, read anew when a version moves."""

    def __init__(self, registry: Engine) -> None:
        self._registry = registry
        self._version, self._choices_version = 0, 0
        self._types: dict[str, str] = {}
        self._off_since: Mapping[str, int] = {}

    def facts(self) -> RegistryFacts:
        """Return what holds now; two small queries unless something changed.

        Raises
        ------
        Unavailable
            If the registry cannot be read.
        """
        try:
            if catalogue_version(self._registry) != self._version:
                version, changed = items_since(self._registry, self._version)
                self._types |= {item.item_id: item.item_type for item in changed}
                self._version = version
            if (choices := choices_version(self._registry)) != self._choices_version:
                self._off_since = off_since(self._registry)
                self._choices_version = choices
        except SQLAlchemyError as error:
            raise Unavailable(f"the registry cannot be read: {error}") from error
        return RegistryFacts(self._types, self._off_since)
