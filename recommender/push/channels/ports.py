"""What any channel must do: take messages, each under its key, and say what became of each.

A message that comes again under its key is taken and reaches nobody a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from recommender.push.message import Message

Became = Literal["sent", "delivered", "refused", "later"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message.

    Attributes
    ----------
    became
        `sent`: the channel passes it on; `delivered`: it is where the person finds it; `refused`: the channel will
        never take it; `later`: not now.
    reason
        Why it was refused or put off, a word such as ``http_503``.
    after_s
        How long to wait at least, seconds; 0 where the channel did not say.
    """

    became: Became
    reason: str = ""
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Addressed:
    """A message on its way.

    Attributes
    ----------
    key
        Of `Message.key`.
    subject
        The person, by pseudonym; no channel tells it to anybody.
    words
        Makes the message, for a channel that passes its words on.
    """

    key: str
    subject: str
    words: Callable[[], Message]


class PushChannel(Protocol):
    """A channel; for one thread at a time."""

    @property
    def name(self) -> str:
        """As campaigns name it."""
        ...

    @property
    def at_once(self) -> int:
        """How many messages it takes best in one call."""
        ...

    @property
    def passes_words_on(self) -> bool:
        """Whether it needs the words of a message now; the inbox makes them when it is read."""
        ...

    def deliver(self, messages: Sequence[Addressed], now: datetime) -> list[Taken]:
        """Deliver messages, and say of each in order what became of it.

        Raises
        ------
        civicrec.errors.Unavailable
            If nothing can be said: whether they were taken is not known, and they are sent again under their keys.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
