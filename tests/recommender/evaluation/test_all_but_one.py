from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from civicrec.errors import InvalidInput
from civicrec.settings import TrainingSettings
from operations.bench.msweb import REQUIRED_RECALL, SPREAD, area_items, run_msweb, visit_batches
from operations.cli import app
from recommender.evaluation.all_but_one import HeldOutCase, all_but_one, both_ways, withhold
from recommender.evaluation.msweb import TEST_FILE, TRAIN_FILE, Visits, read_msweb
from recommender.training.interactions import interactions_from
from recommender.training.train import train

DST = 'I,4,"site","made"\nA,1000,1,"regwiz","/regwiz"\nA,1001,1,"Support","/support"\n' \
      'C,"10001",10001\nV,1000,1\nV,1001,1\nC,"10002",10002\nV,1001,1\n'  # fmt: skip
DATA = Path(__file__).parents[4] / "shared" / "data"


def test_the_last_row_is_withheld() -> None:
    assert withhold([["a", "b", "c"], ["d"], []]) == [HeldOutCase(("a", "b"), "c"), HeldOutCase((), "d")]


def test_a_random_row_is_withheld_the_same_way_with_the_same_seed() -> None:
    histories = [list("abcdefgh")] * 20
    assert withhold(histories, "random", 1) == withhold(histories, "random", 1) != withhold(histories, "random", 2)
    for question in withhold(histories, "random", 1):
        assert sorted((*question.known, question.wanted)) == list("abcdefgh")


def test_averages_count_strangers_apart() -> None:
    questions = [HeldOutCase(("a",), "b"), HeldOutCase((), "c")]
    found = both_ways(questions, [["x", "b"], ["d", "e"]], k=2)
    assert (found["all"].users, found["all"].recall_at_k, found["all"].mrr_at_k) == (2, 0.5, 0.25)
    assert (found["with_history"].users, found["with_history"].recall_at_k) == (1, 1.0)


def test_a_dst_file_is_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(DST)
    visits = read_msweb(tmp_path / "f")
    assert [(area.item_id, area.title, area.path) for area in visits.areas][1] == ("1001", "Support", "/support")
    assert visits.by_user == {"10001": ("1000", "1001"), "10002": ("1001",)}
    assert visits.n_visits == 3


def test_a_missing_or_broken_dst_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read"):
        read_msweb(tmp_path / "none")
    (tmp_path / "f").write_text("V,1000,1\n")
    with pytest.raises(InvalidInput, match="before the first visitor"):
        read_msweb(tmp_path / "f")


def test_visits_become_one_click_each_in_order_within_the_last_days(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(DST)
    visits, until = read_msweb(tmp_path / "f"), datetime(2026, 1, 31, tzinfo=UTC)
    (batch,) = visit_batches(visits, until)
    assert [(event["anonymous_id"], event["item_id"]) for event in batch] == [
        ("msweb-10001", "1000"), ("msweb-10001", "1001"), ("msweb-10002", "1001")]  # fmt: skip
    times = [datetime.fromisoformat(event["occurred_at"]) for event in batch]
    assert times == sorted(times)
    assert until - SPREAD <= times[0] < times[-1] <= until
    assert {UUID(event["event_id"]).version for event in batch} == {7}
    assert len(list(visit_batches(Visits((), {"u": tuple("a" * 501)}), until))) == 2
    assert [item.title for item in area_items(visits)] == ["regwiz", "Support"]


def test_evaluate_msweb_is_skipped_in_words_without_the_data(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["evaluate", "msweb", "--data", str(tmp_path)])
    assert done.exit_code == 0
    assert done.stdout.startswith("skipped: no anonymous-msweb.data")


@pytest.mark.data
@pytest.mark.skipif(not (DATA / TRAIN_FILE).exists(), reason="no MSWEB data beside the project")
def test_on_msweb_item_item_beats_als_and_als_beats_popularity() -> None:
    visits, test = read_msweb(DATA / TRAIN_FILE), read_msweb(DATA / TEST_FILE)
    rows = sorted((user, item, place) for user, items in visits.by_user.items() for place, item in enumerate(items))
    table = pa.table({"actor": [r[0] for r in rows], "item_id": [r[1] for r in rows], "weight": [1.0] * len(rows),
                      "last_ms": [r[2] for r in rows]})  # fmt: skip
    assert (visits.n_visits, len(test.by_user), timedelta(0) < SPREAD) == (98_654, 5_000, True)
    found = all_but_one(train(interactions_from(table)[0], "r", TrainingSettings()), test.by_user.values())
    recall = {name: figures["with_history"].recall_at_k for name, figures in found.items()}
    assert recall["item-item"] >= 0.80
    assert recall["item-item"] > recall["als"] > recall["popular"]
    assert recall["hybrid"] >= 0.80
    assert found["item-item"]["all"].recall_at_k >= 0.75


@pytest.mark.data
@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.skipif(not (DATA / TRAIN_FILE).exists(), reason="no MSWEB data beside the project")
@pytest.mark.timeout(900)
def test_msweb_through_a_running_stack_reaches_what_is_required() -> None:
    figures = run_msweb(DATA)
    assert figures["ok"]
    assert figures["degraded"] == figures["short_lists"] == 0
    assert figures["served"]["all"]["recall@10"] >= REQUIRED_RECALL > figures["popular"]["all"]["recall@10"]
