"""What is known of people at the moment when a message is decided on, many at a time; nothing of it is kept.

In: the registry, the warehouse, pseudonyms. Out: `Known`s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Engine

from civicrec.clock import local_date, utc_now
from civicrec.erasure import NOBODY, ErasedNames
from civicrec.registry.attributes import holders, kept_among
from civicrec.registry.choices import PERSONALISE, off_among
from civicrec.registry.consents import latest
from civicrec.registry.deliveries import sent_times
from civicrec.registry.erasures import erasures_version, refused_until
from civicrec.registry.notice import Notice, holds, notice_of
from civicrec.registry.subscriptions import wanting
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import Keys, load_keys
from civicrec.settings import Settings
from civicrec.warehouse.applications import started_only
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.rights.attributes import in_force, seal_of
from profiles.segments.members import Stores
from profiles.segments.sizes import segment_members
from recommender.push.audience import Known
from recommender.push.plan import Plan
from recommender.push.states import PROPOSER

#: Purpose that a notice may name for pushes apart; where it does, both consents are needed.
PUSH = "push"
WEEK = timedelta(days=7)
#: Who started to apply longer ago has done with it.
APPLIED_WITHIN = timedelta(days=30)
#: People asked about at once: SQLite takes so many names in a statement.
AT_ONCE = 500
#: Who started to apply for some items since a time, and neither submitted nor had it done.
Starters = Callable[[Sequence[str]], Iterable[str]]


@contextmanager
def people_at(settings: Settings) -> Iterator[People]:
    """Open registry and, should a campaign ask who applied, warehouse for the length of the body."""
    with ExitStack() as stack:
        registry = stack.enter_context(registry_at(settings.registry_address))

        def starters(items: Sequence[str]) -> Sequence[str]:
            with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
                return started_only(warehouse, items, local_date(utc_now()) - APPLIED_WITHIN)

        keys = load_keys(settings)

        def members(segment_id: str) -> Iterator[str]:
            with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
                stores = Stores(warehouse, registry, settings, keys)
                yield from segment_members(stores, segment_id, who=PROPOSER, why="audience of a push", now=utc_now())

        yield People(registry, keys, notice_of(settings), starters, members)


@dataclass(slots=True)
class People:
    """Looks people up.

    Parameters
    ----------
    starters
        See `Starters`; asked once a campaign.
    members
        Segment → who is in it.
    """

    registry: Engine
    keys: Keys
    notice: Notice
    starters: Starters
    members: Callable[[str], Iterable[str]] = lambda _: ()
    _erased: ErasedNames = NOBODY
    _erased_version: int = -1

    def of(self, plan: Plan, now: datetime) -> Iterator[Known]:
        """Yield all whom a campaign might be for: who declared something, started to apply, or is in the segment."""
        started = frozenset(self.starters(plan.items)) if plan.audience.started else frozenset()
        rest: Iterator[str]
        if plan.audience.segment:
            members = self.members(plan.audience.segment)
            rest = (subject for subject in members if not plan.audience.started or subject in started)
        elif plan.audience.started:
            rest = (subject for subject in sorted(started))
        else:
            rest = self._holders()
        while some := list(islice(rest, AT_ONCE)):
            yield from self.known(plan, some, now, started)

    def known(
        self, plan: Plan, subjects: Sequence[str], now: datetime, started: Collection[str] | None = None
    ) -> list[Known]:
        """Return what is known of some people, at most `AT_ONCE`, in their order.

        Parameters
        ----------
        started
            Who started to apply; without, it is asked, if the campaign is about that.
        """
        if started is None:
            started = frozenset(self.starters(plan.items)) if plan.audience.started else frozenset()
        erased, seal = self._who_is_erased(), seal_of(self.keys)
        kept = kept_among(self.registry, subjects)
        consents = self._consenting(plan.site, subjects)
        off = off_among(self.registry, subjects)
        wanted = {channel: wanting(self.registry, subjects, channel, plan.topic) for channel in plan.channels}
        recent = self.recent(plan, subjects, now)
        return [
            Known(
                subject, in_force(kept.get(subject, ()), subject, seal, now), erased.have(subject, "", now),
                subject in consents, subject in off, subject in started,
                frozenset(channel for channel, some in wanted.items() if subject in some),
                tuple(recent.get(subject, ())),
                min((row.valid_until for row in kept.get(subject, ())), default=None),
                self.keys.root(subject),
            )
            for subject in subjects
        ]  # fmt: skip

    def _holders(self) -> Iterator[str]:
        """Yield who declared something; no cursor stays open meanwhile, which would let the registry's log grow."""
        last = ""
        while some := holders(self.registry, last, AT_ONCE):
            yield from some
            last = some[-1]

    def recent(self, plan: Plan, subjects: Sequence[str], now: datetime) -> Mapping[str, Sequence[datetime]]:
        """Return person → when other campaigns reached them within seven days, of those whom any did."""
        return sent_times(self.registry, subjects, now - WEEK, but=plan.campaign_id)

    def _consenting(self, site: str, subjects: Collection[str]) -> frozenset[str]:
        purposes = [PERSONALISE, *({PUSH} & set(self.notice.purposes))]
        agreed = [
            {
                actor
                for actor, entry in latest(self.registry, subjects, purpose).items()
                if entry.site == site and holds(entry, self.notice)
            }
            for purpose in purposes
        ]
        return frozenset(set.intersection(*agreed))

    def _who_is_erased(self) -> ErasedNames:
        if (version := erasures_version(self.registry)) != self._erased_version:
            self._erased = ErasedNames(refused_until(self.registry), self.keys.erased_digest, self.keys.root)
            self._erased_version = version
        return self._erased
