from __future__ import annotations

import pytest

from civicrec.bench import collect
from civicrec.bench.collect import CONNECTIONS, bench_collect
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
