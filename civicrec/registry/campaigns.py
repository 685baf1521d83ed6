"""Push campaigns as they are kept: every change a version with its author, in the audit log too.

In: decisions of people, and the version they looked at. Out: `KeptCampaign`s. What a plan may hold and which state
follows on which is told by `recommender.push`; here a change is one step, and two at once never undo each other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from civicrec.clock import as_utc
from civicrec.errors import Conflict, InvalidInput, NotFound
from civicrec.registry.audit import Act, record
from civicrec.registry.counters import counter, raise_counter
from civicrec.registry.tables import campaign_versions, campaigns, counters

#: Beyond it the console's list and every look of the worker would be slow; those that are over count, too.
MAX_CAMPAIGNS = 20_000
_VERSION = "campaigns_version"
_FOLLOWED = "campaigns_catalogue"


@dataclass(frozen=True, slots=True)
class KeptCampaign:
    """A campaign.

    Attributes
    ----------
    version
        Counts every change; 0 before it is kept.
    plan
        JSON of `recommender.push.plan.Plan`.
    put_in
        The version in which the plan was last written; deliveries name it.
    authors
        Who wrote or proposed what stands now; none of them approves it.
    origin
        What proposed it, if no person did, such as ``item:`` and an id.
    issuer
        发文机关 of its first item, whose owners look after it.
    enlisted_at
        When the rows of all recipients were written; until then it is begun anew.
    """

    campaign_id: str
    version: int
    state: str
    plan: dict[str, Any]
    put_in: int
    authors: tuple[str, ...]
    approved_by: str
    origin: str
    issuer: str
    made_at: datetime
    changed_at: datetime
    enlisted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CampaignVersion:
    """One version of a campaign: what it was then, and who did what and why."""

    campaign_id: str
    version: int
    state: str
    plan: dict[str, Any]
    who: str
    action: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """Who does what to a campaign, when and why."""

    who: str
    action: str
    why: str
    at: datetime


def change_campaign(
    engine: Engine, campaign_id: str, expected: int | None, done: Done,
    decide: Callable[[KeptCampaign | None], KeptCampaign],
) -> KeptCampaign:  # fmt: skip
    """Change a campaign in one step; return it with its new version.

    Parameters
    ----------
    expected
        The version that who decides has seen, 0 for none; ``None`` of a program that decides by what is there.
    decide
        Takes the campaign, ``None`` if there is none; what it raises leaves everything as it was.

    Raises
    ------
    Conflict
        If it has another version than was expected.
    """
    with engine.connect() as connection, connection.begin():
        raise_counter(connection, _VERSION)
        before = _one(connection, campaign_id)
        version = before.version if before else 0
        if expected is not None and expected != version:
            last = _last(connection, campaign_id)
            by = f", {last.who} did it ({last.action})" if last else ""
            raise Conflict(
                f"campaign {campaign_id} has version {version}, you looked at {expected}{by}; look again, then repeat"
            )
        if before is None and _count(connection) >= MAX_CAMPAIGNS:
            raise InvalidInput(f"{MAX_CAMPAIGNS} campaigns are kept already; expected fewer")
        after = replace(decide(before), version=version + 1, changed_at=done.at)
        if done.action == "put":
            after = replace(after, put_in=after.version)
        if before is None:
            connection.execute(insert(campaigns).values(**_row(after)))
        else:
            connection.execute(update(campaigns).where(campaigns.c.campaign_id == campaign_id).values(**_row(after)))
        connection.execute(
            insert(campaign_versions).values(
                campaign_id=campaign_id, version=after.version, state=after.state, plan=after.plan, who=done.who,
                action=done.action, why=done.why, at=done.at.astimezone(UTC),
            )
        )  # fmt: skip
        facts = {"why": done.why, "version": after.version, "state": after.state}
        record(connection, [Act(done.at, done.who, f"campaign_{done.action}", campaign_id, facts)])
    return after


def campaign(engine: Engine, campaign_id: str) -> KeptCampaign:
    """Return a campaign.

    Raises
    ------
    NotFound
        If there is none.
    """
    with engine.connect() as connection:
        found = _one(connection, campaign_id)
    if found is None:
        raise NotFound(f"no campaign {campaign_id[:80]!r}; `civicrec campaign list` shows what there is")
    return found


def campaigns_of(engine: Engine, states: Collection[str] = ()) -> list[KeptCampaign]:
    """Return the campaigns in some states, in all without any, the latest change first."""
    query = select(campaigns).order_by(campaigns.c.changed_at.desc(), campaigns.c.campaign_id)
    if states:
        query = query.where(campaigns.c.state.in_(states))
    with engine.connect() as connection:
        return [_kept(row) for row in connection.execute(query).mappings()]


def versions_of(engine: Engine, campaign_id: str) -> list[CampaignVersion]:
    """Return all versions of a campaign, the first at the head."""
    mine = select(campaign_versions).where(campaign_versions.c.campaign_id == campaign_id)
    with engine.connect() as connection:
        rows = connection.execute(mine.order_by(campaign_versions.c.version)).mappings()
        return [_version(row) for row in rows]


def plans_of(engine: Engine, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
    """Return (campaign, version) → plan, of some versions."""
    ids = {campaign_id for campaign_id, _ in wanted}
    table = campaign_versions
    query = select(table.c.campaign_id, table.c.version, table.c.plan).where(table.c.campaign_id.in_(ids))
    with engine.connect() as connection:
        rows = connection.execute(query.where(table.c.version.in_({version for _, version in wanted})))
        return {(row.campaign_id, row.version): row.plan for row in rows}


def mark_enlisted(engine: Engine, campaign_id: str, at: datetime) -> None:
    """Write down that the rows of all recipients are written."""
    mine = campaigns.c.campaign_id == campaign_id
    with engine.begin() as connection:
        connection.execute(update(campaigns).where(mine).values(enlisted_at=at.astimezone(UTC)))


def has_origin(engine: Engine, origin: str) -> bool:
    """Say whether something proposed a campaign already, whatever became of it."""
    with engine.connect() as connection:
        mine = select(campaigns.c.campaign_id).where(campaigns.c.origin == origin).limit(1)
        return connection.execute(mine).first() is not None


def followed_version(engine: Engine) -> int:
    """Return the catalogue version up to which proposals were made, -1 before the first look."""
    with engine.connect() as connection:
        return counter(connection, _FOLLOWED)


def follow_to(engine: Engine, version: int) -> None:
    """Write down up to which catalogue version proposals were made."""
    with engine.begin() as connection:
        connection.execute(update(counters).where(counters.c.name == _FOLLOWED).values(value=version))


def _one(connection: Connection, campaign_id: str) -> KeptCampaign | None:
    row = connection.execute(select(campaigns).where(campaigns.c.campaign_id == campaign_id)).mappings().first()
    return _kept(row) if row else None


def _last(connection: Connection, campaign_id: str) -> CampaignVersion | None:
    mine = select(campaign_versions).where(campaign_versions.c.campaign_id == campaign_id)
    row = connection.execute(mine.order_by(campaign_versions.c.version.desc()).limit(1)).mappings().first()
    return _version(row) if row else None


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(campaigns)).scalar_one())


def _row(kept: KeptCampaign) -> dict[str, Any]:
    row = asdict(kept) | {"authors": list(kept.authors)}
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}


def _kept(row: RowMapping) -> KeptCampaign:
    return KeptCampaign(**{**_facts(row), "authors": tuple(row["authors"])})


def _version(row: RowMapping) -> CampaignVersion:
    return CampaignVersion(**_facts(row))


def _facts(row: RowMapping) -> dict[str, Any]:
    return {name: as_utc(value) if isinstance(value, datetime) else value for name, value in row.items()}
