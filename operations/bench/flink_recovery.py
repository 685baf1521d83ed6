"""How long the stream on Flink takes to store events again after ``kill -9``, with events coming in all the while.

In: a cluster whose job runs, and which processes to kill. Out: seconds.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

from civicrec.clock import monotonic_s
from civicrec.eventlog.ports import Record
from civicrec.kafka.writer import KafkaWriter
from operations.harness.flink import OwnFlink
from operations.harness.stream_on_flink import OnFlink
from operations.harness.waiting import wait_for

_AGAIN_S = 150.0
_PAUSE_S = 0.05


class SteadyLoad:
    """Sends records at a steady rate of events until told to stop, or until there are none left.

    Attributes
    ----------
    sent
        The records sent so far.
    """

    def __init__(self, world: OnFlink, records: Iterable[Record], per_s: float) -> None:
        self.sent: list[Record] = []
        self._world, self._records, self._per_s = world, iter(records), per_s
        self._stop = threading.Event()

    @property
    def n_events(self) -> int:
        """How many events were sent so far."""
        return sum(record.n_events for record in self.sent)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send for the length of the body; what broke the sending is raised behind it."""
        with ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
            done = pool.submit(self._run)
            try:
                yield
            finally:
                self._stop.set()
            done.result()

    def _run(self) -> None:
        began, n_events = monotonic_s(), 0
        with closing(KafkaWriter(self._world.settings.kafka, self._world.log.name)) as writer:
            while not self._stop.wait(_PAUSE_S):
                due = []
                while n_events < (monotonic_s() - began) * self._per_s and (record := next(self._records, None)):
                    due.append(record)
                    n_events += record.n_events
                if due:
                    self._world.send_with(writer, due)
                    self.sent += due


def killed(world: OnFlink, *names: str) -> float:
    """Kill processes of the cluster, by default all and ``civicrec stream``, and start them again, under load.

    Returns
    -------
    float
        Seconds from the kill until events are stored again.

    Raises
    ------
    Unavailable
        If none are within 150 s.
    """
    is_cluster, names = not names, names or OwnFlink.NAMES
    began, jobs = monotonic_s(), world.jobs_begun
    if is_cluster:
        world.leave(signal.SIGKILL)
    world.cluster.kill(*names)
    time.sleep(0.5)  # what was under way has ended
    before = world.progress().stored
    world.cluster.start(*names)
    if is_cluster:
        world.start(wait=False)

    def context() -> str:
        return f"after the end of {', '.join(names)}; {world.log_text[-2_000:]}"

    if "jobmanager" in names:  # without one the TaskManager goes on for some seconds; then the job is begun again
        wait_for(lambda: world.jobs_begun > jobs, _AGAIN_S, lambda: f"a new job {context()}")
        before = world.progress().stored
    wait_for(lambda: world.progress().stored > before, _AGAIN_S, lambda: f"events to be stored {context()}")
    return monotonic_s() - began
