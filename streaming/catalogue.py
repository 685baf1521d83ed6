"""What the stream knows of the catalogue: the type of every item, refreshed when the catalogue version moves."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from civicrec.errors import Unavailable
from civicrec.registry.catalogue import catalogue_version, items_since


class CatalogueSnapshot:
    """item id → item type, withdrawn and expired items included: what was shown once is known for good."""

    def __init__(self, registry: Engine) -> None:
        self._registry = registry
        self._version = 0
        self._types: dict[str, str] = {}

    def item_types(self) -> Mapping[str, str]:
        """Return the types as of now; one small query unless something changed.

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
        except SQLAlchemyError as error:
            raise Unavailable(f"the registry cannot be read: {error}") from error
        return self._types
