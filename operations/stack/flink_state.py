"""What the Flink job is doing: its state, its newest checkpoint, and how far it is behind Kafka.

In: settings. Out: `FlinkState`, a part of `civicrec status --json`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from civicrec.accounting.progress import read_positions
from civicrec.clock import to_ms
from civicrec.settings import Settings


@dataclass(frozen=True, slots=True)
class FlinkState:
    """The job at one moment.

    Attributes
    ----------
    state
        Flink's word for it, ``no job`` if none of the name lives.
    checkpoint_age_s
        Age of its newest complete checkpoint, seconds; None before the first.
    restarts
        Times Flink restarted it since it was submitted.
    lag
        partition → records committed in Kafka and not yet in every store, at most.
    """

    state: str
    checkpoint_age_s: float | None
    restarts: int
    lag: dict[int, int]


def look_at_flink(settings: Settings, now: datetime) -> FlinkState:
    """Ask the JobManager, Kafka and the online store.

    Raises
    ------
    Unavailable
        If one of them does not answer.
    """
    from streaming.flink.rest import FlinkJobs

    job = FlinkJobs(settings.flink.rest).find(settings.flink.job_name)
    age_s = None
    if job is not None and job.checkpoint_ms is not None:
        age_s = max(0, to_ms(now) - job.checkpoint_ms) / 1000
    return FlinkState(job.state if job else "no job", age_s, job.restarts if job else 0, _lag(settings))


def _lag(settings: Settings) -> dict[int, int]:
    from civicrec.kafka.reader import KafkaReader

    with closing(KafkaReader(settings.kafka)) as reader:
        starts, ends = reader.starts(), reader.ends()
    reached = read_positions(settings.redis)
    # Behind the last record stands the mark of its transaction's end.
    return {number: max(0, end - 2 - reached.get(number, starts[number] - 1)) for number, end in sorted(ends.items())}
