"""Editorial rules in the registry: kept, listed, removed, each with an audit row.

In: checked `Rule`s. Out: `Rule`s. A change raises the catalogue version, so that whoever makes lists sees it when it
sees a withdrawal.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, func, insert, select

from civicrec.clock import as_utc, moved, rfc3339
from civicrec.editorial import Rule, checked
from civicrec.errors import InvalidInput, NotFound
from civicrec.registry.audit import Act, record
from civicrec.registry.catalogue import raised_version
from civicrec.registry.tables import editorial, items

#: Every process that makes lists holds them all.
MAX_RULES = 5_000
#: How long a rule whose time is over is listed as such; the audit log keeps what it was.
EXPIRED_DAYS = 90


def add_rule(engine: Engine, rule: Rule, now: datetime) -> Rule:
    """Keep a rule; return it with its number, the catalogue version in which it begins to be known.

    Raises
    ------
    InvalidInput
        If it could not act, or there are `MAX_RULES` already; nothing is changed then.
    NotFound
        If the item is not in the catalogue; nothing is changed then.
    """
    checked(rule, now)
    with engine.connect() as connection, connection.begin():
        kept = replace(rule, number=raised_version(connection), made_at=now)
        if connection.execute(select(items.c.item_id).where(items.c.item_id == rule.item_id)).first() is None:
            raise NotFound(f"no item {rule.item_id!r} in the catalogue; `civicrec catalog list` shows what there is")
        long_over = moved(now, -timedelta(days=EXPIRED_DAYS)).astimezone(UTC)
        connection.execute(delete(editorial).where(editorial.c.ends < long_over))
        if connection.execute(select(func.count()).select_from(editorial)).scalar_one() >= MAX_RULES:
            raise InvalidInput(f"there are {MAX_RULES} rules already; remove some with `civicrec editorial remove`")
        connection.execute(insert(editorial).values(**_row(kept)))
        record(connection, [_audited(kept, f"editorial_{rule.kind}", rule.who, rule.why, now)])
    return kept


def remove_rule(engine: Engine, number: int, *, who: str, why: str, now: datetime) -> Rule:
    """Remove a rule; return it.

    Raises
    ------
    NotFound
        If there is no such rule.
    """
    with engine.connect() as connection, connection.begin():
        raised_version(connection)
        row = connection.execute(select(editorial).where(editorial.c.number == number)).mappings().first()
        if row is None:
            raise NotFound(f"no rule {number}; `civicrec editorial list` shows what there is")
        rule = _rule(row)
        connection.execute(delete(editorial).where(editorial.c.number == number))
        record(connection, [_audited(rule, "editorial_removed", who, why, now)])
    return rule


def rules(engine: Engine) -> list[Rule]:
    """Return all rules by number, also those whose time has not come or is over."""
    with engine.connect() as connection:
        return [_rule(row) for row in connection.execute(select(editorial).order_by(editorial.c.number)).mappings()]


def _row(rule: Rule) -> dict[str, Any]:
    # SQLite keeps no offset.
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in asdict(rule).items()
    }


def _rule(row: Any) -> Rule:
    facts: dict[str, Any] = {
        name: as_utc(value) if isinstance(value, datetime) else value for name, value in row.items()
    }
    return Rule(**facts)


def _audited(rule: Rule, action: str, who: str, why: str, now: datetime) -> Act:
    facts: dict[str, Any] = {"why": why, "rule": rule.number}
    if action != "editorial_removed":
        facts |= {"scene": rule.scene, "until": rfc3339(rule.ends) if rule.ends else None}
        if rule.kind != "block":
            facts |= {"position": rule.position} if rule.kind == "pin" else {"factor": rule.factor}
    return Act(now, who, action, rule.item_id, facts)
