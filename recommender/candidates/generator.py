"""What a candidate generator is: the query it is asked, the candidates it answers, and how it speaks of them.

In: a `Query`. Out: `Scored`: distinct open rows with scores above 0, best first, at most n; and a `Reason` for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.titles import short_title
from recommender.catalogue import Catalogue
from recommender.derived import Derives
from recommender.request import Reason, ReasonCode, Source
from recommender.signals import Signals

#: Newest items of the history that candidates are derived from; of an older one only that it was seen is remembered.
MAX_SEEDS = 500
#: What the page's item weighs among the seeds, whose others weigh 1: the reader is there now.
CONTEXT_WEIGHT = 3.0


#: Reasons of one generator for one item: what a page may say instead of one it has said often.
MAX_ALTERNATIVES = 3
#: Kinds of reasons, the most credible last: what holds for anybody (热门, 最新, 大家常看), a taste in general, a word
#: or a date, what others did, what an editor or a text says.
GENERAL, TASTE, WORD, BEHAVIOUR, EDITORIAL = range(5)


class Scored(NamedTuple):
    """Candidates of one generator; scores are above 0 and comparable within it only."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]


NOTHING = Scored(np.zeros(0, np.int64), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Query(Derives):
    """For whom and for what candidates are sought; what candidates and reasons both need is worked out `once`.

    Nothing of that looks at `open_rows`: the lists of one page have it in common.

    Attributes
    ----------
    open_rows
        (n,) mask of rows that may be answered: eligible, not hidden from this caller, not seen.
    history
        Rows the actor interacted with, newest first, each once.
    seen_before
        Rows the actor interacted with longer ago, newest first: only known not to be new.
    context
        Row of the page's item, -1 for none.
    last_ms
        When the newest of the history was, epoch ms; 0 where there is none.
    done
        Rows of the services that the actor completed last, newest first.
    tags
        Tag name → weight > 0 of the actor's profile.
    deleted_tags
        Names of tags the actor deleted: the history says nothing of them, the page's item says what it says to anybody.
    """

    catalogue: Catalogue
    signals: Signals
    open_rows: NDArray[np.bool_]
    now_ms: int
    history: tuple[int, ...] = ()
    seen_before: tuple[int, ...] = ()
    context: int = -1
    tags: Mapping[str, float] = field(default_factory=dict)
    done: tuple[int, ...] = ()
    last_ms: int = 0
    deleted_tags: frozenset[str] = frozenset()

    @property
    def scratch(self) -> NDArray[np.int32]:
        """One number a row of the catalogue, to write before it is read: finds equal rows without sorting them."""
        return self.once(_scratch)

    @property
    def seeds(self) -> dict[int, float]:
        """Seed items, the rows that candidates are derived from, with their weights."""
        return self.once(_seeds)

    @property
    def deleted_numbers(self) -> frozenset[int]:
        """Numbers, in the catalogue, of the tags the actor deleted."""
        return self.once(_deleted_numbers)

    @property
    def told_seeds(self) -> dict[int, float]:
        """Seeds whose words may be looked for elsewhere: none of the history that carries a tag the actor deleted."""
        return self.once(_told_seeds)

    @property
    def model_seeds(self) -> dict[int, int]:
        """Seed item → its row in the nightly models, of those they know."""
        return self.once(_model_seeds)

    def among(self, open_rows: NDArray[np.bool_]) -> Query:
        """Return the query of the same reader for other rows; they share what is worked out, which is of the reader."""
        other = copy(self)
        object.__setattr__(other, "open_rows", open_rows)
        return other

    def title(self, row: int) -> str:
        """Return the title of an item, short enough for a reason."""
        return short_title(self.catalogue.title(row))


def _scratch(query: Query) -> NDArray[np.int32]:
    return np.empty(len(query.catalogue), np.int32)


def _seeds(query: Query) -> dict[int, float]:
    seeds = {query.context: CONTEXT_WEIGHT} if query.context >= 0 else {}
    seeds.update((row, 1.0) for row in query.history[:MAX_SEEDS] if row != query.context)
    return seeds


def _deleted_numbers(query: Query) -> frozenset[int]:
    numbers = query.catalogue.tag_numbers
    return frozenset(numbers[name] for name in query.deleted_tags if name in numbers)


def _told_seeds(query: Query) -> dict[int, float]:
    deleted, tags = query.deleted_numbers, query.catalogue.tags
    if not deleted:
        return query.seeds
    return {row: weight for row, weight in query.seeds.items() if row == query.context or deleted.isdisjoint(tags[row])}


def _model_seeds(query: Query) -> dict[int, int]:
    placed, rows = query.signals.models, list(query.seeds)
    places = placed.model_of_row[rows].tolist() if placed and rows else []
    return {row: place for row, place in zip(rows, places, strict=False) if place >= 0}


class Candidates(Protocol):
    """Finds candidates. Deterministic: equal scores go by row."""

    def __call__(self, query: Query, n: int) -> Scored:
        """Return at most `n` candidates, best first."""
        ...


class Reasons(Protocol):
    """Says why rows are in a list, and only what is true and credible, whoever proposed them."""

    def __call__(self, query: Query, rows: Sequence[int]) -> Mapping[int, Sequence[Reason]]:
        """Return row → reasons, the strongest first, at most `MAX_ALTERNATIVES`; nothing of what cannot be proved."""
        ...


@dataclass(frozen=True, slots=True)
class Generator:
    """All that the recommender knows of one source of candidates; `recommender.candidates` finds it by its file.

    Attributes
    ----------
    source
        Its name in scene files, in lists and in metrics.
    candidates, reasons
        What it finds, and why.
    codes
        The codes its reasons may carry.
    caption
        What the transparency page says of it.
    weight
        Worth of its best candidate in a scene that names no weights of its own, relative to the nightly item-item
        model; 0 for a source that only those scenes ask that name it.
    credibility
        Of two reasons of an item that with the larger comes first; of reasons with the same, that of the generator
        with the larger part of the score.
    tells_of_any
        Its reasons are facts of an item: they are asked for whoever proposed it.
    """

    source: Source
    candidates: Candidates
    reasons: Reasons
    codes: tuple[ReasonCode, ...]
    caption: str
    weight: float = 0.0
    credibility: int = BEHAVIOUR
    tells_of_any: bool = False
