"""Personal numbers in free text: found and taken out before anything is stored."""

from __future__ import annotations

import re

#: Longest first, so that an identity card is not taken for a phone number inside it. `\d` also means full-width digits.
_PRIVATE = re.compile(
    r"(?P<id>(?<!\d)\d{17}[\dXxＸｘ](?!\d)|(?<!\d)\d{6}(?:19|20)?\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?!\d))"
    r"|(?P<tel>(?<!\d)(?:(?:\+|00)?86[-\s]?)?[1１][3-9３-９]\d[-\s]?\d{4}[-\s]?\d{4}(?!\d)|(?<!\d)[0０]\d{2,3}[-\s]\d{7,8}(?!\d))"
    r"|(?P<mail>[\w.+-]+[@＠][\w-]+(?:[.．][\w-]+)+)"
)


def masked(text: str) -> str:
    """Return the text with phone numbers, identity-card numbers and e-mail addresses replaced; never longer.

    Examples
    --------
    >>> masked("退休金 13800138000 怎么查")
    '退休金 [tel] 怎么查'
    """
    return _PRIVATE.sub(lambda found: f"[{found.lastgroup}]"[: len(found[0])], text)
