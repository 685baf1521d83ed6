"""The online store rebuilt from the warehouse: after a wipe, on a new server, or when an operator asks.

In: `events` of the records that are done, the newest `actor_tags`. Out: an online store that is complete.
Nothing else may write interactions meanwhile: the embedded stream does this itself, between two batches, and the
workers of a cluster are refused by a store that is incomplete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count, groupby
from typing import Any

from civicrec.accounting.ledger import Totals
from civicrec.accounting.progress import Commit, CommittedProgress, Partition, commits_of
from civicrec.clock import local_date, to_ms
from civicrec.eventlog.ports import EventLog
from civicrec.events import INTEREST_WEIGHTS
from civicrec.kafka.position import PARTITION_LOG
from civicrec.process.progress import ShowProgress
from civicrec.registry.choices import Choices
from civicrec.warehouse.interests import ACTOR, WITHDRAWING, withdrawals
from civicrec.warehouse.ports import Warehouse
from profiles.choices import put_learned_tags, put_switches
from profiles.online.ports import (
    CO_CLICK_TTL_DAYS,
    DISLIKED_TTL_DAYS,
    RECENT_TTL_DAYS,
    SEEN_TTL_DAYS,
    SHOWN_TTL_DAYS,
    SIGNED_IN_TTL_DAYS,
    TAGS_TTL_DAYS,
    TREND_TTL_HOURS,
    WITHDRAWN_TTL_DAYS,
    DecidedStore,
    OnlineUpdate,
    OnlineWriter,
    RebuildableStore,
)
from streaming.blocks import HISTORY, SHOWN, Interaction
from streaming.enrich import INTERACTION_KINDS, LASTING, kept_kind, signed_in
from streaming.fold import ASIDE_AS_ONE, SLICE_INTERACTIONS, fold, other_actors, personal_actors

#: What a rebuild commits stands apart from what is committed of any log.
REBUILD_LOG = "rebuild"
_HOUR_MS = 3_600_000

_CHOSEN = (
    f"(item_known AND bot_reason = '' AND log != '{HISTORY}' OR kind = 'consent_withdrawn')"
    " AND has({kinds:Array(String)}, toString(kind))"
    f" AND (kind != '{SHOWN}' OR consent = 'personalise')"
)
_DAYS = f"""
SELECT local_date AS day, count() AS n FROM events FINAL
WHERE local_date >= {{first:Date}} AND {_CHOSEN}
  AND (local_date >= {{seen_first:Date}} OR has({{lasting:Array(String)}}, toString(kind)))
  AND (local_date >= {{shown_first:Date}} OR kind != '{SHOWN}')
GROUP BY day ORDER BY day
"""
_EVENTS_OF_DAY = f"""
SELECT who AS actor, item_id, kind, at_ms, is_personal, log, log_offset FROM (
    SELECT arrayJoin(if(kind = 'consent_withdrawn', {WITHDRAWING}, [{ACTOR}])) AS who, item_id,
           toString(events.kind) AS kind, toUnixTimestamp64Milli(occurred_at) AS at_ms,
           consent = 'personalise' OR kind = 'consent_withdrawn' AS is_personal, toString(events.log) AS log,
           log_offset, event_id
    FROM events FINAL
    WHERE local_date = {{day:Date}} AND {_CHOSEN}
)
ORDER BY log_offset, at_ms, item_id, event_id
"""
_SIGNED_IN = f"""
SELECT subject_id, anonymous_id, consent = 'personalise' AS is_personal, toString(events.log) AS log, log_offset,
       max(toUnixTimestamp64Milli(occurred_at)) AS at_ms
FROM events FINAL
WHERE local_date = {{day:Date}} AND subject_id != '' AND anonymous_id != '' AND log != '{HISTORY}'
GROUP BY ALL
ORDER BY log_offset, anonymous_id, subject_id
"""
_TAGS = """
SELECT actor, tag, weight FROM actor_tags WHERE day = {day:Date} ORDER BY actor, tag
"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What one rebuild wrote: interactions, and actors that have tags."""

    interactions: int
    actors_with_tags: int


@dataclass(frozen=True, slots=True)
class Done:
    """Which events of the warehouse a rebuilt store holds; those of other records will be delivered again.

    Attributes
    ----------
    progress
        log → what is done of it.
    others
        Whether events of logs not named are done.
    """

    progress: Mapping[str, CommittedProgress]
    others: bool = False

    def has(self, log: str, actor: str, offset: int) -> bool:
        """Tell whether the record an event came in is done."""
        if (progress := self.progress.get(log)) is None:
            return self.others
        if log.startswith(PARTITION_LOG):  # another producer's: whatever its key, it is all in this partition
            return offset <= max(progress.reached.values(), default=0)
        return offset <= progress.all_before() or progress.has(actor, offset)


def done_so_far(log: EventLog, totals: Totals) -> Done:
    """Return what the embedded stream has done of its log."""
    return Done(
        {log.name: CommittedProgress({Partition(): totals.committed}, totals.stored, dict(totals.rejected))},
        others=True,
    )


def rebuild_online(
    warehouse: Warehouse,
    online: RebuildableStore,
    done: Done,
    now: datetime,
    choices: Callable[[], Choices] = Choices,
    report: ShowProgress = lambda *_: None,
    catch_up: Callable[[], object] = lambda: None,
) -> Rebuilt:
    """Clear the online store and fill it from the warehouse; it is complete at the end, and not before.

    It holds what the stream made, but for co-clicks of events that came a day or more late: the stream paired them as
    they came, here each day is folded after the one before. Times to live begin again.

    Parameters
    ----------
    done
        What the stream has done; the rest is left to it: it will deliver it again.
    choices
        Reads what people decided; who switched off stays so from the first moment on.
    catch_up
        Adds what was done since `done` was noted, before the store is said to be complete.

    Raises
    ------
    civicrec.errors.Unavailable
        If a store fails; the next call begins again.
    """
    online.set_complete(False)
    put_switches(online, choices)
    online.clear()
    today = local_date(now)
    commits = (Commit(REBUILD_LOG, n, n + 1) for n in count())
    n_interactions = _restore_interactions(warehouse, online, commits, done, now, today, report)
    _restore_signed_in(warehouse, online, commits, done, today)
    n_actors = _restore_tags(warehouse, online, today, choices)
    for log, progress in done.progress.items():  # offsets and counts are in the store, too
        for commit in commits_of(log, progress):
            online.apply(commit, OnlineUpdate())
    catch_up()
    online.set_complete(True)
    return Rebuilt(n_interactions, n_actors)


def _restore_interactions(
    warehouse: Warehouse, online: OnlineWriter, commits: Iterator[Commit], done: Done, now: datetime, today: date,
    report: ShowProgress,
) -> int:  # fmt: skip
    kinds, lasting = sorted(INTERACTION_KINDS | LASTING), sorted(LASTING)
    busy_first = today - timedelta(days=max(RECENT_TTL_DAYS, CO_CLICK_TTL_DAYS))
    seen_first = today - timedelta(days=SEEN_TTL_DAYS)
    shown_first = today - timedelta(days=SHOWN_TTL_DAYS)
    first_day = today - timedelta(days=DISLIKED_TTL_DAYS)
    asked = {"kinds": kinds, "first": first_day, "seen_first": seen_first, "shown_first": shown_first}
    days = warehouse.rows(_DAYS, {**asked, "lasting": lasting})
    n_interactions = n_read = 0
    total = sum(row["n"] for row in days)
    oldest_hour = to_ms(now - timedelta(hours=TREND_TTL_HOURS)) // _HOUR_MS
    for row in days:
        is_seen = row["day"] >= seen_first
        told = kinds if is_seen else lasting
        if row["day"] < shown_first:
            told = [kind for kind in told if kind != SHOWN]
        table = warehouse.query(_EVENTS_OF_DAY, {"day": row["day"], "kinds": told})
        for begin in range(0, table.num_rows, SLICE_INTERACTIONS):
            part = table.slice(begin, SLICE_INTERACTIONS)
            if interactions := _interactions(part.to_pydict(), done, is_seen):
                known = online.known_of(personal_actors(interactions), other_actors(interactions))
                folded = fold(interactions, known.recent, known.withdrawn)
                update = _as_old_as(folded, row["day"] >= busy_first, oldest_hour)
                online.apply(next(commits), update)
                n_interactions += len(interactions)
            report("interactions", n_read := n_read + part.num_rows, total)
    return n_interactions


def _restore_signed_in(
    warehouse: Warehouse, online: OnlineWriter, commits: Iterator[Commit], done: Done, today: date
) -> None:
    names = ("subject_id", "anonymous_id", "at_ms", "log_offset", "is_personal", "log")
    for days_ago in range(SIGNED_IN_TTL_DAYS, -2, -1):  # clocks may be ahead
        table = warehouse.query(_SIGNED_IN, {"day": today - timedelta(days=days_ago)})
        for begin in range(0, table.num_rows, SLICE_INTERACTIONS * ASIDE_AS_ONE):
            columns = table.slice(begin, SLICE_INTERACTIONS * ASIDE_AS_ONE).to_pydict()
            told = [
                signed_in(subject, anonymous, at_ms, offset, bool(is_personal))
                for subject, anonymous, at_ms, offset, is_personal, log in zip(
                    *map(columns.__getitem__, names), strict=True
                )
                if done.has(log, subject, offset)
            ]
            update = fold(told, {}, online.known_of((), other_actors(told)).withdrawn)
            online.apply(next(commits), update)


def _interactions(columns: dict[str, list[Any]], done: Done, is_seen: bool) -> list[Interaction]:
    """Return what the stream made of these rows; of days long past, only what was refused, restored or withdrawn."""
    names = ("actor", "item_id", "at_ms", "kind", "is_personal", "log", "log_offset")
    return [
        Interaction(actor, item_id, at_ms, INTEREST_WEIGHTS.get(kind, 0.0) if is_seen else 0.0, bool(is_personal),
                    offset, kept_kind(kind))
        for actor, item_id, at_ms, kind, is_personal, log, offset in zip(*map(columns.__getitem__, names), strict=True)
        if done.has(log, actor, offset)
    ]  # fmt: skip


def _as_old_as(update: OnlineUpdate, is_busy: bool, oldest_hour: int) -> OnlineUpdate:
    """Return what is still kept of an update: of days past, that items were seen, and what was refused or withdrawn."""
    if not is_busy:
        return replace(update, seen=update.recent, recent={}, interests={}, co_clicks={}, next_clicks={})
    return replace(update, interests={hour: by for hour, by in update.interests.items() if hour >= oldest_hour})


def _restore_tags(warehouse: Warehouse, online: DecidedStore, today: date, choices: Callable[[], Choices]) -> int:
    # A day that has not come was made by a wrong clock.
    tags = warehouse.rows(
        "SELECT max(day) AS newest, count() AS n FROM actor_tags WHERE day <= {today:Date}", {"today": today}
    )[0]
    if not tags["n"] or tags["newest"] < today - timedelta(days=TAGS_TTL_DAYS):
        decided = choices()
        if not (decided.chosen or decided.deleted):
            return 0
        since = today - timedelta(days=WITHDRAWN_TTL_DAYS)
        return put_learned_tags(online, "", (), choices, withdrawals(warehouse, since))
    columns = warehouse.query(_TAGS, {"day": tags["newest"]}).to_pydict()
    withdrawn = withdrawals(warehouse, tags["newest"])
    rows = [
        row
        for row in zip(*map(columns.__getitem__, ("actor", "tag", "weight")), strict=True)
        if row[0] not in withdrawn
    ]
    return put_learned_tags(online, tags["newest"].isoformat(), _tags_of(rows), choices, withdrawn)


def _tags_of(rows: Sequence[tuple[str, str, float]]) -> Iterator[tuple[str, dict[str, float]]]:
    for actor, mine in groupby(rows, key=lambda row: row[0]):
        yield actor, {tag: weight for _, tag, weight in mine}
