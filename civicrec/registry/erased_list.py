"""The list of erased people, copied to a file outside: a restored registry knows no erasure of after its backup.

In: a registry. Out: a file of keyed digests, which names nobody, and a registry that refuses all that it tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Engine, func, insert, select, update

from civicrec.clock import as_utc
from civicrec.errors import InvalidInput, Unavailable
from civicrec.process.atomic_files import replace_file
from civicrec.registry.erasures import raise_version
from civicrec.registry.tables import attributes, chosen_tags, consents, erased_ids, suppressed_tags, switched_off


class ErasedName(msgspec.Struct, frozen=True):
    """A row of `erased_ids`: a keyed digest, since when its events are refused, and those that occurred until when.

    Attributes
    ----------
    until
        ``None`` refuses all.
    """

    digest: str
    since: datetime
    until: datetime | None = None


def read_names(engine: Engine) -> list[ErasedName]:
    """Return the list, in order of digests."""
    with engine.connect() as connection:
        rows = connection.execute(select(erased_ids).order_by(erased_ids.c.digest))
        return [ErasedName(row.digest, as_utc(row.since), as_utc(row.until) if row.until else None) for row in rows]


def write_list(engine: Engine, path: Path) -> int:
    """Copy the list to a file, a JSON object a line; return how many names it has.

    What the file tells and the registry does not is kept: it may have been restored.

    Raises
    ------
    InvalidInput
        If the file is none of these.
    Unavailable
        If it cannot be read or written.
    """
    kept = read_list(path) if path.exists() else ()
    names = {one.digest: one for one in (*kept, *read_names(engine))}
    lines = b"".join(msgspec.json.encode(names[digest]) + b"\n" for digest in sorted(names))
    try:
        replace_file(path, lines, private=True)
    except OSError as error:
        why = f"the list of erased people cannot be kept in {path}: {error}; check disk and rights"
        raise Unavailable(why) from error
    return len(names)


def read_list(path: Path) -> Iterator[ErasedName]:
    """Yield what a file tells.

    Raises
    ------
    InvalidInput
        If a line is no name of the list.
    Unavailable
        If the file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise Unavailable(f"the list of erased people cannot be read from {path}: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            yield msgspec.json.decode(line, type=ErasedName)
        except msgspec.MsgspecError as error:
            raise InvalidInput(
                f"{path}, line {number}: {error}; expected a file that `civicrec subject keep-erased` wrote"
            ) from error


def refuse_again(engine: Engine, names: list[ErasedName]) -> int:
    """Refuse what a list tells; return how many names the registry did not refuse. Of two times the stricter holds."""
    n_new = 0
    with engine.connect() as connection, connection.begin():
        known = {row.digest: row.until for row in connection.execute(select(erased_ids.c.digest, erased_ids.c.until))}
        for one in names:
            if one.digest not in known:
                n_new += 1
                connection.execute(insert(erased_ids).values(digest=one.digest, since=one.since, until=one.until))
            elif (until := known[one.digest]) and (one.until is None or one.until < as_utc(until)):
                n_new += 1
                changed = update(erased_ids).where(erased_ids.c.digest == one.digest)
                connection.execute(changed.values(until=one.until))
        if n_new:
            raise_version(connection)
    return n_new


def people_kept(engine: Engine) -> dict[str, datetime]:
    """Return of whom the registry keeps decisions, answers, or what they said of themselves, with the oldest time."""
    times = (
        (switched_off.c.actor, switched_off.c.since),
        (chosen_tags.c.actor, chosen_tags.c.since),
        (suppressed_tags.c.actor, suppressed_tags.c.since),
        (consents.c.actor, consents.c.at),
        (attributes.c.subject, attributes.c.said_at),
    )
    oldest: dict[str, datetime] = {}
    with engine.connect() as connection:
        for actor, at in times:
            query = select(actor.label("name"), func.min(at).label("first")).group_by(actor)
            for row in connection.execute(query):
                oldest[row.name] = min(as_utc(row.first), oldest.get(row.name, as_utc(row.first)))
    return oldest
