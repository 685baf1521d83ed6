"""Events of erased people in the stream: counted as refused, nothing of them kept, whatever is replayed or rebuilt."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from civicrec.erasure import ErasedNames
from civicrec.eventlog.erasing import ERASED_KEY, ERASED_VALUE
from civicrec.eventlog.ports import LogRecord, Record
from civicrec.events import Event, dump
from profiles.online.pseudonyms import digest_of
from streaming.blocks import Block, Origin
from streaming.enrich import enrich
from streaming.parse import parse_block
from streaming.registry import RegistryFacts
from tests.builders import NOON, uuid7
from tests.streaming.world import ITEM_TYPES, a_world

S1, S2 = "1" * 32, "2" * 32
ERASED = ErasedNames({S1: None, "b1": None})


def event(n: int = 0, *, subject_id: str = "", anonymous_id: str = "") -> Event:
    facts = {"subject_id": subject_id, "anonymous_id": anonymous_id, "site": "demo", "item_id": "i1"}
    return Event(event_id=uuid7(NOON, n), kind="click", occurred_at=NOON, consent="personalise", **facts)


def is_erased(one: Event) -> bool:
    return one.subject_id == S1 or (not one.subject_id and one.anonymous_id == "b1")


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(["", S1, S2]), st.sampled_from(["b1", "b2"])), min_size=1, max_size=4),
        max_size=6,
    )
)
def test_every_event_comes_out_once_and_none_of_an_erased_person(told: list[list[tuple[str, str]]]) -> None:
    records = [
        LogRecord(
            offset,
            Record(
                "a",
                len(some),
                dump([event(n=10 * offset + n, subject_id=s, anonymous_id=b) for n, (s, b) in enumerate(some)]),
            ),
        )
        for offset, some in enumerate(told, 1)
    ]
    facts = enrich(parse_block(Block(Origin("log"), records)), RegistryFacts(ITEM_TYPES, erased=ERASED))
    names = list(zip(facts.columns.get("subject_id", []), facts.columns.get("anonymous_id", []), strict=True))
    # What somebody else does on their browser is kept without its id.
    kept = [
        (subject, "" if browser == "b1" else browser)
        for some in told
        for subject, browser in some
        if not is_erased(event(subject_id=subject, anonymous_id=browser))
    ]
    assert names == kept
    assert {one.actor for one in facts.interactions} & {S1, "b1"} == set()
    assert not any(digest_of(S1) in str(one) for one in facts.interactions)
    n_refused = sum(letter.n_events for letter in facts.dead)
    assert len(kept) + n_refused == sum(map(len, told))
    assert all((letter.raw, letter.detail, letter.reason) == (b"", "", "erased") for letter in facts.dead)
    assert sum(record.good + sum(record.refused.values()) for record in facts.records) == sum(map(len, told))


@given(st.lists(st.tuples(st.sampled_from([S1, S2]), st.integers(-2, 2)), min_size=1, max_size=6))
def test_who_consented_anew_is_refused_for_what_was_before_and_for_nothing_after(told: list[tuple[str, int]]) -> None:
    events = [
        replace(event(n, subject_id=s), occurred_at=NOON + timedelta(seconds=at)) for n, (s, at) in enumerate(told)
    ]
    erased = ErasedNames({S1: NOON})
    records = [LogRecord(1, Record("a", len(events), dump(events)))]
    facts = enrich(parse_block(Block(Origin("log"), records)), RegistryFacts(ITEM_TYPES, erased=erased))
    assert facts.columns.get("subject_id", []) == [s for s, at in told if s != S1 or at > 0]


def test_an_emptied_record_counts_for_its_events_and_the_books_balance(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        world.send([event(n=n, subject_id=S2) for n in range(3)])
        world.log.append([Record(ERASED_KEY, 5, ERASED_VALUE)])
        assert world.drain() == 8
        assert len(world.events) == 3
        assert [(row["reason"], row["raw"], row["n_events"]) for row in world.dead] == [("erased", b"", 5)]
        totals = world.ledger.totals()
        assert (totals.stored, dict(totals.rejected)) == (3, {"erased": 5})
