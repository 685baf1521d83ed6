"""Turns in the order of the log in, an update of the online store out. Pure, and the same however the log is cut.

To fold two slices, the second knowing what the first left, gives what folding both at once gives, within the bounds.
Trends count the crowd; recent items, dislikes and co-clicks need the actor's consent.
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
    OnlineUpdate,
    RecentItem,
)
from streaming.blocks import RESTORING, WITHDRAWN, Facts, Handled, Turn

_HOUR_MS = 3_600_000
_WINDOW_MS = CO_CLICK_WINDOW_HOURS * _HOUR_MS
#: Turns in one slice, unless one record has more. The store is blocked while a slice is applied: 500 turns of all
#: different items and actors take it about 20 ms, usual ones 5 ms.
SLICE_TURNS = 500
#: An item is paired with the last few the actor turned to: more pairs say less about each.
MAX_PAIRS = 5
#: Items of one actor that count in one slice. A person does not turn to more within seconds; a crawler does.
MAX_ITEMS_PER_ACTOR = 50


@dataclass(frozen=True, slots=True)
class Slice:
    """Records of one lane, in order, with the turns in them."""

    records: list[Handled]
    turns: list[Turn]


def slices(blocks: Sequence[Facts]) -> Iterator[Slice]:
    """Cut blocks of one lane, in order, between records, so that a slice has at most `SLICE_TURNS` turns."""
    part, done = Slice([], []), 0
    for block in blocks:
        turns, at = block.turns, 0
        for record in block.records:
            end = at
            while end < len(turns) and turns[end].offset == record.offset:
                end += 1
            if record.offset <= done:  # it came twice
                at = end
                continue
            if part.records and len(part.turns) + end - at > SLICE_TURNS:
                yield part
                part = Slice([], [])
            part.records.append(record)
            part.turns.extend(turns[at:end])
            at, done = end, record.offset
    if part.records:
        yield part


def fold(
    turns: Sequence[Turn],
    recent: Mapping[str, Sequence[RecentItem]],
    withdrawn: Mapping[str, int] = MappingProxyType({}),
) -> OnlineUpdate:
    """Return what turns add to the online store.

    Parameters
    ----------
    turns
        In the order of the log.
    recent
        actor → what it turned to before, newest first; for the actors of `personal_actors`.
    withdrawn
        actor → epoch ms at which consent was withdrawn before; what happened until then, and comes late, only counts in
        the crowd.
    """
    by_actor: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        by_actor[turn.actor].append(turn)
    folded = _Folded()
    for actor, mine in by_actor.items():
        mine.sort(key=_order)
        folded.add(actor, mine, recent.get(actor, ()), withdrawn.get(actor, 0))
    return folded.update()


def _order(turn: Turn) -> tuple[int, int, str]:
    """Order the turns of one record by what the warehouse also keeps of them, so that a rebuild gives the same."""
    return turn.offset, turn.at_ms, turn.item_id


def personal_actors(turns: Sequence[Turn]) -> list[str]:
    """Return the actors whose history `fold` needs, sorted."""
    return sorted({turn.actor for turn in turns if turn.is_personal})


class _Folded:
    """An update, being added up."""

    def __init__(self) -> None:
        self.recent: dict[str, list[RecentItem]] = {}
        self.disliked: dict[str, list[str]] = {}
        self.interests: dict[int, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        self.co_clicks: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        self.restored: dict[str, list[str]] = {}
        self.withdrawn: dict[str, int] = {}

    def add(self, actor: str, turns: Sequence[Turn], before: Sequence[RecentItem], until: int) -> None:
        for (hour, item_id), weight in strongest(turns).items():
            self.interests[hour][item_id][actor] = weight
        if ended := [turn.at_ms for turn in turns if turn.kind == WITHDRAWN]:
            until = max(until, *ended)
            self.withdrawn[actor] = until
            before = [item for item in before if item.at_ms > until]
        personal = [turn for turn in turns if turn.is_personal and turn.at_ms > until]
        wished = {turn.item_id: turn.kind in RESTORING for turn in personal if not turn.weight or turn.kind}
        if disliked := sorted(item_id for item_id, is_restored in wished.items() if not is_restored):
            self.disliked[actor] = disliked
        if restored := sorted(item_id for item_id, is_restored in wished.items() if is_restored):
            self.restored[actor] = restored
        if liked := [turn for turn in personal if turn.weight]:
            self.recent[actor] = latest(liked)
            for one, other, weight in pairs(liked, before):
                for here, there in ((one, other), (other, one)):
                    added = self.co_clicks[here][there]
                    added[actor] = added.get(actor, 0.0) + weight

    def update(self) -> OnlineUpdate:
        return OnlineUpdate(
            recent=self.recent,
            disliked=self.disliked,
            interests={hour: dict(by_item) for hour, by_item in self.interests.items()},
            co_clicks={item_id: dict(others) for item_id, others in self.co_clicks.items()},
            restored=self.restored,
            withdrawn=self.withdrawn,
        )


def strongest(turns: Sequence[Turn]) -> dict[tuple[int, str], float]:
    """Return (hour, item) → the strongest interest one actor showed, so that nobody counts twice in an hour."""
    found: dict[tuple[int, str], float] = {}
    for turn in turns:
        if not turn.weight:
            continue
        key = (turn.at_ms // _HOUR_MS, turn.item_id)
        if key in found or len(found) < MAX_ITEMS_PER_ACTOR:
            found[key] = max(turn.weight, found.get(key, 0.0))
    return found


def latest(turns: Sequence[Turn]) -> list[RecentItem]:
    """Return the newest items of one actor, newest first, each once, at most `MAX_RECENT`."""
    at = {turn.item_id: turn.at_ms for turn in sorted(turns, key=lambda turn: turn.at_ms)}
    newest = sorted(at.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)[:MAX_RECENT]
    return [RecentItem(item_id, at_ms) for item_id, at_ms in newest]


def pairs(turns: Sequence[Turn], before: Sequence[RecentItem]) -> list[tuple[str, str, float]]:
    """Return the pairs (item, earlier item, weight) that one actor's turns make.

    An item is paired when the actor turns to it for the first time within the window, with the last `MAX_PAIRS` other
    items of the window; coming back to it adds nothing. The weight is forward-decayed from the later of the two times.

    Parameters
    ----------
    turns
        In the order of the log.
    before
        What the actor turned to before, newest first.
    """
    # What the store would keep after each turn: oldest first, the name deciding between equals.
    seen = {item.item_id: item.at_ms for item in reversed(before)}
    last = (before[0].at_ms, before[0].item_id) if before else (0, "")
    found: list[tuple[str, str, float]] = []
    n_items = 0
    for turn in turns:
        last_at = seen.pop(turn.item_id, None)
        if (last_at is None or abs(turn.at_ms - last_at) > _WINDOW_MS) and n_items < MAX_ITEMS_PER_ACTOR:
            n_items += 1
            near = [(other, at) for other, at in reversed(seen.items()) if abs(turn.at_ms - at) <= _WINDOW_MS]
            for other, at in near[:MAX_PAIRS]:
                weight = forward_weight(max(turn.at_ms, at), CO_CLICK_HALF_LIFE_DAYS)
                found.append((turn.item_id, other, weight))
        newest = (max(turn.at_ms, last_at or 0), turn.item_id)
        seen[turn.item_id] = newest[0]
        if newest >= last:
            last = newest
        else:  # late: it takes its place among the others
            seen = dict(sorted(seen.items(), key=lambda pair: (pair[1], pair[0])))
        if len(seen) > MAX_RECENT:
            del seen[next(iter(seen))]
    return found
