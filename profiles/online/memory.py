"""The online store in memory: complete, for tests, evaluation and notebooks. Nothing expires; it lives as its process.

In: `OnlineUpdate`s and tags. Out: as every port of `profiles.online.ports` says, in the same order and with
the same bounds as Redis.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

from civicrec.accounting.progress import Commit, CommittedProgress
from civicrec.crowds import K_ANONYMITY, MIN_ORDERING
from civicrec.items import hash_of
from profiles.online.ports import (
    CROWD_HOURS,
    MAX_CO_CLICKED,
    MAX_COUNTED,
    MAX_DISLIKED,
    MAX_DONE,
    MAX_NEXT_CLICKED,
    MAX_RECENT,
    MAX_SEEN,
    MAX_SHOWINGS,
    MAX_SHOWN,
    MAX_SIGNED_IN,
    MAX_TREND_ITEMS,
    ActorState,
    Incomplete,
    Known,
    OnlineUpdate,
    Pairs,
    RecentItem,
    Visit,
)
from profiles.online.pseudonyms import digest_of, hashes_of, pair_of

Scores = dict[str, float]
#: Begins the name of a pair that fewer than a crowd made.
_FEW = "\t"


class MemoryOnlineReader:
    """An `OnlineReader` of a store that answers at once."""

    def __init__(self, store: MemoryOnlineStore) -> None:
        self._store = store

    async def actor(self, actor: str) -> ActorState:
        """Return all that is known of one actor."""
        return self._store.actor(actor)

    async def visit(self, subject: str, browser: str) -> Visit:
        """Return all that is known of a subject and of the actor of its browser."""
        withdrawn = self._store.known_of((), (subject,)).withdrawn
        return Visit(self._store.actor(subject), self._store.actor(browser), withdrawn.get(subject, 0))

    async def pairs(self, clicked: Sequence[str], last: Sequence[str] = (), n: int = MAX_CO_CLICKED) -> Pairs:
        """Return co-clicks of the items `clicked` and next clicks of those clicked `last`."""
        return Pairs(self._store.co_clicks(clicked, n), self._store.next_clicks(last, n))

    async def close(self) -> None:
        """Hold on to nothing."""


class MemoryOnlineStore:
    """Every port of the online store, made of dictionaries; one thread at a time.

    Parameters
    ----------
    min_actors
        How many make a crowd.
    """

    def __init__(self, min_actors: int = K_ANONYMITY) -> None:
        self._min_actors = min_actors
        self._progress: dict[str, CommittedProgress] = defaultdict(CommittedProgress)
        self._recent: dict[str, dict[str, int]] = defaultdict(dict)
        self._seen: dict[str, dict[int, int]] = defaultdict(dict)
        self._disliked: dict[str, Scores] = defaultdict(dict)
        self._done: dict[str, Scores] = defaultdict(dict)
        self._shown: dict[str, dict[int, tuple[int, ...]]] = defaultdict(dict)
        self._signed_in: dict[str, Scores] = defaultdict(dict)
        self._trends: dict[int, Scores] = defaultdict(dict)
        self._counted: dict[int, Scores] = defaultdict(dict)
        self._co_clicks = _Pairs(min_actors, MAX_CO_CLICKED)
        self._next_clicks = _Pairs(min_actors, MAX_NEXT_CLICKED)
        self._few_trends: dict[str, tuple[int, set[str]]] = {}
        self._crowded: dict[str, int] = {}
        self._withdrawn: dict[str, int] = {}
        self._off: set[str] = set()
        self._tags: dict[str, Scores] = {}
        self._recovered: set[tuple[str, tuple[int, int]]] = set()
        self._complete = False

    def apply(self, commit: Commit, update: OnlineUpdate, *, only_complete: bool = False) -> bool:
        """Apply the update unless its records may have been committed since; return whether it was."""
        if only_complete and not self._complete:
            raise Incomplete
        progress = self._progress[commit.log]
        if not progress.admit(commit):
            return False
        self._add(update)
        progress.add(commit)
        return True

    def progress(self, log: str) -> CommittedProgress:
        """Return what is done of a log."""
        return deepcopy(self._progress[log])

    def done(self) -> dict[str, CommittedProgress]:
        """Return what is done of every log."""
        return {log: deepcopy(progress) for log, progress in sorted(self._progress.items()) if progress.reached}

    def recover(self, log: str, dead_letter: tuple[int, int], reason: str, n_events: int) -> None:
        """Count the events of a dead letter as stored, once."""
        if (log, dead_letter) not in self._recovered:
            self._recovered.add((log, dead_letter))
            self._progress[log].recover(reason, n_events)

    def _add(self, update: OnlineUpdate) -> None:
        for actor, at_ms in update.withdrawn.items():
            self.withdraw(actor, at_ms)
        for actor, items in update.recent.items():
            kept = self._recent[actor]
            for item in items:
                kept[item.item_id] = max(item.at_ms, kept.get(item.item_id, item.at_ms))
            self._recent[actor] = {name: int(at) for name, at in _heaviest(kept, MAX_RECENT)}
        for actor, items in chain(update.recent.items(), update.seen.items()):
            seen = self._seen[actor]
            for hashed, at_ms in hashes_of(items).items():
                seen[hashed] = max(at_ms, seen.get(hashed, at_ms))
            if len(seen) > MAX_SEEN:
                self._seen[actor] = {hashed: seen[hashed] for hashed in _in_order(seen)[-MAX_SEEN:]}
        for actor, names in update.restored.items():
            for name in names:
                self.undislike(actor, name)
        for actor, times in update.disliked.items():
            for name, at_ms in times.items():
                self._disliked[actor][name] = max(at_ms, self._disliked[actor].get(name, at_ms))
            self._disliked[actor] = dict(_heaviest(self._disliked[actor], MAX_DISLIKED))
        for held, added, bound in (
            (self._done, update.done, MAX_DONE),
            (self._signed_in, update.signed_in, MAX_SIGNED_IN),
        ):
            for actor, times in added.items():
                for name, at_ms in times.items():
                    held[actor][name] = max(at_ms, held[actor].get(name, at_ms))
                held[actor] = dict(_heaviest(held[actor], bound))
        for actor, by in update.shown.items():
            shown = self._shown[actor]
            for item_id, showings in by.items():
                latest = sorted({*showings, *shown.get(hash_of(item_id), ())}, reverse=True)
                shown[hash_of(item_id)] = tuple(latest[:MAX_SHOWINGS])
            newest = sorted(shown, key=lambda one: (shown[one][0], one), reverse=True)[:MAX_SHOWN]
            self._shown[actor] = {hashed: shown[hashed] for hashed in newest}
        for hour, by_item in update.interests.items():
            self._count(hour, by_item)
        for item_id, others in update.co_clicks.items():
            self._co_clicks.add(item_id, others)
        for item_id, others in update.next_clicks.items():
            self._next_clicks.add(item_id, others)

    def dislike(self, actor: str, item_id: str, at_ms: int) -> None:
        """Never show this item to the actor again."""
        self._add(OnlineUpdate(disliked={actor: {item_id: at_ms}}))

    def undislike(self, actor: str, item_id: str) -> None:
        """Take a dislike back."""
        self._disliked.get(actor, {}).pop(item_id, None)

    def withdraw(self, actor: str, at_ms: int) -> None:
        """Remove what was known until consent was withdrawn."""
        self._withdrawn[actor] = max(at_ms, self._withdrawn.get(actor, at_ms))
        self._disliked.pop(actor, None)
        self._tags[actor] = dict.fromkeys(_deleted(self._tags.get(actor, {})), 0.0)
        self._shown.pop(actor, None)
        self._done[actor] = {name: at for name, at in self._done.get(actor, {}).items() if at > at_ms}
        self._signed_in[actor] = {name: at for name, at in self._signed_in.get(actor, {}).items() if at > at_ms}
        self._recent[actor] = {name: at for name, at in self._recent.get(actor, {}).items() if at > at_ms}
        self._seen[actor] = {hashed: at for hashed, at in self._seen.get(actor, {}).items() if at > at_ms}

    def _note_actor(self, hour: int, item_id: str, actor: str) -> None:
        """Note that an actor interacted with an item, until there is a crowd."""
        if self._crowded.get(item_id, -1) >= hour:
            return
        since, digests = self._few_trends.get(item_id, (hour, set()))
        if hour - since >= CROWD_HOURS:
            since, digests = hour, set()
        self._few_trends[item_id] = since, digests | {digest_of(actor)}
        if len(digests) + (digest_of(actor) not in digests) >= self._min_actors:
            self._crowded[item_id] = hour
            del self._few_trends[item_id]

    def _count(self, hour: int, by_item: Mapping[str, Mapping[str, float]]) -> None:
        """Add to an hour's trend what is above that which each actor counted for before."""
        counted, trend = self._counted[hour], self._trends[hour]
        for item_id, weights in by_item.items():
            for actor, weight in weights.items():
                pair = pair_of(actor, item_id)
                before = counted.get(pair, 0.0)
                if not before:
                    self._note_actor(hour, item_id, actor)
                if weight > before:
                    trend[item_id] = trend.get(item_id, 0.0) + (weight - before)
                    if before or len(counted) < MAX_COUNTED:
                        counted[pair] = weight
        if len(trend) > MAX_TREND_ITEMS:
            self._trends[hour] = dict(_heaviest(trend, MAX_TREND_ITEMS))

    def known_of(self, actors: Sequence[str], others: Sequence[str] = ()) -> Known:
        """Return what is known of these actors, and when `others` withdrew consent."""
        return Known(
            {actor: self._recent_list(actor) for actor in actors if self._recent.get(actor)},
            {actor: self._withdrawn[actor] for actor in (*actors, *others) if actor in self._withdrawn},
        )

    def _recent_list(self, actor: str) -> list[RecentItem]:
        return [RecentItem(name, int(at)) for name, at in _heaviest(self._recent.get(actor, {}), MAX_RECENT)]

    def actor(self, actor: str) -> ActorState:
        """Return all that is known of one actor."""
        return ActorState(
            recent=tuple(self._recent_list(actor)),
            tags={name: weight for name, weight in self._tags.get(actor, {}).items() if weight > 0},
            disliked={name: int(at) for name, at in self._disliked.get(actor, {}).items()},
            seen=_in_order(self._seen.get(actor, {})),
            done={name: int(at) for name, at in _heaviest(self._done.get(actor, {}), MAX_DONE)},
            shown=dict(self._shown.get(actor, {})),
            signed_in={name: int(at) for name, at in self._signed_in.get(actor, {}).items()},
            is_off=actor in self._off,
            deleted_tags=_deleted(self._tags.get(actor, {})),
        )

    def trends(self, hours: Sequence[int]) -> dict[int, dict[str, float]]:
        """Return hour → item → weight for the hours asked that have any."""
        return {hour: dict(self._trends[hour]) for hour in hours if self._trends.get(hour)}

    def crowded(self, since_hour: int) -> frozenset[str]:
        """Return the items that a crowd interacted with, seen since that epoch hour."""
        return frozenset(name for name, hour in self._crowded.items() if hour >= since_hour)

    def co_clicks(self, item_ids: Sequence[str], n: int = MAX_CO_CLICKED) -> dict[str, list[tuple[str, float]]]:
        """Return item → up to `n` (neighbour, weight), heaviest first, for the items that have any."""
        return self._co_clicks.heaviest(item_ids, n)

    def next_clicks(self, item_ids: Sequence[str], n: int = MAX_NEXT_CLICKED) -> dict[str, list[tuple[str, float]]]:
        """Return item → up to `n` (next item, weight), heaviest first, for the items that have any."""
        return self._next_clicks.heaviest(item_ids, n)

    def put_tags(self, run: str, tags: Iterable[tuple[str, Mapping[str, float]]]) -> int:
        """Replace the tags of each actor given; return how many."""
        new = {actor: dict(weights) for actor, weights in tags}
        self._tags |= new
        return len(new)

    def put_switched_off(self, actors: Collection[str]) -> None:
        """Replace those who switched personalisation off."""
        self._off = set(actors)

    def switch(self, actor: str, *, on: bool) -> None:
        """Note that the actor switched personalisation on or off."""
        (self._off.discard if on else self._off.add)(actor)

    def set_tag(self, actor: str, tag: str, weight: float) -> None:
        """Give the actor a tag, or note with a weight of 0 that it is deleted; the others stay."""
        self._tags[actor] = self._tags.get(actor, {}) | {tag: weight}

    def holds(self, actor: str) -> int:
        """Return how many parts name this actor."""
        return (actor in self._off) + sum(bool(part.get(actor)) for part in self._parts_by_actor())

    def forget(self, actor: str) -> int:
        """Remove all that names this actor, and what counts as theirs among few; return how many parts."""
        was_off = actor in self._off
        self._off.discard(actor)
        pairs = {pair_of(actor, item_id) for item_id in self._recent.get(actor, ())}
        for counted in self._counted.values():
            for pair in pairs:
                counted.pop(pair, None)
        for item_id, (_, digests) in list(self._few_trends.items()):
            digests.discard(digest_of(actor))
            if not digests:
                del self._few_trends[item_id]
        self._co_clicks.forget(actor)
        self._next_clicks.forget(actor)
        return was_off + sum(bool(part.pop(actor, None)) for part in self._parts_by_actor())

    def rewrite(self) -> None:
        """Do nothing: memory has no file."""

    def _parts_by_actor(self) -> tuple[dict[str, Any], ...]:
        return (
            self._recent, self._seen, self._disliked, self._done, self._shown, self._signed_in, self._tags,
            self._withdrawn,
        )  # fmt: skip

    def is_complete(self) -> bool:
        """Tell whether all is here that should be."""
        return self._complete

    def set_complete(self, complete: bool) -> None:
        """Say whether all is here that should be."""
        self._complete = complete

    def clear(self) -> None:
        """Remove everything, progress included, but which dead letters were recovered, and who is switched off."""
        recovered, off = self._recovered, self._off
        self.__init__(self._min_actors)  # type: ignore[misc]  # a cleared store is a new one
        self._recovered, self._off = recovered, off


def _deleted(tags: Scores) -> frozenset[str]:
    return frozenset(name for name, weight in tags.items() if weight == 0)


class _Pairs:
    """Pairs of items: item → other → weight, told once a crowd made the pair, and ordering before that."""

    def __init__(self, min_actors: int, bound: int) -> None:
        self._min_actors = min_actors
        self._bound = bound
        self._weights: dict[str, Scores] = defaultdict(dict)
        self._few: dict[tuple[str, str], Scores] = {}

    def add(self, item_id: str, others: Mapping[str, Mapping[str, float]]) -> None:
        """Add what actors made; a pair that few made stands apart, one of two at least under a name that says so."""
        gained = {other: self._gained(item_id, other, weights) for other, weights in others.items()}
        self._weights[item_id] = _increased(
            self._weights[item_id], {name: n for name, n in gained.items() if n}, self._bound
        )

    def forget(self, actor: str) -> None:
        """Take an actor out of the few of each pair; the weight of a pair that few made stays until it changes."""
        for pair, few in list(self._few.items()):
            few.pop(digest_of(actor), None)
            if not few:
                del self._few[pair]

    def heaviest(self, item_ids: Sequence[str], n: int) -> dict[str, list[tuple[str, float]]]:
        """Return item → up to `n` (other, weight), heaviest first, for the items that have any."""
        heaviest = {item_id: _heaviest(self._weights.get(item_id, {}), n) for item_id in item_ids}
        return {
            item_id: [(name[1:], -weight) if name.startswith(_FEW) else (name, weight) for name, weight in pairs]
            for item_id, pairs in heaviest.items()
            if pairs
        }

    def _gained(self, item_id: str, other: str, weights: Mapping[str, float]) -> float:
        if other in self._weights[item_id]:
            return sum(weights.values())
        few = self._few.setdefault((item_id, other), {})
        for actor, weight in weights.items():
            digest = digest_of(actor)
            few[digest] = few.get(digest, 0.0) + weight
        if len(few) >= self._min_actors:
            self._weights[item_id].pop(_FEW + other, None)
            return sum(self._few.pop((item_id, other)).values())
        if len(few) >= MIN_ORDERING:
            self._weights[item_id][_FEW + other] = sum(few.values())
        return 0.0


def _heaviest(scores: Mapping[str, float], n: int) -> list[tuple[str, float]]:
    """Return the `n` heaviest (name, score); among equals the later name first, as Redis orders them."""
    return sorted(scores.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)[:n]


def _in_order(times: Mapping[int, int]) -> tuple[int, ...]:
    """Return what stands for times, the longest ago first; of one time in the order of their digits, as Redis does."""
    return tuple(sorted(times, key=lambda one: (times[one], str(one))))


def _increased(scores: Mapping[str, float], added: Mapping[str, float], n: int) -> Scores:
    total = dict(scores)
    for name, weight in added.items():
        total[name] = total.get(name, 0.0) + weight
    return total if len(total) <= n else dict(_heaviest(total, n))
