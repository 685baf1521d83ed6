"""What a person is told of their own tags: each with its sentence, where it comes from, and what it rests on.

In: what the online store knows and what the person decided. Out: structs, for `serving.api.me`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from civicrec.items import Item, Time
from civicrec.registry.choices import ActorChoices
from profiles.live import live_tags
from profiles.online.ports import ActorState
from profiles.tags import Vocabulary, learned_tags
from recommender.catalogue import Catalogue
from recommender.eligibility import is_public

#: Items named as what a tag rests on.
MAX_EVIDENCE = 3


class Evidence(msgspec.Struct):
    """An item that a tag was learned from."""

    item_id: str
    title: str


class OwnTag(msgspec.Struct):
    """A tag that lists use for this person.

    Attributes
    ----------
    kind
        `chosen` by the person, or `behavioural`: learned from what was read. Neither says what somebody is.
    evidence
        Items of the last month that it rests on, the latest first; empty for one that was only chosen.
    """

    tag: str
    word: str
    dimension: str
    sentence: Annotated[str, msgspec.Meta(description="what the tag says of the person, as an office would put it")]
    kind: Literal["behavioural", "chosen"]
    weight: float
    evidence: list[Evidence]


class DeletedTag(msgspec.Struct):
    """A tag that was deleted, and stays away until it is chosen again."""

    tag: str
    word: str
    since: Time


class OwnTags(msgspec.Struct):
    """All tags of a person, the strongest first, and those deleted, the latest first."""

    tags: list[OwnTag]
    deleted: list[DeletedTag]
    vocabulary: Annotated[str, msgspec.Meta(description="version of the vocabulary that tags are taken from")]


def own_tags(
    state: ActorState, decided: ActorChoices, vocabulary: Vocabulary, catalogue: Catalogue, now: datetime
) -> OwnTags:
    """Return a person's tags, those of the last night and what was read since that no night has weighed yet.

    A word that is governed no longer is left out: nothing uses it.
    """
    read = [
        (item, one.at_ms, learned_tags(item))
        for one in state.recent
        if (item := catalogue.items.get(one.item_id)) and is_public(item, now)
    ]
    by_tag: dict[str, list[Item]] = {}
    for item, _, names in read:
        for learned in names:
            by_tag.setdefault(learned, []).append(item)
    is_read = () if state.is_off else ((item.item_id, at_ms, names) for item, at_ms, names in read)
    weights = {**live_tags(is_read, vocabulary.tags, now), **state.tags}
    strongest = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    tags = [
        OwnTag(
            name, tag.word, tag.dimension, tag.sentence, "chosen" if name in decided.chosen else "behavioural",
            round(weight, 3), _evidence(by_tag.get(name, ())),
        )
        for name, weight in strongest
        if name not in decided.deleted and (tag := vocabulary.tags.get(name))
    ]  # fmt: skip
    deleted = [
        DeletedTag(name, vocabulary.tags[name].word, since)
        for name, since in sorted(decided.deleted.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)
        if name in vocabulary.tags
    ]
    return OwnTags(tags, deleted, vocabulary.version)


def _evidence(items: Iterable[Item]) -> list[Evidence]:
    return [Evidence(item.item_id, item.title) for item in list(items)[:MAX_EVIDENCE]]
