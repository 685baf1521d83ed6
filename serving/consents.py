"""What people agree to, refuse and take back: kept in the ledger, and obeyed by the next list and the next event.

In: an answer of somebody. Out: where they stand with each purpose of the notice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

import msgspec

from civicrec.clock import to_ms
from civicrec.events import Channel
from civicrec.items import Time
from civicrec.registry.choices import PERSONALISE
from civicrec.registry.consents import enter, entries_of
from civicrec.registry.erasures import check_not_under_way, readmit
from civicrec.registry.notice import Entry, Notice, Standing, State, checked_version, notice_of, standing, standings
from serving.decisions import Decisions
from serving.feedback import Recorder
from serving.live import Live
from serving.registry import Registry

#: Consent that ends the refusal of an erased person's events: to purposes that events are collected for.
_LET_BACK_IN = frozenset({"measure", PERSONALISE})


@dataclass(frozen=True, slots=True)
class Respondent:
    """Who answers: an actor of a site, with the token or the browser's id by which the collector knows them."""

    actor: str
    site: str
    token: str = ""
    anonymous_id: str = ""


class Answered(msgspec.Struct):
    """One answer of the past."""

    given: bool
    notice_version: str
    channel: Channel
    at: Time


class PurposeConsent(msgspec.Struct):
    """Where a person stands with a purpose.

    Attributes
    ----------
    notice_version, at
        Of the last answer; empty before any.
    """

    purpose: str
    state: Annotated[State, msgspec.Meta(description="`outdated`: given to a notice that told less than today's")]
    notice_version: str
    at: Time | None
    ask_now: Annotated[bool, msgspec.Meta(description="whether the portal may ask now; nobody has to answer")]
    ask_again_at: Annotated[Time | None, msgspec.Meta(description="when it may ask again, after a refusal")]
    history: list[Answered]


class MyConsents(msgspec.Struct):
    """Every purpose of the notice, then those of earlier notices."""

    notice_version: Annotated[str, msgspec.Meta(description="of the notice in force; empty while there is none")]
    is_required: Annotated[bool, msgspec.Meta(description="whether this site counts only what stands in the ledger")]
    consents: list[PurposeConsent]


class Consents:
    """Takes and tells answers.

    Every method raises `Unavailable` if a store is away; then nothing was entered, or lists are less personal than was
    asked for.
    """

    def __init__(self, live: Live, registry: Registry, decisions: Decisions, recorder: Recorder) -> None:
        self._live = live
        self._registry = registry
        self._decisions = decisions
        self._recorder = recorder
        self.notice: Notice = notice_of(live.settings)

    async def entries(self, actor: str) -> list[Entry]:
        """Return all answers of a person, the first at the head."""
        return await self._registry.do(lambda engine: entries_of(engine, actor))

    async def of(self, actor: str, site: str) -> MyConsents:
        """Return where a person stands with every purpose."""
        history = await self.entries(actor)
        is_required = site in self._live.settings.consent.ledger_sites
        told = [_told(one) for one in standings(history, self.notice, self._live.clock())]
        return MyConsents(self.notice.version, is_required, told)

    async def answer(
        self, respondent: Respondent, purpose: str, version: str, channel: Channel, *, is_given: bool
    ) -> PurposeConsent:
        """Enter an answer; return where the person stands now.

        Whoever takes back `personalise` is off before anything else, and forgotten as a browser is that withdraws. Of
        who was erased and consents anew, events count again from now on.

        Raises
        ------
        InvalidInput
            If purpose or version is not known, or consent is given by somebody who is being erased.
        """
        now, actor = self._live.clock(), respondent.actor
        history = await self.entries(actor)
        version = checked_version(purpose, version, is_given=is_given, history=history, notice=self.notice)
        answer = Entry(actor, respondent.site, purpose, is_given, version, self.notice.covers, channel, now)
        name = self._live.keys.audit_name(actor)
        if is_given:
            await self._registry.do(lambda engine: check_not_under_way(engine, name))
        if purpose == PERSONALISE and not is_given:
            await self._decisions.online(lambda: self._live.store.switch(actor, on=False))
        await self._registry.do(lambda engine: enter(engine, answer, self.notice, audit_name=name))
        if is_given and purpose in _LET_BACK_IN:
            digest = self._live.keys.erased_digest(self._live.keys.root(actor))
            await self._registry.do(lambda engine: readmit(engine, name, digest, by="subject", now=now))
        if purpose == PERSONALISE:
            await self._decisions.obey(actor)
            if not is_given:
                await self._forget(respondent)
        mine = [entry for entry in await self.entries(actor) if entry.purpose == purpose]
        return _told(standing(purpose, mine, self.notice, now))

    async def _forget(self, respondent: Respondent) -> None:
        """End what the person is known by: now in the online store, and by an event for nights and rebuilds."""
        now = self._live.clock()
        event = {"kind": "consent_withdrawn", "site": respondent.site, "consent": "measure"}
        if respondent.anonymous_id:
            event["anonymous_id"] = respondent.anonymous_id
        await self._decisions.online(lambda: self._live.store.withdraw(respondent.actor, to_ms(now)))
        await asyncio.to_thread(self._recorder.record, event, respondent.token, now)


def _told(one: Standing) -> PurposeConsent:
    last = one.history[-1] if one.history else None
    return PurposeConsent(
        one.purpose, one.state, last.notice_version if last else "", last.at if last else None, one.ask_now,
        one.ask_again_at,
        [Answered(entry.is_given, entry.notice_version, entry.channel, entry.at) for entry in one.history],
    )  # fmt: skip
