"""Whether the warehouse still holds what was proved to be there: quickly for `status`, range by range for `doctor`.

In: the proofs beside the log, the warehouse as it is. Out: sentences, and `Finding`s that name what is missing and say
what fills it. Months that retention may have thinned are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import reduce
from operator import add

from civicrec.accounting.proofs import Held, Hole, Proof, read_proved
from civicrec.clock import from_ms, local_date
from civicrec.errors import CivicrecError, Unavailable
from civicrec.eventlog.ports import LogRecord
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import load
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.erasing import ERASED
from civicrec.warehouse.held import held, held_by_record
from civicrec.warehouse.ports import Warehouse
from operations.stack.findings import Finding

_NAME = "books"
#: Events counted by one question; it holds their ids in memory.
_AT_ONCE = 1_000_000
#: Log records read at once.
_RECORDS = 1_000
#: Parts set aside for a reason that leaves nothing out of the table.
_HARMLESS = ("ignored", "covered-by-broken", "clone", "attaching", "deleting", "merge-not-byte-identical")

#: Faults that the engine meets when bytes on the disk are not those it wrote.
_DAMAGES = ("CHECKSUM_DOESNT_MATCH", "CORRUPTED_DATA", "BAD_SIZE_OF_FILE_IN_DATA_PART", "POTENTIALLY_BROKEN_DATA_PART")

_DETACHED = """
SELECT table, count() AS n FROM system.detached_parts
WHERE database = currentDatabase() AND ifNull(reason, '') NOT IN {harmless:Array(String)} GROUP BY table ORDER BY table
"""
# Answered from the parts' own figures; read only where rows are marked as deleted.
_ROWS = "SELECT toString(toYYYYMM(occurred_at)) AS month, count() AS n FROM events GROUP BY month"
# Of people who were erased a letter says how many events of a month there were.
_ERASED_ROWS = f"""
SELECT detail AS month, sum(n_events) AS n FROM dead_letters FINAL
WHERE reason = '{ERASED}' AND detail != '' GROUP BY month
"""

_DAMAGED = """
SELECT name, toUInt64(value) AS n FROM system.errors WHERE name IN {damages:Array(String)} AND value > 0 ORDER BY name
"""


def alarms(settings: Settings, now: datetime) -> list[str]:
    """Say what is missing, from what the stream has counted and what the warehouse's parts tell of themselves.

    Raises
    ------
    CivicrecError
        If the ledger or the warehouse cannot be read.
    """
    proved = read_proved(settings.stream_path)
    sentences = []
    if proved.holes:
        n_missing = sum(hole.events for hole in proved.holes)
        sentences.append(
            f"{n_missing} events that were written are not in the warehouse, records {proved.holes[0].first + 1} to "
            f"{proved.holes[-1].last} of the log, which is kept; `civicrec doctor --books` says how to fill them in"
        )
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        for row in warehouse.rows(_DETACHED, {"harmless": list(_HARMLESS)}):
            sentences.append(
                f"{row['n']} parts of table {row['table']} are detached, their rows are missing; "
                "see system.detached_parts, and ALTER TABLE ... ATTACH PART"
            )
        for row in warehouse.rows(_DAMAGED, {"damages": list(_DAMAGES)}):
            sentences.append(
                f"files of the warehouse are damaged ({row['name']}, {row['n']} times since it started); see its disk, "
                "`civicrec doctor --books` says what is missing"
            )
        rows = Counter({row["month"]: int(row["n"]) for row in warehouse.rows(_ROWS)})
        rows.update({row["month"]: int(row["n"]) for row in warehouse.rows(_ERASED_ROWS)})
    wanted = reduce(add, (proof.held for proof in proved.proofs), Held())
    for month, n_events in sorted(wanted.events.items()):
        missing = n_events - wanted.late.get(month, 0) - rows.get(month, 0)
        if missing > 0 and month > _thinned(settings, now):
            sentences.append(
                f"the warehouse has at least {missing} events of {month} fewer than were stored there; "
                "`civicrec doctor --books` names them"
            )
    return sentences


def examine_books(settings: Settings, now: datetime) -> list[Finding]:
    """Count everything again; say what is missing and whether the log still has it."""
    if settings.stream.runner == "flink":
        return [
            Finding(
                _NAME, "absent", "on Flink nothing is counted again: Kafka and the committed progress keep the books"
            )
        ]
    try:
        with (
            closing(SqliteEventLog(settings.log_path, readonly=True)) as log,
            closing(ClickHouseWarehouse(settings.warehouse)) as warehouse,
        ):
            proved = read_proved(settings.stream_path)
            known_s = round(settings.collector.dedup_hours * 3600)
            short = [
                *_short(warehouse, log.name, proved.proofs, known_s, _thinned(settings, now)),
                *(Hole(one.first, one.last, one.events) for one in proved.holes),
            ]
            findings = [Finding(_NAME, "missing", _sentence(warehouse, log, hole)) for hole in short]
    except Unavailable as error:
        return [Finding(_NAME, "absent", f"not counted: {error}")]
    except CivicrecError as error:
        remedy = "`civicrec doctor --migrate` makes tables that are missing, `civicrec events reprocess` fills them in"
        if "while reading from part" in str(error):
            remedy = (
                "take out the part it names, `ALTER TABLE ... DETACH PART`, then call this again: it says what it had"
            )
        return [Finding(_NAME, "missing", f"not to be counted: {error}; {remedy}")]
    n_events = sum(proof.held.total for proof in proved.proofs)
    summary = f"{n_events} events up to record {proved.position} of the log are counted again"
    return [*findings, Finding(_NAME, "ok", summary if not findings else f"{summary}, but for these")]


def _short(
    warehouse: Warehouse, log: str, proofs: Sequence[Proof], known_s: int, thinned: str
) -> Iterator[Hole]:  # fmt: skip
    """Yield the proofs of which fewer events are found than there were."""
    late: Counter[str] = Counter()  # of everything younger: events that may have come before, and been kept once
    for some in reversed(list(_chunks(proofs))):
        if _missing(warehouse, log, some, known_s, late, thinned):
            for proof in reversed(some):
                if missing := _missing(warehouse, log, [proof], known_s, late, thinned):
                    yield Hole(proof.first, proof.last, missing)
                late.update(proof.held.late)
        else:
            for proof in some:
                late.update(proof.held.late)


def _missing(
    warehouse: Warehouse, log: str, proofs: Sequence[Proof], known_s: int, late: Counter[str], thinned: str
) -> int:  # fmt: skip
    then = reduce(add, (proof.held for proof in proofs), Held())
    stored = held(warehouse, log, proofs[0].first, proofs[-1].last, known_s)
    # A dead letter that was recovered is an event now, so both are compared as one.
    months = [month for month in then.events if month > thinned]
    wanted = sum(then.events[month] for month in months)
    there = sum(stored.events.get(month, 0) for month in months)
    counted = f"{local_date(from_ms(proofs[0].at_ms)):%Y%m}"
    if len(months) == len(then.events) and counted > thinned:  # else dead letters of then may be gone, too
        wanted, there = wanted + then.refused, there + stored.refused
    return max(0, wanted - there - sum(late[month] for month in months))


def _chunks(proofs: Sequence[Proof]) -> Iterator[list[Proof]]:
    some: list[Proof] = []
    for proof in proofs:
        if some and (sum(one.held.total for one in some) + proof.held.total > _AT_ONCE or proof.first != some[-1].last):
            yield some
            some = []
        some.append(proof)
    if some:
        yield some


def _thinned(settings: Settings, now: datetime) -> str:
    """Return the youngest month that retention may have thinned."""
    return f"{local_date(now - timedelta(days=settings.warehouse.keep_days)):%Y%m}"


def _sentence(warehouse: Warehouse, log: SqliteEventLog, hole: Hole) -> str:
    if log.extent().first > hole.first + 1:
        what = f"{hole.events} events of the log's records {hole.first + 1} to {hole.last} are missing"
        return f"{what}; their log is gone: attach the part (system.detached_parts) or restore a backup"
    short = list(_short_records(warehouse, log, hole))
    first, last = (short[0].offset, short[-1].offset) if short else (hole.first + 1, hole.last)
    days = {local_date(event.occurred_at) for one in short for event in load(one.record.value)[0]}
    between = f" --from {min(days)} --until {max(days)}" if days else ""
    return (
        f"{hole.events} events of the log's records {first} to {last} are missing; "
        f"`civicrec events reprocess{between}` fills them in"
    )


def _short_records(warehouse: Warehouse, log: SqliteEventLog, hole: Hole) -> Iterator[LogRecord]:
    """Yield the records of which fewer events are found than they hold."""
    for first in range(hole.first, hole.last, _RECORDS):
        last = min(first + _RECORDS, hole.last)
        stored = held_by_record(warehouse, log.name, first, last)
        for one in log.read(first, last):
            if stored.get(one.offset, 0) < one.record.n_events:
                yield one
