"""The pepper changed: everybody gets another pseudonym everywhere, and stays who they are (decision 214).

In: a home whose stores run and whose stream and lists do not. Out: the same home under a new pepper. Cut off anywhere,
the same call goes on; what comes in meanwhile waits in the event log under the name of before, with the number of its
pepper.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex

from msgspec.structs import replace as changed
from sqlalchemy import Engine

from civicrec.clients import redis_client
from civicrec.errors import ConfigError
from civicrec.home import HISTORY_LOCK, NIGHTLY_LOCK, PEPPER_LOCK, PUSH_LOCK, REPROCESS_LOCK, SERVING_LOCK, STREAM_LOCK
from civicrec.process.locks import owned
from civicrec.process.progress import ShowProgress
from civicrec.registry.audit import Act, audit_rows
from civicrec.registry.choices import choices
from civicrec.registry.erasures import clear_traces, list_erasures
from civicrec.registry.renaming import names_in, rename_people
from civicrec.registry.tables import registry_at
from civicrec.security.peppers import Change, Peppers, keep_peppers, read_peppers
from civicrec.security.tokens import Keys, load_keys
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from civicrec.warehouse.ports import Warehouse
from civicrec.warehouse.renaming import NAMES, NamesBefore, tables_with_names
from profiles.online.bounds import bounds_of
from profiles.online.redis_store import RedisOnlineStore
from profiles.rights.attributes import resealed, seal_of

#: Who must not run meanwhile: they look people up, or write what they read of them.
_OTHERS = {
    PEPPER_LOCK: "the folder of a change of pepper",
    STREAM_LOCK: "the stream",
    SERVING_LOCK: "the list API",
    PUSH_LOCK: "the sender of pushes",
    NIGHTLY_LOCK: "the folder of a nightly job",
    REPROCESS_LOCK: "the folder of a reprocessing",
    HISTORY_LOCK: "the folder of a history",
}


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a change did: the number of the pepper in force, people with a new name, and rows of each table."""

    generation: int
    people: int
    rows: dict[str, int]


def rotate_pepper(
    settings: Settings, who: str, why: str, now: datetime, report: ShowProgress = lambda *_: None
) -> Rotated:
    """Change to a new pepper, or go on with a change that was cut off.

    Raises
    ------
    ConfigError
        If the stream, the list API, a night or another change runs on this home, the stream is one on Flink, or a
        person is being erased.
    Unavailable
        If a store is away; the same call goes on.
    """
    if settings.stream.runner == "flink":
        raise ConfigError(
            "the pepper of a stream on Flink cannot be changed: its workers have no home and know one pepper only"
        )
    with ExitStack() as stack:
        for lock, what in _OTHERS.items():
            stack.enter_context(owned(lock.of(settings.home), what))
        registry = stack.enter_context(registry_at(settings.registry_address))
        warehouse = stack.enter_context(closing(ClickHouseWarehouse(settings.warehouse)))
        redis = stack.enter_context(closing(redis_client(settings.redis, timeout_s=settings.warehouse.timeout_s)))
        online = RedisOnlineStore(redis, bounds_of(settings.redis))
        migrate(warehouse)
        if read_peppers(settings.home).is_untidy:  # all is renamed: that was the change that is called for
            _tidy(settings, registry, warehouse, report)
            return Rotated(load_keys(settings).generation, 0, {})
        peppers = _begun(settings, registry)
        assert peppers.change is not None
        before = load_keys(settings, during_change=True)
        after = replace(before, later=(*before.later, bytes.fromhex(peppers.change.pepper)))
        people = _collected(settings, peppers, registry, warehouse, before, after, report)
        rows = _renamed_rows(warehouse, report)
        report("online store", 0, 1)
        online.clear()  # the stream makes it again: from the warehouse, in which the names are new
        off = choices(registry).off
        online.put_switched_off(
            [*({name: name for name in off} | NamesBefore(warehouse).new_names(sorted(off))).values()]
        )
        online.rewrite()
        report("online store", 1, 1)
        act = Act(now, who, "pepper_changed", str(after.generation), {"why": why, "people": people})
        rows["registry"] = _renamed_registry(registry, warehouse, before, after, act)
        report("registry", 1, 1)
        done = Peppers((*peppers.later, peppers.change.pepper), None, is_untidy=True)
        keep_peppers(settings.home, done)
        _tidy(settings, registry, warehouse, report)
        return Rotated(after.generation, people, rows)


def _begun(settings: Settings, registry: Engine) -> Peppers:
    """Return the change that was begun, or begin one."""
    peppers = read_peppers(settings.home)
    if peppers.change is None:
        if under_way := list_erasures(registry, only_open=True):
            raise ConfigError(
                f"erasure {under_way[0].number} is under way, by the names of now: start civicrec, wait until "
                "`civicrec subject erasures` says that it is done, and call again"
            )
        peppers = changed(peppers, change=Change(token_hex(32)))
        keep_peppers(settings.home, peppers)
    return peppers


def _collected(
    settings: Settings, peppers: Peppers, registry: Engine, warehouse: Warehouse, before: Keys, after: Keys,
    report: ShowProgress,
) -> int:  # fmt: skip
    """Keep who has which name, once; return how many people there are."""
    assert peppers.change is not None
    if peppers.change.is_collected:
        return int(warehouse.rows(f"SELECT count() AS n FROM {NAMES}")[0]["n"])
    report("names", 0, 1)
    people = NamesBefore(warehouse).collect(names_in(registry), lambda name: after.renamed(name, before.generation))
    keep_peppers(settings.home, changed(peppers, change=changed(peppers.change, is_collected=True)))
    report("names", 1, 1)
    return people


def _renamed_rows(warehouse: Warehouse, report: ShowProgress) -> dict[str, int]:
    rows, tables, names = {}, tables_with_names(warehouse), NamesBefore(warehouse)
    for n, table in enumerate(tables):
        report("warehouse", n, len(tables))
        rows[table.name] = names.rename_in(table)
    report("warehouse", len(tables), len(tables))
    return rows


def _renamed_registry(registry: Engine, warehouse: Warehouse, before: Keys, after: Keys, act: Act) -> int:
    opens, closes = seal_of(before), seal_of(after)
    is_entered = bool(audit_rows(registry, action=act.action, object_id=act.object_id, n=1))
    return rename_people(
        registry,
        NamesBefore(warehouse).new_names(names_in(registry)),
        lambda sealed, attribute, old, new: resealed(sealed, attribute, (old, opens), (new, closes)),
        None if is_entered else act,
    )


def _tidy(settings: Settings, registry: Engine, warehouse: Warehouse, report: ShowProgress) -> None:
    """Remove what joins old names with new ones."""
    report("tidying", 0, 1)
    NamesBefore(warehouse).forget()
    clear_traces(registry)
    keep_peppers(settings.home, changed(read_peppers(settings.home), is_untidy=False))
    report("tidying", 1, 1)
