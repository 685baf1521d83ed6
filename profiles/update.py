"""Interests become tags: what somebody interacted with says, fading with time, what they care for.

In: (actor, item) interests and the tags of each item. Out: `TagWeights`. Pure; columns all the way, because a city
has millions of interests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TagWeights:
    """One row per (actor, tag), in order of actor and tag.

    Attributes
    ----------
    weights
        Float64 > 0: decayed interest in the items that carry the tag; 1 is a click at the end of the day.
    evidence
        How many different items the weight rests on.
    last_ms
        Epoch ms of the newest of those interests.
    """

    actors: list[str]
    tags: list[str]
    weights: NDArray[np.float64]
    evidence: NDArray[np.uint32]
    last_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.actors)

    def by_actor(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Yield each actor once, with tag → weight."""
        tags: dict[str, float] = {}
        for place, actor in enumerate(self.actors):
            tags[self.tags[place]] = float(self.weights[place])
            if place + 1 == len(self) or self.actors[place + 1] != actor:
                yield actor, tags
                tags = {}


def weigh_tags(
    interests: pa.Table,
    item_tags: Mapping[str, Sequence[str]],
    *,
    allowed: Collection[str],
    suppressed: AbstractSet[tuple[str, str]] = frozenset(),
) -> TagWeights:
    """Sum the decayed interests of each actor over the items that carry each tag.

    Parameters
    ----------
    interests
        Columns actor, item_id, decayed, last_ms; ordered by actor, each (actor, item) once.
    item_tags
        item id → tag names; an item that is absent carries none.
    allowed
        Tags behaviour may give (`Vocabulary.inferable`); all others are passed over.
    suppressed
        (actor, tag) pairs people deleted: never given again.
    """
    names = sorted({tag for tags in item_tags.values() for tag in tags} & set(allowed))
    number = {name: place for place, name in enumerate(names)}
    actors, actor_of = _numbered(interests.column("actor"))
    items, item_of = _numbered(interests.column("item_id"))
    tags_of = [sorted({number[tag] for tag in item_tags.get(item, ()) if tag in number}) for item in items]
    sizes = np.array([len(tags) for tags in tags_of], dtype=np.int64)
    starts = np.r_[0, np.cumsum(sizes)][:-1]
    flat = np.array([tag for tags in tags_of for tag in tags], dtype=np.int64)

    # Each interest is repeated once per tag of its item; then equal (actor, tag) keys are summed.
    times = sizes[item_of]
    within = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    tag_of = flat[np.repeat(starts[item_of], times) + within]
    keys, place_of = np.unique(np.repeat(actor_of, times) * max(1, len(names)) + tag_of, return_inverse=True)
    strengths = np.repeat(_floats(interests, "decayed"), times)
    weights = np.bincount(place_of, strengths, minlength=len(keys)).astype(np.float64)
    evidence = np.bincount(place_of, minlength=len(keys)).astype(np.uint32)
    last_ms = np.zeros(len(keys), dtype=np.int64)
    np.maximum.at(last_ms, place_of, np.repeat(interests.column("last_ms").to_numpy().astype(np.int64), times))

    pairs = [(actors[key // len(names)], names[key % len(names)]) for key in keys.tolist()]
    kept = np.array([pair not in suppressed for pair in pairs], dtype=bool) & (weights > 0)
    pairs = [pair for pair, keep in zip(pairs, kept, strict=True) if keep]
    return TagWeights(
        actors=[actor for actor, _ in pairs],
        tags=[tag for _, tag in pairs],
        weights=weights[kept],
        evidence=evidence[kept],
        last_ms=last_ms[kept],
    )


def _numbered(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """Return the different values in order of first appearance, and each row's number among them."""
    coded = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    combined = coded.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        combined = (
            pa.concat_arrays(combined.chunks) if combined.num_chunks else pa.array([], pa.string()).dictionary_encode()
        )
    return combined.dictionary.to_pylist(), combined.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = table.column(name).to_numpy().astype(np.float64)
    return values
