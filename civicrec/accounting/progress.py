"""How far the stream has taken a log into the online store: committed offsets, and what became of the events.

In: commits, one with each update of the online store. Out: which records are done, by whichever engine did them.

The embedded stream takes the log as one partition. On Kafka an actor's batches are in one partition of the topic, in
the log's order. A record is done if one of its partitions is committed behind it, of whichever division of the log.
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


#: The set of the logs of which something is committed.
LOGS_KEY = "logs:"


class Partition(NamedTuple):
    """A part of a log whose records are handled in order: number `number` of `parts`."""

    parts: int = 1
    number: int = 0


@dataclass(frozen=True, slots=True)
class Commit:
    """The records ``first < offset <= last`` of a partition, handled as one.

    Attributes
    ----------
    stored, rejected
        Events of these records in the warehouse, and those in dead letters, by reason.
    position
        Offset of the last of them in its partition of Kafka; -1 if they do not come from there.
    other_partitions
        What was committed of the log's other divisions, those of another engine, when these records were looked at.
    """

    log: str
    first: int
    last: int
    partition: Partition = Partition()
    stored: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    position: int = -1
    other_partitions: Mapping[Partition, int] = field(default_factory=dict)


@dataclass(slots=True)
class CommittedProgress:
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
        """Return the committed offset of a partition, 0 before the first record."""
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
        """Return an offset up to which every record is surely done, by the committed offsets alone."""
        parts = {partition.parts for partition in self.reached}
        return max((min(self.at(Partition(n, number)) for number in range(n)) for n in parts), default=0)

    def went_back(self, before: CommittedProgress) -> bool:
        """Tell whether a partition stands before where it was, as in a store restored from an older copy."""
        return any(self.at(partition) < reached for partition, reached in before.reached.items())

    def other_partitions(self, partition: Partition) -> dict[Partition, int]:
        """Return the committed offsets of divisions that this partition does not belong to."""
        return {other: reached for other, reached in self.reached.items() if other.parts != partition.parts}

    def admit(self, commit: Commit) -> bool:
        """Tell whether none of the commit's records can have been done since they were looked at."""
        return (
            self.at(commit.partition) <= commit.first
            and self.other_partitions(commit.partition) == commit.other_partitions
        )

    def add(self, commit: Commit) -> None:
        """Move the committed offset of the partition and count the events."""
        self.reached[commit.partition] = commit.last
        self.stored += commit.stored
        for reason, n in commit.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, 0) + n
        if commit.position >= 0:
            self.positions[commit.partition] = commit.position

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
    """Return how the fields of a division's committed offsets begin."""
    return f"partition:{partition.parts}:"


def partition_field(partition: Partition) -> str:
    """Name the field of a partition's offset; there are `position_field`, `stored` and `rejected:<reason>`, too."""
    return f"{division(partition)}{partition.number}"


def position_field(partition: Partition) -> str:
    """Name the field of a partition's offset in Kafka."""
    return f"position:{partition.parts}:{partition.number}"


def fields_of_commit(commit: Commit) -> tuple[dict[str, int], dict[str, int]]:
    """Return the fields that a commit sets, and those it adds to."""
    moved = {partition_field(commit.partition): commit.last}
    if commit.position >= 0:
        moved[position_field(commit.partition)] = commit.position
    added = {"stored": commit.stored} | {f"rejected:{reason}": n for reason, n in commit.rejected.items()}
    return moved, {name: n for name, n in added.items() if n}


def commits_of(log: str, progress: CommittedProgress) -> Iterator[Commit]:
    """Return the commits that bring a store which knows nothing of a log to this progress."""
    put = CommittedProgress()
    for partition, reached in progress.reached.items():
        stored, rejected = (0, {}) if put.reached else (progress.stored, progress.rejected)
        commit = Commit(
            log,
            0,
            reached,
            partition,
            stored,
            rejected,
            progress.positions.get(partition, -1),
            put.other_partitions(partition),
        )
        put.add(commit)
        yield commit


def positions_of(done: Iterable[CommittedProgress]) -> dict[int, int]:
    """Return partition → offset of the last record done, over logs that lead into one topic."""
    reached: dict[int, int] = {}
    for progress in done:
        for partition, position in progress.positions.items():
            reached[partition.number] = max(position, reached.get(partition.number, -1))
    return reached


def fields_of_progress(progress: CommittedProgress) -> dict[str, int]:
    """Write progress as the fields that `progress_of` reads."""
    fields = {"stored": progress.stored}
    fields |= {f"rejected:{reason}": n for reason, n in progress.rejected.items()}
    fields |= {partition_field(partition): reached for partition, reached in progress.reached.items()}
    return fields | {position_field(partition): position for partition, position in progress.positions.items()}


def progress_of(fields: Mapping[Any, Any]) -> CommittedProgress:
    """Read the fields of the hash, names in bytes or text."""
    progress = CommittedProgress()
    for name, value in fields.items():
        kind, _, rest = (name if isinstance(name, str) else name.decode()).partition(":")
        if kind == "stored":
            progress.stored = int(value)
        elif kind == "rejected":
            progress.rejected |= {rest: int(value)} if int(value) else {}
        else:
            partitions = progress.positions if kind == "position" else progress.reached  # there a `lane` until 0.1
            partitions[Partition(*map(int, rest.split(":")))] = int(value)
    return progress


def read_progress(settings: RedisSettings, log: str) -> CommittedProgress:
    """Read a log's committed progress from the online store.

    Raises
    ------
    Unavailable
        If it does not answer.
    """
    with _client(settings) as client:
        return progress_of(client.hgetall(progress_key(log)))


def read_all_progress(client: Redis) -> dict[str, CommittedProgress]:
    """Return log → committed progress, of every log that was ever streamed into this store."""
    names: set[Any] = client.smembers(LOGS_KEY)
    return {name.decode(): progress_of(client.hgetall(progress_key(name.decode()))) for name in sorted(names)}


def read_positions(settings: RedisSettings) -> dict[int, int]:
    """Return partition → offset of the last record done, over all logs that lead into Kafka; raises as above."""
    with _client(settings) as client:
        return positions_of(read_all_progress(client).values())


@contextmanager
def _client(settings: RedisSettings) -> Iterator[Redis]:
    from redis.exceptions import RedisError

    from civicrec.clients import redis_client

    with closing(redis_client(settings)) as client:
        try:
            yield client
        except RedisError as error:
            raise Unavailable(
                f"what the stream has committed cannot be read: {error}; is Redis or Valkey up?"
            ) from error


def progress_key(log: str) -> str:
    """Name the hash that keeps a log's committed progress."""
    return f"progress:{log}"
