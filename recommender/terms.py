"""Terms of a title: pairs of Han characters, words of other scripts, as numbers.

In: a title. Out: its terms, which `recommender.likeness` compares. No dictionary and no segmentation, which a portal's
names, numbers and new words would defeat.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from array import array

#: Hashed terms: two of the some ten thousand of a portal seldom share a number, and two bytes hold it.
N_TERMS = 1 << 15
#: Characters of a title that are looked at.
_LONGEST = 200
_HAN = r"\u3400-\u9fff\U00020000-\U0003ffff"
_RUNS = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_IS_HAN = re.compile(rf"[{_HAN}]")


def terms_of(title: str) -> array[int]:
    """Return the terms of a title, ascending numbers below `N_TERMS`.

    Examples
    --------
    >>> len(terms_of("医保报销")), len(terms_of("2026年医保报销")), len(terms_of("！"))
    (3, 5, 0)
    """
    plain = unicodedata.normalize("NFKC", title[:_LONGEST]).casefold()
    words: set[str] = set()
    for run in _RUNS.findall(plain):
        if len(run) > 1 and _IS_HAN.match(run):
            words.update(map(str.__add__, run, run[1:]))
        else:
            words.add(run)
    return array("H", sorted({zlib.crc32(word.encode()) % N_TERMS for word in words}))
