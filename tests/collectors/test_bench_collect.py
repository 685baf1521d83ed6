from __future__ import annotations

import pytest

from operations.bench import collect
from operations.bench.collect import CONNECTIONS, bench_collect
from operations.bench.log_limits import recovery, soak
from tests.services.broker import Broker


def test_bench_measures_both_servers_at_each_number_of_connections() -> None:
    by_connections = bench_collect(seconds=0.3)["connections"]
    assert list(by_connections) == [str(n) for n in CONNECTIONS]
    for figures in by_connections.values():
        for server in ("collector", "hello"):
            assert 0 < figures[server]["p50_ms"] <= figures[server]["p99_ms"]
            assert figures[server]["requests_per_s"] > 0
        assert figures["ratio"] > 0


@pytest.mark.kafka
@pytest.mark.slow
def test_bench_measures_the_collector_with_a_broker_behind_it_and_removes_its_topics(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "CONNECTIONS", (2,))
    figures = bench_collect(seconds=0.3, kafka=broker.address)["connections"]["2"]
    for server in ("kafka_disk", "kafka_ack"):
        assert figures[server]["requests_per_s"] > 0
        assert figures[server]["ratio"] > 0
    assert figures["kafka_ack"]["backlog"] == 0
    assert not [topic for topic in broker.topics() if topic.startswith("bench-")]


def test_bench_measures_the_start_after_a_crash() -> None:
    measured = recovery(200)
    assert measured["pending_events"] == 2_000
    assert all(0 < measured[which]["cpu_s"] < 60 for which in ("first", "again"))


def assert_flat(figures: dict[str, float]) -> None:
    assert figures["rss_mb_least"] > 0.9 * figures["rss_mb"]
    assert figures["rss_mb_most"] < 1.1 * figures["rss_mb"]
    assert figures["log_file_mb"] < 330  # the bound of the soak, and what comes in between two looks


def test_memory_is_flat_under_load_once_the_window_of_ids_is_full() -> None:
    figures = soak(0.15, {"CIVICREC_COLLECTOR__DEDUP_WINDOW": "10000"})
    assert figures["requests_per_s"] > 100
    assert_flat(figures)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_is_flat_over_ten_minutes_of_load() -> None:
    assert_flat(soak(10))
