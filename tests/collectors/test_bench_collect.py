from __future__ import annotations

from civicrec.bench.collect import CONNECTIONS, bench_collect


def test_bench_measures_both_servers_at_each_number_of_connections() -> None:
    by_connections = bench_collect(seconds=0.3)["connections"]
    assert list(by_connections) == [str(n) for n in CONNECTIONS]
    for figures in by_connections.values():
        for server in ("collector", "hello"):
            assert 0 < figures[server]["p50_ms"] <= figures[server]["p99_ms"]
            assert figures[server]["requests_per_s"] > 0
        assert figures["ratio"] > 0
