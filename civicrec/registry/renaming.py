"""People renamed in every table of the registry, all at once.

In: old name → new name, and how a sealed value is sealed for the new one. Out: tables in which no old name stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, Engine, bindparam, select, update

from civicrec.events import is_subject
from civicrec.registry.audit import Act, record
from civicrec.registry.tables import attributes, columns_of_people, counters

#: Readers of these look again once their counter has moved.
_VERSIONS = ("choices_version", "consents_version", "attributes_version")
#: (sealed, attribute, old name, new name) → sealed.
Reseal = Callable[[bytes, str, str, str], bytes]


def names_in(engine: Engine) -> list[str]:
    """Return every subject's pseudonym that stands in the registry, in order."""
    with engine.connect() as connection:
        found = {
            name for column in columns_of_people() for name in connection.execute(select(column).distinct()).scalars()
        }
    return sorted(filter(is_subject, found))


def rename_people(engine: Engine, names: Mapping[str, str], reseal: Reseal, act: Act | None) -> int:
    """Rename everybody, in one transaction; return how many rows changed.

    Names that are no old ones stay: done again, it changes nothing.

    Parameters
    ----------
    act
        What is entered in the audit log; ``None`` where it stands there already.
    """
    with engine.connect() as connection, connection.begin():
        n_rows = _reseal(connection, names, reseal)
        for column in columns_of_people():
            pairs = [{"before": old, "after": new} for old, new in names.items()]
            if pairs:
                change = (
                    update(column.table).where(column == bindparam("before")).values({column.name: bindparam("after")})
                )
                n_rows += connection.execute(change, pairs).rowcount
        if n_rows:
            moved = counters.c.name.in_(_VERSIONS)
            connection.execute(update(counters).where(moved).values(value=counters.c.value + 1))
        if act:
            record(connection, [act])
    return n_rows


def _reseal(connection: Connection, names: Mapping[str, str], reseal: Reseal) -> int:
    rows = connection.execute(
        select(attributes.c.number, attributes.c.subject, attributes.c.attribute, attributes.c.sealed)
    )
    changed = [
        {"of": row.number, "anew": reseal(row.sealed, row.attribute, row.subject, names[row.subject])}
        for row in rows
        if row.subject in names
    ]
    if changed:
        change = update(attributes).where(attributes.c.number == bindparam("of")).values(sealed=bindparam("anew"))
        connection.execute(change, changed)
    return len(changed)
