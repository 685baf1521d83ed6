"""Who of some people a campaign is for, and why the others are left out. Pure.

In: a campaign, and what is known of people. Out: a reason each, and counts that tell of nobody.
The first reason that holds is told. The hold-out comes after all that would leave somebody out in any case, so that who
is held out and who is not are alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from civicrec.crowds import K_ANONYMITY
from civicrec.items import Item
from profiles.rules.attributes import Attributes, is_minor
from profiles.rules.language import Rule, holds
from recommender.holdout import HoldOut
from recommender.match import conditions_of
from recommender.push.plan import Channel, Plan

LeftOut = Literal[
    "erased", "minor", "no_consent", "switched_off", "ineligible", "unsubscribed", "held_out", "capped"
]  # fmt: skip
LEFT_OUT: tuple[LeftOut, ...] = get_args(LeftOut)
_GLOBAL = "push"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one person when a message is decided on.

    Attributes
    ----------
    started
        Whether they started to apply for an item and did not submit.
    wanted
        Channels that they let be used for the campaign's topic.
    recent
        When other campaigns reached them within seven days, one time each, in order.
    until
        When the first of the attributes ends, by itself; ``None`` without any.
    root
        What they are drawn by: a name that stays when the pepper is changed; their pseudonym when not given.
    """

    subject: str
    attributes: Attributes = field(default_factory=dict)
    is_erased: bool = False
    consents: bool = True
    is_off: bool = False
    started: bool = False
    wanted: frozenset[str] = frozenset(get_args(Channel))
    recent: tuple[datetime, ...] = ()
    until: datetime | None = None
    root: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A campaign as people are put to it.

    Attributes
    ----------
    rules
        Of each item that may be sent now: all of one must hold. Empty when no item may.
    held_out
        The share that all campaigns hold out, and the campaign's own.
    """

    plan: Plan
    rule: Rule | None
    rules: tuple[tuple[Rule, ...], ...]
    held_out: tuple[HoldOut, HoldOut]


@dataclass(frozen=True, slots=True)
class Preview:
    """How many people a campaign would reach now, and why not the others.

    Attributes
    ----------
    reached, left_out
        ``None`` is a number of 1 to 9, or one by which such a number could be told.
    channels
        Channel → people whom it would reach through it.
    """

    reached: int | None
    channels: Mapping[str, int | None]
    left_out: Mapping[str, int | None]


def target_of(plan: Plan, open_items: Iterable[Item], global_share: float) -> Target:
    """Return a campaign as people are put to it.

    Parameters
    ----------
    open_items
        Those of its items that may be recommended now.
    """
    rules = tuple(tuple(one.rule for one in conditions_of(item)) for item in open_items)
    own = HoldOut(plan.holdout_share, f"{_GLOBAL}:{plan.campaign_id}")
    return Target(plan, plan.rule, rules, (HoldOut(global_share, _GLOBAL), own))


def left_out(target: Target, known: Known) -> LeftOut | None:
    """Return why somebody gets nothing at all, ``None`` if they get something."""
    checks: tuple[tuple[LeftOut, bool], ...] = (
        ("erased", known.is_erased),
        ("minor", is_minor(known.attributes)),
        ("no_consent", not known.consents),
        ("switched_off", known.is_off),
    )
    for reason, is_so in checks:
        if is_so:
            return reason
    if not is_eligible(target, known):
        return "ineligible"
    if not channels_for(target.plan, known):
        return "unsubscribed"
    if any(one.holds(known.root or known.subject) for one in target.held_out):
        return "held_out"
    return "capped" if len(known.recent) >= target.plan.per_week else None


def is_eligible(target: Target, known: Known) -> bool:
    """Say whether a campaign is for somebody: what is not known of them counts as no."""
    audience = target.plan.audience
    if not target.rules or (audience.started and not known.started):
        return False
    if target.rule is not None and holds(target.rule, known.attributes) is not True:
        return False
    return not audience.of_items or any(
        all(holds(rule, known.attributes) is True for rule in rules) for rules in target.rules
    )


def channels_for(plan: Plan, known: Known) -> tuple[Channel, ...]:
    """Return the channels of a campaign that somebody wants."""
    return tuple(channel for channel in plan.channels if channel in known.wanted)


def preview_of(target: Target, people: Iterable[Known]) -> Preview:
    """Count who would be reached, and who not and why; nothing tells of fewer than ten."""
    counts: Counter[str] = Counter()
    channels: Counter[str] = Counter({channel: 0 for channel in target.plan.channels})
    for known in people:
        reason = left_out(target, known)
        counts[reason or "reached"] += 1
        if reason is None:
            channels.update(channels_for(target.plan, known))
    shown = hidden_small({name: counts[name] for name in ("reached", *LEFT_OUT)})
    return Preview(
        shown.pop("reached"),
        {name: n if n == 0 or n >= K_ANONYMITY else None for name, n in channels.items()},
        shown,
    )


def hidden_small(counts: Mapping[str, int]) -> dict[str, int | None]:
    """Return counts that add up to a whole, those of one to nine as ``None``; if there is one such, the next with it.

    Whoever knows the whole could tell a single hidden number.

    Examples
    --------
    >>> hidden_small({"a": 3, "b": 40, "c": 12, "d": 0})
    {'a': None, 'b': 40, 'c': None, 'd': 0}
    """
    hidden = {name for name, n in counts.items() if 0 < n < K_ANONYMITY}
    if len(hidden) == 1:
        others = [name for name, n in counts.items() if n >= K_ANONYMITY]
        hidden |= set(sorted(others, key=lambda name: (counts[name], name))[:1])
    return {name: None if name in hidden else n for name, n in counts.items()}
