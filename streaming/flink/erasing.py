"""Erasing people beside a job on Flink, by the process that watches it: store by store, as the embedded stream does.

In: requests of the registry. Out: stores without the people. The job goes on meanwhile: nothing is begun before its
workers have done what stood in the topic when the last collector had heard of the request. What they read later they
refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial

from civicrec.accounting.progress import positions_of
from civicrec.errors import Unavailable
from civicrec.kafka.reader import KafkaReader
from civicrec.kafka.retention import gone_by
from civicrec.registry.erasures import Erasure
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.ports import RebuildableStore
from streaming.erasing.again import Restored
from streaming.erasing.others import who_else_writes
from streaming.erasing.stores import personal_stores
from streaming.erasing.worker import Eraser


class TopicDone:
    """Waits until the job has done what stood in the topic when a request was first looked at.

    Parameters
    ----------
    ends
        Partition → offset behind its last record, now.
    done
        Partition → offset of the last record done.
    """

    def __init__(self, ends: Callable[[], dict[int, int]], done: Callable[[], dict[int, int]]) -> None:
        self._ends, self._done = ends, done
        self._wanted: dict[int, dict[int, int]] = {}

    def wait(self, one: Erasure) -> None:
        """Return if it has.

        Raises
        ------
        Unavailable
            If it has not yet: call it again.
        """
        wanted = self._wanted.setdefault(one.number, self._ends())
        reached = self._done()
        # Behind the last record stands the mark of its transaction's end.
        behind = [number for number, end in wanted.items() if end and reached.get(number, -1) < end - 2]
        if behind:
            raise Unavailable(
                f"erasure {one.number} waits for the job, which has not done all that stood in partitions {behind} yet"
            )


@contextmanager
def erasing(settings: Settings, online: RebuildableStore, waits: Callable[[], None]) -> Iterator[Eraser]:
    """Open what the worker of erasures needs, for the length of the body."""
    with (
        registry_at(settings.registry_address) as registry,
        closing(ClickHouseWarehouse(settings.warehouse)) as warehouse,
    ):
        keys = load_keys(settings)
        restored = Restored(registry, keys, warehouse, settings, waits)
        topic = TopicDone(partial(_ends, settings), lambda: positions_of(online.done().values()))
        yield Eraser(
            registry, keys, warehouse, personal_stores(settings, registry, warehouse, online), waits,
            partial(who_else_writes, settings), at_start=restored.erase_again, keeps=restored.keep,
            ready=partial(_ready, settings, topic), expires=partial(gone_by, settings.kafka),
        )  # fmt: skip


def _ready(settings: Settings, topic: TopicDone, one: Erasure) -> None:
    if not settings.pepper:
        raise Unavailable(
            f"erasure {one.number} waits: workers of the cluster know who was erased only by CIVICREC_PEPPER; set it "
            "for them and for this process (docs/flink.md)"
        )
    topic.wait(one)


def _ends(settings: Settings) -> dict[int, int]:
    with closing(KafkaReader(settings.kafka)) as reader:
        starts = reader.starts()
        return {number: end for number, end in reader.ends().items() if end > starts[number]}
