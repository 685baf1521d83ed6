"""How old an event is when every store has it. In: a way to send, a way to tell what is done. Out: ages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from civicrec.clock import monotonic_s
from civicrec.errors import Unavailable
from civicrec.metrics import quantile

EventKey = TypeVar("EventKey")
_PATIENCE_S = 120.0


def ages_s(
    n: int,
    per_s: float,
    send: Callable[[int], Iterable[tuple[float, EventKey]]],
    look: Callable[[], Callable[[EventKey], bool]],
    pause_s: float = 0.005,
) -> list[float]:
    """Send `n` records at a steady rate; return, for each, the seconds until every store had it.

    Parameters
    ----------
    send
        Sends so many records now; gives for each when its age begins, and a key to know it by.
    look
        Reads what is done by now; gives what tells of a key whether its record is.
    pause_s
        Between two looks.

    Raises
    ------
    Unavailable
        If some are not done two minutes after the last ought to have been sent.
    """
    under_way: list[tuple[float, EventKey]] = []
    ages: list[float] = []
    n_sent, began = 0, monotonic_s()
    while len(ages) < n:
        n_due = min(int((monotonic_s() - began) * per_s), n) - n_sent
        if n_due > 0:
            under_way += send(n_due)
            n_sent += n_due
        is_done = look()
        now = monotonic_s()
        done = [is_done(key) for _, key in under_way]
        ages += [now - at for (at, _), yes in zip(under_way, done, strict=True) if yes]
        under_way = [one for one, yes in zip(under_way, done, strict=True) if not yes]
        if now - began > n / per_s + _PATIENCE_S:
            raise Unavailable(
                f"{len(under_way)} of {n} records are not in every store {_PATIENCE_S:.0f} s after the last"
            )
        time.sleep(pause_s)
    return ages


def in_ms(events_per_s: float, ages: Sequence[float]) -> dict[str, float]:
    """Return the figures of these ages: the rate of events they were measured at, p50 and p95 in milliseconds."""
    return {"rate": events_per_s, **{f"p{q}": round(1000 * quantile(ages, q / 100)) for q in (50, 95)}}
