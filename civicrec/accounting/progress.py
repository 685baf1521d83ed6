"""How far the stream has taken a log into the online store: fences per partition, and what became of the events.

In: marks, one with each update of the online store. Out: which records are done, by whichever engine did them.

The embedded stream takes the log as one partition. On Kafka an actor's batches are in one partition of the topic, in
the log's order. A record is done if the fence of one of its partitions has passed it, of whichever division of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from civicrec.errors import Unavailable
from civicrec.settings import RedisSettings

if TYPE_CHECKING:
    from redis import Redis


#: The set of the logs that have fences.
LOGS_KEY = "logs:"


class Partition(NamedTuple):
    """A part of a log whose records are handled in order: number `number` of `parts`."""

    parts: int = 1
    number: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """The records ``first < offset <= last`` of a partition, handled as one.

    Attributes
    ----------
    stored, rejected
        Events of these records in the warehouse, and those in dead letters, by reason.
    position
        Offset of the last of them in its partition of Kafka; -1 if they do not come from there.
    beside
        Fences of the log's other divisions as they were when these records were looked at: those of another engine.
    """

    log: str
    first: int
    last: int
    partition: Partition = Partition()
    stored: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    position: int = -1
    beside: Mapping[Partition, int] = field(default_factory=dict)


@dataclass(slots=True)
class Fences:
    """What is done of one log.

    Attributes
    ----------
    reached
        partition → offset in the log of the last record done.
    stored, rejected
        Events of all records done, by what became of them.
    positions
        partition → offset in Kafka of the last record done, for partitions of a topic.
    """

    reached: dict[Partition, int] = field(default_factory=dict)
    stored: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    positions: dict[Partition, int] = field(default_factory=dict)

    def at(self, partition: Partition) -> int:
        """Return the fence of a partition, 0 before the first record."""
        return self.reached.get(partition, 0)

    def have(self, partition: Partition, actor: str, offset: int) -> bool:
        """Tell whether a record of this partition is done, also if its log was divided otherwise then."""
        return offset <= self.at(partition) or self.has(actor, offset, but=partition.parts)

    def has(self, actor: str, offset: int, but: int = 0) -> bool:
        """Tell whether a record is done, whatever partition it came in; `but` leaves one division out."""
        return any(
            offset <= reached and partition.parts != but and partition_of(actor, partition.parts) == partition.number
            for partition, reached in self.reached.items()
        )

    def all_before(self) -> int:
        """Return an offset up to which every record is surely done, by the fences alone."""
        parts = {partition.parts for partition in self.reached}
        return max((min(self.at(Partition(n, number)) for number in range(n)) for n in parts), default=0)

    def went_back(self, before: Fences) -> bool:
        """Tell whether a partition stands before where it was, as in a store restored from an older copy."""
        return any(self.at(partition) < reached for partition, reached in before.reached.items())

    def beside(self, partition: Partition) -> dict[Partition, int]:
        """Return the fences of divisions that this partition does not belong to."""
        return {other: reached for other, reached in self.reached.items() if other.parts != partition.parts}

    def admit(self, mark: Mark) -> bool:
        """Tell whether none of the mark's records can have been done since they were looked at."""
        return self.at(mark.partition) <= mark.first and self.beside(mark.partition) == mark.beside

    def add(self, mark: Mark) -> None:
        """Move the fence of the mark's partition and count its events."""
        self.reached[mark.partition] = mark.last
        self.stored += mark.stored
        for reason, n in mark.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, 0) + n
        if mark.position >= 0:
            self.positions[mark.partition] = mark.position

    def recover(self, reason: str, n_events: int) -> None:
        """Count events that were rejected as stored."""
        self.stored += n_events
        self.rejected[reason] = self.rejected.get(reason, 0) - n_events
        if not self.rejected[reason]:
            del self.rejected[reason]


def partition_of(actor: str, parts: int) -> int:
    """Return the number of an actor's partition, as Kafka's partitioner has it."""
    if parts == 1:
        return 0
    from kafka.partitioner.default import murmur2  # known where Kafka is in use, and only there asked

    return int(murmur2(actor.encode()) & 0x7FFFFFFF) % parts


def division(partition: Partition) -> str:
    """Return how the fields of a division's fences begin."""
    return f"partition:{partition.parts}:"


def partition_field(partition: Partition) -> str:
    """Name the field of a partition's fence; there are `position_field`, `stored` and `rejected:<reason>`, too."""
    return f"{division(partition)}{partition.number}"


def position_field(partition: Partition) -> str:
    """Name the field of a partition's offset in Kafka."""
    return f"position:{partition.parts}:{partition.number}"


def fields_of(mark: Mark) -> tuple[dict[str, int], dict[str, int]]:
    """Return the fields that a mark sets, and those it adds to."""
    moved = {partition_field(mark.partition): mark.last}
    if mark.position >= 0:
        moved[position_field(mark.partition)] = mark.position
    added = {"stored": mark.stored} | {f"rejected:{reason}": n for reason, n in mark.rejected.items()}
    return moved, {name: n for name, n in added.items() if n}


def marks_of(log: str, fences: Fences) -> Iterator[Mark]:
    """Return the marks that bring a store which knows nothing of a log to these fences and counts."""
    put = Fences()
    for partition, reached in fences.reached.items():
        stored, rejected = (0, {}) if put.reached else (fences.stored, fences.rejected)
        mark = Mark(
            log, 0, reached, partition, stored, rejected, fences.positions.get(partition, -1), put.beside(partition)
        )
        put.add(mark)
        yield mark


def positions_of(done: Iterable[Fences]) -> dict[int, int]:
    """Return partition → offset of the last record done, over logs that lead into one topic."""
    reached: dict[int, int] = {}
    for fences in done:
        for partition, position in fences.positions.items():
            reached[partition.number] = max(position, reached.get(partition.number, -1))
    return reached


def fields_of_fences(fences: Fences) -> dict[str, int]:
    """Write fences as the fields that `fences_of` reads."""
    fields = {"stored": fences.stored}
    fields |= {f"rejected:{reason}": n for reason, n in fences.rejected.items()}
    fields |= {partition_field(partition): reached for partition, reached in fences.reached.items()}
    return fields | {position_field(partition): position for partition, position in fences.positions.items()}


def fences_of(fields: Mapping[Any, Any]) -> Fences:
    """Read the fields of the hash, names in bytes or text."""
    fences = Fences()
    for name, value in fields.items():
        kind, _, rest = (name if isinstance(name, str) else name.decode()).partition(":")
        if kind == "stored":
            fences.stored = int(value)
        elif kind == "rejected":
            fences.rejected |= {rest: int(value)} if int(value) else {}
        else:
            partitions = fences.positions if kind == "position" else fences.reached  # there a `lane` until 0.1
            partitions[Partition(*map(int, rest.split(":")))] = int(value)
    return fences


def read_fences(settings: RedisSettings, log: str) -> Fences:
    """Read a log's fences from the online store.

    Raises
    ------
    Unavailable
        If it does not answer.
    """
    with _client(settings) as client:
        return fences_of(client.hgetall(fence_key(log)))


def read_all_fences(client: Redis) -> dict[str, Fences]:
    """Return log → fences, of every log that was ever streamed into this store."""
    names: set[Any] = client.smembers(LOGS_KEY)
    return {name.decode(): fences_of(client.hgetall(fence_key(name.decode()))) for name in sorted(names)}


def read_positions(settings: RedisSettings) -> dict[int, int]:
    """Return partition → offset of the last record done, over all logs that lead into Kafka; raises as above."""
    with _client(settings) as client:
        return positions_of(read_all_fences(client).values())


@contextmanager
def _client(settings: RedisSettings) -> Iterator[Redis]:
    from redis.exceptions import RedisError

    from civicrec.clients import redis_client

    with closing(redis_client(settings)) as client:
        try:
            yield client
        except RedisError as error:
            raise Unavailable(f"the fences of the stream cannot be read: {error}; is Redis or Valkey up?") from error


def fence_key(log: str) -> str:
    """Name the hash that keeps a log's fences."""
    return f"fence:{log}"
