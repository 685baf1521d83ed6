"""Rules over attributes: ``all``, ``any``, ``not`` of clauses, decided in three ways: yes, no, not known.

In: JSON such as ``{"all": [{"attribute": "scale", "one_of": ["小型企业"]}, {"attribute": "age", "at_least": 60}]}``.
Out: a `Rule`, and by the attributes somebody said its verdict. What was not said leaves a rule undecided only where it
matters (Kleene's logic): no false yes, and no false no.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from civicrec.errors import InvalidInput
from profiles.rules.attributes import Attribute, Attributes, Value, load_attributes, region_prefix, word_of

Test = Literal["one_of", "at_least", "at_most", "within"]
#: Which tests an attribute of each kind can be put to.
_TESTS: Mapping[str, tuple[Test, ...]] = {
    "choice": ("one_of",), "set": ("one_of",), "number": ("at_least", "at_most"), "region": ("within",)
}  # fmt: skip
_MAX_DEPTH, _MAX_CLAUSES = 8, 200
_COMBINATIONS = ("all", "any", "not")


class AnyClause:
    """What a rule is made of: a `Clause`, or one of `profiles.rules.behaviour` where behaviour may be asked for."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Clause(AnyClause):
    """One test of one attribute.

    Attributes
    ----------
    attribute
        Its name; empty for a condition that no attribute tells, which is never known.
    value
        Words for `one_of`, a number, or the digits of a region for `within`.
    """

    attribute: str
    test: Test
    value: Value


#: The kind of clauses that a rule has.
Leaf = TypeVar("Leaf", bound=AnyClause)


@dataclass(frozen=True)
class Combined(Generic[Leaf]):
    """Rules of which all or any must hold, or one must not."""

    how: Literal["all", "any", "not"]
    rules: tuple[Leaf | Combined[Leaf], ...]


Rule = Clause | Combined[Clause]


def rule_from(data: Any) -> Rule:
    """Return the rule that JSON writes down.

    Raises
    ------
    InvalidInput
        If it is none; the message says where, what was got and what was expected.
    """
    return read_rule(data, clause_from)


def read_rule(
    data: Any, read: Callable[[Mapping[str, Any], str], Leaf], expected: str = "attribute"
) -> Leaf | Combined[Leaf]:
    """Return the rule that JSON writes down, its clauses as `read` makes them of an object and where it stands.

    Raises
    ------
    InvalidInput
        As of `rule_from`.
    """
    clauses: list[Leaf] = []
    rule = _rule(data, "rule", 0, clauses, read, expected)
    if len(clauses) > _MAX_CLAUSES:
        raise InvalidInput(f"the rule has {len(clauses)} clauses; expected at most {_MAX_CLAUSES}")
    return rule


def holds(rule: Rule, attributes: Attributes) -> bool | None:
    """Say whether a rule holds, ``None`` if what was said does not tell."""
    return verdict(rule, lambda clause: clause_holds(clause, attributes))


def clause_holds(clause: Clause, attributes: Attributes) -> bool | None:
    """Say whether one clause holds, ``None`` if its attribute was not said or does not tell."""
    said = attributes.get(clause.attribute)
    return None if said is None else _passes(clause, said)


def verdict(rule: Leaf | Combined[Leaf], decide: Callable[[Leaf], bool | None]) -> bool | None:
    """Say whether a rule holds whose clauses are decided so; ``None`` if what is known does not tell."""
    if not isinstance(rule, Combined):
        return decide(rule)
    verdicts = [verdict(one, decide) for one in rule.rules]
    if rule.how == "not":
        return None if verdicts[0] is None else not verdicts[0]
    deciding = rule.how == "any"  # one that holds decides any, one that does not decides all
    if deciding in verdicts:
        return deciding
    return None if None in verdicts else not deciding


def leaves(rule: Leaf | Combined[Leaf]) -> Iterator[Leaf]:
    """Yield the clauses of a rule, in the order they are written."""
    if isinstance(rule, Combined):
        for one in rule.rules:
            yield from leaves(one)
    else:
        yield rule


def missing(rule: Rule, attributes: Attributes) -> frozenset[str]:
    """Return the attributes that leave a rule undecided, none if it is decided."""
    if holds(rule, attributes) is not None:
        return frozenset()
    if isinstance(rule, Clause):
        return frozenset({rule.attribute})
    return frozenset().union(*(missing(one, attributes) for one in rule.rules))


def _passes(clause: Clause, said: Value) -> bool | None:
    if isinstance(said, frozenset):
        return bool(said & _words(clause.value))
    if isinstance(said, float):
        bound = float(clause.value)  # type: ignore[arg-type]  # `clause_from` saw to it
        return said >= bound if clause.test == "at_least" else said <= bound
    if clause.test == "within":
        region = str(clause.value)
        # Who names the city only may live in the district that the rule is for.
        return True if said.startswith(region) else None if region.startswith(said) else False
    return said in _words(clause.value)


def _words(value: Value) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset({str(value)})


def _rule(
    data: Any, at: str, depth: int, clauses: list[Leaf], read: Callable[[Mapping[str, Any], str], Leaf], expected: str
) -> Leaf | Combined[Leaf]:
    if depth > _MAX_DEPTH:
        raise InvalidInput(f"{at} is nested deeper than {_MAX_DEPTH}; expected a flatter rule")
    if not isinstance(data, Mapping) or not data:
        raise InvalidInput(f"{at}: got {str(data)[:60]!r}; expected an object with all, any, not or {expected}")
    how = next((name for name in _COMBINATIONS if name in data), "")
    if not how:
        clauses.append(clause := read(data, at))
        return clause
    if len(data) != 1:
        raise InvalidInput(f"{at}: got {', '.join(map(str, data))}; expected {how} alone")
    inner = [data[how]] if how == "not" else data[how]
    if not isinstance(inner, list) or not inner:
        raise InvalidInput(f"{at}.{how}: got {str(inner)[:60]!r}; expected a list of rules")
    rules = tuple(_rule(one, f"{at}.{how}[{n}]", depth + 1, clauses, read, expected) for n, one in enumerate(inner))
    return Combined(how, rules)  # type: ignore[arg-type]  # one of _COMBINATIONS


def clause_from(data: Mapping[str, Any], at: str) -> Clause:
    """Return the clause that an object at a place of a rule writes down; raises as `rule_from` does."""
    known = load_attributes()
    attribute = known.get(str(data.get("attribute", "")))
    if attribute is None:
        raise InvalidInput(f"{at}: got attribute {str(data.get('attribute'))[:60]!r}; expected {', '.join(known)}")
    tests = _TESTS[attribute.kind]
    given = [name for name in data if name != "attribute"]
    test = next((name for name in tests if [name] == given), None)
    if test is None:
        expected = f"one test of {attribute.name}, {' or '.join(tests)}"
        raise InvalidInput(f"{at}: got {', '.join(map(str, given)) or 'no test'}; expected {expected}")
    return Clause(attribute.name, test, _tested(attribute, data[test], at))


def _tested(attribute: Attribute, value: Any, at: str) -> Value:
    if attribute.kind == "number" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if attribute.kind == "region" and isinstance(value, str) and value.isdigit() and len(value) == 6:
        return region_prefix(value)
    if attribute.kind in ("choice", "set") and isinstance(value, list) and value:
        words = [word_of(attribute.name, str(one)) for one in value]
        if all(words):
            return frozenset(words)
        wrong = next(str(one) for one, word in zip(value, words, strict=True) if not word)
        raise InvalidInput(
            f"{at}: {wrong[:60]!r} is no word of {attribute.name}; expected {', '.join(attribute.options)}"
        )
    raise InvalidInput(
        f"{at}: got {str(value)[:60]!r} for {attribute.name}; expected what its kind, {attribute.kind}, has"
    )
