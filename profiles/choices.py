"""What people decided, put into the online store: the same after a night, a rebuild and a replay.

In: learned tags by actor, and everybody's `Choices`. Out: the tags and switches that lists obey. Who decides while a
whole city is written is not overwritten: what was read is read again until it stays the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from civicrec.registry.choices import Choices
from profiles.online.ports import DecidedStore

#: What a chosen tag weighs at least: as much as a click of today on an item that carries it.
CHOSEN_WEIGHT = 1.0


def put_switches(online: DecidedStore, read: Callable[[], Choices]) -> None:
    """Put who switched personalisation off, everybody at once."""
    off = read().off
    while True:
        online.put_switched_off(off)
        if (now := read().off) == off:
            return
        off = now


def put_learned_tags(
    online: DecidedStore,
    run: str,
    tags: Iterable[tuple[str, Mapping[str, float]]],
    read: Callable[[], Choices],
    withdrawn: Mapping[str, int],
) -> int:
    """Put everybody's tags as they decided; return how many actors.

    Parameters
    ----------
    tags
        What was learned: each actor once, with tag → weight.
    withdrawn
        actor → epoch ms at which consent was withdrawn: what was chosen until then is chosen no longer.
    """
    decided = read()
    n = online.put_tags(run, with_choices(tags, decided.deleted, _in_force(decided, withdrawn)))
    while (now := read()) != decided:
        for actor, tag in (now.deleted - decided.deleted) | (decided.chosen.keys() - now.chosen.keys()):
            online.set_tag(actor, tag, 0)
        for actor, tag in _in_force(now, withdrawn) - decided.chosen.keys():
            online.set_tag(actor, tag, CHOSEN_WEIGHT)
        decided = now
    return n


def with_choices(
    tags: Iterable[tuple[str, Mapping[str, float]]],
    deleted: AbstractSet[tuple[str, str]],
    chosen: AbstractSet[tuple[str, str]],
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each actor's tags with those chosen, and 0 for those deleted; who decided and has none comes last.

    Parameters
    ----------
    tags
        Each actor once, with tag → weight.
    deleted, chosen
        (actor, tag) pairs.

    Examples
    --------
    >>> dict(with_choices([("a", {"x": 0.5, "y": 2.0})], {("a", "x"), ("b", "x")}, {("a", "y"), ("a", "z")}))
    {'a': {'x': 0.0, 'y': 2.0, 'z': 1.0}, 'b': {'x': 0.0}}
    """
    out_of, into = _by_actor(deleted), _by_actor(chosen)
    left = out_of.keys() | into.keys()
    for actor, learned in tags:
        left.discard(actor)
        kept = {**learned, **dict.fromkeys(out_of.get(actor, ()), 0.0)}
        yield actor, kept | {tag: max(CHOSEN_WEIGHT, kept.get(tag, 0.0)) for tag in into.get(actor, ())}
    for actor in sorted(left):
        gone = dict.fromkeys(out_of.get(actor, ()), 0.0)
        yield actor, gone | dict.fromkeys(into.get(actor, ()), CHOSEN_WEIGHT)


def without_learned(
    actors: AbstractSet[str], deleted: AbstractSet[tuple[str, str]]
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each of these actors with 0 for the tags they deleted and no other."""
    return with_choices(((actor, {}) for actor in actors), {pair for pair in deleted if pair[0] in actors}, set())


def _in_force(choices: Choices, withdrawn: Mapping[str, int]) -> AbstractSet[tuple[str, str]]:
    return {pair for pair, since_ms in choices.chosen.items() if since_ms > withdrawn.get(pair[0], -1)}


def _by_actor(pairs: AbstractSet[tuple[str, str]]) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = defaultdict(list)
    for actor, tag in sorted(pairs):
        tags[actor].append(tag)
    return dict(tags)
