"""Lists served to a person that wait for the warehouse: found by the log and by `events`, and gone from every byte."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.accounting.served import Batch, ServedList, ServedSpool, served_counts
from civicrec.erasure import Person
from civicrec.errors import Unavailable
from civicrec.eventlog.erasing import LogRecords
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, dump
from streaming.erasing.waiting_lists import WaitingLists
from tests.builders import NOON, uuid7
from tests.streaming.world import TokenWarehouse

ME = Person("demo", "5" * 32, ("browser-0001",))


class Stored(TokenWarehouse):
    """A warehouse whose `events` name requests of the person."""

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        assert parameters == {"subject": ME.subject_id, "ids": list(ME.anonymous_ids)}
        return [{"found": "request-of-a-stored-event"}, {"found": ""}]


def a_list(request_id: str) -> ServedList:
    return ServedList(
        request_id, 1_772_000_000_000, "demo", "home", "home", "", "general", "", False, 0, ["i1"], [["hot"]], [[]]
    )


def names_in(path: Path) -> bytes:
    return b"".join(one.read_bytes() for one in path.parent.iterdir() if one.name.startswith(path.name))


@pytest.fixture
def store(tmp_path: Path) -> WaitingLists:
    event = Event(
        event_id=uuid7(NOON, 1), kind="click", occurred_at=NOON, subject_id=ME.subject_id, item_id="i1",
        request_id="request-of-a-new-event",
    )  # fmt: skip
    with closing(SqliteEventLog(tmp_path / "events.sqlite")) as log:
        log.append([Record(ME.subject_id, 1, dump([event]))])
    return WaitingLists(tmp_path / "served.sqlite", LogRecords(tmp_path / "events.sqlite"), Stored())


def test_lists_go_whichever_store_tells_whose_they_are_and_no_byte_stays(store: WaitingLists, tmp_path: Path) -> None:
    assert store.count(ME) == 0
    store.erase(ME)  # nothing waits: no file is made
    path = tmp_path / "served.sqlite"
    assert not path.exists()
    mine = ["request-of-a-stored-event", "request-of-a-new-event"]
    with closing(ServedSpool(path, 1 << 20)) as spool:
        spool.put([a_list(mine[0]), a_list("request-of-another")], {})
        spool.put([a_list(mine[1])], {})
        assert store.count(ME) == 2
        for _ in range(2):
            store.erase(ME)
        assert store.count(ME) == 0
        assert not [name for name in mine if name.encode() in names_in(path)]
        batch = spool.next_batch()
        assert batch is not None
        assert [one.request_id for one in batch.lists] == ["request-of-another"]
        spool.done(batch)
        spool.take_out(())  # folds the write-ahead log into the file
        assert b"request-of-another" not in names_in(path)  # what was sent stays in no free page
    assert (served_counts(path).stored, served_counts(path).lost) == (1, {"erased": 2})


def test_what_is_being_stored_is_waited_for(store: WaitingLists, tmp_path: Path) -> None:
    with closing(ServedSpool(tmp_path / "served.sqlite", 1 << 20)) as spool:
        spool.put([a_list("request-of-a-new-event"), a_list("request-of-another")], {})
        batch = spool.next_batch()
        assert isinstance(batch, Batch)
        with pytest.raises(Unavailable, match="being stored"):
            store.erase(ME)
        again = spool.next_batch()
        assert again == batch  # the same name holds the same lists
        spool.done(batch)
        store.erase(ME)
        assert served_counts(tmp_path / "served.sqlite").stored == 2


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=6), st.sets(st.integers(0, 9)))
def test_every_other_list_stays_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, puts: list[list[int]], gone: set[int]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "served.sqlite"
    with closing(ServedSpool(path, 1 << 20)) as spool:
        for some in puts:
            spool.put([a_list(f"r{n}") for n in some], {})
        ids = {f"r{n}" for n in gone}
        n_gone = sum(n in gone for some in puts for n in some)
        assert spool.count_of(ids) == n_gone
        spool.take_out(ids)
        assert spool.count_of(ids) == 0
        batch = spool.next_batch()
        left = [one.request_id for one in batch.lists] if batch else []
        assert left == [f"r{n}" for some in puts for n in some if n not in gone]
        assert served_counts(path).waiting == len(left)
        assert served_counts(path).lost.get("erased", 0) == n_gone
