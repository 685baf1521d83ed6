"""Numbered SQL files, each run once: what the migrations of the warehouse and of the registry have in common.

In: a package with a folder ``migrations/`` of files ``NNNN_what.sql``, and the names a store has recorded.
Out: what is still to be run, in order.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib import resources

from civicrec.errors import ConfigError

_STATEMENT_END = re.compile(r";[ \t]*(?:\n|$)")


def statements(sql: str) -> list[str]:
    r"""Split a migration into statements: each ends with ``;`` at the end of a line.

    Examples
    --------
    >>> statements("-- why\nCREATE TABLE a (b String DEFAULT ';');\nDROP TABLE c;\n")
    ["-- why\nCREATE TABLE a (b String DEFAULT ';')", 'DROP TABLE c']
    """
    return [part.strip() for part in _STATEMENT_END.split(sql) if part.strip()]


def migrations_of(package: str) -> list[tuple[str, str]]:
    """Return (name, SQL) of every migration of a package, in order."""
    folder = resources.files(package) / "migrations"
    return sorted((file.name, file.read_text()) for file in folder.iterdir() if file.name.endswith(".sql"))


def pending(known: Collection[tuple[str, str]], applied: Collection[str], store: str) -> list[tuple[str, str]]:
    """Return the migrations a store has not recorded yet, in order; `store` names it in the message.

    Raises
    ------
    ConfigError
        If it has recorded one that is not known here: a newer version made it, and what that changed is unknown.
    """
    alien = sorted(set(applied) - {name for name, _ in known})
    if alien:
        raise ConfigError(
            f"{store} was migrated by a newer civicrec: it has {alien[-1]}, this one knows migrations up to "
            f"{max((name for name, _ in known), default='none')}; "
            "install that version again, or restore a backup from before the upgrade"
        )
    return [(name, sql) for name, sql in known if name not in applied]
