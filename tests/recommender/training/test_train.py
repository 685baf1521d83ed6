from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from civicrec.errors import InvalidInput
from civicrec.settings import TrainingSettings
from recommender.artifacts import load_models, save_models
from recommender.evaluation.all_but_one import all_but_one
from recommender.manifest import Counts, Manifest
from recommender.training.evaluate import evaluate_all_but_one, read_interactions_csv
from recommender.training.interactions import interactions_from
from recommender.training.train import train
from tests.recommender.training.blocks import ITEMS, N_BLOCKS, block_pairs, blocks, item, table_of

SETTINGS = TrainingSettings(factors=8, neighbours=10)


def test_both_models_beat_popularity_on_blocks() -> None:
    models = train(blocks(), "r", SETTINGS)
    histories = [[*(item(b, p) for p in range(ITEMS) if p != hidden), item(b, hidden)]
                 for b in range(1, N_BLOCKS) for hidden in range(ITEMS)]  # fmt: skip
    found = all_but_one(models, histories, k=1)
    assert found["item-item"]["all"].recall_at_k == found["als"]["all"].recall_at_k == 1.0
    assert found["hybrid"]["all"].recall_at_k == 1.0
    assert found["popular"]["all"].recall_at_k == 0.0


def test_a_manifest_says_what_was_learned_from_and_how_well() -> None:
    manifest = train(blocks(), "r", SETTINGS, facts=Manifest(day="2026-01-31")).manifest
    assert manifest.day == "2026-01-31"
    assert manifest.counts == Counts(actors=200, items=24, pairs=1400)
    assert manifest.offline.users == 100
    assert manifest.offline.recall["item_item"] == 1.0
    assert manifest.item_item.model == "ease"
    assert {"seed", "seconds", "versions", "als"} <= msgspec.to_builtins(manifest).keys()


def test_the_same_data_gives_the_same_models() -> None:
    one, two = train(blocks(), "r", SETTINGS), train(blocks(), "r", SETTINGS)
    for name in ("popularity", "neighbours", "neighbour_weights", "neighbour_actors", "recent_actors", "factors"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


def test_popularity_is_the_share_of_actors() -> None:
    models = train(interactions_from(table_of([("a", "x"), ("a", "y"), ("b", "x")]))[0], "r", SETTINGS)
    assert dict(zip(models.item_ids, models.popularity.tolist(), strict=True)) == {"x": 1.0, "y": 0.5}


@pytest.mark.parametrize("pairs", [[], [("a", "x")], [("a", "x"), ("a", "y")]])
def test_little_data_still_gives_models_that_save_and_load(pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    models = train(interactions_from(table_of(pairs))[0], "r", SETTINGS)
    save_models(tmp_path, models)
    loaded = load_models(tmp_path, "r")
    assert loaded.item_ids == models.item_ids
    np.testing.assert_array_equal(loaded.neighbours, models.neighbours)
    np.testing.assert_array_equal(loaded.factors, models.factors)


def test_progress_names_every_step_and_ends() -> None:
    told: list[tuple[str, int, int]] = []
    train(blocks(), "r", SETTINGS, report=lambda *facts: told.append(facts))
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert told[-1] == ("done", 7, 7)


def test_evaluation_of_files_gives_figures_per_algorithm(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("user_id,item_id\n" + "".join(f"{u},{i}\n" for u, i in block_pairs()))
    rows = [f"t,{item(2, place)}\n" for place in range(ITEMS)] + ["alone,b1-0\n"]
    (tmp_path / "test.csv").write_text("user_id,item_id\n" + "".join(rows))
    found = evaluate_all_but_one(tmp_path / "train.csv", tmp_path / "test.csv", SETTINGS, k=1)
    assert found["item-item"]["with_history"]["recall_at_k"] == 1.0
    assert (found["item-item"]["all"]["users"], found["item-item"]["with_history"]["users"]) == (2, 1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("user,item\na,b\n", "expected user_id,item_id"), ("user_id,item_id\na,\n", "line 2"),
     ("user_id,item_id,timestamp\na,b,now\n", "line 2.*now")],
)  # fmt: skip
def test_a_bad_interactions_file_is_refused_with_its_line(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(InvalidInput, match=complaint):
        evaluate_all_but_one(tmp_path / "f.csv", tmp_path / "f.csv", SETTINGS)


@pytest.mark.parametrize(
    ("timestamp", "weight", "named"),
    [
        ("nan", "1", "timestamp"), ("inf", "1", "timestamp"), ("1e300", "1", "timestamp"), ("-5", "1", "timestamp"),
        ("1696032000000", "1", "timestamp"), ("1696032000000000000", "1", "timestamp"),
        ("1", "nan", "weight"), ("1", "inf", "weight"), ("1", "-1", "weight"), ("1", "1e300", "weight"),
    ],
)  # fmt: skip
def test_a_number_that_is_none_is_named_with_its_line(tmp_path: Path, timestamp: str, weight: str, named: str) -> None:
    file = tmp_path / "f.csv"
    file.write_text(f"user_id,item_id,timestamp,weight\na,b,1,1\na,c,{timestamp},{weight}\n")
    with pytest.raises(InvalidInput, match=f"line 3: got {named}"):
        read_interactions_csv(file)
