"""Campaigns that nobody asked for: a new or changed policy proposes one to its owner, and so does one that closes soon.

In: what changed in the catalogue, who started to apply. Out: drafts by `PROPOSER`, which people propose, approve and
start like their own. What proposed a campaign is kept with it, so nothing proposes twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from civicrec.clock import moved, rfc3339
from civicrec.crowds import K_ANONYMITY
from civicrec.errors import Conflict, InvalidInput
from civicrec.items import ITEM_TYPES, Item
from civicrec.logs import get_logger
from civicrec.registry.campaigns import KeptCampaign, campaigns_of, follow_to, followed_version, has_origin
from civicrec.registry.catalogue import catalogue_version, items_since
from civicrec.registry.changes import changes_after
from civicrec.registry.consents import consenting_sites
from recommender.catalogue import Catalogue
from recommender.eligibility import ACTIONABLE, eligible
from recommender.match import conditions_of
from recommender.push.actions import put_campaign, step_campaign
from recommender.push.people import People
from recommender.push.plan import Audience
from recommender.push.states import PROPOSER

_log = get_logger("push")
_AT_ONCE = 500
#: A campaign for an item without a closing date ends by itself.
_LONGEST = timedelta(days=30)
#: What was published longer ago is not new: a catalogue that is imported as a whole proposes no thousands.
_NEW = timedelta(days=30)
#: Proposals that nobody has touched; beyond it none is added.
MOST_OPEN = 200
#: How long before applications close people are reminded.
REMIND_WITHIN = timedelta(days=7)
_TITLE = 100
#: Items that close soon and are asked about in one look, the soonest first; each is a question to the warehouse.
_REMINDED = 200


@dataclass(slots=True)
class Proposer:
    """Proposes campaigns; for one thread."""

    people: People

    def follow(self, now: datetime) -> list[str]:
        """Propose for every policy, service and guide that is new or changed since the last look; return the ids.

        The first look of an installation proposes nothing: what is there is not new.
        """
        registry = self.people.registry
        last = followed_version(registry)
        if last < 0:
            follow_to(registry, catalogue_version(registry))
            return []
        proposed: list[str] = []
        place = (last + 1, "")  # before every id of the next version
        while changed := changes_after(registry, *place, _AT_ONCE):
            proposed += [name for one in changed for name in self._of_item(one.item, now)]
            place = (changed[-1].version, changed[-1].item.item_id)
            follow_to(registry, place[0] - 1)  # of its own version there may be more to come
        follow_to(registry, max(last, place[0] - (place[1] == "")))
        return proposed

    def remind(self, now: datetime) -> list[str]:
        """Propose a reminder for what closes soon, to who started to apply and did not submit; return the ids."""
        items = items_since(self.people.registry)[1]
        closing = [
            item
            for item in _open(items, now)
            if item.item_type in ACTIONABLE and item.apply_until and item.apply_until <= moved(now, REMIND_WITHIN)
        ]
        proposed: list[str] = []
        for item in sorted(closing, key=lambda one: (one.apply_until, one.item_id))[:_REMINDED]:
            assert item.apply_until is not None
            origin = f"reminder:{_digest(item.item_id, rfc3339(item.apply_until))}"
            sites = [site for site in consenting_sites(self.people.registry) if not self._is_known(origin, site)]
            if sites and len(set(self.people.starters([item.item_id]))) >= K_ANONYMITY:
                audience = Audience(started=True)
                proposed += self._proposed(item, sites, origin, audience, f"申报即将截止：{item.title}", now)
        return proposed

    def _of_item(self, item: Item, now: datetime) -> list[str]:
        conditions = conditions_of(item)
        if item.item_type not in ACTIONABLE or not conditions or not _open([item], now):
            return []
        prefix = f"item:{_digest(item.item_id)}:"
        drafts = [one for one in campaigns_of(self.people.registry, ["draft"]) if one.authors == (PROPOSER,)]
        is_new = item.published_at is None or item.published_at > moved(now, -_NEW)
        if not is_new and not any(one.origin.startswith(prefix) for one in drafts):
            return []
        if len(drafts) >= MOST_OPEN:
            _log.warning("no_campaign_proposed", item=item.item_id, reason=f"{len(drafts)} proposals wait for somebody")
            return []
        origin = prefix + _digest(_said(item))
        sites = [site for site in consenting_sites(self.people.registry) if not self._is_known(origin, site)]
        proposed = self._proposed(item, sites, origin, Audience(of_items=True), item.title, now)
        if proposed:
            self._end_older([one for one in drafts if one.origin.startswith(prefix)], now)
        return proposed

    def _proposed(
        self, item: Item, sites: list[str], origin: str, audience: Audience, title: str, now: datetime
    ) -> list[str]:
        return [name for site in sites for name in self._put(item, site, origin, audience, title, now)]

    def _put(self, item: Item, site: str, origin: str, audience: Audience, title: str, now: datetime) -> Iterator[str]:
        kind, _, words = f"{origin}:{site}".partition(":")
        campaign_id = f"{kind}-{_digest(words)}"
        ends = min(filter(None, (item.apply_until, item.valid_until, moved(now, _LONGEST))))
        plan = {
            "campaign_id": campaign_id, "site": site, "title": title[:_TITLE], "items": [item.item_id],
            "audience": {"of_items": audience.of_items, "started": audience.started}, "channels": ["inbox"],
            "ends": rfc3339(ends),
        }  # fmt: skip
        why = "the item is new or changed" if audience.of_items else "applications close soon"
        try:
            put_campaign(
                self.people.registry, plan, 0, who=PROPOSER, why=why, now=now, origin=f"{origin}:{site}"
            )  # fmt: skip
        except InvalidInput as error:  # sensitive conditions, a window that is over: nothing to propose
            _log.info("no_campaign_proposed", item=item.item_id, reason=str(error))
        else:
            _log.info("campaign_proposed", campaign=campaign_id, item=item.item_id)
            yield campaign_id

    def _is_known(self, origin: str, site: str) -> bool:
        return has_origin(self.people.registry, f"{origin}:{site}")

    def _end_older(self, drafts: list[KeptCampaign], now: datetime) -> None:
        """Stop drafts of an item as it was before; one that somebody touches at this moment stays."""
        for one in drafts:
            try:
                step_campaign(
                    self.people.registry, one.campaign_id, "stop", one.version, who=PROPOSER, why="the item changed",
                    now=now,
                )  # fmt: skip
            except Conflict:
                _log.info("campaign_moved_meanwhile", campaign=one.campaign_id)


def _open(items: list[Item], now: datetime) -> list[Item]:
    is_open = eligible(Catalogue.of(items), ITEM_TYPES, now)
    return [item for item, may_be in zip(items, is_open, strict=True) if may_be]


def _said(item: Item) -> str:
    """Return for whom an item is and until when, as text that is the same in every process."""
    said = (
        item.audiences, item.person_groups, item.industries, item.enterprise_scales, item.region_code, item.conditions,
        item.apply_until,
    )  # fmt: skip
    return msgspec.json.encode(said, order="deterministic").decode()


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:24]
