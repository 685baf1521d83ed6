"""How well themes are told from the words of items: a third is held out, the rest is learned from.

In: items with themes. Out: figures. The threshold is chosen on what is learned from; the held-out third is looked at
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from civicrec.errors import InvalidInput
from civicrec.items import Item
from civicrec.tags import split_tag
from recommender.training.item_tags import learn_themes, micro_f1, themes_of, themes_to_learn, truth_of

HELD_OUT = 1 / 3
#: Confidences below are hardly ever read.
_READ_FROM = 0.1
_BINS = 10


def evaluate_tags(items: Sequence[Item], *, least: float = 0.8, seed: int = 0) -> dict[str, Any]:
    """Learn from two thirds of the items with a theme, and say how well the themes of the others are told.

    Parameters
    ----------
    least
        Micro-F1 that is asked for.
    seed
        Of the draw of the held-out third.

    Returns
    -------
    Over the themes of at least 20 items: micro-F1, precision, recall and F1 of each, the threshold, and `calibration`,
    the mean distance of confidences from the share that is right, in tenths. `as_most_frequent` is the micro-F1 of
    always saying the most frequent theme.

    Raises
    ------
    InvalidInput
        If no theme has enough items.
    """
    known = [item for item in items if themes_of(item)]
    themes = themes_to_learn(known)
    if not themes:
        raise InvalidInput(f"got {len(known)} items with a governed theme; expected some theme that 20 of them have")
    order = np.random.default_rng(seed).permutation(len(known))
    n_held = round(len(known) * HELD_OUT)
    held, rest = [known[k] for k in order[:n_held]], [known[k] for k in order[n_held:]]
    classifier = learn_themes(rest, themes)
    truth, sure = truth_of(held, themes), classifier.confidences(held)
    said = sure >= classifier.threshold
    figure = micro_f1(truth, said)
    return {
        "items": len(known), "held_out": len(held), "themes": len(themes), "threshold": classifier.threshold,
        "micro_f1": round(figure, 4), "asked": least, "ok": figure >= least,
        "precision": _share(truth & said, said), "recall": _share(truth & said, truth),
        "as_most_frequent": round(micro_f1(truth, _most_frequent(truth_of(rest, themes), len(held))), 4),
        "calibration": round(calibration(truth, sure), 4),
        "by_theme": {
            split_tag(theme)[1]: {
                "items": sum(theme in themes_of(item) for item in known),
                "held_out": int(truth[:, k].sum()),
                "precision": _share(truth[:, k] & said[:, k], said[:, k]),
                "recall": _share(truth[:, k] & said[:, k], truth[:, k]),
                "f1": round(micro_f1(truth[:, [k]], said[:, [k]]), 4),
            }
            for k, theme in enumerate(themes)
        },
    }  # fmt: skip


def calibration(truth: NDArray[np.bool_], sure: NDArray[np.float64]) -> float:
    """Return the mean distance between confidences from `_READ_FROM` on and the share of them that is right, by tenths.

    The expected calibration error of Naeini et al. 2015.
    """
    is_read = sure >= _READ_FROM
    right, said = truth[is_read], sure[is_read]
    if not len(said):
        return 0.0
    tenth = np.minimum((said * _BINS).astype(int), _BINS - 1)
    gaps = [(tenth == k).sum() * abs(right[tenth == k].mean() - said[tenth == k].mean()) for k in np.unique(tenth)]
    return float(sum(gaps) / len(said))


def _most_frequent(seen: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    said = np.zeros((n, seen.shape[1]), dtype=bool)
    said[:, seen.sum(axis=0).argmax()] = True
    return said


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float | None:
    return round(float(part.sum() / whole.sum()), 4) if whole.any() else None
