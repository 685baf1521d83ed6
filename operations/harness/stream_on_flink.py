"""The stream on a cluster of our own: Kafka, Flink with Beam's peers, warehouse gateway and Valkey, all on loopback.

In: a folder of jars. Out: `OnFlink`, which runs for the length of a body and takes records as the collector's
forwarder would send them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from civicrec.accounting.progress import CommittedProgress
from civicrec.clients import redis_client
from civicrec.errors import ConfigError, Unavailable
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.kafka.position import Position, keep_position
from civicrec.kafka.writer import KafkaWriter
from civicrec.settings import Settings, StreamSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.harness.flink import OwnFlink
from operations.harness.kafka import OwnKafka
from operations.harness.load import cpu_s
from operations.harness.stack import OwnStack, environment, own_stack, settings_on_free_ports
from operations.harness.waiting import wait_for
from profiles.online.redis_store import RedisOnlineStore

#: How long a job may take until it runs: the jars go to the cluster first.
_JOB_S = 150.0
#: A jar of each service by which its folder is known.
_KNOWN_BY = {"kafka": "kafka_*.jar", "flink": "flink-runtime-*.jar"}


@dataclass
class OnFlink:
    """Everything that takes part, and a log whose records are in Kafka as the collector's forwarder puts them there.

    Attributes
    ----------
    env
        Environment in which a `civicrec` command works on all of it.
    position
        How far the log has been forwarded.
    log_path
        What ``civicrec stream`` writes to stderr.
    """

    settings: Settings
    env: dict[str, str] = field(repr=False)
    stack: OwnStack
    broker: OwnKafka
    cluster: OwnFlink
    log: SqliteEventLog
    warehouse: ClickHouseWarehouse
    online: RedisOnlineStore
    position: Position
    log_path: Path
    _client: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *words: str, wait: bool = True) -> None:
        """Run ``civicrec stream --runner flink``, and wait until the job runs.

        Raises
        ------
        Unavailable
            If it does not; the message holds the end of the command's words.
        """
        before = self.jobs_begun
        with self.log_path.open("ab") as out:
            child = subprocess.Popen(
                [sys.executable, "-m", "civicrec", "stream", "--runner", "flink", *words],
                env=self.env, stdout=out, stderr=out,
            )  # fmt: skip
        self._client.append(child)

        def runs() -> bool:
            if child.poll() is not None:
                raise Unavailable(f"`civicrec stream --runner flink` ended: {self.log_text[-3_000:]}")
            return self.jobs_begun > before

        if wait:
            wait_for(runs, _JOB_S, lambda: f"the job; the command said: {self.log_text[-3_000:]}")

    @property
    def log_text(self) -> str:
        """What ``civicrec stream`` has written so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def jobs_begun(self) -> int:
        """How often ``civicrec stream`` has found or begun a job."""
        return self.log_text.count("stream_started") + self.log_text.count("job_resumed")

    def leave(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the watching process; the job runs on."""
        for child in self._client:
            if child.poll() is None:
                os.kill(child.pid, number)
            child.wait(timeout=60)
        self._client.clear()

    def send(self, records: Sequence[Record], at_once: int = 500) -> None:
        """Append to the log and forward, as the collector does."""
        with closing(KafkaWriter(self.settings.kafka, self.log.name)) as writer:
            for first in range(0, len(records), at_once):
                self.send_with(writer, records[first : first + at_once])

    def send_with(self, writer: KafkaWriter, records: Sequence[Record]) -> None:
        """Append to the log and forward through a writer that is open, in one transaction."""
        last = self.log.append(records)
        logged = self.log.read(last - len(records), last)
        self.position = self.position.after(logged)
        writer.write(logged, self.position)
        keep_position(self.settings.forwarded_path, self.position)

    def progress(self) -> CommittedProgress:
        """Return what is done of the log."""
        return self.online.progress(self.log.name)

    def wait_counted(self, n: int, timeout_s: float = 90.0) -> None:
        """Wait until the committed progress has counted `n` events.

        Raises
        ------
        Unavailable
            If they have not in time, or have counted more.
        """

        def counted() -> bool:
            progress = self.progress()
            done = progress.stored + sum(progress.rejected.values())
            if done > n:
                raise Unavailable(f"{done} events counted where {n} were sent")
            return done == n

        wait_for(counted, timeout_s, lambda: f"{n} events; {self.progress()}; {self.cluster.log_tail('workers', 1500)}")

    def stored(self) -> tuple[int, int]:
        """Return the events in the warehouse, and how many of them are different ones."""
        row = self.warehouse.rows("SELECT count() AS n, uniqExact(event_id) AS ids FROM events FINAL")[0]
        return row["n"], row["ids"]

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU-seconds of the processes that an event goes through, each with its children."""
        pids = {"kafka": self.broker.pid, **self.stack.pids()}
        return self.cluster.cpu_s() | {name: cpu_s(psutil.Process(pid)) for name, pid in pids.items()}


@contextmanager
def on_flink(
    folder: Path,
    services: Path,
    partitions: int = 3,
    parallelism: int = 1,
    env: Mapping[str, str] | None = None,
    slots: int = 0,
) -> Iterator[OnFlink]:
    """Run everything but the job for the length of the body.

    Parameters
    ----------
    folder
        Of all data and logs, kept.
    services
        Folder that holds the jars, in its sub-folders ``kafka`` and ``flink``.
    env
        Further ``CIVICREC_…`` variables.
    slots
        Parts of the job in which one TaskManager may work; four or `parallelism` unless given.

    Raises
    ------
    ConfigError
        If java or the jars are not there.
    Unavailable
        If a process does not become ready.
    """
    check_services(services)
    folder = folder.resolve()
    settings = settings_on_free_ports(folder / "home")
    # The workers know the stores and nothing of what brings them records.
    cluster = OwnFlink(folder / "flink", services / "flink", environment(settings, env), slots or max(4, parallelism))
    broker = OwnKafka(folder / "kafka", services / "kafka")
    settings = settings.model_copy(
        update={
            "kafka": broker.settings(partitions=partitions),
            "stream": StreamSettings(runner="flink"),
            "flink": cluster.settings(parallelism=parallelism),
        }
    )
    with ExitStack() as running:
        running.callback(broker.kill)
        running.callback(cluster.close)
        broker.start()
        cluster.start()
        stack = running.enter_context(
            own_stack(settings.home, only=("valkey", "warehouse"), settings=settings, env=env)
        )
        log = running.enter_context(closing(SqliteEventLog(settings.log_path)))
        warehouse = running.enter_context(closing(ClickHouseWarehouse(settings.warehouse)))
        client = running.enter_context(closing(redis_client(settings.redis)))
        world = OnFlink(
            settings, dict(stack.env), stack, broker, cluster, log, warehouse, RedisOnlineStore(client),
            Position(log=log.name), folder / "stream.log",
        )  # fmt: skip
        running.callback(world.leave, signal.SIGKILL)
        yield world


def check_services(services: Path) -> None:
    """See that Kafka and Flink can be run.

    Raises
    ------
    ConfigError
        If there is no java, or a service's jars are not in its sub-folder.
    """
    if shutil.which("java") is None:
        raise ConfigError("Kafka and Flink run on java and none is on PATH; install Java 17, then run `make services`")
    for name, jar in _KNOWN_BY.items():
        if not any((services / name).glob(jar)):
            raise ConfigError(
                f"{services / name} holds no {jar}; run `make services` in civicrec's sources, "
                "or name the folder that has the jars in its sub-folders kafka and flink (--services)"
            )
