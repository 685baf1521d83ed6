"""The stream's ledger: plans outlive crashes, commits happen once."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from civicrec.accounting.ledger import Ledger, Plan, Totals
from civicrec.errors import Unavailable


def test_a_plan_outlives_the_process_and_comes_back_exactly(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "s.sqlite")
    plan = first.plan(7)
    first.close()
    second = Ledger(tmp_path / "s.sqlite")
    assert second.unfinished() == plan == Plan(second.log, 0, 7)
    assert second.committed() == 0
    second.close()


def test_only_one_plan_runs_at_a_time_and_only_forward(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "s.sqlite")
    plan = ledger.plan(7)
    with pytest.raises(ValueError, match="unfinished"):
        ledger.plan(9)
    ledger.commit(plan, stored=3, rejected={})
    with pytest.raises(ValueError, match="7 is committed"):
        ledger.plan(7)
    assert ledger.plan(9) == Plan(ledger.log, 7, 9)
    ledger.close()


def test_a_commit_counts_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "s.sqlite")
    plan = ledger.plan(7)
    ledger.commit(plan, stored=3, rejected={"bad_json": 2})
    with pytest.raises(ValueError, match="not the unfinished plan"):
        ledger.commit(plan, stored=3, rejected={"bad_json": 2})
    assert ledger.totals() == Totals(committed=7, stored=3, rejected={"bad_json": 2})
    assert ledger.batches() == [(plan, 3, 2)]
    ledger.close()


def test_two_ledgers_never_share_a_token(tmp_path: Path) -> None:
    one, two = Ledger(tmp_path / "1.sqlite"), Ledger(tmp_path / "2.sqlite")
    assert one.plan(5).token("events") != two.plan(5).token("events")
    one.close()
    two.close()


def test_a_folder_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(Unavailable, match="check the disk"):
        Ledger(tmp_path / "home" / "s.sqlite")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 50), st.dictionaries(st.sampled_from("xyz"), st.integers(1, 9))),
        max_size=8,
    )
)
def test_totals_are_the_sum_of_the_batches(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[int, int, dict[str, int]]]
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "s.sqlite")
    last = 0
    for step, stored, rejected in batches:
        last += step
        ledger.commit(ledger.plan(last), stored, rejected)
    totals = ledger.totals()
    assert totals.committed == last
    assert totals.stored == sum(stored for _, stored, _ in batches)
    assert sum(totals.rejected.values()) == sum(sum(rejected.values()) for _, _, rejected in batches)
    ledger.close()


def test_what_a_ledger_of_before_has_recovered_counts_once(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as db:
        db.executescript(
            "CREATE TABLE cured (log TEXT, log_offset INTEGER, piece INTEGER,"
            " PRIMARY KEY (log, log_offset, piece)) WITHOUT ROWID;"
            "CREATE TABLE totals (outcome TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL,"
            " PRIMARY KEY (outcome, reason));"
            "INSERT INTO cured VALUES ('log', 4, 1);"
            "INSERT INTO totals VALUES ('stored', '', 7), ('rejected', 'bad_json', 2);"
        )
    for _ in range(2):  # the second time there is nothing of before
        with closing(Ledger(tmp_path / "s.sqlite")) as ledger:
            ledger.recover("log", (4, 1), "bad_json", 1)
            ledger.recover("log", (5, 0), "bad_json", 1)
            assert ledger.totals() == Totals(0, 8, {"bad_json": 1})
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as db:
        assert db.execute("SELECT name FROM sqlite_master WHERE name = 'cured'").fetchone() is None
