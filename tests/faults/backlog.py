"""Wait for a backlog as long as it shrinks: how long it takes is the machine's affair, that it goes on the test's."""

from __future__ import annotations

import time
from collections.abc import Callable

from civicrec.accounting.books import read_books
from civicrec.settings import Settings

#: How long a backlog may stay as it is before the stream is said to stand.
STILL_S = 120.0
#: Longest wait of all; a backlog that shrinks by an event a minute is no stream either.
AT_MOST_S = 900.0


def wait_streamed(settings: Settings) -> None:
    """Wait until the stream has stored everything that was accepted."""
    wait_worked_off(lambda: read_books(settings).pending, "for the stream")


def wait_forwarded(settings: Settings) -> None:
    """Wait until the collector has passed everything on to Kafka."""
    wait_worked_off(lambda: read_books(settings).unforwarded or 0, "to be passed on")


def wait_worked_off(left: Callable[[], int], what: str, still_s: float = STILL_S, at_most_s: float = AT_MOST_S) -> None:
    """Wait until nothing is left, as long as it becomes less.

    Raises
    ------
    TimeoutError
        If it became no less for `still_s` seconds, or something is left after `at_most_s`.
    """
    began = since = time.monotonic()
    least = left()
    while least:
        time.sleep(0.05)
        now, n_left = time.monotonic(), left()
        if n_left < least:
            least, since = n_left, now
        if now - since > still_s or now - began > at_most_s:
            raise TimeoutError(f"{n_left} events wait {what}: {least} at least in {now - began:.0f} s")
