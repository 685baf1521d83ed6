"""Campaigns as they are sent: recipients written first, then message after message, each looked at again right before.

In: campaigns that are scheduled or being sent. Out: messages under keys that never change, so that whoever comes after
a crash sends what may not have arrived once more, and channels take it once. One sender at a time
(`recommender.push.alone`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from civicrec.clock import Clock, utc_now
from civicrec.errors import Conflict
from civicrec.items import Item
from civicrec.logs import get_logger
from civicrec.process.retry import pause_s
from civicrec.registry.audit import Act, record_alone
from civicrec.registry.campaigns import KeptCampaign, campaigns_of, mark_enlisted
from civicrec.registry.choices import decided_versions
from civicrec.registry.deliveries import Delivery, Outcome, due, enlist, leave_out, n_waiting, settle
from civicrec.working_days import WorkingDays
from recommender.push.actions import open_items, step_campaign
from recommender.push.audience import Known, Target, channels_for, hidden_small, left_out, target_of
from recommender.push.channels.ports import Addressed, PushChannel, Taken
from recommender.push.message import Message, key_of, message_of, recipient_of
from recommender.push.people import AT_ONCE, WEEK, People
from recommender.push.plan import Plan, plan_from
from recommender.push.quiet import next_open
from recommender.push.states import PROPOSER, Action

_log = get_logger("push")
_LONGEST_PAUSE_S = 3_600.0
#: Key of recipients' names and of messages, of `civicrec.security.tokens.Keys.key_for`.
SECRET = "push"


@dataclass(frozen=True, slots=True)
class _Unchanged:
    """Somebody of whom nothing changed since they were chosen, but what they were sent."""

    recent: tuple[datetime, ...]


_Seen = Known | _Unchanged


@dataclass(frozen=True, slots=True)
class _Standing:
    """What recipients were chosen by: while nobody decided anything since, all that was true of them is.

    Attributes
    ----------
    versions
        As `civicrec.registry.choices.decided_versions` told them before anybody was looked up.
    until
        When the first attribute of a recipient ends by itself.
    """

    versions: tuple[int, ...]
    until: datetime | None


@dataclass(slots=True)
class Sender:
    """Sends what is due; for one thread.

    Parameters
    ----------
    channels
        By name; a message of a channel that is not there waits for it.
    tries
        Of a message, before it is given up.
    first_pause_s
        After the first of them that failed, seconds.
    """

    people: People
    channels: Mapping[str, PushChannel]
    calendar: WorkingDays
    holdout_share: float
    tries: int = 48
    first_pause_s: float = 5.0
    clock: Clock = utc_now
    _standing: dict[str, _Standing] = field(default_factory=dict)

    def step(self) -> int:
        """Do a piece of every campaign that runs; return how many messages were decided on.

        Raises
        ------
        civicrec.errors.Unavailable
            If a store is away; nothing is lost, the same comes again.
        """
        n_decided = 0
        for kept in campaigns_of(self.people.registry, ["scheduled", "sending"]):
            n_decided += self._of(kept, plan_from(kept.plan), self.clock())
        return n_decided

    def _of(self, kept: KeptCampaign, plan: Plan, now: datetime) -> int:
        if plan.ends <= now:
            self._finish(kept, "window_over", now)
            return 0
        if kept.state == "scheduled":
            if plan.begins is None or plan.begins <= now:
                self._move(kept.campaign_id, "begin", "its window begins", now)
            return 0
        items = open_items(self.people.registry, plan, now)
        if not items:
            self._finish(kept, "expired", now)
            return 0
        target = target_of(plan, items, self.holdout_share)
        if kept.enlisted_at is None:
            self._enlist(kept, target, now)
        if next_open(now, plan.quiet, self.calendar) > now:
            return 0
        n_decided = sum(self._send(kept, target, items, name, now) for name in plan.channels if name in self.channels)
        if not n_decided and not n_waiting(self.people.registry, kept.campaign_id):
            self._finish(kept, "", now)
        return n_decided

    def _enlist(self, kept: KeptCampaign, target: Target, now: datetime) -> None:
        """Write the rows of all recipients, and of who is held out; cut off, it begins anew and writes none twice."""
        secret, counts, until = self.people.keys.key_for(SECRET), Counter[str](), None
        versions = decided_versions(self.people.registry)
        everybody = self.people.of(target.plan, now)
        while some := list(islice(everybody, AT_ONCE)):
            rows: dict[str, list[Delivery]] = {"waiting": [], "held_out": []}
            for known in some:
                reason = left_out(target, known)
                counts[reason or "enlisted"] += 1
                if reason in (None, "capped"):
                    until = min(filter(None, (until, known.until)), default=None)
                    rows["waiting"] += [self._row(kept, secret, known, one) for one in channels_for(target.plan, known)]
                elif reason == "held_out":
                    rows["held_out"].append(self._row(kept, secret, known, ""))
            enlist(self.people.registry, rows["waiting"], "waiting", now)
            enlist(self.people.registry, rows["held_out"], "held_out", now)
        facts = {"people": hidden_small(counts)}
        record_alone(self.people.registry, Act(now, PROPOSER, "campaign_enlisted", kept.campaign_id, facts))
        mark_enlisted(self.people.registry, kept.campaign_id, now)
        if not target.plan.audience.started:  # who applies is not told by these versions
            self._standing[kept.campaign_id] = _Standing(versions, until)
        _log.info("campaign_enlisted", campaign=kept.campaign_id)

    def _row(self, kept: KeptCampaign, secret: bytes, known: Known, channel: str) -> Delivery:
        key = key_of(secret, kept.campaign_id, kept.put_in, known.root, channel)
        return Delivery(key, kept.campaign_id, kept.put_in, known.subject, channel)

    def _send(self, kept: KeptCampaign, target: Target, items: Sequence[Item], name: str, now: datetime) -> int:
        channel = self.channels[name]
        rows = due(self.people.registry, kept.campaign_id, name, now, min(channel.at_once, AT_ONCE))
        if not rows:
            return 0
        plan, secret = target.plan, self.people.keys.key_for(SECRET)
        known = self._known(plan, channel, [row.subject for row in rows], now)
        decided = [self._decided(target, row, known[row.subject], now) for row in rows]
        sending = [row for row, outcome in zip(rows, decided, strict=True) if outcome is None]
        addressed = [
            Addressed(row.key, row.subject, partial(self._message, plan, items, row, known[row.subject], secret))
            for row in sending
        ]
        taken = channel.deliver(addressed, now) if addressed else []
        became = [self._became(row, one, now) for row, one in zip(sending, taken, strict=True)]
        settle(self.people.registry, [*filter(None, decided), *became], now)
        return len(rows)

    def _known(self, plan: Plan, channel: PushChannel, subjects: Sequence[str], now: datetime) -> dict[str, _Seen]:
        """Look people up; while nobody decided anything since they were chosen, only what they were sent since."""
        standing = self._standing.get(plan.campaign_id)
        if standing is None or channel.passes_words_on or (standing.until and standing.until <= now):
            return {one.subject: one for one in self.people.known(plan, subjects, now)}
        if decided_versions(self.people.registry) != standing.versions:
            del self._standing[plan.campaign_id]
            return {one.subject: one for one in self.people.known(plan, subjects, now)}
        recent = self.people.recent(plan, subjects, now)
        return {subject: _Unchanged(tuple(recent.get(subject, ()))) for subject in subjects}

    def _decided(self, target: Target, row: Delivery, known: _Seen, now: datetime) -> Outcome | None:
        """Return why a row is not sent now, ``None`` if it is."""
        if isinstance(known, Known):
            reason = left_out(target, known)
        else:
            reason = "capped" if len(known.recent) >= target.plan.per_week else None
        if reason == "capped":
            free_at = known.recent[-target.plan.per_week] + WEEK
            if free_at < target.plan.ends:
                return Outcome(row.key, "waiting", "capped", max(free_at, now + timedelta(seconds=1)))
        elif reason is None and isinstance(known, Known) and row.channel not in known.wanted:
            reason = "unsubscribed"
        return Outcome(row.key, "left_out", reason) if reason else None

    def _message(self, plan: Plan, items: Sequence[Item], row: Delivery, known: _Seen, secret: bytes) -> Message:
        assert isinstance(known, Known)  # a channel that passes words on had everybody looked up
        recipient = recipient_of(secret, known.root, row.channel)
        return message_of(
            plan, row.version, items, known.attributes, row.key, recipient, started=known.started
        )  # fmt: skip

    def _became(self, row: Delivery, taken: Taken, now: datetime) -> Outcome:
        if taken.became != "later":
            return Outcome(row.key, taken.became, taken.reason, was_tried=True)
        if row.attempts + 1 >= self.tries:
            return Outcome(row.key, "refused", taken.reason, was_tried=True)
        wait_s = max(taken.after_s, pause_s(row.attempts + 1, self.first_pause_s, _LONGEST_PAUSE_S))
        return Outcome(row.key, "waiting", taken.reason, now + timedelta(seconds=wait_s), was_tried=True)

    def _finish(self, kept: KeptCampaign, reason: str, now: datetime) -> None:
        """End a campaign, and with it what still waits."""
        if kept.state == "scheduled":
            self._move(kept.campaign_id, "stop", "its window ended before it began", now)
            return
        if reason:
            leave_out(self.people.registry, kept.campaign_id, reason, now)
        self._move(kept.campaign_id, "finish", reason, now)

    def _move(self, campaign_id: str, action: Action, why: str, now: datetime) -> None:
        try:
            step_campaign(self.people.registry, campaign_id, action, None, who=PROPOSER, why=why, now=now)
        except Conflict:  # somebody paused or stopped it meanwhile: then that holds
            _log.info("campaign_moved_meanwhile", campaign=campaign_id)
