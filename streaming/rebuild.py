"""The online store made anew from the warehouse: after a wipe, on a new server, or when an operator asks.

In: `events` up to an offset, the newest `actor_tags`. Out: an `OnlineStore` that is whole again. Nothing else may write
turns meanwhile, so the stream does this itself, between two batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from civicrec.clock import local_date, to_ms
from civicrec.errors import ConfigError
from civicrec.eventlog.fences import Lane, Mark
from civicrec.eventlog.ledger import Totals
from civicrec.eventlog.ports import EventLog
from civicrec.events import INTEREST_WEIGHTS
from civicrec.settings import Settings
from civicrec.warehouse.ports import Warehouse
from profiles.store import (
    CO_CLICK_TTL_DAYS,
    DISLIKED_TTL_DAYS,
    RECENT_TTL_DAYS,
    TAGS_TTL_DAYS,
    TREND_TTL_HOURS,
    OnlineStore,
    OnlineUpdate,
)
from streaming.blocks import Turn
from streaming.enrich import DISLIKE, TURNS
from streaming.fold import SLICE_TURNS, fold, personal_actors

#: Fences of a rebuild stand apart from those of any log.
_LOG = "rebuild"
#: Held, in the home folder, by whoever writes turns into the online store.
STREAM_LOCK = "stream.lock"
_HOUR_MS = 3_600_000

_DAYS = """
SELECT local_date AS day, count() AS n FROM events FINAL
WHERE local_date >= {first:Date} AND log_offset <= {committed:UInt64} AND item_known AND bot_reason = ''
  AND has(if(local_date >= {busy_first:Date}, {kinds:Array(String)}, [{dislike:String}]), toString(kind))
GROUP BY day ORDER BY day
"""
_TURNS = """
SELECT actor, item_id, toString(kind) AS kind, toUnixTimestamp64Milli(occurred_at) AS at_ms,
       consent = 'personalise' AS is_personal, log_offset
FROM events FINAL
WHERE local_date = {day:Date} AND log_offset <= {committed:UInt64} AND item_known AND bot_reason = ''
  AND has({kinds:Array(String)}, toString(kind))
ORDER BY log_offset, occurred_at, item_id, event_id
"""
_TAGS = """
SELECT actor, tag, weight FROM actor_tags WHERE day = {day:Date} ORDER BY actor, tag
"""

#: (what is being done, parts done, parts in all)
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What one rebuild wrote: turns, and actors that have tags."""

    turns: int
    actors_with_tags: int


def only_embedded(settings: Settings, what: str) -> None:
    """Refuse what goes by the ledger of the embedded stream where there is none.

    Raises
    ------
    ConfigError
        If the stream runs on Flink.
    """
    if settings.stream.runner == "flink":
        raise ConfigError(f"`{what}` goes by the embedded stream's ledger and does not work with a stream on Flink yet")


def done_so_far(log: EventLog, totals: Totals) -> Mark:
    """Return what the embedded stream has done of its log."""
    return Mark(log.name, 0, totals.committed, Lane(), totals.stored, totals.rejected)


def rebuild_online(
    warehouse: Warehouse,
    online: OnlineStore,
    done: Mark,
    now: datetime,
    suppressed: AbstractSet[tuple[str, str]] = frozenset(),
    report: Report = lambda *_: None,
) -> Rebuilt:
    """Clear the online store and fill it from the warehouse; it is whole at the end, and not before.

    It holds what the stream made, but for co-clicks of events that came a day or more late: the stream paired them as
    they came, here each day is folded after the one before. Times to live begin anew.

    Parameters
    ----------
    done
        What the stream has done of its log; events of later offsets are left to it: it will deliver them again.
    suppressed
        (actor, tag) pairs that people deleted since the tags were made.

    Raises
    ------
    civicrec.errors.Unavailable
        If a store fails; the next call begins anew.
    """
    online.set_whole(False)
    online.clear()
    today = local_date(now)
    n_turns = _restore_turns(warehouse, online, done.last, now, today, report)
    n_actors = _restore_tags(warehouse, online, today, suppressed)
    online.apply(done, OnlineUpdate())  # its fences and counts are in the store, too
    online.set_whole(True)
    return Rebuilt(n_turns, n_actors)


def _restore_turns(
    warehouse: Warehouse, online: OnlineStore, committed: int, now: datetime, today: date, report: Report
) -> int:
    kinds = sorted(TURNS)
    busy_first = today - timedelta(days=max(RECENT_TTL_DAYS, CO_CLICK_TTL_DAYS))
    asked: dict[str, Any] = {"committed": committed, "kinds": kinds}
    days = warehouse.rows(
        _DAYS,
        asked | {"first": today - timedelta(days=DISLIKED_TTL_DAYS), "busy_first": busy_first, "dislike": DISLIKE},
    )
    n_turns, total, last = 0, sum(row["n"] for row in days), 0
    oldest_hour = to_ms(now - timedelta(hours=TREND_TTL_HOURS)) // _HOUR_MS
    for row in days:
        is_busy = row["day"] >= busy_first
        table = warehouse.query(_TURNS, asked | {"day": row["day"], "kinds": kinds if is_busy else [DISLIKE]})
        for begin in range(0, table.num_rows, SLICE_TURNS):
            turns = _turns(table.slice(begin, SLICE_TURNS).to_pydict())
            update = _without_old_trends(fold(turns, online.recent_of(personal_actors(turns))), oldest_hour)
            # Refusals are kept in order of offset; the fence wants each mark behind the one before.
            first, last = last, max(last + 1, turns[-1].offset)
            online.apply(Mark(_LOG, first, last), update)
            n_turns += len(turns)
            report("turns", n_turns, total)
    return n_turns


def _turns(columns: dict[str, list[Any]]) -> list[Turn]:
    names = ("actor", "item_id", "at_ms", "kind", "is_personal", "log_offset")
    return [
        Turn(actor, item_id, at_ms, INTEREST_WEIGHTS.get(kind, 0.0), bool(is_personal), offset)
        for actor, item_id, at_ms, kind, is_personal, offset in zip(*(columns[name] for name in names), strict=True)
    ]


def _without_old_trends(update: OnlineUpdate, oldest_hour: int) -> OnlineUpdate:
    return replace(update, interests={hour: by for hour, by in update.interests.items() if hour >= oldest_hour})


def _restore_tags(
    warehouse: Warehouse, online: OnlineStore, today: date, suppressed: AbstractSet[tuple[str, str]]
) -> int:
    newest = warehouse.rows("SELECT max(day) AS day, count() AS n FROM actor_tags")[0]
    if not newest["n"] or newest["day"] < today - timedelta(days=TAGS_TTL_DAYS):
        return 0
    columns = warehouse.query(_TAGS, {"day": newest["day"]}).to_pydict()
    rows = list(zip(columns["actor"], columns["tag"], columns["weight"], strict=True))
    return online.put_tags(newest["day"].isoformat(), _tags_of(rows, suppressed))


def _tags_of(
    rows: Sequence[tuple[str, str, float]], suppressed: AbstractSet[tuple[str, str]]
) -> Iterator[tuple[str, dict[str, float]]]:
    for actor, mine in groupby(rows, key=lambda row: row[0]):
        yield actor, {tag: weight for _, tag, weight in mine if (actor, tag) not in suppressed}
