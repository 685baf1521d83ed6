"""What any warehouse must do: take column batches once per token, answer SQL.

`clickhouse.py` implements it with clickhouse-connect, on a ClickHouse server and on the embedded gateway alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa


class Warehouse(Protocol):
    """Column batches in, tables out. Every method raises `civicrec.errors.Unavailable` when it cannot be reached."""

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], token: str = "") -> int:
        """Append rows given as columns of equal length; the same token again inserts nothing. Return the rows stored.

        What returns is stored; an insert of which less is stored raises.
        """
        ...

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Run a SELECT with ``{name:Type}`` parameters and return its rows."""
        ...

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a SELECT and return its rows as dictionaries; for small results."""
        ...

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a statement that returns no rows; return how many it wrote."""
        ...
