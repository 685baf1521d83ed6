"""One reprocessing from beginning to end: events, then the online store if interactions changed.

In: what to read again. Out: `Repaired`. How far it is stands in a file of the home folder named after what was asked
for, so that the same call goes on after Ctrl-C or ``kill -9``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import date
from hashlib import blake2b
from pathlib import Path

import msgspec

from civicrec.accounting.ledger import Ledger, ledger_totals
from civicrec.clients import redis_client
from civicrec.errors import Unavailable
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.home import REPROCESS, REPROCESS_LOCK
from civicrec.process.atomic_files import replace_file
from civicrec.process.locks import owned
from civicrec.process.progress import ShowProgress
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.ports import Warehouse
from profiles.online.bounds import bounds_of
from profiles.online.ports import Incomplete, RebuildableStore
from profiles.online.redis_store import RedisOnlineStore
from streaming.enrich import INTERACTION_KINDS
from streaming.registry import RegistryFacts, RegistrySnapshot
from streaming.repair.diff import diff, write
from streaming.repair.rebuild import Done
from streaming.repair.rebuild_on_request import rebuild_on_request
from streaming.repair.reprocess import (
    At,
    Part,
    Places,
    Selection,
    count_dead_letters,
    from_dead_letters,
    from_log,
    from_topic,
    lost_dead_letters,
    remove_dead_letters,
)
from streaming.sinks import dead_letter_columns


@dataclass(slots=True)
class Repaired:
    """What changed, or would have; the counts are of this call, the days of all that led up to it.

    Attributes
    ----------
    same
        Events that are as they should be.
    refused
        Events that are refused now, by reason.
    recovered
        Dead letters whose events are in the warehouse now.
    dead_letters
        Dead letters that were lost, and are written again.
    days
        The portal's days whose events changed.
    went_on_after
        Offset of the log up to which an earlier call had come; in a topic, the sum of its partitions' offsets.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    recovered: int = 0
    dead_letters: int = 0
    days: list[date] = field(default_factory=list)
    went_on_after: int = 0


class _Bookmark(msgspec.Struct):
    at: At = (0, 0, "")
    places: Places = {}
    days: set[date] = set()
    interactions_changed: bool = False


def repair(
    settings: Settings, chosen: Selection, *, dead_letters: bool = False, dry_run: bool = False,
    report: ShowProgress = lambda *_: None,
) -> Repaired:  # fmt: skip
    """Read what was chosen again, from the event log or from the dead letters, and write what differs.

    Raises
    ------
    Unavailable
        If a store fails; the same call goes on from there.
        Also if the store of a stream on Flink is incomplete: nobody knows then what is done.
    ConfigError
        If another reprocessing runs on this home.
    """
    with ExitStack() as stack:
        stack.enter_context(owned(REPROCESS_LOCK.of(settings.home), "the folder of a reprocessing"))
        warehouse = stack.enter_context(closing(ClickHouseWarehouse(settings.warehouse)))
        online = RedisOnlineStore(stack.enter_context(closing(redis_client(settings.redis))), bounds_of(settings.redis))
        path = _bookmark_path(settings, chosen, dead_letters)
        bookmark = _Bookmark() if dry_run else _kept(path)
        total, parts = stack.enter_context(_source(settings, chosen, dead_letters, bookmark, warehouse, online))
        done = Repaired(went_on_after=bookmark.at[0] or sum(bookmark.places.values()))
        n_read = 0
        for part in parts:
            difference = diff(warehouse, part.columns)
            lost = lost_dead_letters(warehouse, part.dead_letters)
            bookmark.days |= difference.days
            bookmark.interactions_changed |= any(
                row["kind"] in INTERACTION_KINDS or (row["subject_id"] and row["anonymous_id"])
                for row in (*difference.new, *difference.changed)
            )
            if not dry_run:
                _keep(path, bookmark)  # first: else a crash after the write would leave these days as they are
                write(warehouse, difference)
                if lost:
                    warehouse.insert("dead_letters", dead_letter_columns(lost))
                _recover(settings, online, warehouse, part)
                bookmark.at, bookmark.places = part.at, part.places
                _keep(path, bookmark)
            done.new, done.changed, done.same = (
                done.new + len(difference.new), done.changed + len(difference.changed), done.same + difference.same,
            )  # fmt: skip
            done.refused += part.refused
            done.recovered += len(part.recovered)
            done.dead_letters += len(lost)
            n_read += part.n_read
            report("events", n_read, total)
        done.days = sorted(bookmark.days)
        if not dry_run:
            if bookmark.interactions_changed:
                rebuild_on_request(settings, online, report)
            path.unlink(missing_ok=True)
        return done


@contextmanager
def _source(
    settings: Settings, chosen: Selection, dead_letters: bool, bookmark: _Bookmark, warehouse: Warehouse,
    online: RebuildableStore,
) -> Iterator[tuple[int, Iterator[Part]]]:  # fmt: skip
    """Open what is to be read; give how many records or dead letters that is at most, and the parts."""
    registry = registry_facts(settings)
    if dead_letters:
        yield count_dead_letters(warehouse, chosen), from_dead_letters(warehouse, registry, chosen, bookmark.at)
    elif settings.stream.runner == "flink":
        from civicrec.kafka.reader import KafkaReader  # known where Kafka is in use, and only there asked

        if not online.is_complete():
            raise Incomplete
        with closing(KafkaReader(settings.kafka)) as reader:
            places = {number: max(start, bookmark.places.get(number, 0)) for number, start in reader.starts().items()}
            ends = reader.ends()
            total = sum(end - places[number] for number, end in ends.items())
            yield total, from_topic(reader, Done(online.done()), registry, chosen, places, ends)
    else:
        with closing(SqliteEventLog(settings.log_path, readonly=True)) as log:
            until = ledger_totals(settings.stream_path).committed
            yield until - bookmark.at[0], from_log(log, registry, chosen, bookmark.at[0], until)


def registry_facts(settings: Settings) -> RegistryFacts:
    """Return what the registry knows now."""
    with registry_at(settings.registry_address) as registry:
        return RegistrySnapshot(registry, load_keys(settings)).facts()


def _recover(settings: Settings, online: RebuildableStore, warehouse: Warehouse, part: Part) -> None:
    """Move what was recovered from rejected to stored, then take the dead letters away: so nothing counts twice."""
    if not part.recovered:
        return
    with ExitStack() as stack:
        on_flink = settings.stream.runner == "flink"
        counts = online if on_flink else stack.enter_context(closing(Ledger(settings.stream_path)))
        for one in part.recovered:
            counts.recover(one.log, (one.log_offset, one.piece), one.reason, one.n_events)
        if on_flink:
            from civicrec.kafka.dead_letters import KafkaDeadLetters, dead_letter_key  # known where Kafka is in use
            from streaming.repair.online_watch import wait_copied

            dead_letters = stack.enter_context(closing(KafkaDeadLetters(settings.kafka)))
            wait_copied(settings, online)  # the dead letters are all that tells of it once the store is wiped
            dead_letters.remove(dead_letter_key(one.log, one.log_offset, one.piece) for one in part.recovered)
    remove_dead_letters(warehouse, part.recovered)


def _bookmark_path(settings: Settings, chosen: Selection, dead_letters: bool) -> Path:
    request = json.dumps([*asdict(chosen).values(), dead_letters], default=str).encode()
    return REPROCESS.of(settings.home, blake2b(request, digest_size=6).hexdigest())


def _kept(path: Path) -> _Bookmark:
    with suppress(OSError, msgspec.DecodeError):
        # Left half-way by an older version, under the old name: what it says must not be forgotten.
        kept = path.read_bytes().replace(b'"turns_changed":', b'"interactions_changed":')
        return msgspec.json.decode(kept, type=_Bookmark)
    return _Bookmark()


def _keep(path: Path, bookmark: _Bookmark) -> None:
    try:
        replace_file(path, msgspec.json.encode(bookmark))
    except OSError as error:
        raise Unavailable(f"cannot keep how far it got in {path}: {error.strerror}; free disk space") from error
