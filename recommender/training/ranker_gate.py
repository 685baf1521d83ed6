"""The ranker's gate: whether what was learned may order lists. Pure: places of clicked items in, a `RankerGate` out.

Asked for are the newest clicks, which learned weights did not see: by these weights, by the declared ones, by those in
force yesterday, and by each single signal. As in `gate`, what is no worse must not be refused by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.manifest import RankerGate
from recommender.training.gate import Difference, difference

#: Places that count: those of a page.
K = 10


def gains(places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 / rank of 0-based places, 0 beyond the first `K`."""
    return np.where(places < K, 1.0 / (1.0 + places), 0.0)


def judge_ranker(
    learned: NDArray[np.int64], declared: NDArray[np.int64], earlier: NDArray[np.int64] | None,
    singles: Mapping[str, NDArray[np.int64]], visitors: Sequence[str],
) -> RankerGate:  # fmt: skip
    """Decide which weights order lists: what was learned, what was in force, or what the scene declares.

    Parameters
    ----------
    learned, declared, earlier
        (n,) 0-based place of each clicked item by each weights; `earlier` by those in force.
    singles
        Signal → the same by this signal alone.
    visitors
        Who clicked: one visitor's clicks are no independent proofs.

    Returns
    -------
    RankerGate
        What was learned rules unless it finds no more than declared weights do, or clearly less than the best single
        signal, or than the weights in force. Then these go on where they find more than the declared ones do.
    """
    single = max(singles, key=lambda name: float(gains(singles[name]).mean()), default="")
    places = {"learned": learned, "declared": declared}
    if earlier is not None:
        places["earlier"] = earlier
    if single:
        places[single] = singles[single]
    of_visitor = np.unique(visitors, return_inverse=True)[1]
    sizes = np.bincount(of_visitor)
    mean = {name: float(gains(one).mean()) for name, one in places.items()}
    by_visitor = {name: np.bincount(of_visitor, gains(one)) / sizes for name, one in places.items()}
    gaps: dict[str, Difference] = {
        name: difference(by_visitor["learned"], one) for name, one in by_visitor.items() if name != "learned"
    }

    def gate(decision: str, why: str) -> RankerGate:
        against = {name: (round(gap.mean, 4), round(gap.low, 4), round(gap.high, 4)) for name, gap in gaps.items()}
        return RankerGate(decision, why, len(learned), {name: round(one, 4) for name, one in mean.items()}, against)  # type: ignore[arg-type]  # one of three words

    fallback = "earlier" if mean.get("earlier", 0.0) > mean["declared"] else "declared"
    otherwise = "kept" if fallback == "earlier" else "declared"
    if mean["learned"] <= mean["declared"]:
        return gate(otherwise, "finds no more than declared weights do")
    if single and gaps[single].is_clear_loss and not difference(by_visitor[fallback], by_visitor[single]).is_clear_loss:
        return gate(otherwise, f"finds clearly less than {single} alone, which {fallback} weights do not")
    if fallback == "earlier" and gaps["earlier"].is_clear_loss:
        return gate("kept", "finds clearly less than the weights in force")
    return gate("learned", "loses to nothing clearly")
