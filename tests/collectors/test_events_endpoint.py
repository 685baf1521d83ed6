"""``POST /v1/events``: every answer of the contract once, and hostile bodies by the thousand."""

from __future__ import annotations

import base64
import gzip
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from civicrec.accounting.ledger import Ledger
from civicrec.clock import rfc3339
from civicrec.errors import Unavailable
from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import LogCounts, Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import DROP_REASONS, MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from civicrec.security.tokens import Keys, load_keys
from civicrec.settings import Settings, Site
from tests.builders import NOON, raw_event, uuid7
from tests.collectors.conftest import Collector

SITES = {
    "gz": Site(key=SecretStr("g" * 32), api_key=SecretStr("gz-server-key-of-2026"), origins=("https://www.gz.gov.cn",)),
    "sz": Site(key=SecretStr("s" * 32)),
}
KEYS = Keys(b"", {"gz": "g" * 32, "sz": "s" * 32})


def a_body(*events: Any, **envelope: Any) -> bytes:
    return json.dumps({"events": events, **envelope}).encode()


def test_batch_is_taken_and_told_apart_by_event(collector: Collector) -> None:
    answer = collector.send(raw_event(n=1), raw_event(n=1), raw_event(n=2, kind="look"), raw_event(n=3), 7)
    assert (answer["accepted"], answer["duplicates"]) == (2, 1)
    assert [(found["index"], found["reason"]) for found in answer["rejected"]] == [(2, "unknown_kind"), (4, "bad_json")]
    assert all(found["detail"] for found in answer["rejected"])
    assert [event.event_id for event in collector.events()] == [uuid7(n=1), uuid7(n=3)]
    assert collector.counts() == {
        "received": 5, "accepted": 2, "duplicate": 1, "rejected unknown_kind": 1, "rejected bad_json": 1,
    }  # fmt: skip


def test_every_reason_is_answered_counted_and_harms_nothing_else(collecting: Callable[..., Collector]) -> None:
    collector = collecting(sites=SITES)
    bad: dict[str, Any] = {
        "bad_json": [],
        "bad_field": raw_event(site="gz", position="first"),
        "unknown_kind": raw_event(site="gz", kind="look"),
        "bad_time": raw_event(site="gz", at=NOON + timedelta(days=2)),
        "too_large": raw_event(site="gz", padding="x" * 40_000),
        "no_actor": raw_event(site="gz", anonymous_id=...),
        "no_consent": raw_event(site="gz", consent="none"),
        "unknown_site": raw_event(site="bj"),
        "foreign_origin": raw_event(site="sz"),
    }
    assert bad.keys() == set(DROP_REASONS) - {"erased"}  # tests/collectors/test_erased.py
    events = [event for n, wrong in enumerate(bad.values()) for event in (wrong, raw_event(n=n, site="gz"))]
    answer = collector.send(*events, headers={"origin": "https://www.gz.gov.cn"})
    assert [found["reason"] for found in answer["rejected"]] == list(bad)
    assert answer["accepted"] == len(bad) == len(collector.events())
    assert {name: n for name, n in collector.counts().items() if "rejected" in name} == {
        f"rejected {reason}": 1 for reason in bad
    }


def test_retry_is_answered_as_a_duplicate(collector: Collector) -> None:
    collector.send(raw_event())
    assert collector.send(raw_event()) == {"accepted": 0, "duplicates": 1, "rejected": []}


def test_restarted_collector_still_knows_what_it_took(collecting: Callable[..., Collector]) -> None:
    log = MemoryEventLog()
    collecting(log).send(raw_event(n=1))
    assert collecting(log).send(raw_event(n=1), raw_event(n=2))["duplicates"] == 1


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain;charset=UTF-8", "application/octet-stream", ""]
)
def test_beacon_needs_no_content_type(collector: Collector, content_type: str) -> None:
    assert collector.post(a_body(raw_event()), content_type=content_type).json()["accepted"] == 1


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "text/plain"])
def test_one_event_a_line_is_a_batch_too(collector: Collector, content_type: str) -> None:
    lines = [json.dumps(raw_event(n=1)), "", "{broken", json.dumps(raw_event(n=2))]
    answer = collector.post("\n".join(lines).encode() + b"\n", content_type=content_type).json()
    assert (answer["accepted"], [found["index"] for found in answer["rejected"]]) == (2, [1])


def test_packed_body_is_unpacked(collector: Collector) -> None:
    packed = gzip.compress(a_body(raw_event(n=1)))
    assert collector.post(packed, content_encoding="gzip").json()["accepted"] == 1
    in_two = gzip.compress(a_body(raw_event(n=2))[:50]) + gzip.compress(a_body(raw_event(n=2))[50:])
    assert collector.post(in_two, content_encoding="gzip").json()["accepted"] == 1


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, b"", {}),
        (400, b"hello", {}),
        (400, b"[]", {}),
        (400, b'{"events": 5}', {}),
        (400, b'{"sent_at": "2026-01-31T12:00:00Z"}', {}),
        (400, b"\xff\xfe", {}),
        (400, b"[" * 100_000, {}),
        (400, b"no\njson", {"content_type": "application/x-ndjson"}),
        (400, b"not gzip", {"content_encoding": "gzip"}),
        (400, gzip.compress(b"x" * 5_000)[:-9], {"content_encoding": "gzip"}),
        (401, a_body(raw_event()), {"x_api_key": "wrong"}),
        (401, a_body(raw_event()), {"x_api_key": ""}),
        (401, a_body(raw_event()), {"authorization": "Bearer junk"}),
        (401, a_body(raw_event()), {"authorization": "Basic dTpw"}),
        (401, a_body(raw_event()), {"authorization": f"Bearer {KEYS.sign('gz', 'u', NOON - timedelta(hours=1))}"}),
        (413, b" " * (MAX_BATCH_BYTES + 1), {}),
        (413, b" " * (3 * MAX_BATCH_BYTES), {}),
        (413, a_body(*[{}] * (MAX_BATCH_EVENTS + 1)), {}),
        (413, b"{}\n" * (MAX_BATCH_EVENTS + 1), {"content_type": "application/x-ndjson"}),
        (413, gzip.compress(b" " * 100_000_000), {"content_encoding": "gzip"}),
        (415, b"x", {"content_encoding": "br"}),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value)[:40],
)
def test_request_that_cannot_be_taken_gets_a_problem_document(
    collecting: Callable[..., Collector], status: int, body: bytes, headers: dict[str, str]
) -> None:
    collector = collecting(sites=SITES)
    answer = collector.post(body, **headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json().keys() == {"type", "title", "status", "detail"}
    assert collector.counts() == {}


def test_batch_at_its_limits_is_taken(collector: Collector) -> None:
    events = [raw_event(n=n) for n in range(MAX_BATCH_EVENTS)]
    padded = a_body(*events)[:-1] + b" " * (MAX_BATCH_BYTES - len(a_body(*events))) + b"}"
    assert len(padded) == MAX_BATCH_BYTES
    assert collector.post(padded).json()["accepted"] == MAX_BATCH_EVENTS


def test_other_methods_and_paths_are_problems_too(collector: Collector) -> None:
    assert (collector.get("/v1/events").status_code, collector.get("/nowhere").status_code) == (405, 404)
    assert collector.get("/nowhere").headers["content-type"] == "application/problem+json"


class FullLog(MemoryEventLog):
    """A log on a full disk."""

    def append(self, records: Sequence[Record], counts: LogCounts | None = None) -> int:
        raise Unavailable("disk is full")


def test_full_disk_is_said_and_nothing_counted(collecting: Callable[..., Collector]) -> None:
    collector = collecting(FullLog())
    assert collector.get("/readyz").status_code == 200
    answer = collector.post(a_body(raw_event()))
    assert (answer.status_code, answer.headers["retry-after"], "full" in answer.text) == (503, "5", True)
    assert (collector.get("/readyz").status_code, collector.get("/healthz").status_code) == (503, 200)
    assert "civicrec_events_accepted_total 1" not in collector.get("/metrics").text


def test_no_memory_is_a_503_that_asks_to_come_again(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("collectors.endpoint.read_envelope", fail)
    answer = collector.post(a_body(raw_event()))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "memory" in answer.json()["detail"]
    monkeypatch.undo()
    assert collector.post(a_body(raw_event())).json()["accepted"] == 1


def test_too_much_waiting_is_too_many_requests(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.commit.MAX_WAITING", 1)
    answer = collector.post(a_body(raw_event(n=1), raw_event(n=2)))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


@pytest.mark.parametrize(
    "said",
    [[("sec-gpc", "1")], [("DNT", "1")], [("sec-gpc", "0"), ("sec-gpc", "1")], [("sec-gpc", "1"), ("sec-gpc", "0")]],
)
def test_browser_that_refuses_is_counted_and_not_stored(collector: Collector, said: list[tuple[str, str]]) -> None:
    answer = collector.send(raw_event(consent="personalise"), headers=said)
    assert [found["reason"] for found in answer["rejected"]] == ["no_consent"]
    assert collector.counts() == {"received": 1, "rejected no_consent": 1}


def test_token_in_the_body_names_the_subject(collecting: Callable[..., Collector]) -> None:
    collector = collecting()
    keys = load_keys(collector.settings)
    collector.send(raw_event(), subject_token=keys.sign("demo", "user-7", NOON))
    assert collector.events()[0].actor == keys.subject_id("demo", "user-7")


def forged(header: dict[str, Any], claims: dict[str, Any], key: bytes = b"") -> str:
    """A JWT as a client could make one; signed with HMAC-SHA256 if there is a key."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    text = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{text}.{part(hmac.digest(key, text.encode(), 'sha256')) if key else ''}"


VICTIM = {"sub": "victim", "aud": "gz", "exp": int((NOON + timedelta(minutes=5)).timestamp())}
GOOD_TOKEN = KEYS.sign("gz", "attacker", NOON)
BAD_TOKENS = {
    "another site's": KEYS.sign("sz", "victim", NOON),
    "expired": KEYS.sign("gz", "victim", NOON - timedelta(hours=1)),
    "living too long": KEYS.sign("gz", "victim", NOON, timedelta(hours=25)),
    "of no algorithm": forged({"alg": "none", "typ": "JWT"}, VICTIM),
    "of no algorithm, shouted": forged({"alg": "NONE"}, VICTIM),
    "of no algorithm, signed": forged({"alg": "none"}, VICTIM, b"g" * 32),
    "of another algorithm": forged({"alg": "HS512"}, VICTIM, b"g" * 32),
    "signed with nothing": forged({"alg": "HS256"}, VICTIM),
    "signed with the site's name": forged({"alg": "HS256"}, VICTIM, b"gz"),
    "signed with a key of its own": forged({"alg": "HS256", "jwk": {"kty": "oct", "k": "Z2c"}}, VICTIM, b"gg"),
    "with other claims under a true signature": forged({"alg": "HS256", "typ": "JWT"}, VICTIM)
    + GOOD_TOKEN.rpartition(".")[2],
    "for a list of sites of others": forged({"alg": "HS256"}, {**VICTIM, "aud": ["sz"]}, b"g" * 32),
    "without an end": forged({"alg": "HS256"}, {"sub": "victim", "aud": "gz"}, b"g" * 32),
    "junk": "junk",
    "no text": 7,
}


def test_a_bearer_token_for_a_site_that_is_no_text_is_refused_and_no_fault(collector: Collector) -> None:
    token = forged({"alg": "HS256"}, {"aud": "\ud800"})
    assert collector.post(a_body(raw_event()), authorization=f"Bearer {token}").status_code == 401


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
@pytest.mark.parametrize("place", ["envelope", "event"])
def test_nobody_writes_for_another_subject(collecting: Callable[..., Collector], token: Any, place: str) -> None:
    collector = collecting(sites=SITES)
    victim = load_keys(collector.settings).subject_id("gz", "victim")
    # Claiming the pseudonym outright does not help either.
    mine = raw_event(n=1, site="gz", subject_id=victim, **({"subject_token": token} if place == "event" else {}))
    nobodys = raw_event(n=2, site="gz", anonymous_id=..., subject_id=victim)
    answer = collector.send(mine, nobodys, **({"subject_token": token} if place == "envelope" else {}))
    assert (answer["accepted"], [found["reason"] for found in answer["rejected"]]) == (1, ["no_actor"])
    (event,) = collector.events()
    assert (event.actor, event.subject_id) == ("visitor-1", "")
    assert collector.counts()["altered bad_token"] == (2 if place == "envelope" else 1)


def test_token_forged_the_same_way_with_the_sites_key_is_taken(collecting: Callable[..., Collector]) -> None:
    collector = collecting(sites=SITES)
    collector.send(raw_event(site="gz"), subject_token=forged({"alg": "HS256"}, VICTIM, b"g" * 32))
    assert collector.events()[0].subject_id == load_keys(collector.settings).subject_id("gz", "victim")


def test_bearer_token_names_subject_and_site(collecting: Callable[..., Collector]) -> None:
    collector = collecting(sites=SITES)
    token = KEYS.sign("gz", "user-7", NOON)
    answer = collector.send(raw_event(site=..., anonymous_id=...), headers={"authorization": f"Bearer {token}"})
    assert answer["accepted"] == 1
    (event,) = collector.events()
    pepper_keys = load_keys(collector.settings)
    assert (event.site, event.subject_id) == ("gz", pepper_keys.subject_id("gz", "user-7"))


def test_bearer_token_that_names_several_sites_speaks_for_the_one_whose_key_signed_it(
    collecting: Callable[..., Collector],
) -> None:
    collector = collecting(sites=SITES)
    claims = {"sub": "user-7", "aud": ["https://id.example", "sz", "gz"], "exp": NOON.timestamp() + 60}
    bearer = {"authorization": f"Bearer {jwt.encode(claims, 'g' * 32, algorithm='HS256')}"}
    assert collector.send(raw_event(site="gz", anonymous_id=...), headers=bearer)["accepted"] == 1
    assert collector.send(raw_event(n=1, site="sz"), headers=bearer)["rejected"][0]["reason"] == "unknown_site"
    (event,) = collector.events()
    assert (event.site, event.subject_id) == ("gz", load_keys(collector.settings).subject_id("gz", "user-7"))


def test_api_key_speaks_for_its_site(collecting: Callable[..., Collector]) -> None:
    collector = collecting(sites=SITES)
    collector.send(raw_event(site=..., region="440100"), headers={"x-api-key": "gz-server-key-of-2026"})
    assert (collector.events()[0].site, collector.events()[0].region) == ("gz", "440100")


def test_debug_tells_a_site_what_of_each_event_was_altered_and_nobody_else(
    collecting: Callable[..., Collector],
) -> None:
    collector = collecting(sites=SITES)
    events = [raw_event(n=n, site="gz", title=title) for n, title in enumerate(("ok", "tel 13800138000"))]
    more = raw_event(n=2, site="gz", props={"colour": "red"}, item_type="song")
    answer = collector.request(
        "POST", "/v1/events?debug=1", json={"events": [*events, more]}, headers={"x-api-key": "gz-server-key-of-2026"}
    ).json()
    assert answer["accepted"] == 3
    assert answer["debug"] == {
        "site": "gz", "batch": ["item_type"],
        "events": [{"index": 1, "altered": ["private_text"]}, {"index": 2, "altered": ["props"]}],
    }  # fmt: skip
    for headers in ({}, {"authorization": f"Bearer {KEYS.sign('gz', 'u', NOON)}"}):
        assert (
            collector.request("POST", "/v1/events?debug=1", json={"events": events}, headers=headers).status_code == 401
        )
    assert "debug" not in collector.send(*events)


def test_wrong_clock_is_corrected_by_the_time_of_sending(collector: Collector) -> None:
    fast = NOON + timedelta(hours=3)
    collector.send(raw_event(at=fast - timedelta(minutes=5)), sent_at=rfc3339(fast))
    assert collector.events()[0].occurred_at == NOON - timedelta(minutes=5)


def test_unreadable_time_of_sending_loses_nothing(collector: Collector) -> None:
    assert collector.send(raw_event(), sent_at="now")["accepted"] == 1
    assert collector.counts()["altered bad_sent_at"] == 1


def test_user_agent_and_page_are_told_as_classes(collecting: Callable[..., Collector]) -> None:
    collector = collecting(sites=SITES)
    headers = {"user-agent": "Baiduspider/2.0", "origin": "https://www.gz.gov.cn"}
    collector.send(raw_event(site="gz", referrer="www.gz.gov.cn"), headers=headers)
    (event,) = collector.events()
    assert (event.device, event.bot_reason, event.referrer_type) == ("bot", "user_agent:baiduspider", "internal")


def test_only_listed_origins_may_read_the_answer(collecting: Callable[..., Collector]) -> None:
    single, multi = collecting(), collecting(sites=SITES)
    for collector, good in ((single, "http://127.0.0.1:8702"), (multi, "https://www.gz.gov.cn")):
        asked = collector.request("OPTIONS", headers={"origin": good})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, good)
        assert "content-type" in asked.headers["access-control-allow-headers"]
        assert collector.post(a_body(), origin=good).headers["access-control-allow-origin"] == good
        for bad in ("https://evil.example", "null", ""):
            assert "access-control-allow-origin" not in collector.post(a_body(), origin=bad).headers
            assert "access-control-allow-origin" not in collector.request("OPTIONS", headers={"origin": bad}).headers


@pytest.mark.parametrize("asked", ["content-type,traceparent", "sw8, baggage", "X-B3-TraceId,x-requested-with"])
def test_headers_that_a_page_adds_are_allowed_to_listed_origins(collector: Collector, asked: str) -> None:
    headers = {"access-control-request-method": "POST", "access-control-request-headers": asked}
    answer = collector.request("OPTIONS", headers={"origin": "http://127.0.0.1:8702", **headers})
    assert (answer.status_code, answer.headers["access-control-allow-headers"]) == (204, asked)
    assert "access-control-allow-credentials" not in answer.headers
    foreign = collector.request("OPTIONS", headers={"origin": "https://evil.example", **headers})
    assert "access-control-allow-headers" not in foreign.headers


def test_origins_are_the_same_in_either_writing(collecting: Callable[..., Collector]) -> None:
    origins = ("http://云澜市.政务:8080/", "https://WWW.gz.gov.cn:443")
    collector = collecting(sites={"gz": Site(key=SecretStr("g" * 32), origins=origins)})
    for n, origin in enumerate(("http://xn--9kq598ahjn.xn--zfr164b:8080", "https://www.gz.gov.cn")):
        answer = collector.request("POST", json={"events": [raw_event(n=n, site="gz")]}, headers={"origin": origin})
        assert (answer.json()["accepted"], answer.headers["access-control-allow-origin"]) == (1, origin)


def test_key_of_one_site_is_good_for_no_other(collecting: Callable[..., Collector]) -> None:
    collector = collecting(sites=SITES)
    key = {"x-api-key": "gz-server-key-of-2026"}
    for headers in (key, {**key, "origin": "https://evil.example"}):
        answer = collector.send(raw_event(site="sz"), headers=headers)
        assert [found["reason"] for found in answer["rejected"]] == ["unknown_site"]
    bearer = {"authorization": f"Bearer {KEYS.sign('gz', 'user-7', NOON)}"}
    assert collector.send(raw_event(site="sz"), headers=bearer)["rejected"][0]["reason"] == "unknown_site"
    assert collector.events() == []


def test_books_and_metrics_agree_with_the_log(collector: Collector) -> None:
    collector.send(raw_event(n=1), raw_event(n=1), raw_event(kind="look"), raw_event(n=2, props={"x": 1}))
    metrics = collector.get("/metrics").text
    for line in (
        "civicrec_events_received_total 4.0", "civicrec_events_accepted_total 2.0",
        "civicrec_events_duplicate_total 1.0", 'civicrec_events_rejected_total{reason="unknown_kind"} 1.0',
        'civicrec_events_altered_total{what="props"} 1.0', 'civicrec_collect_seconds_count{status="200"} 1.0',
    ):  # fmt: skip
        assert line in metrics


def test_metrics_tell_what_the_stream_has_done_and_do_without_it_when_its_file_is_broken(tmp_path: Path) -> None:
    with a_collector_on_disk(tmp_path) as collector:
        collector.send(raw_event(n=1), raw_event(n=2), raw_event(n=3))
        collector.send(raw_event(n=4), raw_event(n=5))
        with closing(Ledger(collector.settings.stream_path)) as ledger:
            ledger.commit(ledger.plan(1), stored=2, rejected={"bad_time": 1})
        metrics = collector.get("/metrics").text
        for line in (
            "civicrec_events_stored_total 2.0", "civicrec_events_pending 2.0",
            'civicrec_dead_letters_total{reason="bad_time"} 1.0',
        ):  # fmt: skip
            assert line in metrics
        collector.settings.stream_path.write_bytes(b"no database" * 100)
        broken = collector.get("/metrics").text
        assert "civicrec_events_accepted_total 5.0" in broken
        assert "civicrec_events_pending" not in broken


@contextmanager
def a_collector_on_disk(home: Path) -> Iterator[Collector]:
    where = Settings(home=home, min_free_disk_mb=0)
    with closing(SqliteEventLog(where.log_path)) as log, closing(Collector(where, log)) as collector:
        yield collector


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELD = st.sampled_from([*raw_event(), "props", "query", "referrer", "subject_token", "site", "consent", "url_path"])
HOSTILE_EVENT = JSON | st.builds(lambda fields: {**raw_event(), **fields}, st.dictionaries(FIELD, JSON, max_size=3))
ENVELOPE = st.dictionaries(st.sampled_from(["sent_at", "subject_token", "x"]), JSON, max_size=2)
HEADERS = st.dictionaries(
    st.sampled_from(["user_agent", "origin", "referer", "content_type", "content_encoding", "authorization"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
    max_size=2,
)
MANY = settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(events=st.lists(HOSTILE_EVENT, max_size=4), envelope=ENVELOPE, good=st.integers(0, 4))
def test_good_event_of_a_hostile_batch_always_lands(
    collector: Collector, events: list[Any], envelope: dict[str, Any], good: int
) -> None:
    head, before = collector.log.head(), collector.log.count_events()
    mark = raw_event(n=1_000_000 + before, anonymous_id="good-one", at=NOON)
    answer = collector.send(*events[:good], mark, *events[good:], **envelope)
    assert answer["accepted"] + answer["duplicates"] + len(answer["rejected"]) == len(events) + 1
    assert collector.log.count_events() - before == answer["accepted"] >= 1
    newest = [event.event_id for event in collector.events(after=head)]
    assert uuid7(n=1_000_000 + before) in newest


@MANY
@given(body=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()), headers=HEADERS)
def test_any_body_gets_a_documented_answer(collector: Collector, body: bytes, headers: dict[str, str]) -> None:
    answer = collector.post(body, **headers)
    assert answer.status_code in (200, 400, 401, 413, 415), answer.text


@MANY
@given(body=st.binary(max_size=200), cut=st.integers(0, 300))
def test_any_damage_to_a_packed_body_is_answered(collector: Collector, body: bytes, cut: int) -> None:
    whole = gzip.compress(a_body(raw_event(n=7)))
    answer = collector.post(whole[:cut] + body, content_encoding="gzip")
    assert answer.status_code in (200, 400), answer.text
