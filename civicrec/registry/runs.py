"""Nightly runs: the manifest of each, so that a list can say which model made it.

A run for a day that has not come (a typo, a night with a wrong clock) never rules: it would do so until that day.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, delete, insert, select

from civicrec.clock import local_date, utc_now
from civicrec.registry.tables import runs, suppressed_tags

_NEWEST_FIRST = (runs.c.day.desc(), runs.c.finished_at.desc())


def save_run(engine: Engine, run: str, day: date, manifest: dict[str, Any], now: datetime) -> None:
    """Keep the manifest of a finished run; the same run again replaces it."""
    with engine.begin() as connection:
        connection.execute(delete(runs).where(runs.c.run == run))
        connection.execute(insert(runs).values(run=run, day=day.isoformat(), finished_at=now, manifest=manifest))


def latest_run(engine: Engine, today: date | None = None) -> tuple[str, dict[str, Any]] | None:
    """Return (run, manifest) of the run with the newest day up to today, or ``None`` before the first."""
    newest = select(runs.c.run, runs.c.manifest).where(_has_come(today)).order_by(*_NEWEST_FIRST).limit(1)
    with engine.connect() as connection:
        row = connection.execute(newest).first()
    return (row.run, row.manifest) if row else None


def recent_runs(engine: Engine, n: int, today: date | None = None) -> list[str]:
    """Return the names of the `n` newest runs of days up to today, newest first."""
    newest = select(runs.c.run).where(_has_come(today)).order_by(*_NEWEST_FIRST).limit(n)
    with engine.connect() as connection:
        return list(connection.execute(newest).scalars())


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


def _has_come(today: date | None) -> Any:
    return runs.c.day <= (today or local_date(utc_now())).isoformat()


def suppressions(engine: Engine) -> set[tuple[str, str]]:
    """Return the (actor, tag) pairs that people deleted and no nightly run may bring back."""
    with engine.connect() as connection:
        return {(row.actor, row.tag) for row in connection.execute(select(suppressed_tags))}
