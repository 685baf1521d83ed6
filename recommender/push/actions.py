"""What people do with campaigns: write, propose, approve, start, pause, stop; and what a look ahead tells.

In: the registry, who does it and why, and the version they looked at. Out: the campaign as it is kept then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import msgspec
from sqlalchemy import Engine

from civicrec.crowds import K_ANONYMITY
from civicrec.errors import Conflict, InvalidInput, NotFound
from civicrec.items import ITEM_TYPES, Item
from civicrec.registry.campaigns import Done, KeptCampaign, campaign, change_campaign
from civicrec.registry.catalogue import Kept
from civicrec.registry.segments import segment
from civicrec.settings.push import PushSettings
from profiles.segments.draft import rule_of
from recommender.catalogue import Catalogue
from recommender.eligibility import eligible
from recommender.match import conditions_of
from recommender.push.audience import Preview, Target, left_out, preview_of, target_of
from recommender.push.channels.webhook import check_webhook
from recommender.push.people import People
from recommender.push.plan import Plan, check_sensitive, check_window, plan_from
from recommender.push.states import Action, State, check_approver, next_state


def put_campaign(
    registry: Engine, data: Any, expected: int | None, *, who: str, why: str, now: datetime, origin: str = ""
) -> KeptCampaign:
    """Keep a new campaign, or change one that nothing was sent of; it is a draft then.

    Raises
    ------
    InvalidInput
        If the plan is none, its window is over, an item is not in the catalogue, or something sensitive divides people.
    Conflict
        If it is being sent or over, or has another version than `expected`.
    """
    plan = plan_from(data)
    check_window(plan, now)
    items = _items(registry, plan)
    _check_conditions(plan, items.values())
    if plan.audience.segment:
        check_sensitive(rule_of(segment(registry, plan.audience.segment)), f"audience.segment {plan.audience.segment}")
    plan = msgspec.structs.replace(plan, topic=plan.topic or next(iter(items[plan.items[0]].theme), ""))

    def decide(before: KeptCampaign | None) -> KeptCampaign:
        state = next_state(cast("State", before.state), "put") if before else "draft"
        authors = (who,) if before is None else tuple(dict.fromkeys([*before.authors, who]))
        made_at, kept_origin = (before.made_at, before.origin) if before else (now, origin)
        return KeptCampaign(
            plan.campaign_id, 0, state, msgspec.to_builtins(plan), 0, authors, "", kept_origin,
            items[plan.items[0]].issuer, made_at, now,
        )  # fmt: skip

    return change_campaign(registry, plan.campaign_id, expected, Done(who, "put", why, now), decide)


def step_campaign(
    registry: Engine, campaign_id: str, action: Action, expected: int | None, *, who: str, why: str, now: datetime
) -> KeptCampaign:
    """Do with a campaign what changes nothing of its plan.

    Raises
    ------
    Conflict
        If its state does not allow it, or it has another version than `expected`.
    Forbidden
        If who approves wrote or proposed it.
    """

    def decide(before: KeptCampaign | None) -> KeptCampaign:
        if before is None:
            raise NotFound(f"no campaign {campaign_id[:80]!r}; `civicrec campaign list` shows what there is")
        state = next_state(cast("State", before.state), action)
        if action == "propose":
            return replace(before, state=state, authors=tuple(dict.fromkeys([*before.authors, who])))
        if action == "approve":
            check_approver(who, before.authors)
            check_window(plan_from(before.plan), now)
            return replace(before, state=state, approved_by=who)
        return replace(before, state=state)

    return change_campaign(registry, campaign_id, expected, Done(who, action, why, now), decide)


def start_campaign(
    people: People, campaign_id: str, expected: int | None, settings: PushSettings, *, who: str, why: str, now: datetime
) -> KeptCampaign:
    """Start a campaign that was approved: it is sent from the beginning of its window on; or go on after a pause.

    Raises
    ------
    Conflict
        If its state does not allow it, its window is over, no item of it may be sent, or fewer than ten people would
        get it: what they do then would tell of them.
    """
    kept = campaign(people.registry, campaign_id)
    next_state(cast("State", kept.state), "start")
    plan = plan_from(kept.plan)
    if plan.ends <= now:
        raise Conflict(f"its window ended at {plan.ends}; put it with another one")
    if "webhook" in plan.channels:
        check_webhook(settings)
    target = target_now(people.registry, plan, settings.holdout_share, now)
    if not target.rules:
        raise Conflict("none of its items may be sent now: expired, withdrawn, or closed to applications")
    if kept.state == "approved" and _n_reached(target, people.of(plan, now), K_ANONYMITY) < K_ANONYMITY:
        raise Conflict("少于 10 人: fewer than ten people would get it, and what they do would tell of them; widen it")
    return step_campaign(people.registry, campaign_id, "start", expected, who=who, why=why, now=now)


def preview_campaign(people: People, plan: Plan, global_share: float, now: datetime) -> Preview:
    """Return whom a campaign would reach if it were sent now; nothing is written.

    Raises
    ------
    InvalidInput
        If an item is not in the catalogue.
    """
    target = target_now(people.registry, plan, global_share, now)
    return preview_of(target, people.of(plan, now))


def target_now(registry: Engine, plan: Plan, global_share: float, now: datetime) -> Target:
    """Return a campaign as people are put to it now, with those of its items that may be recommended."""
    return target_of(plan, open_items(registry, plan, now), global_share)


def open_items(registry: Engine, plan: Plan, now: datetime) -> list[Item]:
    """Return the items of a campaign that may be recommended now, in its order."""
    kept = Kept(registry).named(plan.items)
    items = [kept[item_id] for item_id in plan.items if item_id in kept]
    is_open = eligible(Catalogue.of(items), ITEM_TYPES, now)
    return [item for item, may_be in zip(items, is_open, strict=True) if may_be]


def _n_reached(target: Target, people: Iterable[Any], enough: int) -> int:
    n = 0
    for known in people:
        n += left_out(target, known) in (None, "capped")  # who is reached by others now may get it later
        if n >= enough:
            break
    return n


def _items(registry: Engine, plan: Plan) -> Mapping[str, Item]:
    items = Kept(registry).named(plan.items)
    if missing := [item_id for item_id in plan.items if item_id not in items]:
        raise InvalidInput(f"items: {missing[0]!r} is not in the catalogue; expected ids that `catalog list` shows")
    return items


def _check_conditions(plan: Plan, items: Iterable[Item]) -> None:
    if not plan.audience.of_items:
        return
    for item in items:
        conditions = conditions_of(item)
        if not conditions:
            raise InvalidInput(
                f"audience.of_items: {item.item_id} states no condition and is for everybody; expected a rule, or an "
                "item with 服务对象, 适用人群, 适用行业, 企业规模, 适用地区 or conditions"
            )
        for one in conditions:
            check_sensitive(one.rule, f"audience.of_items: {item.item_id}, {one.quote}")
