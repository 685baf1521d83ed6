"""Kafka behind one collector, put together: the forwarder, what the endpoint knows of it, and the file for the books.

In: settings that name brokers, and the log. Out: `acknowledged`, kept up to date while `running`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

from civicrec.eventlog.ports import EventLog
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.kafka.position import keep_position, kept_position
from civicrec.settings import Settings
from collectors.forwarding.acknowledged import Acknowledged
from collectors.forwarding.forwarder import Forwarder, ForwardingState, Writer

#: With `ack = disk` nobody waits for Kafka: gathering this long saves the broker most of its transactions.
_LINGER_S = 0.1


class Forwarding:
    """The forwarder of one log on the collector's event loop."""

    def __init__(self, settings: Settings, log: EventLog) -> None:
        self._settings = settings
        self._name = log.name
        self._forwarder: Forwarder | None = None
        kept = kept_position(settings.forwarded_path)
        if kept and kept.log != log.name:  # another log's position would let records of this one be removed unsent
            settings.forwarded_path.unlink()
            kept = None
        self.acknowledged = Acknowledged(
            waits=settings.collector.ack == "kafka",
            timeout_s=settings.kafka.ack_timeout_ms / 1000,
            accepted=log.tally().events_after,
            events=kept.events if kept else 0,
            wake=self._wake,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Forward for the length of the body."""
        loop = asyncio.get_running_loop()

        def report(state: ForwardingState) -> None:
            if state.position:
                keep_position(self._settings.forwarded_path, state.position)
            with suppress(RuntimeError):  # the loop ended while a transaction did
                loop.call_soon_threadsafe(self.acknowledged.update, state)

        # A connection of its own: reading through the writer's would keep appends waiting.
        with closing(SqliteEventLog(self._settings.log_path, readonly=True)) as log:
            linger_s = 0.0 if self._settings.collector.ack == "kafka" else _LINGER_S
            self._forwarder = Forwarder(log, self._open_writer, report, linger_s)
            self._forwarder.start()
            try:
                yield
            finally:
                await asyncio.to_thread(self._forwarder.close)

    def _wake(self) -> None:
        if self._forwarder:
            self._forwarder.wake()

    def _open_writer(self) -> Writer:
        from civicrec.kafka.writer import KafkaWriter  # a collector without Kafka loads nothing of it

        return KafkaWriter(self._settings.kafka, self._name)
