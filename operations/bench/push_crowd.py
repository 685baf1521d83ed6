"""A crowd of firms that declared what they are and agreed, written at once, and a campaign that fits them all.

In: a registry and how many. Out: their pseudonyms, and the campaign, approved and started.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

from civicrec.clock import rfc3339
from civicrec.items import item_from
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.notice import Notice
from civicrec.registry.tables import attributes, consents, subscriptions
from civicrec.security.tokens import Keys
from civicrec.settings.push import PushSettings
from profiles.rights.attributes import decision, seal_of
from recommender.push.actions import put_campaign, start_campaign, step_campaign
from recommender.push.people import People
from recommender.push.plan import CHANNELS

ITEM = {
    "item_id": "loan", "item_type": "policy", "title": "小微企业贷款贴息", "summary": "对小微企业贷款给予贴息。",
    "audiences": ["企业法人"], "enterprise_scales": ["小型企业"], "theme": ["财税金融"], "issuer": "财政局",
}  # fmt: skip
_SAID = {"audience": "企业法人", "scale": "小型企业", "region": "440106"}
_AT_ONCE = 5_000


def put_crowd(registry: Engine, keys: Keys, notice: Notice, n: int, now: datetime, site: str = "demo") -> list[str]:
    """Write `n` firms that a campaign of `ITEM` fits, who agreed and want every channel; return their pseudonyms."""
    subjects = [keys.subject_id(site, f"firm-{number}") for number in range(n)]
    seal, at = seal_of(keys), now.astimezone(UTC)
    for start in range(0, n, _AT_ONCE):
        some = subjects[start : start + _AT_ONCE]
        said = [
            {
                "subject": subject, "attribute": row.attribute, "sealed": row.sealed, "source": row.source,
                "purpose": "", "catalogue_id": "", "consent_at": None, "said_at": at, "ended_at": None,
                "valid_until": row.valid_until.astimezone(UTC),
            }
            for subject in some
            for row in decision(_SAID, subject, seal, now)([])[0]
        ]  # fmt: skip
        agreed = [
            {
                "actor": subject, "site": site, "purpose": "personalise", "is_given": True, "channel": "web", "at": at,
                "notice_version": notice.version, "covers": sorted(notice.covers),
            }
            for subject in some
        ]  # fmt: skip
        wanted = [
            {"subject": subject, "channel": channel, "topic": "", "is_on": True, "since": at}
            for subject in some
            for channel in CHANNELS
        ]
        with registry.begin() as connection:
            connection.execute(insert(attributes), said)
            connection.execute(insert(consents), agreed)
            connection.execute(insert(subscriptions), wanted)
    return subjects


def start_for_all(people: People, channels: Sequence[str], settings: PushSettings, now: datetime, **fields: Any) -> str:
    """Put, approve and start a campaign of `ITEM` without quiet hours; return its id."""
    upsert_items(people.registry, [item_from(ITEM)], now=now)
    plan = {
        "campaign_id": "bench", "site": "demo", "title": "贷款贴息开始申报", "items": ["loan"],
        "audience": {"of_items": True}, "channels": list(channels), "holdout_share": 0.0, "per_week": 21,
        "quiet": {"begins": "00:00", "until": "00:00"}, "ends": rfc3339(now + timedelta(days=30)),
    }  # fmt: skip
    kept = put_campaign(people.registry, plan | fields, None, who="li", why="", now=now)
    for action, who in (("propose", "li"), ("approve", "zhao")):
        step_campaign(people.registry, kept.campaign_id, action, None, who=who, why="", now=now)  # type: ignore[arg-type]
    start_campaign(people, kept.campaign_id, None, settings, who="zhao", why="", now=now)
    return kept.campaign_id
