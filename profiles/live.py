"""Interests from the click on: what was read and no night has weighed yet, by the rules the nights weigh by.

In: what the online store knows somebody read. Out: tags with weights, as a night would give them if each reading was
one click. The fold is `profiles.evidence`; what a whole night weighs in SQL equals it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from civicrec.clock import from_ms, local_date
from civicrec.events import INTEREST_WEIGHTS
from profiles.evidence import TagEvidence
from profiles.governed import Tag

_CLICK = INTEREST_WEIGHTS["click"]


def live_tags(
    read: Iterable[tuple[str, int, Iterable[str]]], governed: Mapping[str, Tag], now: datetime
) -> dict[str, float]:
    """Return tag → weight of now, of those that rest on enough different items; a click of today weighs 1.

    Parameters
    ----------
    read
        Item, when it was last read (epoch ms), and the tags that reading it teaches, in any order.
    governed
        The vocabulary: each tag's half-life and the items it needs.
    """
    today = local_date(now)
    found: dict[str, TagEvidence] = {}
    for item_id, at_ms, names in read:
        day = min(local_date(from_ms(at_ms)), today)  # a clock may be ahead
        for name in names:
            tag = governed[name]
            found.setdefault(name, TagEvidence(tag.half_life_days, tag.min_evidence)).update(item_id, day, _CLICK)
    return {name: evidence.weight(today) for name, evidence in found.items() if evidence.is_given}
