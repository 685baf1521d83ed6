"""Token buckets by an independent account of the same law, and the endpoint that answers 429 by them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from civicrec.settings import CollectorSettings, LimitSettings, Site
from civicrec.web.limits import Buckets, TooMany
from collectors.limits.rates import REQUEST_COST, Limits
from tests.builders import raw_event
from tests.collectors.conftest import Collector

SITES = {
    "gz": Site(key=SecretStr("g" * 32), api_key=SecretStr("gz-server-key-of-2026")),
    "sz": Site(key=SecretStr("s" * 32), api_key=SecretStr("sz-server-key-of-2026")),
}


@given(
    per_s=st.floats(0.5, 100),
    burst_s=st.floats(0.5, 20),
    requests=st.lists(st.tuples(st.floats(0, 5), st.integers(0, 200)), max_size=60),
)
def test_what_was_let_through_never_exceeds_rate_and_burst(
    per_s: float, burst_s: float, requests: list[tuple[float, int]]
) -> None:
    buckets, now_s = Buckets(per_s, burst_s), 0.0
    passed: list[tuple[float, int]] = []
    for pause_s, cost in requests:
        now_s += pause_s
        if not buckets.wait_s("a", now_s):
            buckets.take("a", cost, now_s)
            passed.append((now_s, cost))
    for first, (began_s, _) in enumerate(passed):
        for last in range(first, len(passed)):
            # The last of them may overdraw; those before it fit into burst and time.
            before = sum(cost for _, cost in passed[first:last])
            assert before <= per_s * (burst_s + passed[last][0] - began_s) + 1e-6


@given(st.floats(0.5, 100), st.integers(1, 5_000))
def test_who_waits_as_long_as_told_is_let_in(per_s: float, cost: int) -> None:
    buckets = Buckets(per_s, 1)
    buckets.take("a", cost, 0)
    wait_s = buckets.wait_s("a", 0)
    assert wait_s == pytest.approx(max(0, cost - per_s) / per_s)
    assert buckets.wait_s("a", wait_s + 1e-6) == 0


def test_one_who_floods_costs_another_nothing() -> None:
    buckets = Buckets(10, 1)
    buckets.take("loud", 1_000, 0)
    assert (buckets.wait_s("loud", 1) > 0, buckets.wait_s("quiet", 1)) == (True, 0)


def test_no_limit_remembers_nobody() -> None:
    buckets = Buckets(0, 10)
    buckets.take("a", 1_000_000, 0)
    assert (buckets.wait_s("a", 0), len(buckets)) == (0, 0)


def test_memory_is_bounded_and_the_newest_are_kept() -> None:
    buckets = Buckets(1, 1, max_keys=100)
    for n in range(1_000):
        buckets.take(n, 50, 0)
    assert len(buckets) == 100
    assert [buckets.wait_s(n, 0) > 0 for n in (999, 900, 899)] == [True, True, False]


@pytest.fixture
def limited(collecting: Callable[..., Collector], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Collector]:
    """Start a collector with these limits, whose time stands still until `clock` is moved."""
    clock = [0.0]

    def start(**limits: Any) -> Collector:
        limits = {"burst_s": 1.0, "unlimited_networks": (), **limits}
        monkeypatch.setattr("collectors.endpoint.monotonic_s", lambda: clock[0])
        collector = collecting(
            sites=SITES,
            collector=CollectorSettings(limits=LimitSettings(**limits), trusted_proxies=("127.0.0.0/8",)),
        )
        collector.clock = clock  # type: ignore[attr-defined]
        return collector

    return start


def post(collector: Collector, first: int, n: int = 10, site: str = "gz", address: str = "", **headers: str) -> Any:
    events = [raw_event(n=first + k, site=site) for k in range(n)]
    if address:
        headers["x_forwarded_for"] = address
    return collector.post(json.dumps({"events": events}).encode(), **headers)


def test_address_that_floods_is_told_when_to_come_back_and_others_are_not_hindered(
    limited: Callable[..., Collector],
) -> None:
    collector = limited(address_events_per_s=10)
    assert post(collector, 0, 20, address="203.0.113.9").status_code == 200
    answer = post(collector, 100, address="203.0.113.9")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")  # 30 taken of 10
    assert answer.headers["content-type"] == "application/problem+json"
    assert "203.0.113.9" not in answer.text
    assert post(collector, 200, address="203.0.113.10").status_code == 200
    assert collector.counts()["accepted"] == 30  # what is refused as a whole is in no book
    collector.clock[0] = 2.0  # type: ignore[attr-defined]
    assert post(collector, 100, address="203.0.113.9").json()["accepted"] == 10


def test_addresses_of_one_ipv6_network_are_one_client(limited: Callable[..., Collector]) -> None:
    collector = limited(address_events_per_s=10)
    statuses = [
        post(collector, n * 10, 10, address=f"2001:db8:0:{net}::{n + 1}").status_code
        for n, net in enumerate("0001")
    ]  # fmt: skip
    assert statuses == [200, 429, 429, 200]


def test_unreadable_bodies_count_by_their_size(limited: Callable[..., Collector]) -> None:
    collector = limited(address_events_per_s=1_000)
    statuses = [collector.post(b"x" * 500_000).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]
    collector.clock[0] = 60.0  # type: ignore[attr-defined]
    bomb = gzip.compress(b" " * 10_000_000)
    assert [collector.post(bomb, content_encoding="gzip").status_code for _ in range(2)] == [413, 429]


def test_a_body_that_is_too_long_counts_by_what_was_read_of_it(limited: Callable[..., Collector]) -> None:
    collector = limited(address_events_per_s=1_000)
    assert collector.post(b"x" * 5_000_000).status_code == 413
    assert post(collector, 0).status_code == 429
    collector.clock[0] = 60.0  # type: ignore[attr-defined]
    assert post(collector, 0).status_code == 200


def test_wrong_keys_count_against_the_address(limited: Callable[..., Collector]) -> None:
    collector = limited(address_events_per_s=REQUEST_COST)
    statuses = [collector.post(b"{}", x_api_key=f"guess-{n}").status_code for n in range(3)]
    assert statuses == [401, 401, 429]


def test_servers_have_a_limit_of_their_own_each(limited: Callable[..., Collector]) -> None:
    collector = limited(address_events_per_s=1, server_events_per_s=100)
    assert [post(collector, 100 * n, 100, x_api_key="gz-server-key-of-2026").status_code for n in range(2)] == [
        200,
        429,
    ]
    assert post(collector, 1_000, 100, site="sz", x_api_key="sz-server-key-of-2026").status_code == 200


def test_site_that_floods_from_many_addresses_leaves_the_others_alone(limited: Callable[..., Collector]) -> None:
    collector = limited(site_events_per_s=50)
    statuses = [post(collector, 10 * n, address=f"203.0.113.{n}").status_code for n in range(10)]
    assert statuses == [200] * 6 + [429] * 4
    assert post(collector, 500, site="sz", address="203.0.113.99").status_code == 200
    assert collector.counts()["accepted"] == 70


def test_networks_without_limit_are_those_of_the_client_and_not_of_the_proxy(limited: Callable[..., Collector]) -> None:
    collector = limited(address_events_per_s=1, unlimited_networks=("127.0.0.0/8", "192.0.2.0/24"))
    for n in range(3):
        assert post(collector, 10 * n).status_code == post(collector, 10 * n, address="192.0.2.7").status_code == 200
    assert [post(collector, 10 * n, address="203.0.113.9").status_code for n in range(2)] == [200, 429]


def test_default_limits_let_an_office_behind_one_address_work() -> None:
    clock = [0.0]
    limits = Limits(LimitSettings(), (), lambda: clock[0])
    for _ in range(6_000):  # people of one address, each with a batch of ten every ten seconds, for a minute
        for _ in range(6):
            clock[0] += 1 / 600
            payer = limits.payer("203.0.113.9", [])
            limits.check(payer)
            limits.charge(payer, 10, 4_000)
    for _ in range(20_000):  # one who sends as fast as he can
        limits.charge(payer, 10, 4_000)
    with pytest.raises(TooMany):
        limits.check(payer)


def test_no_address_is_kept_in_clear(limited: Callable[..., Collector], caplog: pytest.LogCaptureFixture) -> None:
    import gc

    collector = limited(address_events_per_s=10)
    post(collector, 0, address="203.0.113.9")
    held = [repr(vars(each)) + repr(each._addresses._levels) for each in gc.get_objects() if isinstance(each, Limits)]
    assert held
    assert not any("203.0.113" in text or "\\xcb\\x00q\\t" in text for text in held)
    assert "203.0.113" not in caplog.text
