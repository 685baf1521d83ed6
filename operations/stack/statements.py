"""Which SQL the gateway runs at all, and what it may do: one look at the words of a statement, in linear time.

In: SQL. Out: whether it only reads, or `RefusedError`. The engine's rights (`operations.stack.rights`) keep data
sources away; here is what they do not cover, because clickhouse-local does it as a client, or has no right for it:
several statements in one text, INTO OUTFILE, FROM INFILE, ATTACH … FROM, the function ``file``, programs as
dictionaries. What this reader of SQL does not understand (an open quote, a letter that ClickHouse may take as a quote
or a blank) is refused, so that it never sees another statement than the engine does.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence


class RefusedError(Exception):
    """A statement that is not run here, for anybody."""

    #: ClickHouse's number and name of the fault.
    code, fault = 497, "ACCESS_DENIED"


class UnknownError(RefusedError):
    """Text that is no statement, or none that is known here."""

    code, fault = 62, "SYNTAX_ERROR"


#: First words of statements that only read, and of those that write.
READS = frozenset(("SELECT", "WITH", "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "EXISTS", "CHECK", "VALUES"))
WRITES = frozenset(
    (
        "INSERT",
        "CREATE",
        "REPLACE",
        "ALTER",
        "DROP",
        "TRUNCATE",
        "OPTIMIZE",
        "RENAME",
        "EXCHANGE",
        "DELETE",
        "UPDATE",
        "ATTACH",
        "DETACH",
        "UNDROP",
        "KILL",
        "SYSTEM",
    )
)
_CREATABLE = frozenset(("TABLE", "VIEW", "DATABASE"))
_SYSTEM = frozenset(("STOP", "START", "FLUSH", "SYNC", "WAIT", "DROP", "CLEAR"))
_ENGINES = frozenset(("ATOMIC", "MEMORY", "NULL", "LOG", "TINYLOG", "STRIPELOG", "SET", "JOIN"))
#: Words that may stand between CREATE and what is made.
_HOW = frozenset(("OR", "REPLACE", "TEMPORARY", "MATERIALIZED"))
#: Names that reach files, objects of this process, or programs, however they are called or handed on.
_NAMES = frozenset(("file", "python", "executable"))
_DEFINES = frozenset(("CREATE", "ALTER", "RENAME", "EXCHANGE", "ATTACH"))
_MAY_DEFINE = re.compile(r"\b(?:CREATE|ALTER|RENAME|EXCHANGE|ATTACH)\b", re.IGNORECASE)
#: What an ALTER of parts or rows says, and one of the table never does.
_OF_ROWS = frozenset(("PARTITION", "PART", "DELETE", "UPDATE"))
_WORDS = re.compile(
    r"""
    (?: [ \t\n\r\f\v]++ | --[^\n]*+ | \#[ !][^\n]*+ | /\*(?:[^*]++|\*(?!/))*+\*/      # blanks and comments
      | '(?:[^'\\]++|\\.|'')*+' | \$(?P<tag>\w*+)\$.*?\$(?P=tag)\$                    # texts
      | [0-9]\w*+ | [-+*%=<>!?:,.)\[\]{}|&^~@] | /(?!\*)                                # numbers and signs
    )*+
    (?: (?P<word>[A-Za-z_][\w$]*+) | `(?P<back>(?:[^`\\]++|``)*+)` | "(?P<double>(?:[^"\\]++|"")*+)"
      | (?P<sign>[(;]) | (?P<end>\Z)
    )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def words_of(sql: str) -> list[str]:
    """Return the words in order: bare ones in capitals, quoted names after a `` ` ``, and the signs ``(`` and ``;``.

    Raises
    ------
    RefusedError
        If a quote or a comment stays open, or a character stands outside them that is not of SQL's own.

    Examples
    --------
    >>> words_of("select count() FROM `a b` -- why; 1")
    ['SELECT', 'COUNT', '(', 'FROM', '`a b']
    """
    words: list[str] = []
    place = 0
    while True:
        match = _WORDS.match(sql, place)
        if match is None:
            raise UnknownError(
                f"the SQL cannot be read from {sql[place : place + 20]!r} on: a quote or comment stays open, a quoted "
                "name has a backslash, or a character outside quotes is not ASCII"
            )
        place = match.end()
        kind, text = match.lastgroup, match[match.lastgroup or 0]
        if kind == "end":
            return words
        words.append(text.upper() if kind == "word" else text if kind == "sign" else f"`{text}")


def reads_only(sql: str, parameters: Mapping[str, str]) -> bool:
    """Look at a statement that somebody asks for; tell whether it only reads.

    Raises
    ------
    RefusedError
        If it is none of those that are run here.
    """
    words = words_of(sql)
    while words and words[-1] == ";":
        words.pop()
    if ";" in words:
        raise RefusedError("there are several statements; send one at a time")
    first = next((word for word in words if word != "("), "")
    if not words:  # nothing but remarks
        return True
    if first in ("SET", "USE"):
        raise RefusedError(f"{first} would last for one request; name settings or database in its address")
    if first not in READS | WRITES:
        raise UnknownError(f"a statement that begins with {first[:20]!r} is not run by the embedded warehouse")
    _refuse_names(words, parameters)
    _refuse_deeds(first, words)
    return first in READS and "INSERT" not in words


def defines(sql: str) -> bool:
    """Tell whether a statement makes or changes the definition of a table, which the engine writes to a file.

    Examples
    --------
    >>> [defines(sql) for sql in ("CREATE TABLE a AS b", "ALTER TABLE a ADD COLUMN c UInt8", "DROP TABLE a",
    ...                           "ALTER TABLE a DROP PARTITION 1", "SELECT 1")]
    [True, True, False, False, False]
    """
    if not _MAY_DEFINE.search(sql):
        return False
    first, *others = words_of(sql) or [""]
    return first in _DEFINES and not (first == "ALTER" and _OF_ROWS.intersection(others))


def check_reader(sql: str, table_functions: Container[str]) -> None:
    """Look at what somebody who only reads asks for.

    Parameters
    ----------
    table_functions
        Names of functions that rows can be taken from, in small letters.

    Raises
    ------
    RefusedError
        If it has settings, or rows from a function.
    """
    words = ["", *words_of(sql), ""]
    for before, word, after in zip(words, words[1:], words[2:], strict=False):
        if word == "SETTINGS" and before not in ("SYSTEM", "SHOW", "CHANGED"):
            raise RefusedError("a reader's statement has no SETTINGS")
        if after == "(" and word.lstrip("`").lower() in table_functions:
            raise RefusedError(f"a reader takes no rows from {word.lstrip('`').lower()}()")


def _refuse_names(words: Sequence[str], parameters: Mapping[str, str]) -> None:
    names = {word.lstrip("`").lower() for word in words}
    if "IDENTIFIER" in words:
        names |= {part.strip("`\"' ").lower() for value in parameters.values() for part in value.split(".")}
    for name in sorted(names & _NAMES):
        raise RefusedError(f"{name!r} is not to be used here, for it reaches beyond the warehouse")
    for word in ("OUTFILE", "INFILE"):
        if word in words:
            raise RefusedError(f"{word} is not to be used here: rows travel in the request and its answer")


def _refuse_deeds(first: str, words: Sequence[str]) -> None:
    after = words[words.index(first) + 1 :]
    created = next((word for word in after if word not in _HOW), "")
    if first in ("CREATE", "REPLACE", "ATTACH", "ALTER"):
        if created not in _CREATABLE:
            raise RefusedError(f"{first} {created[:20]} is not run here; a TABLE, a VIEW or a DATABASE can be made")
        for word, following in zip(words, [*words[1:], ""], strict=True):
            if word == "ENGINE" and not (following in _ENGINES or following.endswith("MERGETREE")):
                raise RefusedError(f"engine {following[:30]!r} is not to be used here; use one of the MergeTree family")
            if (word, following) == ("DISK", "("):
                raise RefusedError("tables stay on the warehouse's own disk")
    if first == "ATTACH" and "FROM" in after:
        raise RefusedError("ATTACH … FROM would move a folder of this machine")
    if first == "ALTER" and not {"FREEZE", "UNFREEZE", "FETCH", "EXPORT"}.isdisjoint(after):
        raise RefusedError("parts of a table do not leave the warehouse; copy the home instead")
    if first == "SYSTEM" and created not in _SYSTEM:
        raise RefusedError(f"SYSTEM {created[:20]} is not run here")
    if first == "INSERT" and "FUNCTION" in after[:3]:
        raise RefusedError("rows are inserted into tables, not into functions")
