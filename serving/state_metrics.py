"""What lists are made from, as Prometheus and ``/readyz`` are told: the online store's state, the age of the models.

In: the state of a serving process. Out: gauges and sentences. Read when asked, so no process counts for another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from civicrec.accounting.served import served_counts
from civicrec.clock import local_date
from civicrec.errors import Unavailable
from civicrec.metrics import MetricName
from profiles.online.ports import ServedStore
from profiles.online.redis_store import RedisOnlineStore
from serving.live import Live

_COMPLETE: MetricName = "civicrec_online_complete"
_ACTORS: MetricName = "civicrec_online_actors"
_SHED: MetricName = "civicrec_online_shed_total"
_FULLNESS: MetricName = "civicrec_online_fullness"
_WAITING: MetricName = "civicrec_list_log_waiting"
_AGE: MetricName = "civicrec_models_age_days"


def online_problems(store: ServedStore) -> list[str]:
    """Say what is wrong with the online store, one sentence each."""
    if not isinstance(store, RedisOnlineStore):
        return []
    try:
        return store.state().problems()
    except Unavailable as fault:
        return [f"lists come without profiles: {fault}"]


def model_problems(live: Live) -> list[str]:
    """Say that the models in force are old."""
    age, most = _age_days(live), live.settings.alarms.models_days
    why = "the nightly job does not run or fails, or an older run was chosen; see `civicrec model list`"
    return [f"the models in force are {age} days old: {why}"] if age > most else []


def state_metrics(live: Live) -> bytes:
    """Return the gauges as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_State(live))
    return generate_latest(registry)


class _State:
    def __init__(self, live: Live) -> None:
        self._live = live

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            _AGE, "Days since the day the models in force were learned up to.", value=_age_days(self._live)
        )
        with suppress(Unavailable):
            waiting = served_counts(self._live.settings.served_path).waiting
            yield GaugeMetricFamily(_WAITING, "Served lists that wait for the warehouse.", value=waiting)
        if not isinstance(store := self._live.store, RedisOnlineStore):
            return
        try:
            state = store.state()
        except Unavailable:
            return
        yield GaugeMetricFamily(_COMPLETE, "1 while the online store holds all it should.", value=state.is_complete)
        yield GaugeMetricFamily(_ACTORS, "Actors of whom the online store knows anything.", value=state.actors)
        yield GaugeMetricFamily(_FULLNESS, "Share of its memory that the online store uses.", value=state.fullness)
        shed = CounterMetricFamily(_SHED, "Entries removed beyond a bound or for want of memory.", labels=["kind"])
        for kind in sorted({"actors", "co", "hours", "tags"} | set(state.shed)):
            shed.add_metric([kind], state.shed.get(kind, 0))
        yield shed


def _age_days(live: Live) -> int:
    """Return the age of the models in force, 0 before the first, or of a run that is named after no day."""
    try:
        day = date.fromisoformat(live.models.run[:10] if live.models else "")
    except ValueError:
        return 0
    return max(0, (local_date(live.clock()) - day).days)
