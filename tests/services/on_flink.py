"""The stream on a real cluster, from Maven's jars: what a test may do to it besides using it."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from civicrec.eventlog.ports import Record
from civicrec.events import Event, dump
from civicrec.items import Item
from civicrec.kafka.reader import KafkaReader
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from operations.harness import stream_on_flink as bench
from tests.running import RunningStack
from tests.services.maven import CACHE, flink_jars, kafka_jars
from tests.streaming.world import ITEM_TYPES


@dataclass
class OnFlink(bench.OnFlink):
    """Everything that takes part, and commands to it."""

    stack: RunningStack

    def civicrec(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.stack.civicrec(*words, check=False, timeout_s=170)

    def dead_letters(self) -> dict[bytes, bytes]:
        """Key → value of the dead letters in Kafka, as compaction leaves them."""
        with closing(KafkaReader(self.settings.kafka, self.settings.kafka.dead_topic)) as reader:
            newest = {raw.key: raw.value for raw in reader.read_raw({})[0]}
        return {key: value for key, value in newest.items() if value is not None}

    def status(self) -> dict[str, object]:
        return json.loads(self.civicrec("status", "--json").stdout)


@contextmanager
def on_flink(folder: Path, partitions: int = 3, env: Mapping[str, str] | None = None, **more: int) -> Iterator[OnFlink]:
    """Run everything but the job, with the tests' items in the catalogue, for the length of the body."""
    kafka_jars(), flink_jars()  # fetched the first time, or the test is skipped
    told = {"CIVICREC_REDIS__MIN_ACTORS": "1", **(env or {})}  # what a single actor did, as the oracle counts it
    with bench.on_flink(folder, CACHE, partitions, env=told, **more) as own:
        with registry_at(own.settings.registry_address) as registry:
            items = [Item(item_id=name, item_type=kind, title=name) for name, kind in ITEM_TYPES.items()]
            upsert_items(registry, items)
        stack = RunningStack(own.stack.settings, own.stack.env, own.stack.process, own.stack.log_path)
        yield OnFlink(**vars(own) | {"stack": stack})


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
