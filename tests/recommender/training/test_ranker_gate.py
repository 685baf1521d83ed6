"""Which weights may order a scene's lists."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.manifest import RankerGate
from recommender.training.ranker_gate import gains, judge_ranker

N = 1_000
VISITORS = [f"v{n}" for n in range(N)]


def places(first: float, seed: int = 0) -> NDArray[np.int64]:
    """Places of which this share is the first, all others far behind."""
    return np.where(np.random.default_rng(seed).random(N) < first, 0, 99)


def judged(learned: float, declared: float, earlier: float | None, **singles: float) -> RankerGate:
    return judge_ranker(
        places(learned), places(declared), None if earlier is None else places(earlier),
        {name: places(share) for name, share in singles.items()}, VISITORS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("learned", "declared", "earlier", "single", "decision", "why"),
    [
        (0.4, 0.3, None, 0.3, "learned", "loses to nothing"),
        (0.3, 0.3, None, 0.2, "declared", "no more than declared"),
        (0.4, 0.3, 0.5, 0.3, "kept", "clearly less than the weights in force"),
        (0.4, 0.3, 0.402, 0.3, "learned", "loses to nothing"),
        (0.4, 0.3, 0.5, 0.6, "kept", "clearly less than the weights in force"),
        (0.4, 0.3, None, 0.6, "learned", "loses to nothing"),
    ],
)
def test_what_is_learned_rules_unless_it_loses(
    learned: float, declared: float, earlier: float | None, single: float, decision: str, why: str
) -> None:
    gate = judged(learned, declared, earlier, trending=single, als=0.1)
    assert (gate.decision, why in gate.why) == (decision, True), gate
    assert set(gate.mrr) == {"learned", "declared", "trending"} | ({"earlier"} if earlier is not None else set())
    assert gate.mrr["trending"] == pytest.approx(float(np.mean(places(single) == 0)))
    assert gate.against["trending"][0] == pytest.approx(gate.mrr["learned"] - gate.mrr["trending"], abs=2e-4)


def test_declared_weights_stay_where_only_learned_ones_clearly_lose_to_one_signal() -> None:
    single = np.zeros(N, np.int64)
    learned, declared = single.copy(), single.copy()
    learned[100:120] = 99  # of twenty visitors, each with one click
    declared[:30] = 99  # of one visitor
    visitors = ["busy"] * 30 + VISITORS[30:]
    gate = judge_ranker(learned, declared, None, {"trending": single}, visitors)
    assert gate.mrr["learned"] > gate.mrr["declared"]
    assert (gate.decision, gate.why) == (
        "declared",
        "finds clearly less than trending alone, which declared weights do not",
    )


def test_many_clicks_of_one_visitor_are_no_proof() -> None:
    learned, earlier, declared = places(0.3), places(0.5), places(0.2)
    assert judge_ranker(learned, declared, earlier, {}, VISITORS).decision == "kept"
    assert judge_ranker(learned, declared, earlier, {}, ["one", *["another"] * (N - 1)]).decision == "learned"


def test_a_click_behind_the_tenth_place_counts_nothing() -> None:
    assert gains(np.array([0, 1, 9, 10, 400])).mean() == pytest.approx((1 + 1 / 2 + 1 / 10) / 5)
