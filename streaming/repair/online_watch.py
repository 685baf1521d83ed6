"""The online store under a job on Flink: what the job has done is copied out of it, and a wiped one is rebuilt.

In: the store, Kafka's topic, the warehouse. Out: ``progress.json`` of the home while the store is complete, a complete
store when it was not. Workers write nothing into a store that is incomplete: they wait, and so hold their source back.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import msgspec

from civicrec.accounting.progress import CommittedProgress, fields_of_progress, positions_of, progress_of
from civicrec.clock import monotonic_s, utc_now
from civicrec.errors import Unavailable
from civicrec.home import PROGRESS_BEFORE, STREAM_LOCK
from civicrec.kafka.dead_letters import KafkaDeadLetters
from civicrec.kafka.reader import KafkaReader, TopicRecord
from civicrec.process.atomic_files import replace_file
from civicrec.process.locks import InUse, owned
from civicrec.process.progress import ShowProgress
from civicrec.registry.choices import choices
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.ports import Warehouse
from profiles.online.ports import Incomplete, RebuildableStore
from streaming.blocks import Columns, joined
from streaming.enrich import enrich
from streaming.parse import parse_block
from streaming.registry import RegistrySnapshot
from streaming.repair.rebuild import REBUILD_LOG, Done, Rebuilt, rebuild_online
from streaming.sinks import Stores, write
from streaming.sources import topic_blocks

#: Records of the topic at once.
_AT_ONCE = 2_000
#: The stream copies its progress once a second.
_COPY_S = 15.0
#: Of several logs in one partition one may be committed ahead of another by a bundle, not by more than this.
_BUNDLES_BACK = 20
#: Progress of these is that of no log. Until 0.1 dislikes came as commits of one called ``feedback``: it is forgotten.
_NO_LOGS = (REBUILD_LOG, "feedback")

_STORED = """
SELECT 1 FROM events WHERE event_id IN {ids:Array(UUID)}
  AND occurred_at BETWEEN fromUnixTimestamp64Milli({first:Int64}) AND fromUnixTimestamp64Milli({last:Int64}) LIMIT 1
"""


class OnlineWatch:
    """Looks after the online store of one job; one process at a time (`STREAM_LOCK`).

    Attributes
    ----------
    kept
        log → what was done of it when the store was last seen complete.
    """

    def __init__(self, settings: Settings, online: RebuildableStore) -> None:
        self._settings = settings
        self._online = online
        _take_over(settings.progress_path)
        self.kept = kept_progress(settings.progress_path)

    def look(self) -> bool:
        """Copy what is done out of a complete store; return whether it is complete.

        A store whose progress has gone back, as one restored from an older copy, is said not to be.

        Raises
        ------
        Unavailable
            If it does not answer.
        """
        done = _done(self._online)
        if not self._online.is_complete():  # asked last: what was read of a complete store is all of it
            return False
        if any(done.get(log, CommittedProgress()).went_back(before) for log, before in self.kept.items()):
            self._online.set_complete(False)
            return False
        if done != self.kept:
            keep_progress(self._settings.progress_path, done)
            self.kept = done
        return True

    def rebuild(self, report: ShowProgress = lambda *_: None) -> Rebuilt:
        """Rebuild the store: from the warehouse what was done when last copied, from the topic what came since.

        Raises
        ------
        Unavailable
            If a store or Kafka fails; the next call begins again.
        """
        settings = self._settings
        with (
            registry_at(settings.registry_address) as registry,
            closing(ClickHouseWarehouse(settings.warehouse)) as warehouse,
            closing(KafkaReader(settings.kafka)) as reader,
            closing(KafkaDeadLetters(settings.kafka)) as dead_letters,
        ):
            known = RegistrySnapshot(registry, load_keys(settings))
            stores = Stores(warehouse, self._online, known, dead_letters, only_complete=False)
            margin = _BUNDLES_BACK * settings.flink.bundle_records
            return rebuild_online(
                warehouse, self._online, Done(self.kept), utc_now(), partial(choices, registry), report,
                lambda: catch_up(stores, reader, margin, settings.stream.block_records),
            )  # fmt: skip


def wait_copied(settings: Settings, online: RebuildableStore) -> None:
    """Return once the home's file holds at least what the store counts now: that is not lost with the store.

    Raises
    ------
    Incomplete
        If the store is incomplete.
    Unavailable
        If a store does not answer, or whoever runs the stream does not copy it in time.
    """
    counted, deadline = _done(online), monotonic_s() + _COPY_S
    while online.is_complete():
        kept = kept_progress(settings.progress_path)
        if all(kept.get(log, CommittedProgress()).stored >= progress.stored for log, progress in counted.items()):
            return
        if monotonic_s() > deadline:
            raise Unavailable(
                f"the stream of {settings.home} does not copy its progress; look at its log, then call again"
            )
        with suppress(InUse), owned(STREAM_LOCK.of(settings.home), "the stream"):
            OnlineWatch(settings, online).look()
        time.sleep(0.1)
    raise Incomplete


def _done(online: RebuildableStore) -> dict[str, CommittedProgress]:
    """Return what is done of each log, but for what a rebuild commits as its own."""
    return {log: progress for log, progress in online.done().items() if log not in _NO_LOGS}


def catch_up(stores: Stores, reader: KafkaReader, margin: int, block_records: int, at_once: int = _AT_ONCE) -> int:
    """Write, as a worker would, what workers had written when the store was lost; return how many records.

    They had done each partition in order. So it is read from where the store's progress stands, up to the first
    records of which the warehouse has nothing; what comes behind is left to the workers.

    Parameters
    ----------
    margin
        Offsets to begin before the furthest committed offset of a partition.
    at_once
        Records of the topic read together: up to so many may be done here that were left to the workers.
    """
    done, ends = stores.online.done(), reader.ends()
    reached = positions_of(done.values())
    places = {number: max(0, reached.get(number, -1) + 1 - margin) for number in reader.partitions}
    n_records, known = 0, Done(done)
    open_ones = {number for number, end in ends.items() if places[number] < end}
    while open_ones:
        topic_records, places = reader.read(places, at_once)
        by_partition: dict[int, list[TopicRecord]] = defaultdict(list)
        for one in topic_records:
            if one.partition in open_ones and not known.has(one.log, one.record.key, one.log_offset):
                by_partition[one.partition].append(one)
        open_ones = {number for number in open_ones if places[number] < ends[number]}
        for number, records in by_partition.items():
            blocks = topic_blocks(records, len(reader.partitions), block_records)
            facts = [enrich(parse_block(block), stores.registry.facts()) for block in blocks]
            columns = joined([one.columns for one in facts])
            if columns and not _any_is_stored(stores.warehouse, columns):
                open_ones.discard(number)
                continue
            write(stores, facts)
            n_records += len(records)
    return n_records


def _any_is_stored(warehouse: Warehouse, columns: Columns) -> bool:
    times = columns["occurred_at"]
    parameters = {"ids": [str(one) for one in columns["event_id"]], "first": min(times), "last": max(times)}
    return bool(warehouse.rows(_STORED, parameters))


def keep_progress(path: Path, done: Mapping[str, CommittedProgress]) -> None:
    """Write what is done of each log into a file of the home.

    Raises
    ------
    Unavailable
        If the disk does not take it.
    """
    try:
        replace_file(path, msgspec.json.encode({log: fields_of_progress(progress) for log, progress in done.items()}))
    except OSError as error:
        raise Unavailable(f"cannot keep how far the stream is in {path}: {error.strerror}; free disk space") from error


def _take_over(path: Path) -> None:
    """Give the file of a home from before 0.1 its present name."""
    older = PROGRESS_BEFORE.of(path.parent)
    if older.exists() and not path.exists():
        older.rename(path)


def kept_progress(path: Path) -> dict[str, CommittedProgress]:
    """Read the file; nothing is known without one."""
    with suppress(OSError, msgspec.MsgspecError):
        fields_by_log = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, int]])
        return {log: progress_of(fields) for log, fields in fields_by_log.items() if log not in _NO_LOGS}
    return {}
