"""What the registry alone knows of people whom a rule is asked of: who is left out, what was decided and declared.

In: the registry, as it is now. Out: `Known`, which completes what the warehouse tells. Attributes are unsealed here and
nowhere else: no value of one, and no list of who has it, goes to the warehouse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Engine

from civicrec.registry.attributes import everybody
from civicrec.registry.choices import PERSONALISE, choices
from civicrec.registry.consents import everybodys_latest
from civicrec.registry.erasures import list_erasures
from civicrec.registry.notice import holds, notice_of
from civicrec.security.tokens import Keys
from civicrec.settings import Settings
from civicrec.warehouse.interests import withdrawals
from civicrec.warehouse.ports import Warehouse
from profiles.choices import CHOSEN_WEIGHT
from profiles.rights.attributes import in_force, seal_of
from profiles.rules.attributes import TELL_MINORS, Attributes, is_minor
from profiles.rules.behaviour import PeopleRule, TagClause
from profiles.rules.language import AnyClause, Clause, clause_holds, leaves


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of people besides what they did.

    Attributes
    ----------
    out
        Who switched personalisation off, refused or withdrew consent, is being erased, or said that they are a minor.
    ledger_sites, agreed
        On these sites only those are in who agreed to the notice in force.
    deleted, chosen
        (person, tag) pairs of the rules' tags.
    attributes
        Person → what they declared, of what the rules ask for.
    """

    out: Collection[str] = frozenset()
    ledger_sites: Collection[str] = frozenset()
    agreed: Collection[str] = frozenset()
    deleted: Collection[tuple[str, str]] = frozenset()
    chosen: Collection[tuple[str, str]] = frozenset()
    attributes: Mapping[str, Attributes] = field(default_factory=dict)

    @property
    def decided_tags(self) -> frozenset[str]:
        """Tags that somebody chose or deleted."""
        return frozenset(tag for _, tag in (*self.deleted, *self.chosen))

    def is_in(self, subject: str, site: str) -> bool:
        """Say whether a person may be in a segment at all."""
        return subject not in self.out and (site not in self.ledger_sites or subject in self.agreed)

    def decide(self, clause: AnyClause, subject: str, told: Mapping[AnyClause, bool]) -> bool | None:
        """Say whether a clause holds of a person, by what the warehouse told and what is known here.

        A tag that was deleted is used neither for nor against: it is not known. One that was chosen weighs
        `CHOSEN_WEIGHT` at least.
        """
        if isinstance(clause, Clause):
            return clause_holds(clause, self.attributes.get(subject, {}))
        holds_as_learned = told[clause]
        if not isinstance(clause, TagClause):
            return holds_as_learned
        if (subject, clause.tag) in self.deleted:
            return None
        if (subject, clause.tag) not in self.chosen:
            return holds_as_learned
        if clause.bound == "at_least":
            return holds_as_learned or clause.weight <= CHOSEN_WEIGHT
        return holds_as_learned and clause.weight >= CHOSEN_WEIGHT


def known_for(
    rules: Iterable[PeopleRule], registry: Engine, warehouse: Warehouse, settings: Settings, keys: Keys, first: date,
    now: datetime,
) -> Known:  # fmt: skip
    """Read what is known of everybody that some rules need.

    Parameters
    ----------
    first
        Withdrawals of consent since that day end what was chosen before.
    """
    clauses = [clause for rule in rules for clause in leaves(rule)]
    tags = {one.tag for one in clauses if isinstance(one, TagClause)}
    asked = {one.attribute for one in clauses if isinstance(one, Clause)}
    decided, notice, seal = choices(registry), notice_of(settings), seal_of(keys)
    sites = frozenset(settings.consent.ledger_sites)
    answers = everybodys_latest(registry, PERSONALISE) if sites else []
    erased = {one.trace.subject_id for one in list_erasures(registry, only_open=True) if one.trace}
    chosen = {pair: at_ms for pair, at_ms in decided.chosen.items() if pair[1] in tags}
    gone = withdrawals(warehouse, first) if chosen else {}
    attributes: dict[str, Attributes] = {}
    minors: set[str] = set()
    for subject, rows in everybody(registry, now):
        if wanted := [row for row in rows if row.attribute in asked | TELL_MINORS]:
            said = in_force(wanted, subject, seal, now)
            if is_minor(said):
                minors.add(subject)
            elif asked & said.keys():
                attributes[subject] = said
    return Known(
        decided.off | erased | minors,
        sites,
        frozenset(one.actor for one in answers if holds(one, notice)),
        frozenset(pair for pair in decided.deleted if pair[1] in tags),
        frozenset(pair for pair, at_ms in chosen.items() if at_ms > gone.get(pair[0], -1)),
        attributes,
    )
