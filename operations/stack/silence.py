"""Hung is not dead: a process that gives no sign of life is said to be silent, then killed to be started again.

In: beats that children send (`civicrec.process.heartbeat`), answers of those that send none, what the kernel says of a
process that was stopped. Out: children killed, counted and told of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from civicrec.clock import monotonic_s, to_ms, utc_now
from civicrec.logs import get_logger
from civicrec.process.heartbeat import BEAT_S, Listener, Pulse
from operations.stack.children import Child

log = get_logger("supervisor")

#: So long without a sign of life is told of; a busy machine makes a loop wait a second or two.
REPORTED_AFTER_S = 3.0


@dataclass(slots=True)
class Silence:
    """What is known of one child.

    Attributes
    ----------
    killed
        Times it was killed because it had been silent.
    replaced
        Workers that it killed for the same reason.
    since_ms
        Epoch milliseconds of its last sign of life, while it is silent; 0 while it is not.
    """

    killed: int = 0
    replaced: int = 0
    since_ms: int = 0


class Watch:
    """Looks at the children of one supervisor about once a second.

    Parameters
    ----------
    patience_s
        How long a child may be silent beyond what it said.
    """

    def __init__(self, children: Sequence[Child], patience_s: float, listener: Listener | None = None) -> None:
        self.listener = listener or Listener()
        self.silences = {child.spec.name: Silence() for child in children}
        self._children = children
        self._patience_s = patience_s
        self._next_s = 0.0
        self._reported = self._facts()

    def look(self) -> bool:
        """Kill what has been silent too long; tell whether what is to be said of any child has changed."""
        self.listener.receive()
        now = monotonic_s()
        if now < self._next_s:
            return False
        self._next_s = now + BEAT_S
        for child in self._children:
            if not child.spec.keeps_own_log and child.pid is not None and child.spec.ready():
                child.was_ready = True
                self.listener.answered(child.pid)
        self.listener.receive({child.pid for child in self._children if child.pid is not None})
        for child in self._children:
            self._look_at(child)
        facts, self._reported = self._reported, self._facts()  # not those of a moment ago: to hear changes them, too
        return facts != self._reported

    def pulse(self, child: Child) -> Pulse | None:
        """Return what a child last reported; nothing before its first beat."""
        return self.listener.pulses.get(child.pid) if child.pid is not None else None

    def _look_at(self, child: Child) -> None:
        silence, pulse = self.silences[child.spec.name], self.pulse(child)
        if child.pid is None:
            silence.since_ms = 0
            return
        if pulse:
            silence.replaced += pulse.new_replaced()
        late_s = self.listener.late_s(child.pid)
        if late_s < REPORTED_AFTER_S:
            silence.since_ms = 0
            return
        if not silence.since_ms:
            silence.since_ms = to_ms(utc_now()) - int(late_s * 1000)
            log.warning("child_silent", child=child.spec.name, pid=child.pid, killed_after_s=self._patience_s)
        if late_s > self._patience_s:
            silence.killed += 1
            log.error("child_killed", child=child.spec.name, pid=child.pid, silent_s=round(late_s, 1))
            child.kill()

    def _facts(self) -> list[tuple[int, int, int, str]]:
        words = [pulse.status if (pulse := self.pulse(child)) else "" for child in self._children]
        silences = self.silences.values()
        return [(one.killed, one.replaced, one.since_ms, text) for one, text in zip(silences, words, strict=True)]
