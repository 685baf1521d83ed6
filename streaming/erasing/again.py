"""People who were erased and are held again: a store was restored from a backup of before.

In: the list of erased people. Out: a request for each of them that any store holds; the worker carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import Engine

from civicrec.clock import Clock, local_date, utc_now
from civicrec.erasure import Person
from civicrec.eventlog.erasing import LogRecords
from civicrec.events import is_subject
from civicrec.logs import get_logger
from civicrec.registry.erased_list import ErasedName, people_kept, read_list, read_names, refuse_again, write_list
from civicrec.registry.erasures import DUE_DAYS, list_erasures, request_erasure
from civicrec.security.tokens import Keys
from civicrec.settings import Settings
from civicrec.warehouse.personal import browsers_of
from civicrec.warehouse.ports import Warehouse
from civicrec.working_days import working_days

log = get_logger("stream")

#: Everybody of whom there are events, with the first of them and a site.
_HELD = """
SELECT subject_id, anonymous_id, min(occurred_at) AS first, any(site) AS site FROM (
    SELECT subject_id, if(subject_id = '', anonymous_id, '') AS anonymous_id, occurred_at, site FROM events
)
GROUP BY subject_id, anonymous_id
"""
_AT_ONCE = 10_000


def erase_again(
    registry: Engine, keys: Keys, warehouse: Warehouse, settings: Settings, clock: Clock = utc_now
) -> list[int]:
    """Ask for the erasure of everybody whom the list refuses and a store holds; return the numbers of the requests.

    Reads who is in `events`, in the log and in the registry; nothing at all while nobody was ever erased.

    Raises
    ------
    Unavailable
        If a store is away.
    """
    refused = {one.digest: one for one in read_names(registry)}
    if not refused:
        return []

    def of(name: str) -> ErasedName | None:
        if name in under_way:
            return None
        one = refused.get(keys.erased_digest(name))
        return one or (refused.get(keys.erased_digest(keys.root(name))) if is_subject(name) else None)

    def person(site: str, subject_id: str) -> Person:
        return Person(site, subject_id, browsers_of(warehouse, subject_id), keys.former_names(subject_id))

    under_way = {
        name
        for one in list_erasures(registry, only_open=True)
        if one.trace
        for name in (*one.trace.ids, *one.trace.actors)
    }
    people: dict[str, Person] = {}
    for subject_id, anonymous_id, first, site in _in_events(warehouse):
        name = subject_id or anonymous_id
        if (one := of(name)) and (one.until is None or first <= one.until):
            # No subject bears the name of a browser, so of one alone nothing of another is meant.
            people[name] = person(site, name) if subject_id else Person(site, name, (name,))
    site = next(iter(keys.site_keys), "")
    for name, first in people_kept(registry).items():
        if (one := of(name)) and first <= one.since:  # what they decided since is theirs to keep
            people.setdefault(name, person(site, name))
    for name in LogRecords(settings.log_path).actors():
        if (one := of(name)) and one.until is None:
            people.setdefault(name, Person(site, name, (name,)))
    theirs = {browser for one in people.values() for browser in one.anonymous_ids if browser != one.subject_id}
    now = clock()
    due = working_days(settings.home).after(local_date(now), DUE_DAYS)
    return [
        request_erasure(
            registry, one, keys.audit_name(one.subject_id), [keys.erased_digest(name) for name in one.ids], due=due,
            by="civicrec", why="held again, as by a backup", now=now,
        ).number
        for one in people.values()
        if one.subject_id not in theirs
    ]  # fmt: skip


def _in_events(warehouse: Warehouse) -> Iterator[tuple[str, str, datetime, str]]:
    table = warehouse.query(_HELD)
    for batch in table.to_batches(max_chunksize=_AT_ONCE):
        columns = (batch.column(name).to_pylist() for name in ("subject_id", "anonymous_id", "first", "site"))
        yield from zip(*columns, strict=True)


class Restored:
    """What the embedded stream does about backups: at its start, and when the list grew.

    Parameters
    ----------
    waits
        Called before what may take long.
    """

    def __init__(
        self, registry: Engine, keys: Keys, warehouse: Warehouse, settings: Settings, waits: Callable[[], None]
    ) -> None:
        self._registry, self._keys, self._warehouse = registry, keys, warehouse
        self._settings, self._waits = settings, waits
        self._list = settings.stream.erased_list

    def erase_again(self) -> None:
        """Refuse whom the file tells, and ask for the erasure of whom a restored store holds."""
        self._waits()
        if self._list and self._list.exists() and (n := refuse_again(self._registry, list(read_list(self._list)))):
            log.warning(
                "erased_people_unknown", names=n, hint="the registry was restored; their events are refused again"
            )
        if numbers := erase_again(self._registry, self._keys, self._warehouse, self._settings):
            log.warning("erased_people_held", people=len(numbers), hint="a store was restored; they are erased again")

    def keep(self) -> None:
        """Copy the list to the file, if there is to be one."""
        if self._list:
            write_list(self._registry, self._list)
