"""The disk of one file fills up: log, ledger and models each say so, keep what they had, and go on with space."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from civicrec.accounting.books import read_books
from civicrec.accounting.ledger import Ledger
from civicrec.accounting.proofs import Held, Proofs, read_proved
from civicrec.errors import Unavailable
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.settings import Settings
from recommender.artifacts import load_models, save_models
from tests.faults.disk import filled, small_disk
from tests.recommender.worlds import some_models


def test_a_log_on_a_full_disk_keeps_whole_groups_or_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        settings = Settings(home=disk)
        with closing(SqliteEventLog(settings.log_path)) as log:
            kept = refused = 0
            for left_kb in (200, 60, 20, 8, 4, 0):
                with filled(disk, left_kb << 10):
                    for _ in range(10):
                        try:
                            log.append([Record("a:1", 1, b"x" * 9_000)] * 3, {("received", ""): 3})
                            kept += 3
                        except Unavailable:
                            refused += 1
                    assert log.head() == kept
                log.append([Record("a:1", 1, b"x" * 9_000)])
                kept += 1
            assert refused > 10
            assert [found.offset for found in log.read(0, kept)] == list(range(1, kept + 1))
        books = read_books(settings)
        assert (books.accepted, books.pending, books.balanced) == (kept, kept, True)


def test_a_ledger_on_a_full_disk_commits_and_proves_whole_or_not_at_all(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4) as disk, closing(Ledger(disk / "stream.sqlite")) as ledger:
        proofs = Proofs(ledger)
        done = refused = 0
        for left_kb in (40, 8, 4, 0):
            with filled(disk, left_kb << 10):
                for _ in range(40):
                    try:
                        plan = ledger.unfinished() or ledger.plan(done + 1)
                        ledger.commit(plan, stored=2, rejected={f"reason {done}": 1})
                        done += 1
                        proofs.add(done, Held({"202601": 2}, refused=1))
                    except Unavailable:
                        refused += 1
            if plan := ledger.unfinished():
                ledger.commit(plan, stored=2, rejected={f"reason {done}": 1})
                done += 1
            totals = ledger.totals()
            assert (totals.committed, totals.stored, sum(totals.rejected.values())) == (done, 2 * done, done)
            assert proofs.position() <= done
        assert refused > 10
        position = proofs.position()
        assert sum(proof.last - proof.first for proof in read_proved(disk / "stream.sqlite").proofs) == position


def test_models_on_a_full_disk_leave_the_earlier_ones_and_no_half_ones(tmp_path: Path) -> None:
    names = [f"i{n}" for n in range(4_000)]
    with small_disk(tmp_path / "disk", 12) as disk:
        folder = disk / "models"
        save_models(folder, replace(some_models(names[:200], seed=1), run="before"))
        before = sorted(folder.iterdir())
        models = replace(some_models(names, seed=2), run="after")
        for left_kb in (100, 40, 4, 0):
            with filled(disk, left_kb << 10), pytest.raises(Unavailable, match="free disk space"):
                save_models(folder, models)
            assert sorted(folder.iterdir()) == before
            assert load_models(folder, "before").run == "before"
        save_models(folder, models)
        np.testing.assert_array_equal(load_models(folder, "after").factors, models.factors)
