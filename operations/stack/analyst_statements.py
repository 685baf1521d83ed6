"""What an analyst's statement may be, beyond the rights of the engine's role: one look at the engine's own tree of it.

In: what ``EXPLAIN AST`` prints, a node a line. Out: nothing, or `RefusedError` with a sentence. The role keeps all
tables but the analysts' away; it lets through tables of ``system`` (running statements of others among them), EXPLAIN
(which prints the key of pseudonyms), settings, and functions that rows come from. The engine reads the statement, so
no spelling of it is missed; a text inside it can only add lines here, and so be refused more.
"""

from __future__ import annotations

import re
from collections.abc import Container
from difflib import get_close_matches

from civicrec.warehouse.analyst_tables import TABLES
from civicrec.warehouse.analysts import DATABASE
from operations.stack.statements import RefusedError

#: What a statement may be as a whole, by the first word of the tree's first line.
_STATEMENTS = frozenset(
    (
        "SelectWithUnionQuery",
        "SelectIntersectExceptQuery",
        "DescribeQuery",
        "ShowTables",
        "ShowColumns",
        "ExistsTableQuery",
    )
)
_ESTIMATE = "Explain EXPLAIN ESTIMATE"
#: Tables of the engine that say nothing of others; those of tables and columns show what the role may read alone.
_OPEN = frozenset(
    f"system.{name}" for name in ("one", "numbers", "tables", "columns", "databases", "settings", "functions")
)
_CLOSED = ("system.", "information_schema.")
_FORMAT = re.compile(r"\bFORMAT\s+\w+\s*;?\s*$", re.IGNORECASE)
_CANCEL = re.compile(r"\s*KILL QUERY WHERE query_id = '(?P<id>[\w-]{1,64})'(?: ASYNC| SYNC)?\s*;?\s*", re.ASCII)
_NODE = re.compile(r" *(?P<kind>\w+)(?: (?P<name>.*?))?(?: \(alias .*| \(children \d+\))*$")


def without_format(sql: str) -> str:
    """Take the name of the answer's format off the end of a statement: it would be the tree's.

    Examples
    --------
    >>> without_format("SELECT 1 FORMAT ArrowStream")
    'SELECT 1 '
    """
    return _FORMAT.sub("", sql)


def id_to_cancel(sql: str) -> str:
    """Return the id of the statement that somebody asks to end, if that is what they ask."""
    match = _CANCEL.fullmatch(sql)
    return match["id"] if match else ""


def with_id(sql: str, query_id: str) -> str:
    """Write the id of a statement in front of it, where it is found while it runs."""
    return f"/* query_id {query_id} */ {sql}" if query_id else sql


def check_tree(tree: str, table_functions: Container[str]) -> None:
    """Look at every node of a statement.

    Parameters
    ----------
    tree
        As ``EXPLAIN AST`` prints it in ``TabSeparatedRaw``.
    table_functions
        Names of functions that rows can be taken from and that are nothing else, in small letters.

    Raises
    ------
    RefusedError
        If it is none of an analyst's.
    """
    first, *others = tree.split("\n")
    if first.split(" ")[0] not in _STATEMENTS and not first.startswith(_ESTIMATE):
        raise RefusedError(
            "analysts read: SELECT, DESCRIBE, SHOW TABLES, SHOW COLUMNS, EXISTS and EXPLAIN ESTIMATE are run for them; "
            "a FORMAT stands last"
        )
    before = ""
    for line in others:
        match = _NODE.match(line)
        kind, name = (match["kind"], match["name"] or "") if match else ("", "")
        _check_node(before, kind, name, table_functions)
        before = kind


def _check_node(before: str, kind: str, name: str, table_functions: Container[str]) -> None:
    if kind == "Set" and not name:
        raise RefusedError("an analyst's statement has no SETTINGS; its limits are the same for everybody")
    if kind == "Explain":
        raise RefusedError("EXPLAIN inside a statement is not run for analysts")
    if kind == "Function" and (before == "TableExpression" or name.lower() in table_functions):
        raise RefusedError(f"analysts take no rows from {name}(); they read the tables {_names()}")
    if kind in ("TableIdentifier", "Identifier"):
        _check_name(kind, name)


def _check_name(kind: str, name: str) -> None:
    database, dot, table = name.lower().partition(".")
    if name.lower() in _OPEN:
        return
    if name.lower().startswith(_CLOSED) or (kind == "TableIdentifier" and dot and database != DATABASE):
        close = get_close_matches(table, [one.name for one in TABLES], 1)
        hint = f"; you may mean {close[0]}" if close else ""
        raise RefusedError(f"{name!r} is not for analysts, who read the tables {_names()}{hint}")


def _names() -> str:
    return ", ".join(one.name for one in TABLES)
