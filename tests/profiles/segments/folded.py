"""Segments without SQL: events folded one by one into profiles, and rules decided by plain Python over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from civicrec.events import INTEREST_WEIGHTS
from civicrec.items import Item
from profiles.evidence import TagEvidence
from profiles.rules.attributes import Attributes
from profiles.tags import learned_tags, load_vocabulary


@dataclass
class Folded:
    """One person, as their events tell it, the oldest first."""

    consent: str = "none"
    days: list[date] = field(default_factory=list)
    used: list[tuple[str, str, date]] = field(default_factory=list)
    evidence: dict[str, TagEvidence] = field(default_factory=dict)


def fold(events: Iterable[Mapping[str, Any]], items: Mapping[str, Item], as_of: date, window: int) -> dict[str, Folded]:
    """Fold events with `subject_id`, `kind`, `item_id`, `at`, `consent` and `bot_reason`.

    Parameters
    ----------
    window
        Days the tags are learned from.
    """
    people: dict[str, Folded] = {}
    for event in sorted(events, key=lambda one: (one["at"], one["consent"] != "personalise")):
        me = people.setdefault(event["subject_id"], Folded())
        me.consent = event["consent"]
        day = event["at"].date()
        if event["kind"] == "consent_withdrawn":
            people[event["subject_id"]] = Folded(event["consent"])
        elif event["consent"] == "personalise" and not event["bot_reason"] and day <= as_of:
            me.days.append(day)
            if event["item_id"]:
                me.used.append((event["kind"], event["item_id"], day))
                if event["kind"] in INTEREST_WEIGHTS and as_of - day < timedelta(days=window):
                    _learn(me, event, day, items)
    return people


def _learn(me: Folded, event: Mapping[str, Any], day: date, items: Mapping[str, Item]) -> None:
    for name in learned_tags(items[event["item_id"]]) if event["item_id"] in items else ():
        tag = load_vocabulary().tag(name)
        evidence = me.evidence.setdefault(name, TagEvidence(tag.half_life_days, tag.min_evidence))
        evidence.update(event["item_id"], day, INTEREST_WEIGHTS[event["kind"]])


@dataclass(frozen=True)
class Case:
    """What a rule is decided by, of one person: their profile, what they said, chose and deleted."""

    me: Folded
    said: Attributes
    items: Mapping[str, Item]
    as_of: date
    chosen: frozenset[str]
    deleted: frozenset[str]

    def holds(self, rule: Mapping[str, Any]) -> bool | None:
        """Decide a rule, as JSON, in Kleene's logic by least and greatest."""
        if "all" in rule:
            return _verdict(min(_rank(self.holds(one)) for one in rule["all"]))
        if "any" in rule:
            return _verdict(max(_rank(self.holds(one)) for one in rule["any"]))
        if "not" in rule:
            return _verdict(2 - _rank(self.holds(rule["not"])))
        if "tag" in rule:
            return self._tag(rule)
        if "count" in rule:
            return self._count(rule)
        if "seen" in rule:
            return self._seen(rule)
        return self._said(rule)

    def _tag(self, rule: Mapping[str, Any]) -> bool | None:
        name = rule["tag"]
        if name in self.deleted:
            return None
        evidence = self.me.evidence.get(name)
        weight = evidence.weight(self.as_of) if evidence and evidence.is_given else 0.0
        if name in self.chosen:
            weight = max(1.0, weight)
        return weight <= rule["at_most"] if "at_most" in rule else weight >= rule.get("at_least", 1e-9)

    def _count(self, rule: Mapping[str, Any]) -> bool:
        kinds = [rule["count"]] if isinstance(rule["count"], str) else rule["count"]
        found = set()
        for kind, item_id, day in self.me.used:
            if kind in kinds and (self.as_of - day).days < rule["days"] and self._is_wanted(item_id, rule):
                found.add(item_id)
        return len(found) <= rule["at_most"] if "at_most" in rule else len(found) >= rule["at_least"]

    def _is_wanted(self, item_id: str, rule: Mapping[str, Any]) -> bool:
        asked = {name for name in ("tags", "types", "region", "issuers") if name in rule}
        if not asked:
            return True
        if (item := self.items.get(item_id)) is None:
            return False
        answers = {
            "tags": lambda: bool(set(learned_tags(item)) & set(rule["tags"])),
            "types": lambda: item.item_type in rule["types"],
            "region": lambda: item.region_code.startswith(rule["region"].rstrip("0")),
            "issuers": lambda: item.issuer in rule["issuers"],
        }
        return all(answers[name]() for name in asked)

    def _seen(self, rule: Mapping[str, Any]) -> bool:
        day = min(self.me.days) if rule["seen"] == "first" else max(self.me.days)
        if "within_days" in rule:
            return (self.as_of - day).days < rule["within_days"]
        return day.isoformat() >= rule["since"] if "since" in rule else day.isoformat() <= rule["until"]

    def _said(self, rule: Mapping[str, Any]) -> bool | None:
        value: Any = self.said.get(rule["attribute"])
        if value is None:
            return None
        if "one_of" in rule:
            return bool((value if isinstance(value, frozenset) else {value}) & set(rule["one_of"]))
        if "within" in rule:
            asked = rule["within"].rstrip("0")
            return True if value.startswith(asked) else None if asked.startswith(value) else False
        return value <= rule["at_most"] if "at_most" in rule else value >= rule["at_least"]


def _rank(verdict: bool | None) -> int:
    return 1 if verdict is None else 2 * verdict


def _verdict(rank: int) -> bool | None:
    return (False, None, True)[rank]


def as_event(event: Mapping[str, Any], n: int) -> dict[str, Any]:
    """Return an event as the warehouse keeps it."""
    from tests.operations.nights import an_event

    at: datetime = event["at"]
    facts = {name: event[name] for name in ("subject_id", "kind", "item_id", "consent", "bot_reason")}
    return an_event(n, at, actor=facts["subject_id"], anonymous_id="", site=event.get("site", "demo"), **{
        name: value for name, value in facts.items()
    })  # fmt: skip
