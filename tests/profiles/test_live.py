"""Interests before the night: as the night's rule says of one click an item, written out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.clock import to_ms
from profiles.live import live_tags
from profiles.tags import load_vocabulary

NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
GOVERNED = load_vocabulary().tags
#: Of different half-lives and needs.
NAMES = sorted(
    {(tag.half_life_days, tag.min_evidence): tag.name for tag in GOVERNED.values() if tag.inferable}.values()
)

reading = st.tuples(st.integers(0, 40 * 24), st.sets(st.sampled_from(NAMES)))


@given(st.lists(reading, max_size=20), st.randoms(use_true_random=False))
def test_an_interest_is_what_a_night_would_make_of_the_same_readings(
    readings: list[tuple[int, set[str]]], order: object
) -> None:
    read = [(f"i{n}", to_ms(NOON - timedelta(hours=hours)), names) for n, (hours, names) in enumerate(readings)]
    expected = {}
    for name in NAMES:
        tag = GOVERNED[name]
        # It is noon in China: what was thirteen hours ago was yesterday.
        ages = [(hours + 11) // 24 for hours, names in readings if name in names]
        if len(ages) >= tag.min_evidence:
            expected[name] = sum(2 ** -(age / tag.half_life_days) for age in ages)
    order.shuffle(read)  # type: ignore[attr-defined]
    assert live_tags(read, GOVERNED, NOON) == pytest.approx(expected)


def test_a_clock_that_is_ahead_makes_nothing_of_tomorrow() -> None:
    name = NAMES[0]
    needed = GOVERNED[name].min_evidence
    read = [(f"i{n}", to_ms(NOON + timedelta(days=3)), [name]) for n in range(needed)]
    assert live_tags(read, GOVERNED, NOON) == {name: needed}
    assert live_tags(read[1:], GOVERNED, NOON) == {}
