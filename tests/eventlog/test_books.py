"""The books balance, whatever is running. The log here is made by its agreed tables, so that the books are
checked against the agreement and not against one implementation."""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from civicrec.accounting import books as books_module
from civicrec.accounting import readers
from civicrec.accounting.books import Books, read_books
from civicrec.accounting.ledger import Ledger
from civicrec.accounting.proofs import Held, Hole, Proofs
from civicrec.accounting.readers import acknowledged
from civicrec.errors import Unavailable
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.kafka.position import Position, keep_position
from civicrec.settings import KafkaSettings, Settings


class LogFile:
    """The event log's agreed tables, written as the collector writes them."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.executescript(
            "PRAGMA journal_mode=WAL;"
            "CREATE TABLE records(offset INTEGER PRIMARY KEY, key TEXT, n_events INTEGER, value BLOB, at_ms INTEGER);"
            "CREATE TABLE counters(name TEXT, reason TEXT, n INTEGER, PRIMARY KEY(name, reason));"
            "CREATE TABLE identity(name TEXT); INSERT INTO identity VALUES ('the-log');"
        )

    def count(self, name: str, reason: str, n: int) -> None:
        self.db.execute(
            "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", (name, reason, n)
        )

    def append(self, sizes: Sequence[int]) -> None:
        self.db.execute("BEGIN")
        self.db.executemany("INSERT INTO records(n_events, value) VALUES (?, x'00')", [(size,) for size in sizes])
        self.count("accepted", "", sum(sizes))
        self.db.execute("COMMIT")

    def events_in(self, first: int, last: int) -> int:
        query = "SELECT COALESCE(SUM(n_events), 0) FROM records WHERE offset > ? AND offset <= ?"
        return int(self.db.execute(query, (first, last)).fetchone()[0])

    def head(self) -> int:
        return int(self.db.execute("SELECT COALESCE(MAX(offset), 0) FROM records").fetchone()[0])


def test_before_anything_ran_the_books_are_empty_and_balance(tmp_path: Path) -> None:
    books = read_books(Settings(home=tmp_path))
    assert books == Books()
    assert books.balanced


def test_a_ledger_without_tables_counts_as_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.stream_path.touch()
    assert read_books(settings) == Books()


def test_a_log_that_is_not_there_yet_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no event log .* yet"):
        SqliteEventLog(tmp_path / "events.sqlite", readonly=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.log_path.write_bytes(b"this is not a database, it is a sentence" * 50)
    with pytest.raises(Unavailable, match="cannot be used"):
        read_books(settings)


def test_the_books_tell_what_became_of_each_event(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    log, ledger = LogFile(settings.log_path), Ledger(settings.stream_path)
    log.append([3, 4])
    log.append([5])
    log.count("received", "", 20)
    log.count("duplicate", "", 2)
    log.count("rejected", "bad_time", 6)
    log.count("altered", "query", 1)
    ledger.commit(ledger.plan(2), stored=6, rejected={"bad_json": 1})
    books = read_books(settings)
    ledger.plan(3)
    assert read_books(settings) == books == Books(
        accepted=12, stored=6, rejected={"bad_json": 1}, pending=5, received=20, duplicates=2,
        rejected_at_door={"bad_time": 6}, altered={"query": 1},
    )  # fmt: skip
    assert books.balanced
    log.db.close()
    ledger.close()


@pytest.mark.parametrize(
    ("position", "forwarded"),
    [
        (None, 0),
        (Position(log="the-log", offset=2, events=7), 7),
        (Position(log="the-log", offset=3, events=12), 12),
        (Position(log="a-log-that-was-here-before", offset=3, events=12), 0),
    ],
    ids=["not begun", "behind", "caught up", "of another log"],
)
def test_with_kafka_on_the_books_tell_what_it_has(tmp_path: Path, position: Position | None, forwarded: int) -> None:
    settings = Settings(home=tmp_path, kafka=KafkaSettings(bootstrap="broker:9092"))
    log = LogFile(settings.log_path)
    log.append([3, 4])
    log.append([5])
    if position:
        keep_position(settings.forwarded_path, position)
    books = read_books(settings)
    assert (books.accepted, books.forwarded, books.unforwarded) == (12, forwarded, 12 - forwarded)
    assert books.balanced
    without = Settings(home=tmp_path)
    assert (read_books(without).forwarded, read_books(without).unforwarded) == (None, None)
    log.db.close()


def test_the_books_are_read_again_if_kafka_went_on_and_the_log_was_trimmed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, kafka=KafkaSettings(bootstrap="broker:9092"))
    log, ledger = LogFile(settings.log_path), Ledger(settings.stream_path)
    log.append([3, 4])
    log.append([5])
    ledger.commit(ledger.plan(3), stored=12, rejected={})
    log.db.execute("DELETE FROM records WHERE offset <= 2")
    readings = iter([Position(log="the-log", offset=1, events=3), Position(log="the-log", offset=2, events=7)])
    monkeypatch.setattr(books_module, "kept_position", lambda path: next(readings))
    books = read_books(settings)
    assert (books.accepted, books.forwarded, books.unforwarded) == (12, 7, 5)
    log.db.close()
    ledger.close()


def test_an_event_that_vanished_is_found_out(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    log, ledger = LogFile(settings.log_path), Ledger(settings.stream_path)
    log.append([3, 4])
    ledger.commit(ledger.plan(1), stored=2, rejected={})
    assert not read_books(settings).balanced
    log.db.close()
    ledger.close()


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 5)), max_size=12))
def test_the_books_balance_after_every_step(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[int] | int]
) -> None:
    settings = Settings(home=tmp_path_factory.mktemp("books"))
    log, ledger = LogFile(settings.log_path), Ledger(settings.stream_path)
    sent = 0
    for step in steps:
        if isinstance(step, list):
            log.append(step)
            sent += sum(step)
        elif ledger.committed() < log.head():
            plan = ledger.plan(min(log.head(), ledger.committed() + step))
            assert read_books(settings).balanced
            n = log.events_in(plan.first, plan.last)
            ledger.commit(plan, stored=n - n // 3, rejected={"bad_json": n // 3})
        books = read_books(settings)
        assert books.balanced
        assert books.accepted == sent
        assert books.pending == log.events_in(ledger.committed(), log.head())
    log.db.close()
    ledger.close()


@pytest.mark.parametrize("trimming", [False, True])
def test_the_books_balance_at_every_moment_while_both_sides_write(tmp_path: Path, trimming: bool) -> None:
    settings = Settings(home=tmp_path)
    log = LogFile(settings.log_path)
    Ledger(settings.stream_path).close()
    done = threading.Event()

    def collect() -> None:
        for n in range(400):
            log.append([1 + n % 7, 2])
            if trimming:
                log.db.execute("DELETE FROM records WHERE offset <= ?", (min(acknowledged(settings), log.head() - 1),))
        done.set()

    def stream() -> None:
        ledger, reader = Ledger(settings.stream_path), sqlite3.connect(settings.log_path)
        query = "SELECT COALESCE(SUM(n_events), 0) FROM records WHERE offset > ? AND offset <= ?"
        while not (done.is_set() and ledger.committed() == 800):
            (head,) = reader.execute("SELECT COALESCE(MAX(offset), 0) FROM records").fetchone()
            if head > ledger.committed():
                plan = ledger.plan(head)
                (n,) = reader.execute(query, (plan.first, plan.last)).fetchone()
                ledger.commit(plan, stored=n, rejected={})
        reader.close()
        ledger.close()

    threads = [threading.Thread(target=collect), threading.Thread(target=stream)]
    for thread in threads:
        thread.start()
    seen = []
    while any(thread.is_alive() for thread in threads):
        seen.append(read_books(settings))
    for thread in threads:
        thread.join()
    assert len(seen) > 20
    assert [books for books in seen if not books.balanced] == []
    assert any(books.pending and books.stored for books in seen)
    final = read_books(settings)
    assert final.pending == 0
    assert final.accepted == final.stored == sum(1 + n % 7 + 2 for n in range(400))
    log.db.close()


def test_a_ledger_older_than_what_was_trimmed_is_found_out(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    log, ledger = LogFile(settings.log_path), Ledger(settings.stream_path)
    log.append([3, 4, 5])
    ledger.commit(ledger.plan(1), stored=3, rejected={})
    log.db.execute("DELETE FROM records WHERE offset <= 2")
    assert not read_books(settings).balanced
    log.db.close()
    ledger.close()


def test_what_the_warehouse_lacks_is_not_stored_and_the_books_do_not_balance(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    log = LogFile(settings.log_path)
    log.append([10, 10, 10])
    ledger = Ledger(settings.stream_path)
    ledger.commit(ledger.plan(2), stored=19, rejected={"bad_json": 1})
    Proofs(ledger).note_holes([Hole(1, 2, 4)])
    books = read_books(settings)
    assert (books.accepted, books.stored, books.rejected, books.pending) == (30, 15, {"bad_json": 1}, 10)
    assert (books.missing, books.balanced) == (4, False)
    Proofs(ledger).add(2, Held({"202601": 19}, refused=1))
    assert (read_books(settings).stored, read_books(settings).balanced) == (19, True)
    ledger.close()


def test_only_what_every_reader_has_done_is_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)
    assert acknowledged(settings) == 0
    ledger = Ledger(settings.stream_path)
    assert acknowledged(settings) == 0
    ledger.commit(ledger.plan(7), stored=7, rejected={})
    assert acknowledged(settings) == 0  # not counted in the warehouse yet
    Proofs(ledger).add(7, Held({"202601": 7}))
    assert acknowledged(settings) == 7
    ledger.plan(9)
    assert acknowledged(settings) == 7
    with_kafka = settings.model_copy(update={"kafka": KafkaSettings(bootstrap="127.0.0.1:9")})
    assert acknowledged(with_kafka) == 0
    keep_position(settings.forwarded_path, Position(log="the-log", offset=5, events=5))
    assert acknowledged(with_kafka) == 5
    assert acknowledged(settings) == 7
    monkeypatch.setattr(readers, "READERS", (*readers.READERS, lambda _: 4, lambda _: None))
    assert acknowledged(settings) == 4
    ledger.close()
