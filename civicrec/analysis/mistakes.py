"""What went wrong, in a sentence for an analyst: ClickHouse's number of the fault in, one of our faults out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from civicrec.errors import CivicrecError, Forbidden, InvalidInput, NotFound, Unavailable
from civicrec.warehouse.analysts import LIMITS

_UNKNOWN_COLUMN, _UNKNOWN_TABLE, _UNKNOWN_FUNCTION, _NO_PARAMETER = 47, 60, 46, 456
_DENIED = frozenset({164, 497})
_NAME = re.compile(r"[Ii]dentifier [`'\"](?P<name>[^`'\"]+)[`'\"]")
_PARAMETER = re.compile(r"Substitution `(?P<name>[^`]+)`")
_SAID = re.compile(r"DB::Exception: (?P<said>.*?)(?: \([A-Z_]+\))?$", re.DOTALL)
#: Number of the fault → what was beyond the limits, and what to do.
_TOO_MUCH: Mapping[int, str] = {
    158: f"the query would read more than {LIMITS['max_rows_to_read'] // 1_000_000} million rows; name fewer days in "
    "local_date, or one site",
    159: f"the query took longer than {LIMITS['max_execution_time']} seconds and was ended; name fewer days in "
    "local_date, or one site",
    241: f"the query needs more than {LIMITS['max_memory_usage'] >> 30} GB of memory; name fewer days, or group by "
    "fewer columns",
    396: f"the answer has more than {LIMITS['max_result_rows'] // 1_000_000} million rows or "
    f"{LIMITS['max_result_bytes'] >> 20} MB; count with GROUP BY, or end with LIMIT",
    394: "the query was cancelled",
}


def code_of(error: BaseException) -> int:
    """Return ClickHouse's number of the fault behind one of ours, 0 if it is another one's."""
    cause = error.__cause__
    return int(getattr(cause, "code", 0) or 0)


def in_a_sentence(error: CivicrecError, columns: Mapping[str, Iterable[str]]) -> CivicrecError:
    """Return what to tell an analyst.

    Parameters
    ----------
    error
        As the warehouse raised it, the client's fault as its cause.
    columns
        Table → columns of it.
    """
    code, text = code_of(error), str(error)
    if code in _TOO_MUCH:
        return InvalidInput(_TOO_MUCH[code])
    if isinstance(error, Unavailable):
        return Unavailable(f"{text}; start it with `civicrec up`, and ask again: the session goes on")
    named = _NAME.search(text)
    if code == _UNKNOWN_TABLE and named:
        return NotFound(unknown("table", named["name"], columns))
    if code == _UNKNOWN_COLUMN and named:
        name = named["name"].rpartition(".")[2]
        among = [column for of_table in columns.values() for column in of_table]
        return NotFound(f"there is no column {name!r}{_meant(name, among)}; describe(table) lists those of a table")
    if code == _NO_PARAMETER and (parameter := _PARAMETER.search(text)):
        name = parameter["name"]
        return InvalidInput(f"the query asks for {{{name}:…}}, and no {name} was given: sql(query, {name}=…)")
    said = _SAID.search(text)
    short = said["said"].strip() if said else text
    if code in _DENIED:
        return Forbidden(short)
    return type(error)(short)


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that there is nothing of a name, and what may be meant."""
    names = list(known)
    return f"there is no {what} {name!r}{_meant(name, names)}; there are {', '.join(names)}"


def _meant(name: str, known: Iterable[str]) -> str:
    lower = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), list(lower), 1)
    return f", you may mean {lower[close[0]]!r}" if close else ""
