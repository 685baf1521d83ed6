"""What everybody is answered alike, kept for a moment: general lists and what belongs to an item.

In: a question, what its answer is made from, the time. Out: the answer made before, as long as it would be the same but
for what a moment adds to the crowd's behaviour.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from civicrec.clock import to_ms

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class Kept(Generic[K, V]):
    """Answers of one state of things, by question.

    All of them end at once when one of the objects they were made from is another: a catalogue, rules of editors, a
    model, what is in its time. Each ends by itself when it is `max_age_ms` old. While there are `max_n`, further
    questions are not kept: chance questions cost what they cost before, and no memory.

    Methods
    -------
    get(question, made_from, now) -> V or None
        The answer, if it still holds.
    put(question, made_from, now, answer)
        Keep an answer made from these objects at this time.
    """

    max_age_ms: int
    max_n: int = 512
    _made_from: tuple[object, ...] = ()
    _answers: dict[K, tuple[int, V]] = field(default_factory=dict)

    def get(self, question: K, made_from: tuple[object, ...], now: datetime) -> V | None:
        """Return the answer to a question, ``None`` if it must be made."""
        if not _are_same(self._made_from, made_from):
            return None
        at_ms, answer = self._answers.get(question, (0, None))
        return answer if 0 <= to_ms(now) - at_ms < self.max_age_ms else None

    def put(self, question: K, made_from: tuple[object, ...], now: datetime, answer: V) -> None:
        """Keep an answer, if there is room; what was made from something else goes."""
        if not _are_same(self._made_from, made_from):
            self._made_from, self._answers = made_from, {}
        answers, now_ms = self._answers, to_ms(now)
        answers.pop(question, None)
        while answers:  # the oldest stand first
            oldest = next(iter(answers))
            if 0 <= now_ms - answers[oldest][0] < self.max_age_ms:
                break
            del answers[oldest]
        if len(answers) < self.max_n:
            answers[question] = now_ms, answer


def _are_same(before: tuple[object, ...], now: tuple[object, ...]) -> bool:
    return len(before) == len(now) and all(one is other for one, other in zip(before, now, strict=True))
