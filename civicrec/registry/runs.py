"""Nightly runs: the manifest of each, so that a list can say which model made it, and which of them rules.

A run for a day that has not come (a typo, a night with a wrong clock) never rules: it would do so until that day. A
run that was refused when it was made does not rule either, unless an operator chooses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select

from civicrec.clock import as_utc, local_date, utc_now
from civicrec.registry.audit import Act, record
from civicrec.registry.tables import chosen_run, runs

_NEWEST_FIRST = (runs.c.day.desc(), runs.c.finished_at.desc())


@dataclass(frozen=True, slots=True)
class Run:
    """One nightly run as the registry has it."""

    run: str
    day: str
    finished_at: datetime
    manifest: dict[str, Any]
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A run that an operator put in force until a newer one is published."""

    run: str
    since: datetime
    who: str
    why: str


def save_run(
    engine: Engine, run: str, day: date, manifest: dict[str, Any], now: datetime, *, is_refused: bool = False
) -> None:
    """Keep the manifest of a finished run; the same run again replaces it.

    One that now is the newest of those not refused ends an operator's choice.
    """
    with engine.begin() as connection:
        connection.execute(delete(runs).where(runs.c.run == run))
        row = {"run": run, "day": day.isoformat(), "finished_at": now, "manifest": manifest, "is_refused": is_refused}
        connection.execute(insert(runs).values(**row))
        if _published(connection, 1, None) == [run]:
            connection.execute(delete(chosen_run))


def latest_run(engine: Engine, today: date | None = None) -> tuple[str, dict[str, Any]] | None:
    """Return (run, manifest) of the run with the newest day up to today, refused or not; ``None`` before the first."""
    newest = all_runs(engine, 1, today)
    return (newest[0].run, newest[0].manifest) if newest else None


def recent_runs(engine: Engine, n: int, today: date | None = None) -> list[str]:
    """Return the names of the `n` newest runs of days up to today, refused or not, newest first."""
    newest = select(runs.c.run).where(_has_come(today)).order_by(*_NEWEST_FIRST).limit(n)
    with engine.connect() as connection:
        return list(connection.execute(newest).scalars())


def all_runs(engine: Engine, n: int, today: date | None = None) -> list[Run]:
    """Return the `n` newest runs of days up to today, refused or not, newest first."""
    newest = select(runs).where(_has_come(today)).order_by(*_NEWEST_FIRST).limit(n)
    with engine.connect() as connection:
        return [_run(row) for row in connection.execute(newest).mappings()]


def find_run(engine: Engine, run: str, today: date | None = None) -> Run | None:
    """Return a run by name, ``None`` if there is none of a day up to today."""
    with engine.connect() as connection:
        row = connection.execute(select(runs).where(runs.c.run == run, _has_come(today))).mappings().first()
    return _run(row) if row else None


def ruling_runs(engine: Engine, n: int, today: date | None = None) -> list[str]:
    """Return up to `n` runs in the order in which they rule: the first whose models can be used is in force.

    That is the one an operator chose, then those that were not refused, newest first.
    """
    with engine.connect() as connection:
        chosen = connection.execute(select(chosen_run.c.run)).scalars().all()
        return list(dict.fromkeys([*chosen, *_published(connection, n, today)]))[:n]


def choice(engine: Engine) -> Choice | None:
    """Return the run an operator put in force, ``None`` while the newest rules."""
    with engine.connect() as connection:
        row = connection.execute(select(chosen_run)).mappings().first()
    return Choice(**{**row, "since": as_utc(row["since"])}) if row else None


def choose_run(engine: Engine, run: str | None, *, who: str, why: str, now: datetime) -> None:
    """Put a run in force until a newer one is published, ``None`` the newest again; with an audit row."""
    with engine.begin() as connection:
        before = connection.execute(delete(chosen_run).returning(chosen_run.c.run)).scalars().all()
        if run is not None:
            connection.execute(insert(chosen_run).values(run=run, since=now, who=who, why=why))
        action = "model_rolled_back" if run is not None else "model_rollback_ended"
        named = run or next(iter(before), "")
        record(connection, [Act(now, who, action, named, {"why": why})])


def refused_in_a_row(engine: Engine, n: int, today: date | None = None) -> int:
    """Return how many of the `n` newest runs were refused since the last that was not."""
    newest = select(runs.c.is_refused).where(_has_come(today)).order_by(*_NEWEST_FIRST).limit(n)
    with engine.connect() as connection:
        are_refused = list(connection.execute(newest).scalars())
    return are_refused.index(False) if False in are_refused else len(are_refused)


def future_runs(engine: Engine, today: date | None = None) -> list[str]:
    """Return the names of runs that were recorded for days after today."""
    with engine.connect() as connection:
        return list(connection.execute(select(runs.c.run).where(~_has_come(today)).order_by(*_NEWEST_FIRST)).scalars())


def drop_future_runs(engine: Engine, today: date | None = None) -> list[str]:
    """Forget the runs of days after today, which would rule once those days come; return their names."""
    names = future_runs(engine, today)
    if names:
        with engine.begin() as connection:
            connection.execute(delete(runs).where(runs.c.run.in_(names)))
    return names


def _run(row: RowMapping) -> Run:
    return Run(**{**row, "finished_at": as_utc(row["finished_at"])})


def _published(connection: Connection, n: int, today: date | None) -> list[str]:
    newest = select(runs.c.run).where(_has_come(today), runs.c.is_refused.is_(False)).order_by(*_NEWEST_FIRST).limit(n)
    return list(connection.execute(newest).scalars())


def _has_come(today: date | None) -> Any:
    return runs.c.day <= (today or local_date(utc_now())).isoformat()
