"""What the arms say of personalisation, as one sentence an office can print. Pure: counts in, a `Verdict` out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from civicrec.crowds import K_ANONYMITY
from civicrec.reports.comparison.power import WORTH_KNOWING, days_left, people_in_sequence
from civicrec.reports.comparison.proportions import Arm, Estimate, lift
from civicrec.reports.comparison.sequence import running_difference
from civicrec.reports.comparison.split import is_uneven, split_p
from civicrec.reports.worth_counts import OUTCOME_DAYS, Counts

Answer = Literal["worked", "did_not", "not_yet", "cannot"]
WORDS: dict[Answer, str] = {"worked": "有效", "did_not": "无效", "not_yet": "尚不能判断", "cannot": "无法判断"}

MAX_MIXED = 0.01
"""Share of the people who may have had lists of both arms: some requests are forged, more means that arms changed."""

_LONG_DAYS = 365


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether personalisation works, and the sentence that says so.

    Attributes
    ----------
    days_left
        Days until a lift of `WORTH_KNOWING` would be found, where that is not known yet and can be said.
    """

    answer: Answer
    sentence: str
    days_left: int | None = None


def verdict_of(counts: Counts, days: int) -> Verdict:
    """Return what the counts say.

    Parameters
    ----------
    days
        In which they came.
    """
    if why := obstacle(counts):
        return _verdict("cannot", why)
    treated, control = counts.recommended["click"], counts.held_out["click"]
    seen, relative = running_difference(treated, control), lift(treated, control)
    if seen is not None and seen.low > 0 and relative is not None:
        return _verdict("worked", f"{_rates(treated, control)}，高 {_points(seen)}，相对提高 {relative.value:.1%}")
    if seen is not None and seen.high < 0:
        return _verdict("did_not", f"个性化推荐反而使点击减少：{_rates(treated, control)}，低 {_points(_turned(seen))}")
    if seen is not None and seen.high < WORTH_KNOWING * control.did / control.people:
        return _verdict(
            "did_not", f"{_rates(treated, control)}，相差 {_points(seen)}，即使有提高，相对也不到 {WORTH_KNOWING:.0%}"
        )
    left = days_of(treated, control, sum(counts.entered) / days, counts.shares[0])
    return _verdict("not_yet", _waiting(seen, counts, left), left)


def obstacle(counts: Counts) -> str:
    """Return why the arms cannot be compared at all, in Chinese; empty if they can."""
    n_people = sum(counts.entered) + counts.mixed
    if not counts.shares or not n_people:
        return "统计范围内没有划分对照组的访客（未设置 CIVICREC_SERVING__HOLDOUT_SHARE，或列表记录未保存）"
    if len(counts.shares) > 1:
        shares = "、".join(f"{share:.3g}" for share in counts.shares)
        return f"对照组的比例在统计范围内改变过（{shares}），请从改变之后的日期起统计"
    if counts.mixed > MAX_MIXED * n_people:
        n = f" {counts.mixed} 名" if counts.mixed >= K_ANONYMITY else "部分"
        return f"有{n}访客先后在两组（对照组曾重新抽取），请从重新抽取之后的日期起统计"
    shares_of = split_shares(counts)
    if is_uneven(counts.entered, shares_of):
        were, should = " 比 ".join(map(_people, counts.entered)), f"{shares_of[0]:.3g} 比 {shares_of[1]:.3g}"
        p = split_p(counts.entered, shares_of)
        return f"两组人数（{were}）与设定的比例（{should}）不符（p = {p:.1g}），分组或记录有误，结果已隐藏"
    return ""


def split_shares(counts: Counts) -> tuple[float, float]:
    """Return which share of the people each arm should have: recommended, held out."""
    return 1 - counts.shares[0], counts.shares[0]


def days_of(treated: Arm, control: Arm, a_day: float, share: float) -> int | None:
    """Return the days until a lift of `WORTH_KNOWING` would be found; 0 if so many came, ``None`` if nobody can say."""
    people = treated.people + control.people
    did = treated.did + control.did
    if not 0 < did < people:
        return None
    rate = did / people  # of both: of a few held-out visitors alone it would jump from day to day
    found = WORTH_KNOWING if rate * (1 + WORTH_KNOWING) <= 1 else -WORTH_KNOWING
    return days_left(people_in_sequence(rate, share, found), people, a_day)


def time_left(days: int) -> str:
    """Say how long it still takes: beyond a year, days would promise what nobody knows."""
    return f"约 {days} 天" if days <= _LONG_DAYS else "一年以上"


def _verdict(answer: Answer, why: str, left: int | None = None) -> Verdict:
    return Verdict(answer, f"{WORDS[answer]}：{why}。" if answer != "cannot" else f"{WORDS[answer]}（{why}）。", left)


def _people(n: int) -> str:
    return f"不足 {K_ANONYMITY}" if 0 < n < K_ANONYMITY else str(n)


def _rates(treated: Arm, control: Arm) -> str:
    return (
        f"个性化推荐的访客中 {treated.did / treated.people:.1%} 在 {OUTCOME_DAYS} 天内点击过列表，"
        f"通用列表的访客中为 {control.did / control.people:.1%}"
    )


def _points(seen: Estimate) -> str:
    value, low, high = (f"{bound * 100:.2f}" for bound in (seen.value, seen.low, seen.high))
    return f"{value} 个百分点（95% 置信区间 {low} 至 {high}）"


def _turned(seen: Estimate) -> Estimate:
    return Estimate(-seen.value, -seen.high, -seen.low)


def _waiting(seen: Estimate | None, counts: Counts, left: int | None) -> str:
    people = counts.recommended["click"].people + counts.held_out["click"].people
    if not people:
        return f"还没有访客看到列表满 {OUTCOME_DAYS} 天"
    begun = "点击人数还太少" if seen is None else f"两组点击率相差 {_points(seen)}，置信区间包含 0"
    if left is None:
        return begun
    if left == 0:
        return f"{begun}，差异可能小于相对 {WORTH_KNOWING:.0%}，需继续观察"
    return f"{begun}，按目前的访问量还需{time_left(left)}"
