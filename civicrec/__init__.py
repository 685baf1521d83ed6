"""civicrec: recommendations for government portals."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from civicrec.warehouse.clickhouse import ClickHouseWarehouse


def connect(home: Path | str | None = None) -> ClickHouseWarehouse:
    """Return the warehouse the settings name, for reading; the first line of a notebook.

    Parameters
    ----------
    home
        Folder of the embedded stack, when it is not the one of ``CIVICREC_HOME``.

    Notes
    -----
    The warehouse is read as an analyst, who sees views without identity, within limits; another account than the
    stack's needs the password in ``CIVICREC_WAREHOUSE__PASSWORD``, with ``CIVICREC_WAREHOUSE__USER=analyst`` and
    ``CIVICREC_WAREHOUSE__URL=http://127.0.0.1:8703``: without an URL only the warehouse of the home answers.
    Nothing is connected until the first query; it raises `civicrec.errors.Unavailable` when `civicrec up` is not
    running.
    """
    from pathlib import Path

    from civicrec.security.passwords import as_analyst
    from civicrec.settings import load_settings
    from civicrec.warehouse.analysts import DATABASE
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse

    settings = as_analyst(load_settings(Path(home) if home is not None else None)).warehouse
    return ClickHouseWarehouse(settings.model_copy(update={"database": DATABASE}))
