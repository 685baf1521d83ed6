"""The tables of both stores against the migrations of this code: what is pending, and running it.

In: settings. Out: a `Finding` for the registry and one for the warehouse; nothing here raises.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from civicrec.errors import CivicrecError, Unavailable
from civicrec.settings import Settings
from operations.stack.findings import Finding

_REGISTRY, _WAREHOUSE = "registry tables", "warehouse tables"


def examine_tables(settings: Settings) -> list[Finding]:
    """Say which migrations are pending, without running them."""
    return [
        _examined(_REGISTRY, lambda: _registry_lacks(settings)),
        _examined(_WAREHOUSE, lambda: _warehouse_lacks(settings)),
    ]


def migrate_tables(settings: Settings) -> list[Finding]:
    """Run what is pending, and say what ran. The warehouse must be running; an embedded one does it at each start."""
    return [
        _ran(_REGISTRY, lambda: _migrate_registry(settings)),
        _ran(_WAREHOUSE, lambda: _migrate_warehouse(settings)),
    ]


def _examined(name: str, lacks: Callable[[], list[str]]) -> Finding:
    try:
        names = lacks()
    except Unavailable as error:
        return Finding(name, "absent", str(error))
    except CivicrecError as error:
        return Finding(name, "missing", str(error))
    if names:
        return Finding(name, "absent", f"to be migrated: {', '.join(names)}; `civicrec doctor --migrate` does it")
    return Finding(name, "ok", "up to date")


def _ran(name: str, migrate: Callable[[], list[str]]) -> Finding:
    try:
        names = migrate()
    except CivicrecError as error:
        hint = "; start it first, an embedded one is migrated by its own start" if name == _WAREHOUSE else ""
        return Finding(name, "missing", f"not migrated: {error}{hint if isinstance(error, Unavailable) else ''}")
    return Finding(name, "ok", f"migrated: {', '.join(names)}" if names else "up to date, nothing was run")


def _registry_lacks(settings: Settings) -> list[str]:
    from civicrec.registry.connection import connect
    from civicrec.registry.migrate import to_run

    engine = connect(settings.registry_address)
    try:
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file and not Path(file).exists():
            raise Unavailable(f"no {file} yet; the first command that needs it makes it")
        return to_run(engine)
    finally:
        engine.dispose()


def _migrate_registry(settings: Settings) -> list[str]:
    from civicrec.registry.connection import connect
    from civicrec.registry.migrate import migrate

    engine = connect(settings.registry_address)
    try:
        return migrate(engine)
    finally:
        engine.dispose()


def _warehouse_lacks(settings: Settings) -> list[str]:
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from civicrec.warehouse.migrate import to_run

    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        return to_run(warehouse)


def _migrate_warehouse(settings: Settings) -> list[str]:
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from civicrec.warehouse.migrate import migrate

    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        return migrate(warehouse)
