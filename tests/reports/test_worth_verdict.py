"""The sentence that leads the report: each answer, and all that keeps it from being given."""

from __future__ import annotations

import numpy as np
import pytest

from civicrec.reports.comparison.proportions import Arm
from civicrec.reports.worth import _rows
from civicrec.reports.worth_counts import OUTCOMES, Counts
from civicrec.reports.worth_verdict import Verdict, verdict_of


def counts(treated: tuple[int, int], control: tuple[int, int], share: float = 0.05, **facts: object) -> Counts:
    arms = [dict.fromkeys(OUTCOMES, Arm(*arm)) for arm in (treated, control)]
    given = {"entered": (treated[1], control[1]), "shares": (share,)} | facts
    return Counts(arms[0], arms[1], **given)  # type: ignore[arg-type]


def test_a_clear_gain_is_told_with_both_rates_and_the_interval() -> None:
    found = verdict_of(counts((28_500, 190_000), (1_200, 10_000)), days=30)
    assert found.answer == "worked"
    assert found.sentence == (
        "有效：个性化推荐的访客中 15.0% 在 7 天内点击过列表，通用列表的访客中为 12.0%，"
        "高 3.00 个百分点（95% 置信区间 1.91 至 4.09），相对提高 25.0%。"
    )
    assert found.days_left is None


def test_a_loss_is_told_as_one() -> None:
    found = verdict_of(counts((22_800, 190_000), (1_500, 10_000)), days=30)
    assert found.answer == "did_not"
    assert found.sentence.startswith("无效：个性化推荐反而使点击减少")
    assert "低 3.00 个百分点（95% 置信区间 1.82 至 4.18）" in found.sentence


def test_nothing_gained_is_told_once_the_interval_is_narrow() -> None:
    found = verdict_of(counts((950_000, 1_900_000), (50_000, 100_000)), days=30)
    assert found.answer == "did_not"
    assert "即使有提高，相对也不到 10%" in found.sentence


def test_too_few_people_are_told_with_the_days_still_needed() -> None:
    found = verdict_of(counts((2_850, 19_000), (150, 1_000)), days=10)
    assert found.answer == "not_yet"
    assert found.days_left is not None
    assert f"按目前的访问量还需约 {found.days_left} 天" in found.sentence
    # After so many days of as many people a difference of a tenth is found in four of five cases.
    rng, people = np.random.default_rng(11), 20_000 + found.days_left * 2_000
    held_out = people // 20
    answers = [
        verdict_of(counts((int(a), people - held_out), (int(b), held_out)), days=99).answer
        for a, b in zip(
            rng.binomial(people - held_out, 0.165, 400), rng.binomial(held_out, 0.15, 400), strict=True
        )
    ]  # fmt: skip
    assert answers.count("worked") / len(answers) >= 0.75


def test_enough_people_without_a_difference_to_be_sure_of_promise_no_days() -> None:
    found = verdict_of(counts((39_520, 380_000), (2_000, 20_000)), days=30)
    assert (found.answer, found.days_left) == ("not_yet", 0)
    assert "差异可能小于相对 10%，需继续观察" in found.sentence


def test_years_are_not_counted_in_days() -> None:
    found = verdict_of(counts((20, 190), (11, 100), share=1 / 3), days=100)
    assert "还需一年以上" in found.sentence


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"shares": ()}, "没有划分对照组的访客"),
        ({"shares": (0.05, 0.1)}, "比例在统计范围内改变过（0.05、0.1）"),
        ({"mixed": 500}, "有 500 名访客先后在两组"),
        ({"entered": (190_000, 12_000)}, "不符（p = "),
    ],
)
def test_what_cannot_be_known_says_why_and_shows_no_figure(facts: dict[str, object], words: str) -> None:
    given = counts((28_500, 190_000), (1_200, 10_000), **({"entered": (19_000, 1_000)} | facts))
    found = verdict_of(given, days=30)
    assert found.answer == "cannot"
    assert found.sentence.startswith("无法判断（")
    assert words in found.sentence
    rows, _ = _rows(given, 1_000.0, public=True)
    assert [set(row) for row in rows] == [{"outcome", "words"}] * len(OUTCOMES)


def test_a_few_forged_requests_do_not_stop_the_report() -> None:
    assert verdict_of(counts((28_500, 190_000), (1_200, 10_000), mixed=900), days=30).answer == "worked"


def test_few_people_are_hidden_and_told_to_nobody() -> None:
    few = counts((40, 190), (9, 100), share=0.3448)
    rows, hidden = _rows(few, 10.0, public=True)
    assert hidden == len(OUTCOMES)
    assert all("held_out" not in row for row in rows)
    assert _rows(few, 10.0, public=False)[0][0]["held_out"] == 9
    assert verdict_of(few, days=10).sentence.startswith("尚不能判断：点击人数还太少")


def test_an_arm_of_few_people_is_not_counted_in_the_sentence_either() -> None:
    found = verdict_of(counts((40, 900), (1, 3), entered=(900, 3)), days=10)
    assert "两组人数（900 比 不足 10）与设定的比例（0.95 比 0.05）不符" in found.sentence


def test_nobody_yet_is_no_error() -> None:
    nobody = counts((0, 0), (0, 0), entered=(19, 1))
    assert verdict_of(nobody, days=1) == Verdict("not_yet", "尚不能判断：还没有访客看到列表满 7 天。")
    rows, hidden = _rows(nobody, 20.0, public=True)
    assert hidden == 0
    assert rows[0]["recommended_rate"] is None


def test_no_click_at_all_promises_no_days() -> None:
    found = verdict_of(counts((0, 950), (0, 50)), days=10)
    assert (found.sentence, found.days_left) == ("尚不能判断：点击人数还太少。", None)
