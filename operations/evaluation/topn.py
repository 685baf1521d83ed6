"""Top-N on held-out rows: a part of each user's, or each item's, rows is hidden; lists of the rest are asked for them.

In: interactions, how to cut them. Out: nDCG, MAP, precision and recall of the list as served and of single models.
The cut is that of the `recommenders` project's stratified split, in the file's own row order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from civicrec.clock import monotonic_s
from civicrec.errors import InvalidInput
from civicrec.process.progress import ShowProgress
from civicrec.settings import Settings
from recommender.evaluation.all_but_one import ANY_TIME, Recommender, recommenders, served
from recommender.evaluation.metrics import ndcg_at, recall_at
from recommender.training.evaluate import Row, pairs_of
from recommender.training.interactions import interactions_of
from recommender.training.train import train as train_models

By = Literal["user", "item"]


@dataclass(frozen=True, slots=True)
class Cut:
    """Rows to learn from and rows to ask for, both in the file's order."""

    train: list[Row]
    test: list[Row]


def stratified(rows: Sequence[Row], by: By, test_fraction: float, seed: int) -> Cut:
    """Hide the same share of every user's, or item's, rows: those with the largest of random numbers drawn row by row.

    Examples
    --------
    >>> rows = [Row("u", f"i{n}", n, 1.0) for n in range(4)]
    >>> cut = stratified(rows, "user", 0.25, 42)
    >>> len(cut.train), len(cut.test)
    (3, 1)
    """
    groups = np.unique([row.user_id if by == "user" else row.item_id for row in rows], return_inverse=True)[1]
    order = np.lexsort((np.random.RandomState(seed).rand(len(rows)), groups))
    sizes = np.bincount(groups)
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    ranks = np.empty(len(rows), np.int64)
    ranks[order] = np.arange(len(rows)) - np.repeat(starts, sizes) + 1
    is_train = ranks <= np.round((1.0 - test_fraction) * sizes[groups])
    return Cut(
        [row for row, known in zip(rows, is_train, strict=True) if known],
        [row for row, known in zip(rows, is_train, strict=True) if not known],
    )


def evaluate_topn(
    rows: Sequence[Row], settings: Settings, *, by: By = "item", test_fraction: float = 0.25,
    seeds: Sequence[int] = (42,), k: int = 10, report: ShowProgress = lambda *_: None,
) -> dict[str, Any]:  # fmt: skip
    """Return ``seeds``: seed → algorithm → measures, and their ``mean``.

    ``served`` is the list of the front page for what the online store would hold of the user; ties of time go by row.
    Knobs are chosen on a part of the training rows.

    Raises
    ------
    InvalidInput
        If nothing is left to learn from or to ask for.
    """
    by_seed: dict[str, dict[str, dict[str, float]]] = {}
    for place, seed in enumerate(seeds):
        report("seeds", place, len(seeds))
        cut = stratified(rows, by, test_fraction, seed)
        if not cut.train or not cut.test:
            raise InvalidInput(f"{len(rows)} rows cut at {test_fraction} leave nothing to learn or nothing to ask")
        by_seed[str(seed)] = _of_seed(cut, settings, k)
    report("seeds", len(seeds), len(seeds))
    algorithms = next(iter(by_seed.values()))
    mean = {
        name: {
            measure: round(float(np.mean([figures[name][measure] for figures in by_seed.values()])), 4)
            for measure in measures
        }
        for name, measures in algorithms.items()
    }
    return {"by": by, "test_fraction": test_fraction, "k": k, "seeds": by_seed, "mean": mean}


def _of_seed(cut: Cut, settings: Settings, k: int) -> dict[str, dict[str, float]]:
    began_s = monotonic_s()
    data = interactions_of(pairs_of((row, 1.0) for row in cut.train))
    models = train_models(data, "evaluation", settings.training)
    trained_s = monotonic_s() - began_s
    known: dict[str, list[str]] = {}
    for row in sorted(cut.train, key=lambda row: row.at_s):
        known.setdefault(row.user_id, []).append(row.item_id)
    wanted: dict[str, set[str]] = {}
    for row in cut.test:
        wanted.setdefault(row.user_id, set()).add(row.item_id)
    relevant = {user: items for user, items in wanted.items() if user in known}
    histories = {user: known[user] for user in relevant}
    figures = {}
    for name, ask in (recommenders(models) | {"served": served(models, ANY_TIME, k)}).items():
        began_s = monotonic_s()
        figures[name] = _measured(ask, histories, relevant, k, len(models.item_ids))
        figures[name]["seconds"] = round(monotonic_s() - began_s + trained_s, 2)
    return figures


def _measured(
    ask: Recommender, histories: Mapping[str, Sequence[str]], wanted: Mapping[str, set[str]], k: int, n_items: int
) -> dict[str, float]:
    ndcg = average_precision = precision = recall = 0.0
    shown: set[str] = set()
    for user, history in histories.items():
        ranked = list(ask(history))[:k]
        shown.update(ranked)
        hits = [item in wanted[user] for item in ranked]
        ndcg += ndcg_at(ranked, wanted[user], k)
        recall += recall_at(ranked, wanted[user], k)
        precision += sum(hits) / k
        average_precision += sum(
            sum(hits[: place + 1]) / (place + 1) for place, is_hit in enumerate(hits) if is_hit
        ) / len(wanted[user])  # fmt: skip
    n = max(1, len(histories))
    return {
        f"ndcg@{k}": round(ndcg / n, 4),
        f"map@{k}": round(average_precision / n, 4),
        f"precision@{k}": round(precision / n, 4),
        f"recall@{k}": round(recall / n, 4),
        "coverage": round(len(shown) / max(1, n_items), 4),
    }
