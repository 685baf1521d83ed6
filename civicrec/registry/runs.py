"""Nightly runs: the manifest of each, so that a list can say which model made it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, delete, insert, select

from civicrec.registry.tables import runs, suppressed_tags


def save_run(engine: Engine, run: str, day: date, manifest: dict[str, Any], now: datetime) -> None:
    """Keep the manifest of a finished run; the same run again replaces it."""
    with engine.begin() as connection:
        connection.execute(delete(runs).where(runs.c.run == run))
        connection.execute(insert(runs).values(run=run, day=day.isoformat(), finished_at=now, manifest=manifest))


def latest_run(engine: Engine) -> tuple[str, dict[str, Any]] | None:
    """Return (run, manifest) of the run with the newest day, or ``None`` before the first."""
    with engine.connect() as connection:
        row = connection.execute(
            select(runs.c.run, runs.c.manifest).order_by(runs.c.day.desc(), runs.c.finished_at.desc()).limit(1)
        ).first()
    return (row.run, row.manifest) if row else None


def recent_runs(engine: Engine, n: int) -> list[str]:
    """Return the names of the `n` newest runs, newest first."""
    with engine.connect() as connection:
        return list(
            connection.execute(
                select(runs.c.run).order_by(runs.c.day.desc(), runs.c.finished_at.desc()).limit(n)
            ).scalars()
        )


def suppressions(engine: Engine) -> set[tuple[str, str]]:
    """Return the (actor, tag) pairs that people deleted and no nightly run may bring back."""
    with engine.connect() as connection:
        return {(row.actor, row.tag) for row in connection.execute(select(suppressed_tags))}
