"""Candidates by item-item: votes of the nightly neighbours, and live co-clicks of the last days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.scored import NOTHING, Question, Scored, best, places_of, summed

#: Newest items of a history whose live co-clicks are asked for: one pipeline, a hundred pairs.
MAX_CO_CLICK_VOTERS = 5


class Votes(NamedTuple):
    """What a history's rows of the nightly model say.

    Attributes
    ----------
    voters
        The h rows that speak.
    rows, votes
        (h, k) for which row, and how loud (below 0 is against). A neighbour that is not here is row 0 with a vote of 0.
    """

    voters: list[int]
    rows: NDArray[np.int64]
    votes: NDArray[np.float64]


def item_item_candidates(question: Question, n: int) -> Scored:
    """Return the items that the history votes for; negative weights of EASE count against."""
    cast = model_votes(question)
    if cast is None:
        return NOTHING
    rows = cast.rows.ravel()
    return best(question, rows, summed(question, rows, cast.votes.ravel()), n)


def model_votes(question: Question) -> Votes | None:
    """Return the votes of the history's rows of the item-item model, ``None`` if the model knows none of them.

    Their sums are `scoring.item_item_scores`, over the neighbours alone: a catalogue is a thousand times longer.
    """
    placed, known = question.signals.models, question.model_voters
    if placed is None or not known:
        return None
    cast: Votes | None = question.memo.get("votes")
    if cast is None:
        places = list(known.values())
        says = np.array([question.voters[voter] for voter in known])
        rows = placed.row_of_model[placed.models.neighbours[places]]
        votes = placed.models.neighbour_weights[places] * says[:, None]
        is_gone = rows < 0
        rows[is_gone], votes[is_gone] = 0, 0.0
        cast = question.memo["votes"] = Votes(list(known), rows, votes)
    return cast


def loudest_votes(question: Question, rows: Sequence[int]) -> dict[int, tuple[float, int]]:
    """Return row → the largest vote for it and whose it is, of those rows that have votes."""
    cast = model_votes(question)
    if cast is None:
        return {}
    flat, width = cast.rows.ravel(), cast.rows.shape[1]
    places = places_of(question, rows, flat)
    loudest: dict[int, tuple[float, int]] = {}
    for row, vote, place in zip(
        flat[places].tolist(), cast.votes.ravel()[places].tolist(), places.tolist(), strict=True
    ):
        if row not in loudest or vote > loudest[row][0]:
            loudest[row] = vote, cast.voters[place // width]
    return loudest


def co_click_candidates(question: Question, n: int) -> Scored:
    """Return what was clicked by the same actors as the newest items of the history; each of them has one vote.

    A pair that the nightly model has seen is left to the model, which knows more about it than a count, and counts
    favour what everybody clicks: on MSWEB, where all pairs are known, letting counts speak too costs 0.008 of recall.
    """
    rows: list[int] = []
    votes: list[float] = []
    for voter, say in list(question.voters.items())[:MAX_CO_CLICK_VOTERS]:
        if near := live_neighbours(question, voter):
            heaviest = max(near.values())
            rows += near
            votes += [say * weight / heaviest for weight in near.values()]
    if not rows:
        return NOTHING
    found = np.array(rows, np.int64)
    return best(question, found, summed(question, found, np.array(votes)), n)


def live_neighbours(question: Question, voter: int) -> dict[int, float]:
    """Return row → weight > 0 of the voter's co-clicked items, pairs the nightly model knows left out."""
    known: dict[int, float] | None = question.memo.get(("near", voter))
    if known is not None:
        return known
    catalogue, placed = question.catalogue, question.signals.models
    rows = placed.unknown if placed is not None and voter in question.model_voters else catalogue.rows
    pairs = question.signals.co_clicks.get(catalogue.item_ids[voter], ())
    near = {row: weight for item_id, weight in pairs if weight > 0 and (row := rows.get(item_id)) is not None}
    question.memo["near", voter] = near
    return near
