"""One reprocessing from beginning to end: events, then the daily tables of the days touched, then the online store.

In: what to read again. Out: `Repaired`. How far it is stands in a file of the home folder named after what was asked
for, so that the same call goes on after Ctrl-C or ``kill -9``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from hashlib import blake2b
from pathlib import Path

import msgspec

from civicrec.clients import redis_client
from civicrec.errors import Unavailable
from civicrec.eventlog.ledger import Ledger, ledger_totals
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.locks import owned
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.daily import rebuild_daily
from civicrec.warehouse.ports import Warehouse
from profiles.redis_store import RedisOnlineStore
from streaming.catalogue import CatalogueSnapshot
from streaming.diff import diff, write
from streaming.enrich import TURNS
from streaming.rebuild import Report, only_embedded
from streaming.reprocess import At, Part, Selection, count_letters, from_dead_letters, from_log, remove_letters


@dataclass(slots=True)
class Repaired:
    """What changed, or would have; the counts are of this call, the days of all that led up to it.

    Attributes
    ----------
    same
        Events that are as they should be.
    refused
        Events that are refused now, by reason.
    cured
        Dead letters whose events are in the warehouse now.
    days
        The portal's days whose daily tables were rebuilt.
    went_on_after
        Offset of the log up to which an earlier call had come.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    cured: int = 0
    days: list[date] = field(default_factory=list)
    went_on_after: int = 0


class _Bookmark(msgspec.Struct):
    at: At = (0, 0, "")
    days: set[date] = set()
    turns_changed: bool = False


def repair(
    settings: Settings, chosen: Selection, *, dead_letters: bool = False, dry_run: bool = False,
    report: Report = lambda *_: None,
) -> Repaired:  # fmt: skip
    """Read what was chosen again, from the event log or from the dead letters, and write what differs.

    Raises
    ------
    Unavailable
        If a store fails; the same call goes on from there.
    ConfigError
        If another reprocessing or a nightly job runs on this home, or the stream runs on Flink.
    """
    only_embedded(settings, "events reprocess")
    with ExitStack() as stack:
        stack.enter_context(owned(settings.home / "reprocess.lock", "the folder of a reprocessing"))
        warehouse = stack.enter_context(closing(ClickHouseWarehouse(settings.warehouse)))
        item_types = _item_types(settings)
        path = _bookmark_path(settings, chosen, dead_letters)
        mark = _Bookmark() if dry_run else _kept(path)
        parts: Iterator[Part]
        if dead_letters:
            total = count_letters(warehouse, chosen)
            parts = from_dead_letters(warehouse, item_types, chosen, mark.at)
        else:
            log = stack.enter_context(closing(SqliteEventLog(settings.log_path, readonly=True)))
            total = ledger_totals(settings.stream_path).committed
            parts = from_log(log, item_types, chosen, mark.at[0], total)
        done = Repaired(went_on_after=mark.at[0])
        n_letters = 0
        for part in parts:
            found = diff(warehouse, part.columns)
            mark.days |= found.days
            mark.turns_changed |= any(row["kind"] in TURNS for row in (*found.new, *found.changed))
            if not dry_run:
                _keep(path, mark)  # first: else a crash after the write would leave these days as they are
                write(warehouse, found)
                _cure(settings, warehouse, part)
                mark.at = part.at
                _keep(path, mark)
            done.new, done.changed, done.same = (
                done.new + len(found.new), done.changed + len(found.changed), done.same + found.same,
            )  # fmt: skip
            done.refused += part.refused
            done.cured += len(part.cured)
            n_letters += part.n_read
            report("events", n_letters if dead_letters else part.at[0], total)
        done.days = sorted(mark.days)
        if not dry_run:
            _rebuild_days(settings, warehouse, done.days, report)
            if mark.turns_changed:
                with closing(redis_client(settings.redis)) as redis:
                    RedisOnlineStore(redis).set_whole(False)  # the stream rebuilds it
            path.unlink(missing_ok=True)
        return done


def _item_types(settings: Settings) -> dict[str, str]:
    registry = open_registry(settings.registry_address)
    try:
        return dict(CatalogueSnapshot(registry).item_types())
    finally:
        registry.dispose()


def _cure(settings: Settings, warehouse: Warehouse, part: Part) -> None:
    """Move what was cured from rejected to stored, then take its letters away: in this order nothing counts twice."""
    if part.cured:
        with closing(Ledger(settings.stream_path)) as ledger:
            for one in part.cured:
                ledger.cure(one.log, one.log_offset, one.piece, one.reason, one.n_events)
        remove_letters(warehouse, part.cured)


def _rebuild_days(settings: Settings, warehouse: Warehouse, days: Collection[date], report: Report) -> None:
    with owned(settings.home / "nightly.lock", "the folder of a nightly job"):
        for n, (first, last) in enumerate(spans := list(_spans(days)), 1):
            rebuild_daily(warehouse, first, last)
            report("daily tables", n, len(spans))


def _spans(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Join days that follow one another; they come in order."""
    first = last = None
    for day in days:
        if last is not None and day - last > timedelta(days=1):
            yield first or last, last
            first = None
        first, last = first or day, day
    if last is not None:
        yield first or last, last


def _bookmark_path(settings: Settings, chosen: Selection, dead_letters: bool) -> Path:
    asked = json.dumps([*asdict(chosen).values(), dead_letters], default=str).encode()
    return settings.home / f"reprocess-{blake2b(asked, digest_size=6).hexdigest()}.json"


def _kept(path: Path) -> _Bookmark:
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(path.read_bytes(), type=_Bookmark)
    return _Bookmark()


def _keep(path: Path, mark: _Bookmark) -> None:
    draft = path.with_suffix(".draft")
    try:
        draft.write_bytes(msgspec.json.encode(mark))
        draft.replace(path)
    except OSError as error:
        raise Unavailable(f"cannot keep how far it got in {path}: {error.strerror}; make room on the disk") from error
