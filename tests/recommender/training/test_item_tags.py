"""Themes told from words: on items whose right themes are known by construction, and on real services if there."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from civicrec.errors import InvalidInput
from civicrec.items import Item
from operations.cli import app
from operations.evaluation.tags import calibration, evaluate_tags
from recommender.training.item_tags import best_threshold, lacking, learn_themes, micro_f1, themes_to_learn
from tests.item_builders import an_item

DATA = Path(__file__).parents[4] / "shared" / "data" / "services_guangdong.jsonl"
WORDS = {
    "就业创业": "失业登记求职招聘岗位补贴",
    "交通出行": "驾驶证公路客运车辆年审",
    "医疗卫生": "医师执业医院诊所消毒",
}


def items_of(n: int, seed: int = 0) -> list[Item]:
    draw = random.Random(seed)
    made = []
    for k in range(n):
        theme = draw.choice([*WORDS, "其他"])
        words = WORDS.get(theme, "档案查询印章刻制公示")
        title = "".join(draw.sample(words, 6)) + "办理"
        made.append(an_item(f"{theme}-{k}", item_type="service", title=title, theme=[theme]))
    return made


def test_themes_are_found_again_and_what_says_nothing_is_never_suggested() -> None:
    classifier = learn_themes(items_of(240))
    assert classifier.themes == ("theme:交通出行", "theme:医疗卫生", "theme:就业创业")
    fresh = items_of(80, seed=1)
    found = classifier.suggestions(fresh)
    right = sum(set(found.get(item.item_id, ())) == {f"theme:{w}" for w in item.theme if w != "其他"} for item in fresh)
    assert right >= 76
    sure = classifier.confidences(fresh)
    assert sure.min() >= 0
    assert sure.max() <= 1
    assert all(value >= classifier.threshold for tags in found.values() for value in tags.values())


def test_learning_twice_gives_the_same() -> None:
    fresh = items_of(20, seed=2)
    np.testing.assert_array_equal(*(learn_themes(items_of(160)).confidences(fresh) for _ in range(2)))


def test_a_theme_of_few_items_is_not_learned_and_none_at_all_is_said() -> None:
    few = [an_item(f"tax-{k}", title="纳税申报", theme=["税务"]) for k in range(19)]
    assert "theme:税务" not in themes_to_learn(items_of(160) + few)
    assert "theme:税务" in themes_to_learn([*few, an_item("one-more", theme=["税务"])])
    with pytest.raises(InvalidInput, match="got 19 items with a governed theme, and no theme that 20 of them have"):
        learn_themes(few)


def test_only_items_without_a_governed_theme_lack_one() -> None:
    without = (
        an_item("a"),
        an_item("b", theme=["自造词"]),
        an_item("c", theme=["其他"]),
        an_item("d", status="withdrawn"),
    )
    assert [item.item_id for item in lacking([*without, an_item("e", theme=["就业创业"])])] == ["a", "b"]


def test_micro_f1_by_hand() -> None:
    truth = np.array([[1, 0], [0, 1], [1, 1]], dtype=bool)
    said = np.array([[1, 1], [0, 0], [1, 0]], dtype=bool)
    assert micro_f1(truth, said) == pytest.approx(2 * 2 / (4 + 3))  # two right, four true, three said
    assert micro_f1(truth, np.zeros_like(truth)) == 0.0


def test_the_threshold_is_the_best_of_those_tried() -> None:
    truth = np.array([[1], [1], [0], [0]], dtype=bool)
    assert 0.4 < best_threshold(truth, np.array([[0.9], [0.6], [0.4], [0.1]])) <= 0.6


def test_calibration_by_hand() -> None:
    truth = np.array([[1, 0], [1, 0]], dtype=bool)
    # 0.05 is not read; of 0.95, 0.95 both are right, 0.35 is wrong: (2 * 0.05 + 1 * 0.35) / 3
    assert calibration(truth, np.array([[0.95, 0.35], [0.95, 0.05]])) == pytest.approx(0.15)


def test_the_threshold_never_sees_the_held_out_third(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[int] = []

    def learn(items: list[Item], themes: object) -> object:
        learned.append(len(items))
        return learn_themes(items, themes)  # type: ignore[arg-type]

    monkeypatch.setattr("operations.evaluation.tags.learn_themes", learn)
    figures = evaluate_tags(items_of(240))
    assert (learned, figures["held_out"]) == ([160], 80)
    assert figures["ok"]


@pytest.mark.data
def test_themes_of_real_services_are_told() -> None:
    if not DATA.is_file():
        pytest.skip(f"{DATA.name} is not beside the project")
    done = CliRunner().invoke(app, ["evaluate", "tags", "--data", str(DATA), "--json"])
    figures = json.loads(done.stdout)
    assert done.exit_code == 0
    assert figures["micro_f1"] >= 0.80
    assert figures["themes"] == len(figures["by_theme"]) == 14
    assert min(one["items"] for one in figures["by_theme"].values()) >= 20
    assert abs(figures["held_out"] / figures["items"] - 1 / 3) < 0.001
