"""Interactions in log order in, an update of the online store out. Pure, and the same however the log is cut.

To fold two slices, the second knowing what the first left, gives what folding both at once gives, within the bounds.
Trends count the crowd; recent items, dislikes, co-clicks and what was shown need the actor's consent. Of a browser is
kept who was signed in on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from profiles.decay import forward_weight
from profiles.online.ports import (
    CO_CLICK_HALF_LIFE_DAYS,
    CO_CLICK_WINDOW_HOURS,
    MAX_RECENT,
    MAX_SHOWINGS,
    MAX_SHOWN,
    NEXT_CLICK_WINDOW_MINUTES,
    OnlineUpdate,
    RecentItem,
)
from streaming.blocks import ASIDE, DONE, RESTORING, SHOWN, SIGNED_IN, WITHDRAWN, Facts, Handled, Interaction

_HOUR_MS = 3_600_000
_WINDOW_MS = CO_CLICK_WINDOW_HOURS * _HOUR_MS
_NEXT_MS = NEXT_CLICK_WINDOW_MINUTES * 60_000
#: Interactions in one slice, unless one record has more. The store is blocked while a slice is applied: 500 of all
#: different items and actors take it about 20 ms, usual ones 5 ms.
SLICE_INTERACTIONS = 500
#: Showings, or events of who is signed in, that take the store as long as one other interaction.
ASIDE_AS_ONE = 4
#: An item is paired with the last few the actor interacted with: more pairs say less about each.
MAX_PAIRS = 5
#: Items of one actor that count in one slice. A person does not interact with more within seconds; a crawler does.
MAX_ITEMS_PER_ACTOR = 50


@dataclass(frozen=True, slots=True)
class Slice:
    """Records of one partition, in order, with the interactions in them."""

    records: list[Handled]
    interactions: list[Interaction]


def slices(blocks: Sequence[Facts]) -> Iterator[Slice]:
    """Cut blocks of one partition, in order, between records, each slice of at most `SLICE_INTERACTIONS`.

    Of what is `ASIDE`, `ASIDE_AS_ONE` count as one.
    """
    part, done, cost, most = Slice([], []), 0, 0, SLICE_INTERACTIONS * ASIDE_AS_ONE
    for block in blocks:
        interactions, at = block.interactions, 0
        for record in block.records:
            end, more = at, 0
            while end < len(interactions) and interactions[end].offset == record.offset:
                more += 1 if interactions[end].kind in ASIDE else ASIDE_AS_ONE
                end += 1
            if record.offset <= done:  # it came twice
                at = end
                continue
            if part.records and cost + more > most:
                yield part
                part, cost = Slice([], []), 0
            part.records.append(record)
            part.interactions.extend(interactions[at:end])
            at, done, cost = end, record.offset, cost + more
    if part.records:
        yield part


def fold(
    interactions: Sequence[Interaction],
    recent: Mapping[str, Sequence[RecentItem]],
    withdrawn: Mapping[str, int] = MappingProxyType({}),
) -> OnlineUpdate:
    """Return what interactions add to the online store.

    Parameters
    ----------
    interactions
        In the order of the log.
    recent
        actor → what it interacted with before, newest first; for the actors of `personal_actors`.
    withdrawn
        actor → epoch ms at which consent was withdrawn before; what happened until then, and comes late, only counts in
        the crowd.
    """
    by_actor: dict[str, list[Interaction]] = defaultdict(list)
    shown: dict[str, list[Interaction]] = defaultdict(list)  # apart, because most of what comes is this
    signed_in: dict[str, list[Interaction]] = defaultdict(list)
    groups = {SHOWN: shown, SIGNED_IN: signed_in}
    for interaction in interactions:
        groups.get(interaction.kind, by_actor)[interaction.actor].append(interaction)
    folded = _Folded()
    for actor, mine in by_actor.items():
        mine.sort(key=_order)
        folded.add(actor, mine, recent.get(actor, ()), withdrawn.get(actor, 0))

    def until(actor: str) -> int:
        return max(withdrawn.get(actor, 0), folded.withdrawn.get(actor, 0))

    for actor, mine in shown.items():
        if seen := showings(mine, until(actor)):
            folded.shown[actor] = seen
    for actor, mine in signed_in.items():
        # In the order of time, so that the latest of a subject stands.
        if times := {name: at for at, name in sorted((one.at_ms, one.item_id) for one in mine) if at > until(actor)}:
            folded.signed_in[actor] = times
    return folded.update()


def _order(interaction: Interaction) -> tuple[int, int, str]:
    """Order the interactions of one record by what the warehouse keeps of them, too: a rebuild gives the same."""
    return interaction.offset, interaction.at_ms, interaction.item_id


def personal_actors(interactions: Sequence[Interaction]) -> list[str]:
    """Return the actors whose history `fold` needs, sorted."""
    return sorted({one.actor for one in interactions if one.is_personal and one.kind not in ASIDE})


def other_actors(interactions: Sequence[Interaction]) -> list[str]:
    """Return the actors of whom `fold` needs to know when they withdrew consent, and no more, sorted."""
    return sorted({one.actor for one in interactions if one.kind in ASIDE}.difference(personal_actors(interactions)))


class _Folded:
    """An update, being added up."""

    def __init__(self) -> None:
        self.recent: dict[str, list[RecentItem]] = {}
        self.disliked: dict[str, dict[str, int]] = {}
        self.done: dict[str, dict[str, int]] = {}
        self.shown: dict[str, dict[str, list[int]]] = {}
        self.signed_in: dict[str, dict[str, int]] = {}
        self.interests: dict[int, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        self.co_clicks: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        self.next_clicks: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        self.restored: dict[str, list[str]] = {}
        self.withdrawn: dict[str, int] = {}

    def add(self, actor: str, interactions: Sequence[Interaction], before: Sequence[RecentItem], until: int) -> None:
        for (hour, item_id), weight in strongest(interactions).items():
            self.interests[hour][item_id][actor] = weight
        if ended := [interaction.at_ms for interaction in interactions if interaction.kind == WITHDRAWN]:
            until = max(until, *ended)
            self.withdrawn[actor] = until
            before = [item for item in before if item.at_ms > until]
        personal = [one for one in interactions if one.is_personal and one.at_ms > until]
        disliked, restored = refusals([one for one in personal if (not one.weight or one.kind) and one.kind != DONE])
        # In the order of time, so that the latest of a service stands.
        if done := {
            at_id[1]: at_id[0] for at_id in sorted((one.at_ms, one.item_id) for one in personal if one.kind == DONE)
        }:
            self.done[actor] = done
        if disliked:
            self.disliked[actor] = disliked
        if restored:
            self.restored[actor] = sorted(restored)
        if liked := [interaction for interaction in personal if interaction.weight]:
            self.recent[actor] = latest(liked)
            for one, other, weight, is_next in pairs(liked, before):
                if is_next:
                    added = self.next_clicks[other][one]
                    added[actor] = added.get(actor, 0.0) + weight
                for here, there in ((one, other), (other, one)):
                    added = self.co_clicks[here][there]
                    added[actor] = added.get(actor, 0.0) + weight

    def update(self) -> OnlineUpdate:
        return OnlineUpdate(
            recent=self.recent,
            disliked=self.disliked,
            done=self.done,
            shown=self.shown,
            signed_in=self.signed_in,
            interests={hour: dict(by_item) for hour, by_item in self.interests.items()},
            co_clicks={item_id: dict(others) for item_id, others in self.co_clicks.items()},
            next_clicks={item_id: dict(others) for item_id, others in self.next_clicks.items()},
            restored=self.restored,
            withdrawn=self.withdrawn,
        )


def refusals(interactions: Sequence[Interaction]) -> tuple[dict[str, int], set[str]]:
    """Return item → time of the refusals that hold after what one actor said, and the items of those taken back before.

    Which of the two came last is told by the log, because clocks differ; the time tells the latest of many.
    """
    disliked: dict[str, int] = {}
    restored: set[str] = set()
    for one in interactions:
        if one.kind in RESTORING:
            disliked.pop(one.item_id, None)
            restored.add(one.item_id)
        else:
            disliked[one.item_id] = max(one.at_ms, disliked.get(one.item_id, one.at_ms))
    return disliked, restored


def showings(interactions: Sequence[Interaction], until: int) -> dict[str, list[int]]:
    """Return the items one actor was shown after `until`, `MAX_SHOWN` at most, and when (epoch s), the latest first."""
    times: dict[str, list[int]] = defaultdict(list)
    for one in interactions:
        if one.at_ms > until:
            times[one.item_id].append(one.at_ms // 1000)
    latest_of = {
        item_id: sorted(set(some), reverse=True)[:MAX_SHOWINGS] if len(some) > 1 else some
        for item_id, some in times.items()
    }
    if len(latest_of) <= MAX_SHOWN:
        return latest_of
    newest = sorted(latest_of, key=lambda item_id: (latest_of[item_id][0], item_id), reverse=True)[:MAX_SHOWN]
    return {item_id: latest_of[item_id] for item_id in newest}


def strongest(interactions: Sequence[Interaction]) -> dict[tuple[int, str], float]:
    """Return (hour, item) → the strongest interest one actor showed, so that nobody counts twice in an hour."""
    weights: dict[tuple[int, str], float] = {}
    for interaction in interactions:
        if not interaction.weight:
            continue
        key = (interaction.at_ms // _HOUR_MS, interaction.item_id)
        if key in weights or len(weights) < MAX_ITEMS_PER_ACTOR:
            weights[key] = max(interaction.weight, weights.get(key, 0.0))
    return weights


def latest(interactions: Sequence[Interaction]) -> list[RecentItem]:
    """Return the newest items of one actor, newest first, each once, at most `MAX_RECENT`."""
    at = {one.item_id: one.at_ms for one in sorted(interactions, key=lambda one: one.at_ms)}
    newest = sorted(at.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)[:MAX_RECENT]
    return [RecentItem(item_id, at_ms) for item_id, at_ms in newest]


def pairs(interactions: Sequence[Interaction], before: Sequence[RecentItem]) -> list[tuple[str, str, float, bool]]:
    """Return the pairs (item, earlier item, weight, whether it came right after) that one actor's interactions make.

    An item is paired when the actor interacts with it for the first time within the window, with the last `MAX_PAIRS`
    other items of the window; coming back to it adds nothing. The weight is forward-decayed from the later of the two
    times.

    Parameters
    ----------
    interactions
        In the order of the log.
    before
        What the actor interacted with before, newest first.
    """
    # What the store would keep after each interaction: oldest first, the name deciding between equals.
    seen = {item.item_id: item.at_ms for item in reversed(before)}
    last = (before[0].at_ms, before[0].item_id) if before else (0, "")
    paired: list[tuple[str, str, float, bool]] = []
    n_items = 0
    for interaction in interactions:
        last_at = seen.pop(interaction.item_id, None)
        if (last_at is None or abs(interaction.at_ms - last_at) > _WINDOW_MS) and n_items < MAX_ITEMS_PER_ACTOR:
            n_items += 1
            near = [(other, at) for other, at in reversed(seen.items()) if abs(interaction.at_ms - at) <= _WINDOW_MS]
            for nth, (other, at) in enumerate(near[:MAX_PAIRS]):
                weight = forward_weight(max(interaction.at_ms, at), CO_CLICK_HALF_LIFE_DAYS)
                is_next = nth == 0 and 0 <= interaction.at_ms - at <= _NEXT_MS
                paired.append((interaction.item_id, other, weight, is_next))
        newest = (max(interaction.at_ms, last_at or 0), interaction.item_id)
        seen[interaction.item_id] = newest[0]
        if newest >= last:
            last = newest
        else:  # late: it takes its place among the others
            seen = dict(sorted(seen.items(), key=lambda pair: (pair[1], pair[0])))
        if len(seen) > MAX_RECENT:
            del seen[next(iter(seen))]
    return paired
