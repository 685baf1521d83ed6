"""What a campaign sends to whom, when and how often. Pure: JSON in, a checked `Plan` out.

Nothing sensitive decides an audience: that somebody was sent a message would tell of it.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal, cast, get_args

import msgspec

from civicrec.errors import InvalidInput
from civicrec.items import ItemId, Text64, Time
from profiles.rules.attributes import is_sensitive
from profiles.rules.behaviour import PeopleRule
from profiles.rules.language import Clause, Rule, leaves, rule_from

Channel = Literal["inbox", "webhook"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
#: A window of years would send what nobody remembers to have agreed on.
LONGEST = timedelta(days=92)
_CAMPAIGN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_CHILD = 18


class Audience(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom a campaign is for: who passes every part that is given.

    Attributes
    ----------
    rule
        Over what people declared, in the language of `profiles.rules.language`.
    of_items
        Whom one of the items fits by its own conditions, as ``/v1/match`` decides it.
    started
        Who started to apply for one of the items within a month, and did not submit.
    segment
        Who was in a segment (`profiles.segments`) when recipients were written, by the night before.
    """

    rule: dict[str, Any] = {}
    of_items: bool = False
    started: bool = False
    segment: Text64 = ""


class Quiet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When nothing is sent, by the clock of the portal.

    Attributes
    ----------
    begins, until
        Such as 21:00 and 08:00; equal for no quiet hours.
    working_days_only
        Whether days on which offices are closed are quiet as a whole.
    """

    begins: str = "21:00"
    until: str = "08:00"
    working_days_only: bool = False


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A campaign as its owner writes it.

    Attributes
    ----------
    title
        Heads the message.
    text
        A sentence of the office's own; empty for the summary of the item.
    topic
        What people can unsubscribe from; a theme of the first item when not given.
    begins, ends
        Nothing is sent outside; `begins` ``None`` for as soon as it is started.
    per_week
        Messages of all campaigns together that one person gets within seven days, counted once for all channels.
    holdout_share
        Of the audience, 0..0.5, who get nothing, so that a report can tell whether it worked; on top of the share
        that all campaigns hold out.
    """

    campaign_id: str
    site: Text64
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    items: Annotated[tuple[ItemId, ...], msgspec.Meta(min_length=1, max_length=10)]
    audience: Audience
    channels: Annotated[tuple[Channel, ...], msgspec.Meta(min_length=1)]
    ends: Time
    begins: Time | None = None
    text: Annotated[str, msgspec.Meta(max_length=500)] = ""
    topic: Text64 = ""
    per_week: Annotated[int, msgspec.Meta(ge=1, le=21)] = 3
    quiet: Quiet = Quiet()
    holdout_share: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.05

    @property
    def rule(self) -> Rule | None:
        """The audience's own rule, ``None`` without one."""
        return rule_from(self.audience.rule) if self.audience.rule else None


def plan_from(data: Any) -> Plan:
    """Return the plan that JSON writes down.

    Raises
    ------
    InvalidInput
        If it is none; the message names the field, what was got and what was expected.
    """
    try:
        plan = msgspec.convert(data, Plan)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the campaign cannot be read: {error}") from None
    if not _CAMPAIGN_ID.fullmatch(plan.campaign_id):
        raise InvalidInput(f"campaign_id: got {plan.campaign_id[:80]!r}; expected 1 to 64 of A-Z a-z 0-9 . _ -")
    if not plan.title.strip():
        raise InvalidInput("title is blank; expected the words that head the message")
    for name, words in (("items", plan.items), ("channels", plan.channels)):
        if len(set(words)) < len(words):
            raise InvalidInput(f"{name}: got one of them twice; expected each once")
    for name in ("begins", "until"):
        if not _TIME.fullmatch(got := getattr(plan.quiet, name)):
            raise InvalidInput(f"quiet.{name}: got {got[:20]!r}; expected a time of day such as 21:00")
    if plan.begins is not None and not plan.begins < plan.ends <= plan.begins + LONGEST:
        raise InvalidInput(f"ends {plan.ends}: expected after begins, by {LONGEST.days} days at most")
    _check_audience(plan)
    return plan


def time_of(text: str) -> time:
    """Return a time of day, as `plan_from` checked it."""
    return time.fromisoformat(text)


def check_window(plan: Plan, now: datetime) -> None:
    """Refuse a window that is over, or ends too far away.

    Raises
    ------
    InvalidInput
        Naming the end.
    """
    if plan.ends <= now:
        raise InvalidInput(f"the campaign ended at {plan.ends}; expected an end to come")
    if plan.ends > (plan.begins or now) + LONGEST:
        raise InvalidInput(f"ends {plan.ends}: expected {LONGEST.days} days after its beginning at most")


def check_sensitive(rule: Rule | PeopleRule, where: str) -> None:
    """Refuse a rule that divides people by something sensitive (个人信息保护法 Art. 28), or names minors.

    Raises
    ------
    InvalidInput
        Naming what is sensitive.
    """
    for clause in leaves(cast("PeopleRule", rule)):
        if not isinstance(clause, Clause):  # of behaviour, from which nothing sensitive is learned
            continue
        words = sorted(clause.value) if isinstance(clause.value, frozenset) else [clause.value]
        for word in words:
            if clause.attribute == "age" and isinstance(word, float):
                is_refused = clause.test == "at_most" and word < _CHILD
            else:
                is_refused = isinstance(word, str) and is_sensitive(clause.attribute, [word])
            if is_refused:
                raise InvalidInput(
                    f"{where}: {clause.attribute} {word:.60} is sensitive or tells of minors; who was sent a message "
                    "would be known to be one. Show the item in lists and feeds, which know nobody"
                    if isinstance(word, str)
                    else f"{where}: age at most {word:g} tells of minors, to whom nothing is pushed"
                )


def _check_audience(plan: Plan) -> None:
    audience = plan.audience
    if not (audience.rule or audience.of_items or audience.started or audience.segment):
        raise InvalidInput("audience: got nothing; expected rule, of_items, started or segment, one of them at least")
    if audience.rule:
        check_sensitive(rule_from(audience.rule), "audience.rule")
