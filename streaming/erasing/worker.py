"""Requests to erase people, carried out: store after store, each noted before and after, so that any crash goes on.

In: open requests of the registry. Out: stores without the people, and signed receipts. Runs in the process of the
embedded stream, between two batches: nothing of the person is on its way into a store meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from civicrec.clock import Clock, monotonic_s, rfc3339, utc_now
from civicrec.erasure import Person, PersonalStore, Step
from civicrec.errors import CivicrecError, Unavailable
from civicrec.logs import get_logger
from civicrec.registry.erasures import (
    Erasure,
    clear_traces,
    erasure,
    erasures_version,
    finish_erasure,
    list_erasures,
    note_step,
    widen_erasure,
)
from civicrec.security.tokens import Keys
from civicrec.warehouse.personal import browsers_of
from civicrec.warehouse.ports import Warehouse

log = get_logger("stream")

#: Between two looks, seconds.
_EVERY_S = 2.0
#: Everybody who takes events has heard of a request by then.
HEARD = timedelta(seconds=5)


class Eraser:
    """Carries out requests, one worker for a home.

    Parameters
    ----------
    stores
        In the order in which they are erased; the last must be those by which the others find the person.
    waits
        Called before each store.
    others
        Names what runs now, if anything does, that may have read of the person before and may write it later: a night,
        a reprocessing.
    at_start
        Called once, before anything is carried out.
    keeps
        Called when there is news in the list of erased people.
    ready
        Raises `Unavailable` while something of a person may be on its way into a store.
    expires
        Tells what nothing can be taken out of, and by when all is gone of what stood there at a time; ``None``: never.
    """

    def __init__(
        self, registry: Engine, keys: Keys, warehouse: Warehouse, stores: Sequence[PersonalStore],
        waits: Callable[[], None] = lambda: None, others: Callable[[], str] = lambda: "", clock: Clock = utc_now,
        at_start: Callable[[], object] = lambda: None, keeps: Callable[[], object] = lambda: None,
        ready: Callable[[Erasure], object] = lambda _: None,
        expires: Callable[[datetime], Mapping[str, datetime | None]] = lambda _: {},
    ) -> None:  # fmt: skip
        self._registry, self._keys, self._warehouse = registry, keys, warehouse
        self._stores, self._waits, self._others, self._clock = stores, waits, others, clock
        self._at_start, self._keeps, self._ready, self._expires = at_start, keeps, ready, expires
        self._kept_version = -1
        self._next_s = 0.0
        self._has_traces = True  # what a worker before this one left

    def now_and_then(self) -> None:
        """Go on if it is time; what cannot be done now is said, and done later."""
        if monotonic_s() < self._next_s:
            return
        try:
            self.step()
        except CivicrecError as fault:
            log.info("erasure_waits", reason=str(fault))
        except Exception:  # the stream goes on, whatever it is
            log.exception("erasure_failed")
        self._next_s = monotonic_s() + _EVERY_S

    def step(self) -> int:
        """Carry out what is open; return how many requests are done now.

        Raises
        ------
        Unavailable
            If a store is not done yet; the others of the request wait for it.
        """
        self._at_start()
        self._at_start = lambda: None
        if (version := erasures_version(self._registry)) != self._kept_version:
            self._keeps()
            self._kept_version = version
        n_done = 0
        for one in list_erasures(self._registry, only_open=True):
            if self._clock() >= one.requested_at + HEARD:
                self._carry_out(one)
                self._has_traces = True
                n_done += 1
        if self._has_traces:
            self._has_traces = not clear_traces(self._registry)
        return n_done

    def _carry_out(self, one: Erasure) -> None:
        self._ready(one)
        person = self._known(one)
        for store in self._stores:
            self._waits()
            step = one.steps.get(store.name)
            if step is not None and step.after is not None:
                continue
            if step is None:
                step = Step(store.count(person))
                note_step(self._registry, one.number, store.name, step)
            store.erase(person)
            if left := store.count(person):
                raise Unavailable(f"{left} of {store.name} are left of erasure {one.number}; it is done again")
            note_step(self._registry, one.number, store.name, Step(step.before, 0))
        if running := self._others():
            raise Unavailable(f"erasure {one.number} waits for the end of {running}, which may know the person yet")
        self._look_again(one.number, person)
        now = self._clock()
        finish_erasure(self._registry, one.number, self._receipt(erasure(self._registry, one.number), now), now)
        log.info("person_erased", number=one.number, stores=len(self._stores))

    def _look_again(self, number: int, person: Person) -> None:
        """Erase once more what somebody wrote meanwhile who had read of the person before."""
        for store in self._stores:
            self._waits()
            if store.count(person):
                store.erase(person)
                if left := store.count(person):
                    raise Unavailable(f"{left} of {store.name} came back of erasure {number}; it is done again")

    def _known(self, one: Erasure) -> Person:
        """Return who it is, with the browsers that were found since the request."""
        person = one.trace
        assert person is not None  # it is open
        browsers = {*person.anonymous_ids, *browsers_of(self._warehouse, person.subject_id)}
        if browsers != set(person.anonymous_ids):
            person = replace(person, anonymous_ids=tuple(sorted(browsers)))
            digests = [self._keys.erased_digest(name) for name in person.ids]
            widen_erasure(self._registry, one.number, person, digests, self._clock())
        return person

    def _receipt(self, one: Erasure, now: datetime) -> str:
        stores = [
            {"store": store.name, "before": step.before, "after": step.after}
            for store in self._stores
            if (step := one.steps.get(store.name))
        ]
        claims: dict[str, Any] = {
            "iss": "civicrec", "erasure": one.number, "person": one.person, "requested_at": rfc3339(one.requested_at),
            "done_at": rfc3339(now), "stores": stores,
        }  # fmt: skip
        if ends := self._expires(now):
            claims["expires"] = [
                {"store": name, "by": rfc3339(by) if by else None} for name, by in sorted(ends.items())
            ]
        return self._keys.sign_receipt(one.site, claims)
