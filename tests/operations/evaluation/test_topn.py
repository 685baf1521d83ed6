from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from civicrec.errors import InvalidInput
from civicrec.settings import Settings
from operations.cli import app
from operations.evaluation.topn import By, evaluate_topn, stratified
from recommender.training.evaluate import Row


def some_rows(seed: int = 3, users: int = 90, items: int = 60) -> list[Row]:
    """Two tastes: readers of the first half of the items, and of the second."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        liked = rng.permutation(items // 2)[:14] + (user % 2) * (items // 2)
        rows += [Row(f"u{user}", f"i{item}", float(place), 1.0) for place, item in enumerate(liked)]
    return [rows[place] for place in rng.permutation(len(rows))]


@pytest.mark.parametrize("by", ["user", "item"])
def test_the_cut_hides_the_same_share_of_each_group_by_numbers_drawn_row_by_row(by: By) -> None:
    rows = some_rows()
    cut = stratified(rows, by, 0.25, 42)
    drawn = np.random.RandomState(42).rand(len(rows))
    groups: dict[str, list[tuple[float, Row]]] = defaultdict(list)
    for row, number in zip(rows, drawn, strict=True):
        groups[row.user_id if by == "user" else row.item_id].append((number, row))
    expected = [
        row for group in groups.values() for _, row in sorted(group, key=lambda one: one[0])[: round(0.75 * len(group))]
    ]
    assert sorted(cut.train, key=repr) == sorted(expected, key=repr)
    assert sorted([*cut.train, *cut.test], key=repr) == sorted(rows, key=repr)


def test_served_finds_what_a_taste_has_left_and_shows_nothing_known(tmp_path: Path) -> None:
    figures = evaluate_topn(some_rows(), Settings(home=tmp_path), by="user", seeds=(1, 2))
    assert set(figures["mean"]) == {"popular", "item-item", "als", "served"}
    mean = figures["mean"]
    assert mean["served"]["ndcg@10"] > 1.3 * mean["popular"]["ndcg@10"]
    assert mean["served"]["ndcg@10"] == pytest.approx(
        np.mean([figures["seeds"][seed]["served"]["ndcg@10"] for seed in ("1", "2")]), abs=1e-4
    )


def test_a_history_longer_than_a_list_of_vectors_is_folded_in_too(tmp_path: Path) -> None:
    rows = [Row(f"u{user}", f"i{item}", float(item), 1.0) for user in range(3) for item in range(300)]
    rows += [Row(f"v{user}", f"i{item}", float(item), 1.0) for user in range(40) for item in range(user, user + 9)]
    figures = evaluate_topn(rows, Settings(home=tmp_path), by="user")
    assert figures["mean"]["served"]["ndcg@10"] > 0


def test_nothing_to_ask_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing to ask"):
        evaluate_topn([Row("u", "i", 0.0, 1.0)], Settings(home=tmp_path))


def test_the_command_prints_one_object_and_names_bad_input(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    lines = [f"{row.user_id},{row.item_id},{row.at_s:.0f}" for row in some_rows(users=40)]
    file.write_text("\n".join(["user_id,item_id,timestamp", *lines]))
    words = ["evaluate", "topn", "--interactions", str(file), "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "served" in json.loads(result.stdout.splitlines()[-1])["mean"]
    for wrong in (["--by", "page"], ["--seeds", "one"], ["--seeds", "-1"]):
        assert CliRunner().invoke(app, [*words, *wrong]).exit_code != 0
