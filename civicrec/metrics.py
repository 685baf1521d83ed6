"""Metrics: the names of everything counted, and the order statistics reports use.

In: numbers. Out: numbers. Process metrics are exposed by each web app with `prometheus_client`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

MetricName = Literal[
    "civicrec_events_received_total",  # events in readable bodies that reached the collector
    "civicrec_events_accepted_total",  # events durable in the log
    "civicrec_events_duplicate_total",  # events answered as duplicates
    "civicrec_events_rejected_total",  # events refused by the collector, by reason
    "civicrec_events_altered_total",  # events kept with something removed, by what
    "civicrec_events_stored_total",  # events written into the warehouse
    "civicrec_events_missing",  # of these, the events that the warehouse has not
    "civicrec_events_pending",  # events in the log that the stream has not committed yet
    "civicrec_events_waiting_seconds",  # age of the oldest event in the log that the stream has not committed yet
    "civicrec_nightly_failed",  # 1 while the last nightly job failed or was cut off
    "civicrec_free_disk_bytes",  # free disk of the home folder
    "civicrec_online_complete",  # 1 while the online store holds all it should
    "civicrec_online_actors",  # actors of whom the online store knows anything
    "civicrec_online_shed_total",  # entries of the online store removed beyond a bound or for want of memory, by kind
    "civicrec_online_fullness",  # share of its memory that the online store uses
    "civicrec_models_age_days",  # days since the day the models in force were learned up to
    "civicrec_dead_letters_total",  # accepted events that the stream refused, by reason
    "civicrec_events_forwarded_total",  # events acknowledged by Kafka
    "civicrec_events_unforwarded",  # events in the log that Kafka has not acknowledged yet
    "civicrec_kafka_faults_total",  # times forwarding broke off and began again
    "civicrec_kafka_degraded",  # 1 while Kafka is away or behind and answers do not wait for it
    "civicrec_collect_seconds",  # time to answer one POST /v1/events
    "civicrec_lists_served_total",  # lists served, by scene and mode
    "civicrec_lists_degraded_total",  # lists served from the fallback because a store was down
    "civicrec_store_reads_failed_total",  # reads of the online store for lists that failed, by why
    "civicrec_list_log_total",  # lists that were to be kept in the warehouse, by what became of them
    "civicrec_list_log_waiting",  # served lists that wait for the warehouse
    "civicrec_refresh_faults_total",  # times serving could not read registry, models, trends, scenes or consents
    "civicrec_requests_refused_total",  # requests to serving refused before they were looked at, by status
    "civicrec_catalogue_changes_total",  # items that servers brought over HTTP, by what became of them
    "civicrec_recommend_seconds",  # time to answer one list
]


def quantile(values: Sequence[float], q: float) -> float:
    """Return the q-quantile by the nearest-rank rule; NaN for no values.

    Parameters
    ----------
    values
        Any order.
    q
        0..1.

    Examples
    --------
    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5)
    2.0
    """
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]
