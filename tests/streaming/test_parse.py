from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.eventlog.ports import LogRecord, Record
from civicrec.events import dump
from streaming.blocks import Block, Origin, Parsed
from streaming.parse import epoch_ms, parse_block, refusal
from tests.builders import NOON, an_event

ORIGIN = Origin("log")


def parsed(*values: bytes, n_events: int = 1) -> Parsed:
    records = [LogRecord(offset, Record("a", n_events, value)) for offset, value in enumerate(values, 1)]
    return parse_block(Block(ORIGIN, records))


def test_good_events_come_out_in_order_with_their_offsets_and_times() -> None:
    events = [an_event(n=1), an_event(n=2, at=NOON + timedelta(milliseconds=7))]
    result = parsed(dump(events), dump(events[::-1]), n_events=2)
    assert result.events == events + events[::-1]
    assert result.offsets == [1, 1, 2, 2]
    assert result.occurred_ms[1] - result.occurred_ms[0] == 7
    assert result.dead == []


def test_a_bad_event_does_not_take_its_neighbours_along() -> None:
    good = an_event(n=1)
    bad = b'{"event_id":"nonsense","kind":"click"}'
    result = parsed(b"[" + bad + b"," + dump([good])[1:], n_events=2)
    assert result.events == [good]
    assert [
        (dead_letter.raw, dead_letter.reason, dead_letter.step, dead_letter.n_events) for dead_letter in result.dead
    ] == [(bad, "bad_field", "parse", 1)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"anonymous_id": ""}, "no_actor"),
        ({"consent": "none"}, "no_consent"),
        ({"received_at": NOON - timedelta(hours=25)}, "bad_time"),
        ({"received_at": NOON + timedelta(days=31)}, "bad_time"),
        ({"received_at": datetime(2026, 1, 31)}, "bad_field"),  # noqa: DTZ001  # a time without offset is the case
        ({"at": datetime.fromisoformat("1999-12-31T00:00:00Z")}, "bad_time"),
        ({"at": datetime.fromisoformat("2100-01-01T00:00:00Z"), "received_at": None}, "bad_time"),
    ],
)
def test_what_the_warehouse_must_not_hold_is_refused(fields: dict[str, object], reason: str) -> None:
    event = an_event(**fields)  # type: ignore[arg-type]
    dropped = refusal(event)
    assert dropped is not None
    assert dropped.reason == reason


def test_an_event_without_arrival_is_taken() -> None:
    assert refusal(an_event(received_at=None)) is None


@pytest.mark.parametrize(
    "value",
    [b"", b"\x00\xff", b"{}", b"[", b"[1,2", b"null", b'"text"', b"[" * 100_000, b"[]"],
    ids=["empty", "binary", "object", "open", "cut", "null", "text", "deep", "no events"],
)
def test_a_record_that_cannot_be_read_counts_for_all_its_events(value: bytes) -> None:
    result = parsed(value, n_events=3)
    assert result.events == []
    assert [(dead_letter.raw, dead_letter.reason, dead_letter.n_events) for dead_letter in result.dead] == [
        (value, "bad_json", 3)
    ]


def test_a_record_that_holds_another_number_than_it_says_is_not_stored_in_part() -> None:
    result = parsed(dump([an_event(n=1), an_event(n=2)]), n_events=3)
    assert result.events == []
    assert result.dead[0].n_events == 3
    assert "it holds 2" in result.dead[0].detail


def test_half_a_surrogate_pair_never_reaches_the_warehouse() -> None:
    value = dump([an_event(title="X")]).replace(b'"X"', b'"\\ud800"')
    result = parsed(value)
    assert result.events == []
    assert len(result.dead) == 1


@given(
    st.lists(st.tuples(st.one_of(st.binary(max_size=40), st.just(dump([an_event()]))), st.integers(1, 4)), max_size=6)
)
def test_every_event_counted_comes_out_once(records: list[tuple[bytes, int]]) -> None:
    numbered = [LogRecord(offset, Record("a", n, value)) for offset, (value, n) in enumerate(records, 1)]
    result = parse_block(Block(ORIGIN, numbered))
    assert len(result.events) + sum(dead_letter.n_events for dead_letter in result.dead) == sum(n for _, n in records)
    for record, n in zip(result.records, (n for _, n in records), strict=True):
        assert record.good + sum(record.refused.values()) == n
    assert len(result.events) == len(result.offsets) == len(result.occurred_ms)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))  # noqa: DTZ001  # hypothesis wants naive bounds
def test_epoch_milliseconds_are_exact(at: datetime) -> None:
    from datetime import UTC

    aware = at.replace(tzinfo=UTC)
    whole_seconds = int(aware.replace(microsecond=0).timestamp())
    assert epoch_ms(aware) == whole_seconds * 1000 + at.microsecond // 1000
