"""What one person is sent: words, links, the deadline, and why they of all people. Pure.

The reason names what the person declared and the campaign asks for, nothing that was learned from what they read.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from civicrec.items import Item
from profiles.rules.attributes import Attributes, load_attributes
from profiles.rules.language import Clause, Rule, holds
from recommender.match import conditions_of
from recommender.push.plan import Plan

_FROM_DECLARED = "因为您填报的信息符合："
_STARTED, _NO_LONGER = "因为您已开始办理、尚未提交", "发送时与您填报的信息相符"
_SEGMENT = "因为您近期的使用情况在本次推送的范围内"
_TESTS = {"at_least": "不低于", "at_most": "不高于"}


class MessageItem(msgspec.Struct, frozen=True):
    """One item of a message; `deadline` is when applications close."""

    item_id: str
    item_type: str
    title: str
    url: str
    deadline: datetime | None


class Message(msgspec.Struct, frozen=True):
    """A message as channels take it.

    Attributes
    ----------
    key
        The same however often it is sent: who has taken a message of this key takes no second one. Whoever knows it
        may unsubscribe by it, without signing in.
    recipient
        The person, under a name that this channel alone knows.
    deadline
        The first of its items' deadlines.
    """

    key: str
    recipient: str
    campaign_id: str
    version: int
    topic: str
    title: str
    text: str
    items: tuple[MessageItem, ...]
    deadline: datetime | None
    reason: str


def key_of(secret: bytes, campaign_id: str, version: int, root: str, channel: str) -> str:
    """Return the key of a message, 32 hexadecimal digits that nobody can guess.

    Parameters
    ----------
    root
        Of the person, `civicrec.security.tokens.Keys.root`: it stays when the pepper is changed.
    """
    return hmac.digest(secret, "\0".join((campaign_id, str(version), root, channel)).encode(), "sha256").hex()[:32]


def recipient_of(secret: bytes, root: str, channel: str) -> str:
    """Return the name under which a channel knows a person, by their root: no pseudonym of any store."""
    return hmac.digest(secret, f"recipient\0{channel}\0{root}".encode(), "sha256").hex()[:32]


def message_of(
    plan: Plan, version: int, items: Sequence[Item], attributes: Attributes, key: str, recipient: str,
    *, started: bool = False,
) -> Message:  # fmt: skip
    """Return what somebody is sent.

    Parameters
    ----------
    items
        Those of the campaign that may be recommended now, one at least; of a campaign by the items' conditions, those
        that do not fit the person are left out.
    attributes
        What the person declared that is in force.
    """
    fitting = [item for item in items if not plan.audience.of_items or _fits(item, attributes)] or list(items)
    deadlines = [item.apply_until for item in fitting if item.apply_until]
    return Message(
        key, recipient, plan.campaign_id, version, plan.topic, plan.title, plan.text or fitting[0].summary,
        tuple(MessageItem(one.item_id, one.item_type, one.title, one.url, one.apply_until) for one in fitting),
        min(deadlines, default=None), reason_of(plan, fitting, attributes, started=started),
    )  # fmt: skip


def reason_of(plan: Plan, items: Iterable[Item], attributes: Attributes, *, started: bool) -> str:
    """Return why somebody of all people is sent it; every word of it is true of them now."""
    words: list[str] = []
    if plan.audience.of_items:
        words += [one.quote for item in items for one in conditions_of(item) if holds(one.rule, attributes)]
    if plan.rule is not None:
        words += [_said(clause) for clause in _holding(plan.rule, attributes)]
    if words:
        return _FROM_DECLARED + "；".join(dict.fromkeys(words))
    if plan.audience.segment:
        return _SEGMENT
    return _STARTED if plan.audience.started and started else _NO_LONGER


def _fits(item: Item, attributes: Attributes) -> bool:
    return all(holds(one.rule, attributes) is True for one in conditions_of(item))


def _holding(rule: Rule, attributes: Attributes) -> Iterator[Clause]:
    """Yield the clauses by which a rule holds; what is ruled out says nothing of somebody."""
    if isinstance(rule, Clause):
        if holds(rule, attributes):
            yield rule
    elif rule.how != "not":
        for one in rule.rules:
            yield from _holding(one, attributes)


def _said(clause: Clause) -> str:
    label = load_attributes()[clause.attribute].label
    if isinstance(clause.value, frozenset):
        return f"{label}：{'、'.join(sorted(clause.value))}"
    if isinstance(clause.value, float):
        return f"{label}{_TESTS[clause.test]}{clause.value:g}"
    return f"{label}：{clause.value.ljust(6, '0')}"
