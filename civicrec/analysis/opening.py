"""Open a session: which home, which warehouse, and a sentence where there is none.

In: a folder, or the settings. Out: `Session`, of that home or not at all.
"""

from __future__ import annotations

from pathlib import Path

from civicrec.analysis.session import Session
from civicrec.errors import ConfigError, Unavailable
from civicrec.home import ANALYST_KEY, WAREHOUSE
from civicrec.security.passwords import ANALYST, as_analyst
from civicrec.settings import Settings, load_settings
from civicrec.warehouse.analysts import DATABASE
from civicrec.warehouse.clickhouse import ClickHouseWarehouse


def open_session(home: Path | str | None = None) -> Session:
    """Open a session and ask its warehouse one thing.

    Raises
    ------
    ConfigError
        If there is no home, it has no warehouse, or one of an older version; or the password is wrong.
    Unavailable
        If the warehouse does not answer.
    """
    settings = as_analyst(load_settings(Path(home) if home is not None else None))
    _check_home(settings)
    where = settings.warehouse.model_copy(update={"database": DATABASE})
    warehouse = ClickHouseWarehouse(where)
    source = where.endpoint.address if where.url else str(settings.home)
    try:
        warehouse.rows("SELECT 1 FROM events LIMIT 0")
    except Unavailable as error:
        warehouse.close()
        if "has no database" in str(error):
            raise ConfigError(
                f"the warehouse at {where.endpoint.address} has no views for analysts yet: start it with this version, "
                "or run `civicrec analyst grant` for a ClickHouse server"
            ) from error
        raise Unavailable(f"{error}; start it with `civicrec up`, then connect again") from error
    except BaseException:
        warehouse.close()
        raise
    return Session(warehouse, settings.shared_sites, source)


def _check_home(settings: Settings) -> None:
    """Refuse a folder that is no home with a warehouse, where the embedded one is meant."""
    home, where = settings.home, settings.warehouse
    if where.url or where.user != "default" and where.user != ANALYST:
        return
    if not home.is_dir():
        raise ConfigError(
            f"there is no home at {home.absolute()}: name one, connect(home=…) or CIVICREC_HOME, or begin one with "
            "`civicrec up` or `make demo`"
        )
    if not WAREHOUSE.of(home).exists():
        raise ConfigError(
            f"{home.absolute()} holds no warehouse: it is no home of civicrec, or `civicrec up` never ran there; name "
            "another in connect(home=…), or a server in CIVICREC_WAREHOUSE__URL"
        )
    if where.user != ANALYST and not ANALYST_KEY.of(home).exists():
        raise ConfigError(
            f"the warehouse of {home.absolute()} was last started by an older version, without analysts: start it once "
            "with this one (`civicrec up`), then connect again"
        )
