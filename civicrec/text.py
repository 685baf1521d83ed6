"""Text as every later reader can take it: JSON, XML, terminals, CSV.

In: text from outside. Out: the same text without what cannot be shown, or the first such character.
"""

from __future__ import annotations

import json
import re

#: What XML 1.0 forbids (C0 controls but tab and line ends, halves of surrogate pairs, U+FFFE and U+FFFF), what steers a
#: terminal (DEL and the C1 controls), what turns a line around (the bidirectional controls), and the other
#: non-characters: nothing of it is ever meant to be read.
_UNPRINTABLE_BASIC = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
)
_UNPRINTABLE_BEYOND = "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(1, 17))
_UNPRINTABLE = re.compile(f"[{_UNPRINTABLE_BASIC}{_UNPRINTABLE_BEYOND}]")


def printable_pattern(without: str = "") -> str:
    r"""Return the pattern of a whole text that can be shown and holds none of the characters of a class either.

    It asks first whether a character is a common one, which makes it several times as quick as one class of all.

    Examples
    --------
    >>> [bool(re.search(printable_pattern(r"\s,"), text)) for text in ("粤府〔2024〕12号", "a b")]
    [True, False]
    """
    beyond = "\U00010000-\U0010ffff"
    return rf"^(?:[^{_UNPRINTABLE_BASIC}{without}{beyond}]++|[{beyond}](?<![{_UNPRINTABLE_BEYOND}]))*+\Z"


#: Letters by their class that show nothing: fillers of Hangul, the empty pattern of Braille.
_UNSEEN_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"


def unprintable(text: str) -> str | None:
    r"""Return the first character of `text` that cannot be shown, None when all can.

    Examples
    --------
    >>> unprintable("公积金") is None
    True
    >>> unprintable("公积\x0b金") == "\x0b"
    True
    """
    match = None if text.isprintable() else _UNPRINTABLE.search(text)
    return match[0] if match else None


def printable(text: str, instead: str = "") -> str:
    r"""Return the text with each character that cannot be shown replaced by `instead`.

    Examples
    --------
    >>> printable("从幻灯片\x0b粘贴", " ")
    '从幻灯片 粘贴'
    """
    return text if text.isprintable() else _UNPRINTABLE.sub(instead, text)


def escaped(json_text: str) -> str:
    r"""Return a JSON text with what cannot be shown written as JSON escapes: the same value, fit for a terminal.

    Examples
    --------
    >>> escaped('"31m"')
    '"\\u009b31m"'
    """
    return _UNPRINTABLE.sub(lambda match: json.dumps(match[0])[1:-1], json_text)


def is_blank(text: str) -> bool:
    """Tell whether a reader would see nothing: spaces of any kind, and characters without width.

    Examples
    --------
    >>> is_blank("\u200b\u3000") and not is_blank("公积金")
    True
    """
    return not any(sign.isprintable() and not sign.isspace() and sign not in _UNSEEN_LETTERS for sign in text)
