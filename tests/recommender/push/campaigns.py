"""Campaigns and people for tests of pushes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from civicrec.registry.attributes import change
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.consents import enter
from civicrec.registry.notice import Entry, Notice
from civicrec.security.tokens import Keys
from profiles.rights.attributes import decision, seal_of
from recommender.push.people import People
from tests.item_builders import an_item

#: 11:30 of a Monday in Shanghai.
NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
KEYS = Keys(b"a pepper of the tests", {})
NOTICE = Notice("2026-1", ("personalise",), frozenset({"personalise"}), timedelta(days=180))
FIRM = {"audience": "企业法人", "scale": "小型企业"}
ITEM = an_item(
    "loan", item_type="policy", title="小微企业贷款贴息", issuer="财政局", theme=("财税金融",),
    audiences=("企业法人",), enterprise_scales=("小型企业",), apply_until=NOW + timedelta(days=20),
)  # fmt: skip


def a_plan(**fields: Any) -> dict[str, Any]:
    """Return the JSON of a plan."""
    plan: dict[str, Any] = {
        "campaign_id": "c1", "site": "demo", "title": "贷款贴息开始申报", "items": ["loan"],
        "audience": {"of_items": True}, "channels": ["inbox"], "ends": (NOW + timedelta(days=10)).isoformat(),
        "holdout_share": 0.0,
    }  # fmt: skip
    return plan | fields


def put_people(registry: Engine, users: Iterable[str], said: dict[str, Any] = FIRM, *, agree: bool = True) -> list[str]:
    """Let users say something of themselves and agree to personal recommendations; return their pseudonyms."""
    subjects = [KEYS.subject_id("demo", user) for user in users]
    for subject in subjects:
        change(registry, subject, decision(said, subject, seal_of(KEYS), NOW), NOW)
        if agree:
            consent(registry, subject)
    return subjects


def consent(registry: Engine, subject: str, *, is_given: bool = True, now: datetime = NOW) -> None:
    """Enter an answer into the ledger."""
    answer = Entry(subject, "demo", "personalise", is_given, "2026-1", NOTICE.covers, "web", now)
    enter(registry, answer, NOTICE, audit_name=KEYS.audit_name(subject))


def people_of(registry: Engine, started: Iterable[str] = ()) -> People:
    """Return what looks people up."""
    return People(registry, KEYS, NOTICE, lambda _: list(started))


def put_items(registry: Engine, *more: Any) -> None:
    """Put the item of `a_plan`, and others, into the catalogue."""
    upsert_items(registry, [ITEM, *more], now=NOW)
