"""An erasure beside a job on Flink begins when what stood in the topic is done; a receipt tells when topics end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from civicrec.errors import Unavailable
from civicrec.kafka.retention import _gone
from civicrec.registry.erasures import erasure
from streaming.erasing.worker import HEARD, Eraser
from streaming.flink.erasing import TopicDone
from tests.streaming.test_erasing_worker import KEYS, NOW, Browsers, Shelf, ask, registry, told  # noqa: F401

_offsets = st.dictionaries(st.integers(0, 3), st.integers(2, 50), max_size=4)


@given(first=_offsets, more=st.integers(0, 20), steps=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20))))
def test_it_begins_once_each_partition_is_done_up_to_where_it_stood(
    first: dict[int, int], more: int, steps: list[tuple[int, int]]
) -> None:
    ends, done = dict(first), dict[int, int]()
    topic = TopicDone(lambda: dict(ends), lambda: dict(done))
    one: Any = type("One", (), {"number": 1})()

    def begins() -> bool:
        try:
            topic.wait(one)
        except Unavailable:
            return False
        return True

    assert begins() == (not first)
    for number in ends:
        ends[number] += more  # what comes later is not waited for
    for number, n in steps:
        done[number] = done.get(number, -1) + n
        assert begins() == all(done.get(one, -1) >= end - 2 for one, end in first.items())


def test_nothing_is_touched_before_and_the_receipt_names_what_ends_by_itself(registry: Engine) -> None:  # noqa: F811
    shelf, done = Shelf(), dict[int, int]()
    number = ask(registry).number
    by = {"events": NOW + timedelta(days=14), "kept": None}
    topic = TopicDone(lambda: {0: 10}, lambda: done)
    worker = Eraser(registry, KEYS, Browsers(), [shelf], clock=lambda: NOW + HEARD, ready=topic.wait,
                    expires=lambda _: by)  # fmt: skip
    with pytest.raises(Unavailable, match=r"partitions \[0\]"):
        worker.step()
    assert (erasure(registry, number).steps, shelf.held != {}) == ({}, True)
    done[0] = 8
    assert worker.step() == 1
    assert told(erasure(registry, number).receipt)["expires"] == [
        {"store": "events", "by": "2026-03-16T03:30:00.000Z"}, {"store": "kept", "by": None}
    ]  # fmt: skip


def test_a_topic_ends_a_segment_and_its_retention_later() -> None:
    day_ms = "86400000"
    ends = _gone({"retention.ms": day_ms, "segment.ms": day_ms}, NOW)
    assert ends is not None
    assert timedelta(days=2) < ends - NOW < timedelta(days=2, hours=1)
    assert _gone({"retention.ms": "-1", "segment.ms": day_ms}, NOW) is None
