"""Whom a rule holds of: people by pseudonym, as of the last night, and without those who may be in no segment.

In: a rule and the stores. Out: pseudonyms of signed-in users, each once. The warehouse is asked one statement for each
part of the people; what only the registry knows (`profiles.segments.known`) completes each answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine

from civicrec.errors import Unavailable
from civicrec.security.tokens import Keys
from civicrec.settings import Settings
from civicrec.warehouse.actor_tags import parts_of
from civicrec.warehouse.ports import Warehouse
from profiles.rules.behaviour import MAX_DAYS, CountClause, PeopleRule
from profiles.rules.language import AnyClause, Combined, leaves, verdict
from profiles.segments.known import Known, known_for
from profiles.segments.statement import Statement, statement_of

#: Counts that one statement makes of as many people as it can without any; of 100 000 people one takes 20 MB.
_COUNTS_AT_ONCE = 8
#: Clauses of all rules that one statement asks.
_CLAUSES_AT_ONCE = 60
_AS_OF = "SELECT max(day) AS day, count() AS n FROM item_facts"
_ROWS = "SELECT count() AS n FROM events WHERE local_date >= {first:Date} AND subject_id != ''"


@dataclass(frozen=True, slots=True)
class Stores:
    """What the people of a rule are read from."""

    warehouse: Warehouse
    registry: Engine
    settings: Settings
    keys: Keys


def members(
    stores: Stores, rule: PeopleRule, now: datetime, as_of: date | None = None, known: Known | None = None
) -> Iterator[str]:
    """Yield the pseudonyms of the people a rule holds of, each once.

    In are signed-in users only who were seen with consent to personalisation, whose newest event says so, too, and who
    neither switched personalisation off, nor refused or withdrew consent, nor asked to be erased. Events of minors
    carry no such consent (docs/decisions/207-minors-are-counted-and-no-more.md). Of whom the rule is not known to hold
    is not in.

    Parameters
    ----------
    as_of
        Day of a night; the newest when not given.
    known
        As `known_by` has it, where several rules are asked after each other.

    Raises
    ------
    Unavailable
        If the warehouse does not answer, or no night was made yet.
    """
    last = as_of or newest_night(stores.warehouse)
    known = known or known_by(stores, [rule], now, last)
    asked = statement_of(rule, last, known.decided_tags)
    for subject, told in _rows(stores, rule, asked, known):
        if asked.is_decided or _holds(rule, known, subject, told):
            yield subject


def members_of_each(
    stores: Stores, rules: Mapping[str, PeopleRule], now: datetime, as_of: date
) -> Iterator[tuple[str, list[str]]]:
    """Yield (person, names of the rules that hold of them), as `members` has it, of whom any does.

    Rules are asked together, as many as a statement takes, so a person may come several times, each with other names.
    """
    known = known_by(stores, rules.values(), now, as_of)
    for some in _together(rules):
        every: PeopleRule = Combined("any", tuple(some.values()))
        asked = statement_of(every, as_of, known.decided_tags, tells_all=True)
        for subject, told in _rows(stores, every, asked, known):
            if names := [name for name, rule in some.items() if _holds(rule, known, subject, told)]:
                yield subject, names


def count_members(stores: Stores, rule: PeopleRule, now: datetime, as_of: date | None = None) -> int:
    """Return how many people a rule holds of; show it by `profiles.segments.sizes.shown` only."""
    return sum(1 for _ in members(stores, rule, now, as_of))


def known_by(stores: Stores, rules: Iterable[PeopleRule], now: datetime, as_of: date) -> Known:
    """Return what the registry knows of everybody that some rules need."""
    first = as_of - timedelta(days=MAX_DAYS - 1)
    return known_for(rules, stores.registry, stores.warehouse, stores.settings, stores.keys, first, now)


def newest_night(warehouse: Warehouse) -> date:
    """Return the day of the newest night that segments can be told of.

    Raises
    ------
    Unavailable
        If there is none.
    """
    (row,) = warehouse.rows(_AS_OF)
    if not row["n"]:
        raise Unavailable("segments are told as of the last night, and there is none yet; run `civicrec nightly`")
    return date.fromisoformat(str(row["day"]))


def _rows(
    stores: Stores, rule: PeopleRule, asked: Statement, known: Known
) -> Iterator[tuple[str, dict[AnyClause, bool]]]:
    """Yield the people that a statement finds and who may be in a segment, with what it tells of each clause."""
    n_rows = int(stores.warehouse.rows(_ROWS, {"first": asked.parameters["first"]})[0]["n"])
    # A count keeps the items of each person at once.
    parts = parts_of(n_rows * max(1, -(-_n_counts(rule) // _COUNTS_AT_ONCE)))
    for part in range(parts):
        table = stores.warehouse.query(asked.sql, {**asked.parameters, "parts": parts, "part": part})
        for batch in table.to_batches(max_chunksize=10_000):
            columns = (batch.column(name).to_pylist() for name in ("subject", "site", "known"))
            for subject, site, told in zip(*columns, strict=True):
                if known.is_in(subject, site):
                    yield subject, dict(zip(asked.told, map(bool, told), strict=True))


def _together(rules: Mapping[str, PeopleRule]) -> Iterator[dict[str, PeopleRule]]:
    """Yield rules in groups of at most `_CLAUSES_AT_ONCE` clauses, one at least."""
    some: dict[str, PeopleRule] = {}
    n_clauses = 0
    for name, rule in rules.items():
        n_own = sum(1 for _ in leaves(rule))
        if some and n_clauses + n_own > _CLAUSES_AT_ONCE:
            yield some
            some, n_clauses = {}, 0
        some[name] = rule
        n_clauses += n_own
    if some:
        yield some


def _n_counts(rule: PeopleRule) -> int:
    return len({clause for clause in leaves(rule) if isinstance(clause, CountClause)})


def _holds(rule: PeopleRule, known: Known, subject: str, told: dict[AnyClause, bool]) -> bool:
    def decide(clause: AnyClause) -> bool | None:
        return known.decide(clause, subject, told)

    return verdict(rule, decide) is True
