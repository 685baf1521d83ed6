"""Committed progress, partitions, and the books of a cluster that rest on them."""

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import DefaultPartitioner

from civicrec.accounting import books as books_module
from civicrec.accounting.books import read_books
from civicrec.accounting.progress import (
    Commit,
    CommittedProgress,
    Partition,
    fields_of_commit,
    partition_of,
    progress_of,
)
from civicrec.accounting.readers import acknowledged
from civicrec.eventlog.ports import LogRecord, Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.settings import KafkaSettings, Settings, StreamSettings

_actors = st.sampled_from([f"visitor-{n}" for n in range(7)] + ["东莞"])
_records = st.lists(st.tuples(_actors, st.integers(1, 5)), max_size=30)


@given(actor=st.text(min_size=1, max_size=40), partitions=st.integers(1, 12))
def test_an_actor_s_partition_is_the_one_kafka_gives_it(actor: str, partitions: int) -> None:
    numbers = set(range(partitions))
    cluster = SimpleNamespace(
        topics=lambda: {"t"}, partitions_for_topic=lambda _: numbers, available_partitions_for_topic=lambda _: numbers
    )
    chosen = DefaultPartitioner().partition("t", actor, actor.encode(), None, None, cluster)
    assert partition_of(actor, partitions) == chosen


_commits = st.builds(
    Commit,
    st.just("log"),
    st.just(0),
    st.integers(1, 2**50),
    st.builds(Partition, st.integers(1, 3), st.integers(0, 2)),
    st.integers(0, 99),
    st.dictionaries(st.sampled_from(["bad_json", "no_actor"]), st.integers(1, 9)),
    st.integers(-1, 2**50),
)


@given(commits=st.lists(_commits, max_size=6))
def test_fields_read_back_are_the_commits_that_were_added(commits: list[Commit]) -> None:
    expected, fields = CommittedProgress(), dict[bytes, bytes]()
    for commit in commits:
        expected.add(commit)
        moved, added = fields_of_commit(commit)
        fields |= {name.encode(): b"%d" % value for name, value in moved.items()}
        for name, n in added.items():
            fields[name.encode()] = b"%d" % (int(fields.get(name.encode(), 0)) + n)
    assert progress_of(fields) == expected


def done_by_partitions(records: list[LogRecord], parts: int, upto: list[int]) -> CommittedProgress:
    """The progress of a cluster that has come so far in each partition."""
    progress = CommittedProgress()
    for number in range(parts):
        mine = [one for one in records if partition_of(one.record.key, parts) == number][: upto[number]]
        for one in mine:
            progress.add(Commit("log", 0, one.offset, Partition(parts, number), one.record.n_events))
    return progress


@given(records=_records, upto=st.lists(st.integers(0, 12), min_size=3, max_size=3), embedded=st.integers(0, 10))
def test_a_record_is_done_if_one_of_its_partitions_has_passed_it(
    records: list[tuple[str, int]], upto: list[int], embedded: int
) -> None:
    log = [LogRecord(offset, Record(actor, n, b"[]")) for offset, (actor, n) in enumerate(records, 1)]
    progress = done_by_partitions(log, 3, upto)
    if embedded:
        progress.reached[Partition()] = embedded
    of_partition: dict[int, int] = {}
    for one in log:
        number = partition_of(one.record.key, 3)
        of_partition[number] = of_partition.get(number, 0) + 1
        done = of_partition[number] <= upto[number] or one.offset <= embedded
        assert progress.has(one.record.key, one.offset) is done
        assert progress.have(Partition(3, number), one.record.key, one.offset) is done
        assert progress.have(Partition(), one.record.key, one.offset) is done
        if one.offset <= progress.all_before():
            assert done


@given(records=_records, upto=st.lists(st.integers(0, 12), min_size=3, max_size=3))
def test_the_books_of_a_cluster_balance_wherever_it_stands(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[str, int]], upto: list[int]
) -> None:
    settings = a_cluster(tmp_path_factory.mktemp("books"))
    with closing(SqliteEventLog(settings.log_path)) as log, pytest.MonkeyPatch.context() as patch:
        log.append([Record(actor, n, b"[]") for actor, n in records])
        progress = done_by_partitions(log.read(0, log.head()), 3, upto)
        patch.setattr(books_module, "read_progress", lambda _, name: {log.name: progress}[name])
        books = read_books(settings)
    assert books.balanced
    assert (books.accepted, books.stored) == (sum(n for _, n in records), progress.stored)
    assert books.pending == books.accepted - books.stored


def test_a_cluster_s_books_without_a_log_are_empty(tmp_path: Path) -> None:
    assert read_books(a_cluster(tmp_path)).accepted == 0


def test_an_old_ledger_does_not_hold_the_log_back_when_flink_reads_kafka(tmp_path: Path) -> None:
    from civicrec.accounting.ledger import Ledger

    settings = a_cluster(tmp_path)
    Ledger(settings.stream_path).close()
    settings.forwarded_path.write_text('{"log": "x", "offset": 7}')
    assert acknowledged(settings) == 7
    assert acknowledged(settings.model_copy(update={"stream": StreamSettings()})) == 0


def a_cluster(home: Path) -> Settings:
    return Settings(home=home, stream=StreamSettings(runner="flink"), kafka=KafkaSettings(bootstrap="127.0.0.1:9092"))
