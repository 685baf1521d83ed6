"""Reading the columns of a source row: its text, and a summary where the source brings none.

In: a row, or running text. Out: text, stripped.
"""

from __future__ import annotations

from typing import Any

from civicrec.errors import InvalidInput

#: About three lines on a phone; enough for one or two sentences.
SUMMARY_CHARACTERS = 120

_SENTENCE_ENDS = "。！？；"


def text_in(row: dict[str, Any], column: str) -> str:
    """Return the column's text, stripped; empty where there is none.

    Raises
    ------
    InvalidInput
        If the column holds something else than text.
    """
    value = row.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{column}: expected text, got {type(value).__name__}")
    return value.strip()


def summary_of(text: str, limit: int = SUMMARY_CHARACTERS) -> str:
    """Return the text's beginning, at most `limit` characters, cut after a sentence or marked with ``…``.

    Examples
    --------
    >>> summary_of("一、总则。二、分则。", limit=7)
    '一、总则。'
    >>> summary_of("没有句号的长文", limit=4)
    '没有句…'
    """
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    end = max(text.rfind(mark, 0, limit) for mark in _SENTENCE_ENDS) + 1
    return text[:end] if end > limit // 3 else text[: limit - 1] + "…"
