"""A rule as one ClickHouse statement: whom it may hold of, by what the warehouse knows.

In: a rule, the day of a night, and which tags the registry decides. Out: a SELECT and its parameters; no word of a rule
is ever part of the text. What the registry alone knows is NULL to it, and ClickHouse's NULL is the "not known" of
`profiles.rules.language`: a row that is left out cannot become a member, whatever the registry says.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from civicrec.warehouse.interests import WITHDRAWALS
from profiles.rules.behaviour import (
    MAX_DAYS,
    CountClause,
    ItemFilter,
    PeopleRule,
    SeenClause,
    TagClause,
)  # fmt: skip
from profiles.rules.language import AnyClause, Clause, Combined, leaves

#: Tables that a statement reads, for whoever tells where a number comes from.
TABLES = ("events", "actor_tags", "item_facts")
_SQL = """
SELECT subject, site, {known} AS known FROM (
    SELECT subject_id AS subject, any(site) AS site,
           argMax(consent, (at_ms, consent != 'personalise')) AS newest_consent,
           countIf(counts) AS n_counted,
           minIf(local_date, counts) AS first_day, maxIf(local_date, counts) AS last_day{sums}
    FROM (
        SELECT subject_id, site, item_id, toString(kind) AS kind, toString(consent) AS consent, local_date,
               toUnixTimestamp64Milli(occurred_at) AS at_ms,
               consent = 'personalise' AND bot_reason = '' AND local_date <= {{last:Date}} AND at_ms > gone.until_ms
               AS counts
        FROM events FINAL
        LEFT JOIN ({withdrawals}) AS gone ON gone.who = events.subject_id
        WHERE local_date >= {{first:Date}} AND subject_id != ''
          AND sipHash64(subject_id) % {{parts:UInt32}} = {{part:UInt32}}
    )
    GROUP BY subject_id
    HAVING newest_consent = 'personalise' AND n_counted > 0
) AS seen{tags}
WHERE {rule}
ORDER BY subject
"""
_TAGS = """
LEFT JOIN (
    SELECT actor{weights} FROM actor_tags
    LEFT JOIN ({withdrawals}) AS gone ON gone.who = actor_tags.actor
    WHERE day = {{last:Date}} AND has({{tags:Array(String)}}, toString(tag))
      AND toUnixTimestamp64Milli(last_at) > gone.until_ms
    GROUP BY actor
) AS tagged ON tagged.actor = seen.subject"""
_UNKNOWN = "CAST(NULL, 'Nullable(UInt8)')"


@dataclass(frozen=True, slots=True)
class Statement:
    """What to ask the warehouse.

    Attributes
    ----------
    parameters
        All but `part` and `parts`: of all people, those of one part by a hash of who they are.
    told
        Clauses whose verdicts stand in `known` of a row, in this order.
    is_decided
        Whether the rule holds of each row, and nothing else has to be known.
    """

    sql: str
    parameters: dict[str, Any]
    told: tuple[AnyClause, ...]
    is_decided: bool


def statement_of(
    rule: PeopleRule, last: date, decided_tags: Collection[str] = (), *, tells_all: bool = False
) -> Statement:
    """Compile a rule.

    A row is a person who was seen with consent to personalisation in `MAX_DAYS`, until `last`, whose newest event says
    so, too, and of whom the rule holds or may hold. What they did before they withdrew consent is not looked at.

    Parameters
    ----------
    last
        Day of the night: the last day that counts, and the day of `actor_tags` and `item_facts`.
    decided_tags
        Tags that somebody chose or deleted: only the registry knows what they weigh.
    tells_all
        Whether each row tells its verdicts even where the rule holds of it, for whoever asks for parts of the rule.
    """
    first = last - timedelta(days=MAX_DAYS - 1)
    parameters: dict[str, Any] = {"first": first, "last": last}
    clauses: list[AnyClause] = list(dict.fromkeys(leaves(rule)))
    is_unknown = {one: isinstance(one, Clause) for one in clauses}
    needs_registry = tells_all or any(is_unknown.values()) or any(_is_decided(one, decided_tags) for one in clauses)
    tests: dict[AnyClause, str] = {}
    sums: list[str] = []
    weights: dict[str, str] = {}
    for number, clause in enumerate(clauses):
        match clause:
            case CountClause():
                sums.append(f",\n           {_count(clause, number, last, parameters)} AS n{number}")
                tests[clause] = f"n{number} {_SIGNS[clause.bound]} {{v{number}:UInt64}}"
                parameters[f"v{number}"] = clause.n
            case SeenClause():
                tests[clause] = f"{clause.which}_day {_SIGNS[clause.when]} {{v{number}:Date}}"
                parameters[f"v{number}"] = _day(clause, last)
            case TagClause():
                column = weights.setdefault(clause.tag, f"w{len(weights)}")
                tests[clause] = f"{column} {_SIGNS[clause.bound]} {{v{number}:Float64}}"
                parameters[f"v{number}"] = clause.weight
    if weights:
        parameters["tags"] = list(weights)
        parameters |= {f"t{column}": tag for tag, column in weights.items()}
    columns = "".join(f", maxIf(weight, tag = {{t{column}:String}}) AS {column}" for column in weights.values())
    told = tuple(tests) if needs_registry else ()
    unsure: dict[AnyClause, str] = {
        one: _UNKNOWN if one not in tests or _is_decided(one, decided_tags) else tests[one] for one in clauses
    }
    condition = _expression(rule, unsure)
    sql = _SQL.format(
        known=f"[{', '.join(tests[one] for one in told)}]" if told else "emptyArrayUInt8()",
        sums="".join(sums),
        withdrawals=WITHDRAWALS,
        tags=_TAGS.format(weights=columns, withdrawals=WITHDRAWALS) if weights else "",
        rule=f"ifNull({condition}, 1)" if needs_registry else condition,
    )
    return Statement(sql, parameters, told, not needs_registry)


_SIGNS = {"at_least": ">=", "at_most": "<=", "within_days": ">=", "since": ">=", "until": "<="}


def _is_decided(clause: AnyClause, tags: Collection[str]) -> bool:
    return isinstance(clause, TagClause) and clause.tag in tags


def _count(clause: CountClause, number: int, last: date, parameters: dict[str, Any]) -> str:
    parameters |= {f"k{number}": list(clause.kinds), f"d{number}": last - timedelta(days=clause.days - 1)}
    counts = f"counts AND item_id != '' AND local_date >= {{d{number}:Date}} AND has({{k{number}:Array(String)}}, kind)"
    if clause.items:
        counts += f" AND item_id IN ({_items(clause.items, number, parameters)})"
    return f"uniqExactIf(item_id, {counts})"


def _items(wanted: ItemFilter, number: int, parameters: dict[str, Any]) -> str:
    tests = {
        "tags": f"hasAny(tags, {{tags{number}:Array(String)}})",
        "types": f"has({{types{number}:Array(String)}}, item_type)",
        "region": f"startsWith(region, {{region{number}:String}})",
        "issuers": f"has({{issuers{number}:Array(String)}}, issuer)",
    }
    asked = [name for name in tests if getattr(wanted, name)]
    for name in asked:
        value = getattr(wanted, name)
        parameters[f"{name}{number}"] = value if isinstance(value, str) else list(value)
    return " AND ".join(["SELECT item_id FROM item_facts WHERE day = {last:Date}", *(tests[name] for name in asked)])


def _day(clause: SeenClause, last: date) -> date:
    return clause.value if isinstance(clause.value, date) else last - timedelta(days=clause.value - 1)


def _expression(rule: PeopleRule, tests: dict[AnyClause, str]) -> str:
    if not isinstance(rule, Combined):
        return f"({tests[rule]})"
    inner = [_expression(one, tests) for one in rule.rules]
    if rule.how == "not":
        return f"(NOT {inner[0]})"
    return f"({(' AND ' if rule.how == 'all' else ' OR ').join(inner)})"
