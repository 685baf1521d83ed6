"""What a person decided, agreed to and said of themselves, in the registry, as stores that can be erased."""

from __future__ import annotations

from sqlalchemy import Engine

from civicrec.erasure import Person
from civicrec.errors import Unavailable
from civicrec.registry import attributes
from civicrec.registry.choices import count_decisions, erase_decisions
from civicrec.registry.consents import entries_of, erase_consents
from civicrec.registry.erasures import clear_traces
from civicrec.registry.inbox import count_pushes, erase_pushes


class Decisions:
    """The switch, and the tags chosen and deleted."""

    name = "decisions"

    def __init__(self, registry: Engine) -> None:
        self._registry = registry

    def count(self, person: Person) -> int:
        """Return how many decisions there are."""
        return count_decisions(self._registry, person.actors)

    def erase(self, person: Person) -> None:
        """Remove them."""
        erase_decisions(self._registry, person.actors)
        _leave_no_trace(self._registry)


class Consents:
    """Answers in the ledger of consent; what was agreed to is proved by the audit log, which names nobody."""

    name = "consents"

    def __init__(self, registry: Engine) -> None:
        self._registry = registry

    def count(self, person: Person) -> int:
        """Return how many answers there are."""
        return sum(len(entries_of(self._registry, actor)) for actor in person.actors)

    def erase(self, person: Person) -> None:
        """Remove them."""
        with self._registry.connect() as connection, connection.begin():
            for actor in person.actors:
                erase_consents(connection, actor)
        _leave_no_trace(self._registry)


class Attributes:
    """What the person said of themselves or an office told, with its history."""

    name = "attributes"

    def __init__(self, registry: Engine) -> None:
        self._registry = registry

    def count(self, person: Person) -> int:
        """Return how many values there are."""
        return attributes.count(self._registry, person.actors)

    def erase(self, person: Person) -> None:
        """Remove them."""
        for actor in person.actors:
            attributes.forget(self._registry, actor)
        _leave_no_trace(self._registry)


class Pushes:
    """What the person was sent, and which pushes they want."""

    name = "pushes"

    def __init__(self, registry: Engine) -> None:
        self._registry = registry

    def count(self, person: Person) -> int:
        """Return how many messages and decisions there are."""
        return count_pushes(self._registry, person.actors)

    def erase(self, person: Person) -> None:
        """Remove them."""
        erase_pushes(self._registry, person.actors)
        _leave_no_trace(self._registry)


def _leave_no_trace(registry: Engine) -> None:
    if not clear_traces(registry):
        raise Unavailable("somebody reads the registry, what was removed still stands in its log; it goes on")
