"""Serving's metrics for Prometheus, under the names of `civicrec.metrics`, summed over the processes that serve."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from civicrec.accounting.served import LOSSES
from civicrec.logs import get_logger
from civicrec.metrics import MetricName

_log = get_logger(__name__)
_SERVED: MetricName = "civicrec_lists_served_total"
_DEGRADED: MetricName = "civicrec_lists_degraded_total"
_FAULTS: MetricName = "civicrec_refresh_faults_total"
_UNREAD: MetricName = "civicrec_store_reads_failed_total"
_KEPT: MetricName = "civicrec_list_log_total"
_REFUSED: MetricName = "civicrec_requests_refused_total"
_ITEMS: MetricName = "civicrec_catalogue_changes_total"
_SECONDS: MetricName = "civicrec_recommend_seconds"


#: Where prometheus_client keeps the counts of several processes; it looks at nothing but this variable.
_SHARED = "PROMETHEUS_MULTIPROC_DIR"
#: Memory first: on a disk that is full a process would be killed as it counts.
_PLACES = ("/dev/shm", tempfile.gettempdir())  # noqa: S108
_NEEDED_BYTES = 64 << 20


@contextmanager
def metrics_of_all_processes() -> Iterator[None]:
    """Let the processes started in the body count together; call it before any of them imports this module.

    Where there is no space for that each counts for itself, and `/metrics` tells of whichever answers.
    """
    with ExitStack() as stack:
        for place in _PLACES:
            with suppress(OSError):
                if shutil.disk_usage(place).free < _NEEDED_BYTES:
                    continue
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="civicrec-metrics-", dir=place))
                os.environ[_SHARED] = folder  # noqa: TID251  # for the processes to come, not a setting of ours
                stack.callback(os.environ.pop, _SHARED, None)  # noqa: TID251
                break
        else:
            _log.warning("metrics_of_one_process", looked_in=_PLACES, needed_mb=_NEEDED_BYTES >> 20)
        yield


class ListCounters:
    """Counts of lists."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._served = Counter(_SERVED, "Lists served, by scene and mode.", ["scene", "mode"], registry=self._registry)
        self._degraded = Counter(_DEGRADED, "Lists from the fallback: a store was down.", registry=self._registry)
        self._unread = Counter(
            _UNREAD, "Reads of the online store that failed, by why; between trials it is not read.", ["why"],
            registry=self._registry,
        )  # fmt: skip
        for why in ("late", "away"):
            self._unread.labels(why)
        self._refused = Counter(
            _REFUSED, "Requests refused before they were looked at, by status; 400 is a body cut off.", ["status"],
            registry=self._registry,
        )  # fmt: skip
        for status in (400, 408, 413, 429):
            self._refused.labels(str(status))
        self._faults = Counter(
            _FAULTS, "Times that registry, models, trends, a scene or consents could not be read, by what.", ["what"],
            registry=self._registry,
        )  # fmt: skip
        for what in ("registry", "models", "trends", "scenes", "consents"):
            self._faults.labels(what)
        self._kept = Counter(
            _KEPT, "Lists that were to be kept in the warehouse: kept until it has them, or lost and why.", ["fate"],
            registry=self._registry,
        )  # fmt: skip
        for fate in ("kept", *LOSSES):
            self._kept.labels(fate)
        self._items = Counter(
            _ITEMS, "Items that servers brought, by what became of them.", ["change"], registry=self._registry
        )
        for change in ("added", "changed", "unchanged", "bad"):
            self._items.labels(change)
        self._seconds = Histogram(
            _SECONDS, "Time to answer one request for lists.", registry=self._registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2, 0.5, 1),
        )  # fmt: skip

    def refused(self, status: int) -> None:
        """Count a request that was not let in."""
        self._refused.labels(str(status)).inc()

    def fault(self, what: str) -> None:
        """Count a time that something lists are made from could not be read."""
        self._faults.labels(what).inc()

    def store_failed(self, why: str) -> None:
        """Count a read of the online store that failed."""
        self._unread.labels(why).inc()

    def list_served(self, scene: str, mode: str, is_degraded: bool) -> None:
        """Count one list."""
        self._served.labels(scene, mode).inc()
        if is_degraded:
            self._degraded.inc()

    def list_kept(self, fate: str, n: int) -> None:
        """Count lists that were to be kept."""
        self._kept.labels(fate).inc(n)

    def items_changed(self, change: str, n: int) -> None:
        """Count items that a server brought."""
        self._items.labels(change).inc(n)

    def answered(self, seconds: float) -> None:
        """Count the time of one answer."""
        self._seconds.observe(seconds)

    def text(self) -> bytes:
        """Return what Prometheus reads, of all processes where there are several."""
        registry = self._registry
        if _SHARED in os.environ:  # noqa: TID251
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
