"""The stream on a real cluster: Kafka, Flink with Beam's peers, warehouse gateway and Valkey, all of a test's own."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from civicrec.bench.own_stack import environment, settings_on_free_ports
from civicrec.clients import redis_client
from civicrec.eventlog.fences import Fences
from civicrec.eventlog.kafka_writer import KafkaWriter
from civicrec.eventlog.ports import Record
from civicrec.eventlog.position import Position, keep_position
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, dump
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings, load_settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.redis_store import RedisOnlineStore
from tests.running import RunningStack, running_stack, wait_for
from tests.services.broker import Broker
from tests.services.flink import FlinkCluster
from tests.streaming.world import ITEM_TYPES


@dataclass
class OnFlink:
    """Everything that takes part, and a log whose records are in Kafka as the collector's forwarder puts them there."""

    settings: Settings
    env: dict[str, str]
    stack: RunningStack
    broker: Broker
    cluster: FlinkCluster
    log: SqliteEventLog
    warehouse: ClickHouseWarehouse
    online: RedisOnlineStore
    position: Position
    log_path: Path
    _client: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *words: str, wait: bool = True) -> None:
        """``civicrec stream --runner flink``, until the job runs."""
        before = self.said.count("stream_started")
        with self.log_path.open("ab") as out:
            child = subprocess.Popen(
                [sys.executable, "-m", "civicrec", "stream", "--runner", "flink", *words],
                env=self.env, stdout=out, stderr=out,
            )  # fmt: skip
        self._client.append(child)

        def runs() -> bool:
            assert child.poll() is None, self.said[-3_000:]
            return self.said.count("stream_started") > before

        if wait:
            wait_for(runs, 150, f"the job; see {self.log_path}")

    @property
    def said(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def leave(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the watching process; the job runs on."""
        for child in self._client:
            if child.poll() is None:
                os.kill(child.pid, number)
            child.wait(timeout=60)
        self._client.clear()

    def civicrec(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "civicrec", *words],
            env=self.env, capture_output=True, text=True, timeout=170, check=False,
        )  # fmt: skip

    def send(self, records: Sequence[Record], at_once: int = 500) -> None:
        """Append to the log and forward, as the collector does."""
        with closing(KafkaWriter(self.settings.kafka, self.log.name)) as writer:
            for first in range(0, len(records), at_once):
                self.send_with(writer, records[first : first + at_once])

    def send_with(self, writer: KafkaWriter, records: Sequence[Record]) -> None:
        last = self.log.append(records)
        found = self.log.read(last - len(records), last)
        self.position = self.position.after(found)
        writer.write(found, self.position)
        keep_position(self.settings.forwarded_path, self.position)

    def fences(self) -> Fences:
        return self.online.fences(self.log.name)

    def wait_counted(self, n: int, timeout_s: float = 90.0) -> None:
        """Wait until the fences have counted `n` events."""

        def counted() -> bool:
            fences = self.fences()
            done = fences.stored + sum(fences.rejected.values())
            assert done <= n, f"{done} of {n} events counted"
            return done == n

        wait_for(counted, timeout_s, f"{n} events; {self.fences()}; {self.cluster.said('workers', 1500)}")

    def stored(self) -> tuple[int, int]:
        """Events in the warehouse, and how many of them are different ones."""
        row = self.warehouse.rows("SELECT count() AS n, uniqExact(event_id) AS ids FROM events FINAL")[0]
        return row["n"], row["ids"]

    def status(self) -> dict[str, object]:
        return json.loads(self.civicrec("status", "--json").stdout)


@contextmanager
def on_flink(folder: Path, partitions: int = 3, env: Mapping[str, str] | None = None) -> Iterator[OnFlink]:
    """Run everything but the job for the length of the body."""
    settings = settings_on_free_ports(folder / "home")
    cluster = FlinkCluster(folder / "flink", environment(settings, env))
    broker = Broker(folder / "kafka")
    flink = cluster.settings()
    variables = {
        "CIVICREC_KAFKA__BOOTSTRAP": broker.address,
        "CIVICREC_KAFKA__PARTITIONS": str(partitions),
        "CIVICREC_STREAM__RUNNER": "flink",
        "CIVICREC_FLINK__CHECKPOINT_FOLDER": str(flink.checkpoint_folder),
        **{
            f"CIVICREC_FLINK__{name.upper()}": getattr(flink, name)
            for name in ("rest", "job_endpoint", "artifact_endpoint", "expansion_service", "worker_pool")
        },
        **(env or {}),
    }
    all_of_it = environment(settings, variables)
    settings = _settings_of(all_of_it)
    try:
        broker.start()
        cluster.start()
        with (
            running_stack(settings.home, only=("valkey", "warehouse"), settings=settings, env=variables) as stack,
            closing(SqliteEventLog(settings.log_path)) as log,
            closing(ClickHouseWarehouse(settings.warehouse)) as warehouse,
            closing(redis_client(settings.redis)) as client,
        ):
            registry = open_registry(settings.registry_address)
            upsert_items(
                registry, [Item(item_id=name, item_type=kind, title=name) for name, kind in ITEM_TYPES.items()]
            )
            registry.dispose()
            world = OnFlink(
                settings, all_of_it, stack, broker, cluster, log, warehouse, RedisOnlineStore(client),
                Position(log=log.name), folder / "stream.log",
            )  # fmt: skip
            try:
                yield world
            finally:
                world.leave(signal.SIGKILL)
    finally:
        cluster.close()
        broker.kill()


def _settings_of(env: Mapping[str, str]) -> Settings:
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            if name.startswith("CIVICREC_"):
                patch.setenv(name, value)
        return load_settings()


def records_of(events: Sequence[Event], in_record: int = 3) -> list[Record]:
    """Cut events into records of one actor each, as the collector would."""
    records: list[Record] = []
    for first in range(0, len(events), 60):
        by_actor: dict[str, list[Event]] = {}
        for event in events[first : first + 60]:
            by_actor.setdefault(event.actor, []).append(event)
        for actor, mine in by_actor.items():
            for start in range(0, len(mine), in_record):
                part = mine[start : start + in_record]
                records.append(Record(actor, len(part), dump(part)))
    return records


def a_while(rng: random.Random, least_s: float, most_s: float) -> None:
    time.sleep(rng.uniform(least_s, most_s))
