"""Thousands of hostile requests over raw sockets against a real collector, and a portal that sends beside them.

Never a 5xx, never a hang; the portal loses nothing and the books balance.
"""

from __future__ import annotations

import gzip
import json
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from civicrec.clock import rfc3339, utc_now
from tests.builders import raw_event
from tests.collectors.test_process import a_batch
from tests.running import RunningCollector, running_collector

ANSWER_S = 10.0
#: How long to wait for the answer to a request that promised more than it sent, before hanging up.
PATIENCE_S = 0.02
HEALTHY_FROM = 10_000_000
STATUSES = {200, 204, 400, 401, 405, 408, 413, 415, 417, 431}

TODAY = utc_now()
GOOD = json.dumps({"events": [raw_event(n=n, at=TODAY) for n in range(3)]}).encode()
DEEP = 200_000
HAND_MADE: dict[str, bytes] = {
    "nothing": b"",
    "good": GOOD,
    "deep lists": b"[" * DEEP,
    "deep objects": b'{"a":' * DEEP,
    "deep and closed": b"[" * 5_000 + b"]" * 5_000,
    "deep in an event": b'{"events":[{"props":' + b'{"tab":' * 2_000 + b"1" + b"}" * 2_000 + b"}]}",
    "deep in props of many": b'{"events":[' + b",".join([b'{"props":' + b"[" * 500 + b"]" * 500 + b"}"] * 100) + b"]}",
    "key twice": b'{"events":[],"events":[{}]}',
    "key of an event twice": GOOD.replace(b'"kind"', b'"kind":"look","kind"'),
    "huge integer": b'{"events":[{"position":' + b"9" * 100_000 + b"}]}",
    "huge exponent": b'{"events":[{"value":1e999999999}]}',
    "long fraction": b'{"events":[{"value":0.' + b"1" * 100_000 + b"}]}",
    "not a number": b'{"events":[{"value":NaN},{"value":Infinity},{"value":-Infinity}]}',
    "bad UTF-8": GOOD.replace(b"visitor-1", b"\xff\xfe\x80"),
    "overlong UTF-8": GOOD.replace(b"visitor-1", b"\xc0\xaf\xe0\x80\xaf"),
    "surrogate in UTF-8": GOOD.replace(b"visitor-1", b"\xed\xa0\x80"),
    "lone surrogate escaped": GOOD.replace(b"visitor-1", b"\\ud800"),
    "surrogates in a title": GOOD.replace(b'"item_id"', b'"title":"\\udfff\\ud800","item_id"'),
    "NUL escaped": GOOD.replace(b"visitor-1", b"a\\u0000b"),
    "NUL": GOOD.replace(b"visitor-1", b"a\x00b"),
    "only NUL": b"\x00" * 10_000,
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "year 0": GOOD.replace(rfc3339(TODAY).encode(), b"0000-00-00T00:00:00Z"),
    "year 9999": GOOD.replace(rfc3339(TODAY).encode(), b"9999-12-31T23:59:59.999999-23:59"),
    "leap second": GOOD.replace(rfc3339(TODAY).encode(), b"2026-06-30T23:59:60Z"),
    "too many": b'{"events":[' + b",".join([b"{}"] * 501) + b"]}",
    "a million commas": b'{"events":[' + b"," * 1_000_000,
    "a megabyte and one": b" " * (1024 * 1024 + 1),
    "a megabyte of keys": b'{"events":[{' + b",".join(b'"k%d":1' % n for n in range(80_000)) + b"}]}",
    "a long string": b'{"events":["' + b"x" * 900_000 + b'"]}',
    "a thousand lines": b"{}\n" * 1_000,
    "lines of nothing": b"\n" * 500_000,
    "gzip": gzip.compress(GOOD),
    "gzip bomb": gzip.compress(b" " * 200_000_000),
    "gzip bomb in gzip": gzip.compress(gzip.compress(b" " * 50_000_000)),
    "gzip cut short": gzip.compress(GOOD)[:-5],
    "gzip of nothing": gzip.compress(b""),
    "gzip head alone": b"\x1f\x8b\x08\x00",
    "a thousand gzips": gzip.compress(b"") * 1_000,
    "form": b"events=%5B%5D&x=1",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
    "token of no algorithm": b'{"subject_token":"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.","events":[]}',
    "token as long as a body": b'{"subject_token":"' + b"e." * 400_000 + b'","events":[{}]}',
}  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELD = st.sampled_from([*raw_event(), "props", "query", "referrer", "subject_token", "consent", "title", "session_id"])
EVENT = JSON | st.builds(lambda fields: {**raw_event(at=TODAY), **fields}, st.dictionaries(FIELD, JSON, max_size=3))
BATCH = st.builds(lambda events: json.dumps({"events": events}).encode(), st.lists(EVENT, max_size=4))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good body or its gzip with a few bytes changed, put in or cut off."""
    body = bytearray(draw(st.sampled_from([GOOD, gzip.compress(GOOD, mtime=0)])))
    for place, piece in draw(st.lists(st.tuples(st.integers(0, len(body)), st.binary(max_size=3)), max_size=4)):
        body[place : place + draw(st.integers(0, 2))] = piece
    return bytes(body[: draw(st.integers(0, len(body)))]) if draw(st.booleans()) else bytes(body)


BODY = st.sampled_from(sorted(HAND_MADE)).map(HAND_MADE.__getitem__) | BATCH | damaged() | st.binary(max_size=200)
HEADER = st.sampled_from([
    b"Content-Type: application/json", b"Content-Type: application/x-ndjson", b"Content-Type: multipart/form-data",
    b"Content-Type: text/plain; charset=utf-16", b"Content-Type: \xff\xfe", b"Content-Type:", b"Content-Encoding: gzip",
    b"Content-Encoding: GZIP", b"Content-Encoding: gzip, gzip", b"Content-Encoding: br", b"Content-Encoding: \xff",
    b"Content-Encoding: identity", b"Authorization: Bearer a.b.c", b"Authorization: Basic \xe4", b"Authorization:",
    b"Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1IiwiYXVkIjpbXX0.", b"X-API-Key: \x80\xff", b"X-API-Key: x",
    b"Origin: null", b"Origin: \xff", b"Origin: http://[", b"Origin: http://127.0.0.1:8702", b"Referer: http://[::1",
    b"User-Agent: " + b"spider " * 1_000, b"User-Agent: \xf0\x9f\xa4\x96", b"X-Forwarded-For: , ,1.2.3.4:x,[::",
    b"DNT: 1", b"Sec-GPC: 1", b"Expect: 100-continue", b"Connection: close", b"Cookie: " + b"a=b; " * 2_000,
    b"X: " + b"y" * 500_000, b"Folded: a\r\n b", b"No colon", b": no name", b"Na me: x", b"Nul: a\x00b",
])  # fmt: skip
HEADERS = st.lists(HEADER, max_size=3)
METHOD = st.sampled_from([b"POST"] * 12 + [b"PUT", b"post", b"OPTIONS", b"TRACE", b"GET"])


def chunked(body: bytes, size: int = 7_000) -> bytes:
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


#: How the end of the body is told: truly, wrongly, in two ways, or not at all.
FRAMINGS: dict[str, Any] = {
    "length": lambda body: (b"Content-Length: %d" % len(body), body),
    "length too long": lambda body: (b"Content-Length: %d" % (len(body) + 7), body),
    "length too short": lambda body: (b"Content-Length: %d" % (len(body) // 2), body),
    "length below zero": lambda body: (b"Content-Length: -1", body),
    "length beyond 64 bits": lambda body: (b"Content-Length: 99999999999999999999", body),
    "length in words": lambda body: (b"Content-Length: ten", body),
    "two lengths": lambda body: (b"Content-Length: %d\r\nContent-Length: 1" % len(body), body),
    "no length": lambda body: (b"X: y", body),
    "chunks": lambda body: (b"Transfer-Encoding: chunked", chunked(body)),
    "chunks of eight bytes": lambda body: (b"Transfer-Encoding: chunked", chunked(body[:2_000], 8)),
    "chunks of a byte": lambda body: (b"Transfer-Encoding: chunked", chunked(body[:20_000], 1)),
    "chunks and length": lambda body: (b"Transfer-Encoding: chunked\r\nContent-Length: 3", chunked(body)),
    "chunks without end": lambda body: (b"Transfer-Encoding: chunked", chunked(body)[:-5]),
    "chunk of a false size": lambda body: (b"Transfer-Encoding: chunked", b"5\r\n" + body),
    "chunk of no size": lambda body: (b"Transfer-Encoding: chunked", b"zz\r\n" + body),
    "chunk of 64 bits": lambda body: (b"Transfer-Encoding: chunked", b"ffffffffffffffff\r\n" + body),
    "chunk with an extension": lambda body: (
        b"Transfer-Encoding: chunked",
        b"3;" + b"x" * 9_000 + b"\r\n{} \r\n0\r\n\r\n",
    ),
    "trailers": lambda body: (b"Transfer-Encoding: chunked", chunked(body)[:-2] + b"Content-Length: 5\r\n\r\n"),
    "another coding": lambda body: (b"Transfer-Encoding: gzip, chunked", chunked(body)),
}
UNFINISHED = {"length too long", "chunks without end", "chunk of a false size", "chunk of 64 bits"}
FRAMING = st.sampled_from(["length"] * len(FRAMINGS) + sorted(FRAMINGS))


def ask(port: int, request: bytes, patience_s: float) -> bytes:
    """Send these bytes and return what is answered; hang up after the first answer, or after so long without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as connection:
        answer = b""
        try:
            connection.sendall(request)
            select.select([connection], [], [], patience_s)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65_536):
                answer += piece
        except TimeoutError:
            raise
        except OSError:  # it had read enough to refuse; what it said is lost with the rest of the request
            return answer or b"HTTP/1.1 400 reset"
        return answer


class Portal(threading.Thread):
    """Sends a batch every few milliseconds and wants each taken at once, as any portal does."""

    numbers = count(HEALTHY_FROM, 10)  # no two portals send the same event

    def __init__(self, url: str) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.faults: list[str] = []
        self.stopped = threading.Event()
        self._url = url

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=ANSWER_S) as client:
            while not self.stopped.wait(0.02):
                self.sent.append(a_batch(next(Portal.numbers)))
                try:
                    answer = client.post("/v1/events", content=self.sent[-1])
                    if answer.status_code != 200 or answer.json()["accepted"] != 10:
                        self.faults.append(answer.text)
                except httpx.HTTPError as error:
                    self.faults.append(repr(error))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with running_collector(tmp_path_factory.mktemp("hostile")) as process:
        yield process


@pytest.fixture
def watched(process: RunningCollector) -> Iterator[RunningCollector]:
    """The collector, with a portal sending to it all the while; nothing of it may be lost by the end."""
    portal = Portal(process.url)
    portal.start()
    yield process
    portal.stopped.set()
    portal.join()
    assert portal.faults == []
    mine = [json.loads(batch)["events"] for batch in portal.sent]
    assert {event["event_id"] for events in mine for event in events} <= set(process.kept())
    assert mine
    books = httpx.get(f"{process.url}/v1/accounting").json()
    assert books["balanced"]
    assert books["accepted"] == len(process.kept()) == len(set(process.kept()))
    assert books["received"] == books["accepted"] + books["duplicates"] + sum(books["rejected_at_door"].values())
    assert httpx.get(f"{process.url}/readyz").status_code == 200


def check(process: RunningCollector, method: bytes, headers: list[bytes], framing: str, body: bytes) -> int:
    length, framed = FRAMINGS[framing](body)
    head = b"\r\n".join([method + b" /v1/events HTTP/1.1", b"Host: x", *headers, length])
    began = time.monotonic()
    patience_s = PATIENCE_S if framing in UNFINISHED else ANSWER_S
    answer = ask(process.settings.collector.port, head + b"\r\n\r\n" + framed, patience_s)
    assert time.monotonic() - began < ANSWER_S
    if not answer:  # the request ended before it was one
        return 0
    # A short length makes the rest of the body a second request, with an answer of its own.
    statuses = [int(piece[:3]) for piece in answer.split(b"HTTP/1.1 ")[1:]]
    assert set(statuses) - {100} <= STATUSES, answer[:500]
    return statuses[-1]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "said to be gzip"])
def test_hand_made_bodies_are_answered(watched: RunningCollector, packed: bool) -> None:
    headers = [b"Content-Encoding: gzip"] if packed else []
    found = {name: check(watched, b"POST", headers, "length", body) for name, body in HAND_MADE.items()}
    found |= {name: check(watched, b"POST", headers, "chunks", body) for name, body in HAND_MADE.items()}
    assert all(found.values())
    assert (found["good"], found["gzip"]) == ((400, 200) if packed else (200, 400))
    assert (found["gzip bomb"], found["too many"]) == ((413, 400) if packed else (400, 413))


def test_every_framing_of_a_good_body_is_answered_or_cut_off(watched: RunningCollector) -> None:
    found = {framing: check(watched, b"POST", [], framing, GOOD) for framing in FRAMINGS}
    taken = {framing for framing, status in found.items() if status == 200}
    assert {"length", "chunks", "chunks of eight bytes"} <= taken
    assert found["chunks of a byte"] == 400
    assert not taken & UNFINISHED


@pytest.mark.slow
def test_hand_made_bodies_in_every_framing(watched: RunningCollector) -> None:
    for headers in ([], [b"Content-Encoding: gzip"], [b"Content-Type: application/x-ndjson"]):
        for body in HAND_MADE.values():
            for framing in FRAMINGS:
                check(watched, b"POST", headers, framing, body)


@pytest.mark.parametrize("n", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(1_800)
def test_any_request_is_answered_and_harms_nobody(watched: RunningCollector, n: int) -> None:
    found: Counter[int] = Counter()

    @settings(max_examples=n, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(METHOD, HEADERS, FRAMING, BODY)
    @example(b"POST", [], "length", HAND_MADE["too many"])  # else a run in many has no 413
    def send(method: bytes, headers: list[bytes], framing: str, body: bytes) -> None:
        found[check(watched, method, headers, framing, body)] += 1

    send()
    assert found.total() >= n
    assert {200, 400, 401, 405, 413, 415} <= set(found)
