from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from civicrec.errors import InvalidInput
from civicrec.settings import Settings
from operations.cli import app
from operations.evaluation.baselines import PopularWithin
from operations.evaluation.prequential import at_ms, evaluate_prequential, gini
from operations.replay import Click
from recommender.scenes.files import shipped_scenes

NEWS = shipped_scenes()["news"]
DAY_S = 86_400


def a_log(days: int = 3, seed: int = 1) -> list[Click]:
    """Readers who mostly click what is hot this hour; items live half a day."""
    rng = np.random.default_rng(seed)
    clicks = []
    for second in range(0, days * DAY_S, 120):
        hot = second // 10_800
        item = f"n{hot}-{int(rng.integers(0, 2))}" if rng.random() < 0.8 else f"n{int(rng.integers(0, hot + 1))}-2"
        clicks.append(Click(f"u{int(rng.integers(0, 400))}", item, second * 1000))
    return clicks


def plain_popular(clicks: list[Click], place: int, minutes: int) -> list[str]:
    click, seen = clicks[place], {one.item_id for one in clicks[:place] if one.user_id == clicks[place].user_id}
    within = [one.item_id for one in clicks[:place] if one.at_ms >= click.at_ms - minutes * 60_000]
    return sorted({item for item in within if item not in seen}, key=lambda item: (-within.count(item), item))


def test_each_new_pair_of_the_period_is_asked_for_once_before_it_is_told(tmp_path: Path) -> None:
    clicks = a_log()
    begin, end = 2 * DAY_S * 1000, 3 * DAY_S * 1000
    figures = evaluate_prequential(clicks, begin, end, NEWS, Settings(home=tmp_path), zone=UTC)
    asked, known_users, pairs = {"warm": 0, "first": 0}, set[str](), set[tuple[str, str]]()
    for click in clicks:
        if click.at_ms >= begin and (click.user_id, click.item_id) not in pairs:
            asked["warm" if click.user_id in known_users else "first"] += 1
        known_users.add(click.user_id)
        pairs.add((click.user_id, click.item_id))
    assert {who: figures[who]["served"]["n"] for who in asked} == asked
    assert set(figures["warm"]) == {"served", "popular_15min", "popular_1h", "popular_3h", "popular_12h", "popular_24h"}
    low, high = figures["warm"]["served"]["hr@10_95"]
    assert low <= figures["warm"]["served"]["hr@10"] <= high
    assert figures["warm"]["served"]["hr@10"] > 0.6  # what is hot is among ten
    assert sum(of_age["n"] for of_age in figures["by_age"].values()) == sum(asked.values())
    assert 0 < figures["coverage"] <= 1
    assert 0 <= figures["gini"] < 1
    assert 0 < figures["novelty"] < 10


def test_a_window_holds_the_most_clicked_that_its_reader_has_not_seen() -> None:
    clicks, window = a_log(1), PopularWithin(60)
    for place, click in enumerate(clicks):
        seen = {one.item_id for one in clicks[:place] if one.user_id == click.user_id}
        counts = plain_popular(clicks, place, 60)
        assert set(window.list_for(seen, click.at_ms, 50)) == set(counts)
        window.add(click)


def test_an_item_is_unknown_until_its_first_click(tmp_path: Path) -> None:
    clicks = [Click(f"u{n}", f"only-{n}", n * 1000) for n in range(30)]
    figures = evaluate_prequential(clicks, 10_000, 30_000, NEWS, Settings(home=tmp_path), zone=UTC)
    assert figures["first"]["served"] == {"n": 20, "hr@10": 0.0, "mrr@10": 0.0, "hr@10_95": [0.0, 0.0]}
    assert figures["warm"]["served"] == {"n": 0}


def test_a_period_without_clicks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--from and --until"):
        evaluate_prequential(a_log(1), 10 * DAY_S * 1000, 11 * DAY_S * 1000, NEWS, Settings(home=tmp_path))


def test_gini_of_known_spreads() -> None:
    assert gini(np.full(5, 3.0)) == pytest.approx(0.0)
    assert gini(np.array([0.0, 0.0, 0.0, 8.0])) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1506826800", 1_506_826_800), ("2017-10-01", 1_506_816_000), ("2017-10-01T03:00", 1_506_826_800)],
)
def test_times_of_the_command_line(text: str, seconds: int) -> None:
    assert at_ms(text, UTC) == seconds * 1000


def test_the_command_prints_one_object_and_names_bad_input(tmp_path: Path) -> None:
    log = tmp_path / "clicks.csv"
    lines = [f"{click.user_id},{click.item_id},{click.at_ms // 1000}" for click in a_log(2)]
    log.write_text("\n".join(["user_id,item_id,timestamp", *lines]))
    words = ["evaluate", "prequential", "--interactions", str(log), "--tz", "UTC", "--json"]
    result = CliRunner().invoke(app, [*words, "--from", "1970-01-02", "--until", "1970-01-03"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[-1])["warm"]["served"]["n"] > 0
    for wrong in (["--from", "soon", "--until", "1970-01-03"], ["--from", "1", "--until", "2", "--scene", "none"]):
        assert CliRunner().invoke(app, [*words, *wrong]).exit_code != 0
