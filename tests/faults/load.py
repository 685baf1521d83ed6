"""What every fault test does: senders that never give up, and an auditor that reads the books all the time."""

import json
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import httpx

from civicrec.accounting.books import Books, read_books
from civicrec.clock import rfc3339, utc_now
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings
from tests.builders import uuid7
from tests.streaming.world import ITEM_TYPES

KINDS = ("impression", "impression", "impression", "click", "read", "favourite", "page_view", "service_start")
BATCH = 50
SENDERS = 3
#: Robots that say so are on channel `web`, the rest of the load comes from the portal's server: there nobody is judged
#: by what they do, so which events are flagged is known from what was sent.
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ROBOT_REASON = "user_agent:googlebot"
#: The first batch of a sender and every 20th after it are a robot's: a load of any length has some.
_ROBOT_EVERY = 20


def fill_catalogue(settings: Settings) -> None:
    """Put the items that senders interact with into the catalogue."""
    with registry_at(settings.registry_address) as registry:
        upsert_items(registry, [Item(item_id=name, item_type="policy", title=name) for name in ITEM_TYPES])


class Sender(threading.Thread):
    """A portal that sends batches and repeats each, byte for byte, until it is answered with 200.

    Parameters
    ----------
    again
        Share of batches sent once more after they were answered, as a client does that lost the answer.
    late_days
        Events happened so many days ago at most, in no order.

    Attributes
    ----------
    sent
        Visitor → ids of the events acknowledged, in order.
    batches
        The batches acknowledged, as they were sent.
    answers
        (moment, seconds, status) of each answer.
    repeats
        Tries that were not answered with 200.
    """

    def __init__(self, number: int, url: str, pause_s: float, again: float = 0.0, late_days: float = 0.0) -> None:
        super().__init__(name=f"sender-{number}", daemon=True)  # a test that fails must not wait for it
        self.sent: dict[str, list[str]] = defaultdict(list)
        self.batches: list[bytes] = []
        self.duplicates = 0
        self.repeats = 0
        self.answers: list[tuple[float, float, int]] = []
        self.without_retry_after = 0
        self.stopped = threading.Event()
        self.refused: list[Any] = []
        self._number, self._url, self._pause_s, self._again = number, url, pause_s, again
        self._late_s = late_days * 86_400
        self._rng = random.Random(number)

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10) as client:
            for number in count():
                if self.stopped.is_set():
                    break
                channel = "server" if number % _ROBOT_EVERY else "web"
                batch = [self._event(number * BATCH + k, channel) for k in range(BATCH)]
                # Without `sent_at`: a batch that waits half a minute for the collector keeps its times.
                body = json.dumps({"events": batch}).encode()
                self._send(client, body)
                self.batches.append(body)
                for event in batch:
                    self.sent[event["anonymous_id"]].append(event["event_id"])
                if self._rng.random() < self._again:
                    self.duplicates += self._send(client, self._rng.choice(self.batches[-100:]))["duplicates"]
                time.sleep(self._pause_s)

    @property
    def acknowledged(self) -> list[str]:
        return [event_id for ids in list(self.sent.values()) for event_id in list(ids)]

    @property
    def statuses(self) -> Counter[int]:
        return Counter(status for _, _, status in list(self.answers))

    def _send(self, client: httpx.Client, body: bytes) -> dict[str, Any]:
        headers = {"User-Agent": ROBOT if b'"channel": "web"' in body else "portal"}
        while True:
            began = time.monotonic()
            try:
                answer = client.post("/v1/events", content=body, headers=headers)
            except httpx.HTTPError:
                answer = None
            if answer is not None:
                self.answers.append((began, time.monotonic() - began, answer.status_code))
                if answer.status_code == 200:
                    said = answer.json()
                    self.refused += said["rejected"]
                    return said  # type: ignore[no-any-return]
                self.without_retry_after += "retry-after" not in answer.headers
            self.repeats += 1
            time.sleep(0.05)

    def _event(self, n: int, channel: str) -> dict[str, Any]:
        at, rng = utc_now() - timedelta(seconds=self._rng.uniform(0, self._late_s)), self._rng
        visitor, kind = f"visitor-{self._number}-{rng.randrange(100)}", rng.choice(KINDS)
        return {
            "event_id": str(uuid7(at, n * SENDERS + self._number)), "kind": kind, "occurred_at": rfc3339(at),
            "site": "demo", "channel": channel, "anonymous_id": visitor, "session_id": f"{visitor}.{rng.randrange(3)}",
            "item_id": rng.choice(list(ITEM_TYPES)), "request_id": rng.choice(["", "list-1", "list-2"]),
            "active_ms": rng.randrange(60_000) if kind == "read" else None,
            "consent": rng.choice(["measure", "personalise"]),
        }  # fmt: skip


class Auditor(threading.Thread):
    """Reads the books all the time and keeps those that are wrong."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="auditor", daemon=True)
        self.stopped = threading.Event()
        self.readings = 0
        self.wrong: list[Books] = []
        self._settings = settings

    def run(self) -> None:
        while not self.stopped.wait(0.01):
            books = read_books(self._settings)
            self.readings += 1
            forwarded = books.accepted if books.forwarded is None else books.forwarded + (books.unforwarded or 0)
            if not books.balanced or forwarded != books.accepted or (books.unforwarded or 0) < 0:
                self.wrong.append(books)


@contextmanager
def load_on(
    url: str, settings: Settings, pause_s: float, again: float = 0.0, late_days: float = 0.0
) -> Iterator[list[Sender]]:
    """Send and audit for the length of the body; at its end every batch is answered, and nothing was a 500."""
    senders = [Sender(number, url, pause_s, again, late_days) for number in range(SENDERS)]
    auditor = Auditor(settings)
    for thread in (*senders, auditor):
        thread.start()
    try:
        yield senders
    finally:
        for thread in (*senders, auditor):
            thread.stopped.set()
        patience_s = 1 if sys.exception() else 120  # a test that has failed may have left nobody to answer them
        for thread in (*senders, auditor):
            thread.join(patience_s)
    assert auditor.readings > 50
    assert auditor.wrong == []
    assert [thread.name for thread in senders if thread.is_alive()] == []
    assert {status for sender in senders for status in sender.statuses} <= {200, 429, 503}
    assert [refusal for sender in senders for refusal in sender.refused] == []
    assert sum(sender.without_retry_after for sender in senders) == 0


def n_sent(senders: Sequence[Sender]) -> int:
    """Return how many events were answered with 200."""
    return sum(len(ids) for sender in senders for ids in list(sender.sent.values()))


def events_sent(senders: Sequence[Sender]) -> list[dict[str, Any]]:
    """Return the events that were answered with 200."""
    return [event for sender in senders for body in sender.batches for event in json.loads(body)["events"]]
