"""Portals under whose load Kafka and the collector fail: what they sent, what they were answered, how long it took."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from civicrec.clock import rfc3339, utc_now
from civicrec.eventlog.books import Books, read_books
from civicrec.settings import Settings
from tests.builders import uuid7

BATCH = 25
PORTALS = 3
VISITORS = 40


class Portal(threading.Thread):
    """Sends its visitors' batches one after the other, and each again until it is answered with 200.

    Attributes
    ----------
    sent
        Visitor → ids of the events acknowledged, in order.
    answers
        (moment, seconds, status) of each answer; status 0 if there was none.
    """

    def __init__(self, number: int, url: str, pause_s: float) -> None:
        super().__init__(name=f"portal-{number}")
        self.sent: dict[str, list[str]] = defaultdict(list)
        self.answers: list[tuple[float, float, int]] = []
        self.stopped = threading.Event()
        self._number, self._url, self._pause_s = number, url, pause_s
        self._rng = random.Random(number)
        self._n = 0

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10) as client:
            while not self.stopped.is_set():
                visitor = f"visitor-{self._number}-{self._rng.randrange(VISITORS)}"
                events = [self._event(visitor) for _ in range(BATCH)]
                body = {"sent_at": rfc3339(utc_now()), "events": events}
                while not self._is_taken(client, body):
                    time.sleep(0.05)
                self.sent[visitor] += [event["event_id"] for event in events]
                time.sleep(self._pause_s)

    def _is_taken(self, client: httpx.Client, body: dict[str, Any]) -> bool:
        began = time.monotonic()
        try:
            status = client.post("/v1/events", json=body).status_code
        except httpx.HTTPError:
            status = 0
        self.answers.append((began, time.monotonic() - began, status))
        return status == 200

    def _event(self, visitor: str) -> dict[str, Any]:
        now = utc_now()
        self._n += 1
        return {
            "event_id": str(uuid7(now, self._n * PORTALS + self._number)), "kind": "page_view",
            "occurred_at": rfc3339(now), "site": "demo", "anonymous_id": visitor, "url_path": f"/page/{self._n}",
        }  # fmt: skip


class Auditor(threading.Thread):
    """Reads the books all the time and keeps those that are wrong."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="auditor")
        self.stopped = threading.Event()
        self.readings = 0
        self.wrong: list[Books] = []
        self._settings = settings

    def run(self) -> None:
        while not self.stopped.wait(0.05):
            books = read_books(self._settings)
            self.readings += 1
            assert books.forwarded is not None
            assert books.unforwarded is not None
            if not books.balanced or books.forwarded + books.unforwarded != books.accepted or books.unforwarded < 0:
                self.wrong.append(books)


@contextmanager
def load_on(url: str, settings: Settings, pause_s: float) -> Iterator[list[Portal]]:
    """Run portals and an auditor for the length of the body; the books must have been right all the time."""
    portals = [Portal(number, url, pause_s) for number in range(PORTALS)]
    auditor = Auditor(settings)
    for thread in (*portals, auditor):
        thread.start()
    try:
        yield portals
    finally:
        for thread in (*portals, auditor):
            thread.stopped.set()
        for thread in (*portals, auditor):
            thread.join(60)
    assert auditor.readings > 20
    assert auditor.wrong == []


def n_sent(portals: list[Portal]) -> int:
    return sum(len(ids) for portal in portals for ids in list(portal.sent.values()))
