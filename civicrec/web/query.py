"""What callers write for a number, for nothing, and for who they are, read in one way by every route.

In: texts of a query string or a header, values of a JSON body. Out: what was meant.
"""

from __future__ import annotations

import re
from typing import Any

_BEARER = re.compile(r"bearer +(\S+)\s*\Z", re.IGNORECASE)


def whole_number(text: str, lowest: int, highest: int) -> int | None:
    """Return the number a text writes in decimal digits, ``None`` if that is none from `lowest` to `highest`.

    The bounds are not negative, and the text's length is looked at first: of a few thousand digits Python makes no
    number at all.

    Examples
    --------
    >>> [whole_number(text, 1, 20) for text in ("5", "007", "21", "-1", "²", "9" * 5000)]
    [5, 7, None, None, None, None]
    """
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(highest)):
        return None
    number = int(digits)
    return number if lowest <= number <= highest else None


def without_blanks(value: Any) -> Any:
    """Return a JSON value without what says "not given": null and blank texts, as fields and in arrays.

    Examples
    --------
    >>> without_blanks({"n": None, "slot": " ", "recent": [None, "a"], "explain": False})
    {'recent': ['a'], 'explain': False}
    """
    if isinstance(value, dict):
        return {name: without_blanks(one) for name, one in value.items() if not _is_blank(one)}
    if isinstance(value, list):
        return [without_blanks(one) for one in value if not _is_blank(one)]
    return value


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def bearer_of(authorization: str) -> str:
    """Return the token of an ``Authorization`` header, empty if it is of another scheme."""
    match = _BEARER.match(authorization)
    return match[1] if match else ""
