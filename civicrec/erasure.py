"""Erasing a person (个人信息保护法 Art. 47): who is meant, and what each store that holds personal data must do.

In: a person, under the names that stores know. Out: how much of them a store holds, and a store that holds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from civicrec.events import anonymous_actor


@dataclass(frozen=True, slots=True)
class Person:
    """Who is erased.

    Attributes
    ----------
    subject_id
        Pseudonym of the signed-in user, as `civicrec.security.tokens.Keys.subject_id` makes it.
    anonymous_ids
        Browsers that were signed in as this person and as no other, as their events name them. A browser that several
        people sign in from is nobody's alone: what was done there without signing in stays.
    former
        Pseudonyms of the user under peppers of before: the log and dead letters hold events as they came.
    """

    site: str
    subject_id: str
    anonymous_ids: tuple[str, ...] = ()
    former: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All names of theirs that stand in events."""
        return (self.subject_id, *self.former, *self.anonymous_ids)

    @property
    def actors(self) -> tuple[str, ...]:
        """The names that their events count under."""
        return (self.subject_id, *self.former, *map(anonymous_actor, self.anonymous_ids))


@dataclass(frozen=True, slots=True)
class Step:
    """What was done in one store: how much it held of the person before, and after; ``None`` until that is known."""

    before: int
    after: int | None = None


class PersonalStore(Protocol):
    """A store that holds personal data."""

    @property
    def name(self) -> str:
        """What the receipt calls it; never changes, for a request that was begun goes on by it."""
        ...

    def count(self, person: Person) -> int:
        """Return how many pieces of it tell of the person: rows, records or keys."""
        ...

    def erase(self, person: Person) -> None:
        """Remove them for good, from the disk too; done again, or after it was cut off, it changes nothing else.

        Raises
        ------
        civicrec.errors.Unavailable
            If it cannot be done now: it is done again later.
        """
        ...


#: What was done so far: name of a store → its step.
Steps = Mapping[str, Step]

#: Names whose digest is remembered: the visitors of some minutes.
_KNOWN_NAMES = 20_000


class ErasedNames:
    """Names of people whose events are refused, as keyed digests.

    Parameters
    ----------
    root_of
        `civicrec.security.tokens.Keys.root`: by it a subject is known under every pepper.
    until
        Digest, as `digest_of` makes it of a name → events that occurred until then are refused; ``None`` refuses all.
    """

    def __init__(
        self,
        until: Mapping[str, datetime | None] = MappingProxyType({}),
        digest_of: Callable[[str], str] = lambda name: name,
        root_of: Callable[[str], str] = lambda subject_id: subject_id,
    ) -> None:
        self._has_any = bool(until)
        known = lru_cache(maxsize=_KNOWN_NAMES)
        self._until_of_browser = known(lambda name: _until(until, digest_of(name)))
        self._until_of_subject = known(lambda name: _until(until, digest_of(root_of(name))))

    def __bool__(self) -> bool:
        return self._has_any

    def have(self, subject_id: str, anonymous_id: str, occurred_at: datetime) -> bool:
        """Tell whether an event of these names is refused: by its subject, or by its browser if it has none."""
        if not self._has_any or not subject_id:
            return self.have_browser(anonymous_id, occurred_at)
        return occurred_at <= self._until_of_subject(subject_id)

    def have_browser(self, anonymous_id: str, occurred_at: datetime) -> bool:
        """Tell whether a browser is an erased person's: what somebody else does on it is not known by its id either."""
        return self._has_any and bool(anonymous_id) and occurred_at <= self._until_of_browser(anonymous_id)


#: Before and after anything that occurs.
_NEVER, _FOR_GOOD = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def _until(until: Mapping[str, datetime | None], digest: str) -> datetime:
    return (until[digest] or _FOR_GOOD) if digest in until else _NEVER


NOBODY = ErasedNames()
