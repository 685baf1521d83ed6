"""The stream without a cluster: planned, persisted micro-batches, each one bounded run of the graph in this process.

In: the event log. Out: the stores and the ledger. A batch is planned durably, run, and committed after every sink is
done; a crash anywhere runs the same range again, and the stores know it by its token and its offsets.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any, TypeVar

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.transforms.environments import EmbeddedPythonEnvironment
from sqlalchemy import Engine

from civicrec.accounting.ledger import Ledger, Plan
from civicrec.accounting.progress import Partition
from civicrec.accounting.proofs import Proofs
from civicrec.clients import redis_client
from civicrec.clock import utc_now
from civicrec.errors import ConfigError, Unavailable
from civicrec.eventlog.ports import EventLog, LogRecord
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.home import STREAM_LOCK
from civicrec.logs import get_logger
from civicrec.process.gc_tuning import spare_what_lives_long
from civicrec.process.heartbeat import Heart
from civicrec.process.locks import owned
from civicrec.process.retry import Retry
from civicrec.registry.choices import choices
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings, StreamSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from profiles.online.bounds import bounds_of
from profiles.online.ports import OnlineFault
from profiles.online.redis_store import RedisOnlineStore
from streaming.blocks import Block, Facts, Origin
from streaming.erasing.again import Restored
from streaming.erasing.others import who_else_writes
from streaming.erasing.stores import personal_stores
from streaming.erasing.worker import Eraser
from streaming.graph import build
from streaming.online_gap import OnlineGap
from streaming.prove import Prover
from streaming.registry import RegistrySnapshot
from streaming.repair.rebuild import Done, done_so_far, rebuild_online
from streaming.sinks import Outcome, Stores, write
from streaming.sources import blocks_of, next_records

log = get_logger("stream")
T = TypeVar("T")

#: First and longest pause after a failure, seconds. A store that comes back is found within the longest.
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 2.0
#: How long the migrations may take, and one step of a rebuild.
_MIGRATION_S = 3_600.0
_REBUILD_S = 600.0
#: And the erasing of a person from one store, once.
_ERASING_S = 120.0

_RUN_OPTIONS = PipelineOptions(["--direct_num_workers=1", "--direct_running_mode=in_memory"])


@dataclass(slots=True)
class _UnderWay:
    """What a driver's graph works on: pickled once, the graph holds only the driver's number and looks here."""

    stores: Stores
    gap: OnlineGap
    blocks: list[Block] = field(default_factory=list)


_under_way: dict[int, _UnderWay] = {}
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class _InProcess:
    """Names the driver in this process whose batch and stores a DoFn is to use."""

    driver: int

    def open(self) -> Stores:
        """Return the driver's stores."""
        return _under_way[self.driver].stores

    def write(self, blocks: Sequence[Facts]) -> None:
        """Write the batch; the driver sees to what fails."""
        under_way = _under_way[self.driver]
        write(under_way.stores, blocks, online=not under_way.gap.is_open)


class _ReadBatch(beam.DoFn):
    """Yield the blocks of the batch under way."""

    def __init__(self, driver: int) -> None:
        self._driver = driver

    def process(self, _: bytes) -> Iterator[Block]:
        """Answer the one impulse."""
        yield from _under_way[self._driver].blocks


class Driver:
    """Runs the graph over one planned range after another.

    Parameters
    ----------
    restore
        Completes an online store that is not, given what is done of the log.

    Attributes
    ----------
    gap
        Says whether the online store is left out for now.
    """

    def __init__(
        self,
        events: EventLog,
        ledger: Ledger,
        stores: Stores,
        settings: StreamSettings,
        restore: Callable[[Done], object],
    ) -> None:
        self._events = events
        self._ledger = ledger
        self._settings = settings
        self._restore = restore
        self._number = next(_numbers)
        self.gap = OnlineGap(settings.online_patience_s)
        self._batch = _under_way[self._number] = _UnderWay(stores, self.gap)
        self._graph = self._built()

    def step(self) -> int:
        """Process one batch, an unfinished one first; return its events, 0 if the log has nothing new.

        Raises
        ------
        Unavailable
            If a store is down: the batch stays planned, and the next step runs it again.
        ConfigError
            If the log is not the one this ledger belongs to.
        """
        self._see_to_online()
        plan = self._ledger.unfinished()
        if plan is not None:
            records = self._events.read(plan.first, plan.last)
        else:
            done = self._ledger.committed()
            records = next_records(self._events, done, self._settings)
            if not records or records[0].offset != done + 1:
                extent = self._events.extent()
                if extent.head < done:
                    raise _another_log(done, extent.head)
                if extent.first > done + 1:
                    raise _trimmed_log(done, extent.first)
                return 0
            plan = self._ledger.plan(records[-1].offset)
        return self._run(plan, records)

    def _see_to_online(self) -> None:
        """Rebuild an online store that lacks something; one that has failed for too long is left out for a while."""
        if not self.gap.may_try:
            return
        try:
            if self.gap.is_open or not self._is_complete():
                self._restore(done_so_far(self._events, self._ledger.totals()))
                self.gap.worked()
        except OnlineFault as fault:
            if not self.gap.failed(str(fault)):
                raise

    def _is_complete(self) -> bool:
        """Tell whether the store says so and has all that is done: one may lose the end of its file, or all of it."""
        online = self._batch.stores.online
        return online.is_complete() and online.progress(self._events.name).at(Partition()) >= self._ledger.committed()

    def backlog(self) -> int:
        """Return how many records wait in the log."""
        return self._events.head() - self._ledger.committed()

    def close(self) -> None:
        """Let go of the batch and the stores."""
        del _under_way[self._number]

    def _run(self, plan: Plan, records: list[LogRecord]) -> int:
        if not records or records[-1].offset != plan.last:
            raise _another_log(plan.last, records[-1].offset if records else self._events.head())
        stores = self._batch.stores
        stores.outcome = Outcome()
        self._batch.blocks = list(blocks_of(Origin(self._events.name), records, self._settings.block_records))
        try:
            # The runner rewrites the graph it is given; building again would cost more than the copy.
            FnApiRunner().run_via_runner_api(deepcopy(self._graph), _RUN_OPTIONS).wait_until_finish()
            if not self.gap.is_open:
                self.gap.worked()
        except OnlineFault as fault:
            self.gap.failed(str(fault))
            raise
        finally:
            self._batch.blocks = []
        outcome, n_events = stores.outcome, sum(item.record.n_events for item in records)
        if outcome.stored + outcome.rejected.total() != n_events:
            raise RuntimeError(f"{plan} holds {n_events} events, the sinks took {outcome}; not committed, report this")
        self._ledger.commit(plan, outcome.stored, outcome.rejected)
        return n_events

    def _built(self) -> Any:
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=_RUN_OPTIONS)
        rows = (
            pipeline
            | beam.Impulse()
            | "read the planned blocks" >> beam.ParDo(_ReadBatch(self._number)).with_output_types(Block)
        )
        build(rows, _InProcess(self._number))
        graph, _ = pipeline.to_runner_api(return_context=True, default_environment=EmbeddedPythonEnvironment.default())
        return graph


def run(settings: Settings) -> None:
    """Process events until SIGTERM or SIGINT; the batch under way is finished first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # The driver reports a failed batch itself, once; Beam would print its text several times over.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    heart = Heart()
    with ExitStack() as stack:
        stack.enter_context(owned(STREAM_LOCK.of(settings.home), "the stream"))
        ledger = stack.enter_context(closing(Ledger(settings.stream_path)))
        warehouse = stack.enter_context(closing(ClickHouseWarehouse(settings.warehouse)))
        redis = stack.enter_context(closing(redis_client(settings.redis)))

        def open_peers() -> tuple[Engine, SqliteEventLog]:
            heart.beat(_MIGRATION_S)
            migrate(warehouse)
            events = stack.enter_context(closing(SqliteEventLog(settings.log_path, readonly=True)))
            return stack.enter_context(registry_at(settings.registry_address)), events

        peers = _patiently(open_peers, stop)
        if peers is None:
            return
        registry, events = peers
        keys = load_keys(settings)
        online_store = RedisOnlineStore(redis, bounds_of(settings.redis))
        stores = Stores(warehouse, online_store, RegistrySnapshot(registry, keys))

        def restore(done: Done) -> None:
            is_first = not ledger.committed()  # a new home lacks nothing yet
            if not is_first:
                log.warning(
                    "online_store_incomplete", remedy="it is rebuilt from the warehouse; lists are plainer meanwhile"
                )
            rebuilt = rebuild_online(
                warehouse, stores.online, done, utc_now(), partial(choices, registry), lambda *_: heart.beat(_REBUILD_S)
            )
            log.info(
                "online_store_begun" if is_first else "online_store_rebuilt",
                interactions=rebuilt.interactions, actors_with_tags=rebuilt.actors_with_tags,
            )  # fmt: skip

        driver = stack.enter_context(closing(Driver(events, ledger, stores, settings.stream, restore)))

        def waits() -> None:
            heart.beat(2 * settings.warehouse.timeout_s)  # a warehouse that hangs is not this process hanging

        known_s = round(settings.collector.dedup_hours * 3600)
        prover = Prover(events, Proofs(ledger), warehouse, stores.registry, known_s, waits)
        spare_what_lives_long()
        log.info("stream_started", committed=ledger.committed())

        erasing = partial(heart.beat, _ERASING_S)
        personal = personal_stores(settings, registry, warehouse, stores.online)
        restored = Restored(registry, keys, warehouse, settings, erasing)
        eraser = Eraser(
            registry, keys, warehouse, personal, erasing, partial(who_else_writes, settings),
            at_start=restored.erase_again, keeps=restored.keep, expires=_forwarded(settings),
        )  # fmt: skip

        def one_batch() -> int:
            waits()
            driver.step()
            return driver.backlog()

        last_status = ""
        while not stop.is_set():
            waiting = _patiently(one_batch, stop)
            prover.now_and_then()
            eraser.now_and_then()
            heart.beat(settings.stream.poll_s)
            if (status := _in_words(driver.gap)) != last_status:
                heart.set_status(status, 0)
                log.warning("online_store", state=status or "complete again")
                last_status = status
            # A short pause lets a few records come together; a batch costs some 40 ms however small it is.
            if waiting is not None and waiting < settings.stream.block_records:
                stop.wait(settings.stream.poll_s)
    log.info("stream_stopped")


def _forwarded(settings: Settings) -> Callable[[datetime], dict[str, datetime | None]]:
    """Return what tells by when topics end that the collector forwards events to."""
    if not settings.kafka.bootstrap:
        return lambda at: {}
    from civicrec.kafka.retention import gone_by  # where no broker is, its client costs memory for nothing

    return partial(gone_by, settings.kafka)


def _patiently(attempt: Callable[[], T], stop: threading.Event) -> T | None:
    """Try until it works, with growing pauses; ``None`` if told to stop before.

    What fails stays where it is, in the log: a store that is down makes the backlog grow and loses nothing. A fault
    that will not pass by itself (a table that lacks a column) is said loudly and also waits, for the operator.
    """
    retry = Retry(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, wait=stop.wait)
    while not stop.is_set():
        try:
            return attempt()
        except ConfigError:
            raise
        except Unavailable as fault:
            log.warning("stream_waited", reason=str(fault))
        except Exception as fault:  # the batch stays planned: to go on waiting loses nothing, to end would
            log.error("batch_failed", reason=str(fault), kind=type(fault).__name__)
        retry.wait()
    return None


def _in_words(gap: OnlineGap) -> str:
    return f"the online store is left out and incomplete, lists are plainer: {gap.reason}" if gap.is_open else ""


def _another_log(expected: int, end: int) -> ConfigError:
    return ConfigError(
        f"the event log ends at offset {end}, the stream's ledger knows it up to {expected}: the log was replaced; "
        "restore it, or move stream.sqlite away to begin again with this log"
    )


def _trimmed_log(done: int, first: int) -> ConfigError:
    return ConfigError(
        f"the event log begins at offset {first}, the stream's ledger knows it up to {done}: what lies between was "
        "trimmed after an earlier ledger had committed it; restore that stream.sqlite"
    )
