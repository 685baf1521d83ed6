"""A session of an analyst: SQL and reports of one home's warehouse, without anybody's identity.

In: SQL, names of reports, days. Out: `Frame`s. It is a `civicrec.warehouse.ports.Warehouse` for reading, so every
report function takes it as one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from civicrec.analysis.about import About
from civicrec.analysis.mistakes import in_a_sentence, unknown
from civicrec.analysis.reports import REPORTS, TITLED, Reports, UnknownReport, window_of
from civicrec.analysis.watching import ShowRunning, show_on_stderr, watched
from civicrec.clock import utc_now
from civicrec.errors import CivicrecError, InvalidInput, NotFound
from civicrec.reports.freshness import Freshness, freshness
from civicrec.reports.report import Window
from civicrec.warehouse.analyst_tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from civicrec.analysis.frame import Frame
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse

#: Parameters that a query may name without giving them: the window of `DEFAULT_DAYS`.
_DAY = re.compile(r"\{\s*(first|last)\s*:")
_WORD = re.compile(r"\w+")


class Session:
    """One warehouse, as its analysts see it; close it, or use it in a ``with``.

    Parameters
    ----------
    warehouse
        Opened as the analyst, in the analysts' database.
    shared_sites
        As of `civicrec.reports.people.people_of`.
    source
        How the warehouse is named in citations.
    show
        Told how far a statement is that takes longer than a second.
    """

    def __init__(
        self, warehouse: ClickHouseWarehouse, shared_sites: Collection[str] = (), source: str = "civicrec",
        show: ShowRunning = show_on_stderr,
    ) -> None:  # fmt: skip
        self._warehouse, self._shared_sites = warehouse, shared_sites
        self._source, self._show = source, show
        self.reports = Reports(self)

    def sql(self, query: str, **parameters: Any) -> Frame:
        """Run a SELECT and return its rows as a frame.

        A column called ``actors``, ``people``, ``visitors`` or 人数 counts people: where it says 1 to 9, the figures of
        the row are hidden.

        Parameters
        ----------
        query
            SQL of ClickHouse; ``{name:Type}`` stands for a parameter. ``{first:Date}`` and ``{last:Date}`` are the last
            thirty days unless they are given.

        Raises
        ------
        NotFound
            If a table or column is not there; the message says which may be meant.
        InvalidInput
            If the query is none, is not an analyst's, or goes beyond the limits.
        Unavailable
            If the warehouse is away; the session goes on when it is back.
        """
        from civicrec.analysis.frame import framed, without_few

        if not isinstance(query, str) or not query.strip():
            raise InvalidInput("the query is empty; expected SQL, such as SELECT count() FROM events")
        now = utc_now()
        window = self._window(query, parameters, now)
        given = {**(window.parameters() if window else {}), **parameters}
        table, hidden = without_few(self._asked(query, given))
        about = About(
            "自定义查询", self._source, " ".join(query.split()), now, freshness(self, now), window,
            self._meanings(query, table.column_names), hidden,
        )  # fmt: skip
        return framed(table, about)

    def report(self, name: str, window: Window, now: datetime, words: Mapping[str, Any]) -> Frame:
        """Return a report by its name; ``reports`` has them with a window that has defaults.

        Raises
        ------
        UnknownReport
            If there is none of this name.
        InvalidInput
            If it takes no such word.
        """
        from civicrec.analysis.frame import framed

        if name not in REPORTS:
            raise UnknownReport(unknown("report", name, REPORTS))
        try:
            given = {"titles": self._titles()} if name in TITLED and "titles" not in words else {}
            found = REPORTS[name](self, window, now, public=True, shared_sites=self._shared_sites, **given, **words)
        except TypeError as error:
            if "unexpected keyword" not in str(error):
                raise
            raise InvalidInput(f"report {name} does not take all of {', '.join(sorted(words))}; see help") from None
        meanings = {one.name: (one.metadata or {}).get(b"comment", b"").decode() for one in found.table.schema}
        about = About(found.title, self._source, name, now, found.freshness, window, meanings, found.hidden, found)
        return framed(found.table, about)

    def tables(self) -> Frame:
        """Return the tables there are and what they hold."""
        return self._listed(
            "SELECT name AS table, comment FROM system.tables WHERE database = currentDatabase() ORDER BY name", {}
        )

    def describe(self, table: str) -> Frame:
        """Return the columns of a table, what they mean and their units.

        Raises
        ------
        NotFound
            If there is no such table.
        """
        columns = self._listed(
            "SELECT name AS column, type, comment FROM system.columns "
            "WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
            {"table": table},
        )
        if columns.empty:
            raise NotFound(unknown("table", table, [one.name for one in TABLES]))
        return columns

    @property
    def freshness(self) -> Freshness:
        """From when to when there are events."""
        return freshness(self, utc_now())

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Run a SELECT and return its rows as an Arrow table; nothing is hidden."""
        return self._asked(sql, parameters or {})

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a SELECT and return its rows as dictionaries; for small results. Nothing is hidden."""
        try:
            return self._warehouse.rows(sql, parameters)
        except CivicrecError as error:
            raise in_a_sentence(error, _COLUMNS) from error

    def insert(self, table: str, columns: Mapping[str, Any], token: str = "") -> int:
        """Refuse: an analyst reads."""
        raise InvalidInput("an analyst reads, and writes nothing")

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Refuse: an analyst reads."""
        raise InvalidInput("an analyst reads, and writes nothing")

    def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        self._warehouse.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<analyst of {self._source}; tables: {', '.join(one.name for one in TABLES)}>"

    def _asked(self, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        try:
            return watched(self._warehouse, sql, parameters, self._show)
        except CivicrecError as error:
            raise in_a_sentence(error, _COLUMNS) from error

    def _listed(self, sql: str, parameters: Mapping[str, Any]) -> Frame:
        from civicrec.analysis.frame import framed

        now = utc_now()
        about = About("数据表说明", self._source, sql, now, Freshness(None, now))
        return framed(self._asked(sql, parameters), about)

    def _titles(self) -> dict[str, str] | None:
        """Return item id → title, None before the first night kept the catalogue."""
        return {row["item_id"]: row["title"] for row in self.rows("SELECT item_id, title FROM catalogue")} or None

    @staticmethod
    def _window(query: str, parameters: Mapping[str, Any], now: datetime) -> Window | None:
        if not _DAY.search(query):
            return None
        days = parameters.get("days", 30)
        return window_of(days, parameters.get("first"), parameters.get("last"), now)

    @staticmethod
    def _meanings(query: str, names: list[str]) -> dict[str, str]:
        """Return what the columns of a query mean: those of the tables it names, under the same names."""
        words = set(_WORD.findall(query))
        tables = [one for one in TABLES if one.name in words] or list(TABLES)
        known = {column.name: column.comment for one in reversed(tables) for column in one.columns}
        return {name: known[name] for name in names if name in known}


_COLUMNS = {one.name: [column.name for column in one.columns] for one in TABLES}
