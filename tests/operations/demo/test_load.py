"""Posting the demo's events: nothing is lost when the collector is late or refuses for a while."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from civicrec.errors import InvalidInput
from civicrec.events import MAX_BATCH_EVENTS
from civicrec.registry.catalogue import Upserted
from civicrec.settings import Settings
from operations.demo.load import Posted, import_demo, post_events


class Endpoint(ThreadingHTTPServer):
    """A collector's endpoint that answers as told: the real one cannot be made to refuse on demand."""

    def __init__(self, refusals: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.refusals = refusals
        self.batches: list[list[dict[str, Any]]] = []
        self.lock = threading.Lock()


class Answer(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            status = self.server.refusals.pop() if self.server.refusals else 200
            if status == 200:
                self.server.batches.append(body["events"])
        rejected = [{"index": 0, "reason": "unknown_kind", "detail": ""}] if body["events"][0]["kind"] == "odd" else []
        answer = json.dumps({"accepted": len(body["events"]) - len(rejected), "duplicates": 0, "rejected": rejected})
        self.send_response(status)
        self.send_header("retry-after", "0")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def an_endpoint(refusals: list[int]) -> Iterator[Endpoint]:
    with Endpoint(refusals) as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, args=(0.01,))
        thread.start()
        yield endpoint
        endpoint.shutdown()
        thread.join()


def url_of(endpoint: Endpoint) -> str:
    return f"http://127.0.0.1:{endpoint.server_address[1]}"


def some_events(sessions: int, length: int) -> list[dict[str, Any]]:
    return [{"kind": "click", "session_id": f"s{s}", "n": n} for s in range(sessions) for n in range(length)]


def test_every_event_is_posted_once_in_batches_that_keep_sessions_whole() -> None:
    events, told = some_events(200, 17), []
    with an_endpoint([]) as endpoint:
        assert post_events(url_of(endpoint), events, told.append) == Posted(accepted=3_400)
    assert sum(told) == 3_400
    assert sorted((e["session_id"], e["n"]) for batch in endpoint.batches for e in batch) == sorted(
        (e["session_id"], e["n"]) for e in events
    )
    assert all(batch[0]["n"] == 0 and batch[-1]["n"] == 16 for batch in endpoint.batches)


def test_a_session_longer_than_a_batch_is_cut_at_the_limit() -> None:
    with an_endpoint([]) as endpoint:
        post_events(url_of(endpoint), some_events(1, 1_200))
    assert sorted(len(batch) for batch in endpoint.batches) == [200, MAX_BATCH_EVENTS, MAX_BATCH_EVENTS]


def test_a_collector_that_is_busy_is_asked_again_and_nothing_is_lost() -> None:
    with an_endpoint([503, 429, 503, 503, 429]) as endpoint:
        assert post_events(url_of(endpoint), some_events(100, 10)).accepted == 1_000


def test_a_batch_refused_for_good_stops_the_posting_and_says_why() -> None:
    with an_endpoint([400]) as endpoint, pytest.raises(InvalidInput, match="400"):
        post_events(url_of(endpoint), some_events(100, 10))


def test_rejected_events_are_counted_by_reason() -> None:
    with an_endpoint([]) as endpoint:
        posted = post_events(
            url_of(endpoint), [{"kind": "odd", "session_id": "s"}, {"kind": "click", "session_id": "s"}]
        )
    assert (posted.accepted, posted.rejected) == (1, {"unknown_kind": 1})


def test_the_demo_catalogue_is_imported_once(tmp_path: Path) -> None:
    settings, now = Settings(home=tmp_path), datetime(2026, 3, 2, tzinfo=UTC)
    first = import_demo(settings, now)
    assert first.added >= 150
    assert import_demo(settings, now) == Upserted(0, 0, first.added)
