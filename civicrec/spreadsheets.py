"""Text that office software opens: as it stands, and without running anything.

In: a value of a cell. Out: the same, made harmless.
"""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

#: Digits of a number that office software keeps.
_EXACT_DIGITS = 11


def cell(value: Any) -> Any:
    """Return a value as a cell of a CSV.

    A leading = + - @ would run as a formula, full-width ones too, and titles come from outside. Of a long code
    1.144E+30 would be made; behind a tab it stays a text.

    Examples
    --------
    >>> cell("＝cmd"), cell(1 / 3), cell("2026")
    ("'＝cmd", 0.333333, '2026')
    """
    if isinstance(value, float):
        return round(value, 6)
    if not isinstance(value, str):
        return value
    if normalize("NFKC", value.lstrip()[:1]) in ("=", "+", "-", "@", "|") or value[:1] in ("\t", "\r", "\n"):
        return "'" + value
    return "\t" + value if value.isdigit() and len(value) > _EXACT_DIGITS else value
