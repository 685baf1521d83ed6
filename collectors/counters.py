"""The collector's metrics for Prometheus, under the names of `civicrec.metrics`."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from civicrec.accounting.books import Books
from civicrec.accounting.nights import failed_night
from civicrec.clock import to_ms, utc_now
from civicrec.errors import Unavailable
from civicrec.metrics import MetricName
from collectors.forwarding.acknowledged import Acknowledged

#: Counter of the log → (metric, label); the names are those of `civicrec.eventlog.ports.LogCounts`.
_METRICS: Mapping[str, tuple[MetricName, str, str]] = {
    "received": ("civicrec_events_received_total", "", "Events in readable bodies that reached the collector."),
    "accepted": ("civicrec_events_accepted_total", "", "Events durable in the log."),
    "duplicate": ("civicrec_events_duplicate_total", "", "Events answered as duplicates."),
    "rejected": ("civicrec_events_rejected_total", "reason", "Events refused by the collector, by reason."),
    "altered": ("civicrec_events_altered_total", "what", "Events kept with something removed, by what."),
}
_SECONDS: MetricName = "civicrec_collect_seconds"
_STORED: MetricName = "civicrec_events_stored_total"
_MISSING: MetricName = "civicrec_events_missing"
_PENDING: MetricName = "civicrec_events_pending"
_WAITING: MetricName = "civicrec_events_waiting_seconds"
_NIGHTLY: MetricName = "civicrec_nightly_failed"
_DISK: MetricName = "civicrec_free_disk_bytes"
_DEAD: MetricName = "civicrec_dead_letters_total"
_FORWARDED: MetricName = "civicrec_events_forwarded_total"
_UNFORWARDED: MetricName = "civicrec_events_unforwarded"
_FAULTS: MetricName = "civicrec_kafka_faults_total"
_DEGRADED: MetricName = "civicrec_kafka_degraded"


class Counters:
    """What Prometheus reads: the writer's totals and the books, read when asked, and the time each answer took."""

    def __init__(
        self,
        totals: Counter[tuple[str, str]],
        books: Callable[[], Books],
        kafka: Acknowledged | None = None,
        home: Path | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self._totals = totals
        self._books = books
        self._kafka = kafka
        self._home = home
        self._seconds = Histogram(
            _SECONDS, "Time to answer one POST /v1/events.", ["status"], registry=self.registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
        )  # fmt: skip
        self._by_status: dict[int, Histogram] = {}
        self.registry.register(self)

    def observe(self, seconds: float, status: int) -> None:
        """Count one answer."""
        histogram = self._by_status.get(status)
        if histogram is None:
            histogram = self._by_status[status] = self._seconds.labels(str(status))
        histogram.observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """Yield the counters as they stand."""
        for counter, (name, label, text) in _METRICS.items():
            family = CounterMetricFamily(name, text, labels=[label] if label else [])
            for (of, reason), n in list(self._totals.items()):
                if of == counter:
                    family.add_metric([reason] if label else [], n)
            yield family
        yield from self._stream()
        if self._home:
            failed = bool(failed_night(self._home, utc_now()))
            yield GaugeMetricFamily(_NIGHTLY, "1 while the last nightly job failed or was cut off.", value=failed)
            free = shutil.disk_usage(self._home).free
            yield GaugeMetricFamily(_DISK, "Free disk of the home folder.", value=free)
        if self._kafka:
            yield CounterMetricFamily(_FORWARDED, "Events acknowledged by Kafka.", value=self._kafka.forwarded)
            yield GaugeMetricFamily(
                _UNFORWARDED, "Events in the log that Kafka has not acknowledged yet.", value=self._kafka.unforwarded
            )
            yield CounterMetricFamily(
                _FAULTS, "Times forwarding to Kafka broke off and began again.", value=self._kafka.faults
            )
            yield GaugeMetricFamily(
                _DEGRADED, "1 while Kafka is away or behind and answers do not wait for it.",
                value=bool(self._kafka.degraded),
            )  # fmt: skip

    def _stream(self) -> Iterator[Metric]:
        """Yield what became of the accepted events; nothing while the books cannot be read."""
        try:
            books = self._books()
        except Unavailable:
            return
        yield CounterMetricFamily(
            _STORED, "Events written into the warehouse.", value=books.stored + books.missing
        )  # a counter may not fall
        yield GaugeMetricFamily(_MISSING, "Of these, the events that the warehouse has not.", value=books.missing)
        yield GaugeMetricFamily(
            _PENDING, "Events in the log that the stream has not committed yet.", value=books.pending
        )
        waited_s = max(0.0, to_ms(utc_now()) - books.waiting_since_ms) / 1000 if books.waiting_since_ms else 0.0
        yield GaugeMetricFamily(_WAITING, "Age of the oldest event that the stream has not committed.", value=waited_s)
        dead = CounterMetricFamily(_DEAD, "Accepted events that the stream refused, by reason.", labels=["reason"])
        for reason, n in books.rejected.items():
            dead.add_metric([reason], n)
        yield dead
