"""Forwarding: what stands in the log goes to Kafka, in order and once, in a thread of its own.

In: the log, which another thread fills, and a maker of writers. Out: `ForwardingState`, after every transaction and
every fault. While Kafka is away the log keeps all; when it is back forwarding goes on behind the last commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol

from civicrec.eventlog.ports import EventLog, LogRecord
from civicrec.kafka.position import Position, go_on_from
from civicrec.logs import get_logger
from civicrec.process.retry import Retry

_log = get_logger(__name__)

#: Records read from the log at once, and bytes in one transaction: large enough that a backlog drains at Kafka's
#: pace, small enough to hold in memory also when every record is 1 MiB.
_READ_RECORDS = 250
_TRANSACTION_BYTES = 4 * 1024 * 1024
#: The log is looked at again after this even if nobody says that something came.
_LOOK_AGAIN_S = 1.0
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


class Writer(Protocol):
    """What takes the records: `civicrec.kafka.writer.KafkaWriter`."""

    @property
    def positions(self) -> Sequence[Position]:
        """Every position kept for this log, as of the start."""
        ...

    def write(self, records: Sequence[LogRecord], reached: Position) -> None:
        """Keep the records and the position, all or nothing; any exception leaves it open which."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


@dataclass(frozen=True, slots=True)
class ForwardingState:
    """How forwarding stands.

    Attributes
    ----------
    position
        What Kafka has; None as long as this is not known, after a fault.
    is_caught_up
        Whether that was all there was when the last transaction began.
    fault
        What went wrong last, empty if nothing did since.
    """

    position: Position | None = None
    is_caught_up: bool = False
    fault: str = ""


class Forwarder:
    """Forwards one log until it is closed.

    Parameters
    ----------
    log
        Read only; safe to be read while another thread appends.
    open_writer
        Makes a writer; tried again, at growing pauses up to 5 s, as long as it raises.
    report
        Called from the forwarder's thread with every `ForwardingState`.
    linger_s
        How long to let records gather between transactions. Each costs the broker as much as some hundred records.
    """

    def __init__(
        self,
        log: EventLog,
        open_writer: Callable[[], Writer],
        report: Callable[[ForwardingState], None],
        linger_s: float = 0.0,
    ) -> None:
        self._log = log
        self._open_writer = open_writer
        self._report = report
        self._linger_s = linger_s
        self._came = Event()
        self._closing = Event()
        # A daemon: a client that waits for a broker which is away cannot be interrupted, and need not be.
        self._thread = Thread(target=self._run, name="kafka-forwarder", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that the log has grown."""
        self._came.set()

    def close(self, timeout_s: float = 5.0) -> None:
        """End after the transaction under way, or leave it to Kafka to give it up if it takes longer."""
        self._closing.set()
        self._came.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        retry, last_fault = Retry(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, wait=self._closing.wait), ""
        while not self._closing.is_set():
            try:
                with closing(self._open_writer()) as writer:
                    retry.worked()
                    last_fault = ""
                    self._forward(writer, go_on_from(writer.positions, self._log))
            except Exception as error:  # whatever it is, a thread that dies would leave the log to itself for ever
                fault = str(error) or type(error).__name__
                if fault != last_fault:  # an outage of a day is one line
                    _log.warning("forwarding_broke_off", error=fault)
                last_fault = fault
                self._report(ForwardingState(fault=fault))
                retry.wait()

    def _forward(self, writer: Writer, position: Position) -> None:
        _log.info("forwarding_began", log=position.log, generation=position.generation, after=position.offset)
        self._report(ForwardingState(position))
        looked_at = position.offset
        is_first = True
        while not self._closing.is_set():
            self._came.clear()
            records, looked_at, is_all = self._next(looked_at)
            if records:
                position = position.after(records)
                writer.write(records, position)
            if records or is_first:
                self._report(ForwardingState(position, is_caught_up=is_all))
                is_first = False
            if is_all:
                self._came.wait(_LOOK_AGAIN_S)
                self._closing.wait(self._linger_s)

    def _next(self, after: int) -> tuple[list[LogRecord], int, bool]:
        """Return the records of the next transaction, the offset looked at so far, and whether that is all."""
        head = self._log.head()
        records: list[LogRecord] = []
        n_bytes = 0
        while after < head and n_bytes < _TRANSACTION_BYTES:
            until = min(after + _READ_RECORDS, head)
            block = self._log.read(after, until)  # empty where the log has been trimmed
            records += block
            n_bytes += sum(len(record.record.value) for record in block)
            after = until
        return records, after, after >= head
