"""What the stream knows of the registry: the type of every item, and who switched personalisation off since when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from civicrec.erasure import NOBODY, ErasedNames
from civicrec.errors import ConfigError, Unavailable
from civicrec.registry.catalogue import catalogue_version, items_since
from civicrec.registry.choices import choices_version, off_since
from civicrec.registry.erasures import erasures_version, refused_until
from civicrec.security.tokens import Keys


def as_it_is(subject_id: str, pepper: int) -> str:
    """Return a name as it stands, where there has been one pepper only.

    Raises
    ------
    ConfigError
        If another one made it: without it nobody knows who that is.
    """
    if pepper:
        raise ConfigError(f"an event names somebody under pepper {pepper}, and no pepper is known here")
    return subject_id


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """What events are enriched with.

    Attributes
    ----------
    item_types
        item id → item type, withdrawn and expired items included: what was shown once is known for good.
    off_since
        actor → epoch ms since when personalisation is switched off: later events of theirs are counted, not learned.
    erased
        People whose events are refused.
    renamed
        `civicrec.security.tokens.Keys.renamed`: the name in force of somebody by a name and its pepper.
    """

    item_types: Mapping[str, str]
    off_since: Mapping[str, int] = field(default_factory=dict)
    erased: ErasedNames = NOBODY
    renamed: Callable[[str, int], str] = as_it_is


class RegistrySnapshot:
    """`RegistryFacts`, read anew when a version moves.

    Parameters
    ----------
    keys
        Without them nobody is refused here.
    """

    def __init__(self, registry: Engine, keys: Keys | None = None) -> None:
        self._registry = registry
        self._keys = keys
        self._erased, self._erased_version = NOBODY, 0
        self._version, self._choices_version = 0, 0
        self._types: dict[str, str] = {}
        self._off_since: Mapping[str, int] = {}

    def facts(self) -> RegistryFacts:
        """Return what holds now; three small queries unless something changed.

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
            if self._keys and (erased := erasures_version(self._registry)) != self._erased_version:
                self._erased = ErasedNames(refused_until(self._registry), self._keys.erased_digest, self._keys.root)
                self._erased_version = erased
        except SQLAlchemyError as error:
            raise Unavailable(f"the registry cannot be read: {error}") from error
        renamed = self._keys.renamed if self._keys else as_it_is
        return RegistryFacts(self._types, self._off_since, self._erased, renamed)
