"""civicrec: recommendations for government portals."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from civicrec.analysis.session import Session


def connect(home: Path | str | None = None) -> Session:
    """Open the warehouse the settings name, as an analyst; the first line of a notebook.

    Parameters
    ----------
    home
        Folder of the embedded stack, when it is not the one of ``CIVICREC_HOME``.

    Raises
    ------
    civicrec.errors.ConfigError
        If there is no such home, it holds no warehouse, or one of an older version.
    civicrec.errors.Unavailable
        If the warehouse does not answer.

    Notes
    -----
    An analyst sees views without identity, within limits. Another account than the stack's needs the password in
    ``CIVICREC_WAREHOUSE__PASSWORD``, with ``CIVICREC_WAREHOUSE__USER=analyst`` and
    ``CIVICREC_WAREHOUSE__URL=http://127.0.0.1:8703``: without an URL only the warehouse of the home answers.
    docs/analysts.md is one page to begin with.

    Examples
    --------
    >>> session = connect("/var/lib/civicrec")  # doctest: +SKIP
    >>> session.sql("SELECT site, uniqExact(actor) AS people FROM events GROUP BY site")  # doctest: +SKIP
    """
    from civicrec.analysis.opening import open_session

    return open_session(home)
