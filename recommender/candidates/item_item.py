"""Candidates by item-item: votes of the nightly neighbours, and live co-clicks of the last days."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.scored import NOTHING, Question, Scored, best, summed

#: Newest items of a history whose live co-clicks are asked for: one pipeline, a hundred pairs.
MAX_CO_CLICK_VOTERS = 5


class Votes(NamedTuple):
    """One vote of the nightly model a line: who speaks, for which row, and how loud (below 0 is against)."""

    voters: NDArray[np.int64]
    rows: NDArray[np.int64]
    votes: NDArray[np.float64]


def item_item_candidates(question: Question, n: int) -> Scored:
    """Return the items that the history votes for; negative weights of EASE count against."""
    cast = model_votes(question)
    return best(question, *summed(cast.rows, cast.votes), n) if len(cast.rows) else NOTHING


def model_votes(question: Question) -> Votes:
    """Return the votes of the history's rows of the item-item model, for rows of this catalogue.

    Their sums are `scoring.item_item_scores`, over the neighbours alone: a catalogue is a thousand times longer.
    """
    cast: Votes | None = question.memo.get("votes")
    if cast is not None:
        return cast
    placed = question.signals.models
    voters = np.fromiter(question.voters, np.int64, len(question.voters))
    says = np.fromiter(question.voters.values(), np.float64, len(question.voters))
    places = np.full(len(voters), -1, np.int64) if placed is None else placed.model_of_row[voters]
    voters, says, places = voters[places >= 0], says[places >= 0], places[places >= 0]
    if placed is None or not len(voters):
        cast = Votes(NOTHING.rows, NOTHING.rows, NOTHING.scores)
    else:
        near = placed.models.neighbours[places]
        rows = np.where(near >= 0, placed.row_of_model[near], -1).ravel()
        votes = (placed.models.neighbour_weights[places] * says[:, None]).ravel()
        there = (rows >= 0) & (votes != 0)
        cast = Votes(np.repeat(voters, near.shape[1])[there], rows[there], votes[there])
    question.memo["votes"] = cast
    return cast


def co_click_candidates(question: Question, n: int) -> Scored:
    """Return what was clicked by the same actors as the newest items of the history; each of them has one vote.

    A pair that the nightly model has seen is left to the model, which knows more about it than a count, and counts
    favour what everybody clicks: on MSWEB, where all pairs are known, letting counts speak too costs 0.008 of recall.
    """
    rows: list[int] = []
    votes: list[float] = []
    for voter, say in list(question.voters.items())[:MAX_CO_CLICK_VOTERS]:
        near = live_neighbours(question, voter)
        heaviest = max(near.values(), default=0.0)
        rows += near
        votes += [say * weight / heaviest for weight in near.values()]
    if not rows:
        return NOTHING
    return best(question, *summed(np.array(rows, np.int64), np.array(votes)), n)


def live_neighbours(question: Question, voter: int) -> dict[int, float]:
    """Return row → weight > 0 of the voter's co-clicked items, pairs the nightly model knows left out."""
    known: dict[int, float] | None = question.memo.get(("near", voter))
    if known is not None:
        return known
    catalogue, placed = question.catalogue, question.signals.models
    pairs = question.signals.co_clicks.get(catalogue.item_ids[voter], ())
    near = {row: weight for item_id, weight in pairs if weight > 0 and (row := catalogue.rows.get(item_id)) is not None}
    if placed is not None and placed.model_of_row[voter] >= 0:
        of_model = placed.model_of_row[list(near)].tolist()
        near = {row: weight for (row, weight), place in zip(near.items(), of_model, strict=True) if place < 0}
    question.memo["near", voter] = near
    return near
