"""Rules decided together: as each by itself, whatever their shape and whatever is said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from profiles.rules.attributes import Attributes, Value
from profiles.rules.compiled import FAILS, FITS, UNKNOWN, CompiledRules
from profiles.rules.language import Clause, Combined, Rule, holds, missing

WORDS = {"audience": ("自然人", "企业法人", "事业法人"), "groups": ("农民", "高校毕业生", "残疾人")}
REGIONS = ("", "44", "4401", "440106", "440103", "4403", "45")
NUMBERS = st.integers(0, 4).map(float)

words_clauses = st.sampled_from([*WORDS, ""]).flatmap(
    lambda name: st.builds(
        Clause, st.just(name), st.just("one_of"), st.frozensets(st.sampled_from(WORDS.get(name, ("无",))), max_size=2)
    )
)
clauses = st.one_of(
    words_clauses,
    st.builds(Clause, st.just("region"), st.just("within"), st.sampled_from(REGIONS)),
    st.builds(Clause, st.sampled_from(["age", "years"]), st.sampled_from(["at_least", "at_most"]), NUMBERS),
)
rules: st.SearchStrategy[Rule] = st.recursive(
    clauses,
    lambda inner: st.one_of(
        st.builds(Combined, st.sampled_from(["all", "any"]), st.lists(inner, max_size=3).map(tuple)),
        st.builds(Combined, st.just("not"), st.tuples(inner)),
    ),
    max_leaves=8,
)
said = st.fixed_dictionaries(
    {},
    optional={
        "audience": st.sampled_from(WORDS["audience"]),
        "groups": st.frozensets(st.sampled_from(WORDS["groups"])),
        "region": st.sampled_from([region for region in REGIONS if region]),
        "age": NUMBERS,
        "years": NUMBERS,
    },
)
VERDICTS = {True: FITS, False: FAILS, None: UNKNOWN}


@given(some=st.lists(rules, max_size=8), attributes=said)
def test_rules_decided_together_are_decided_as_each_alone(some: list[Rule], attributes: dict[str, Value]) -> None:
    compiled = CompiledRules.of(some)
    _agrees(compiled, some, attributes)
    _agrees(compiled, some, {})
    _agrees(compiled, some, attributes)  # nothing of one answer stays for the next


def _agrees(compiled: CompiledRules, some: list[Rule], attributes: Attributes) -> None:
    decided = compiled.decide(attributes)
    assert decided.verdicts.tolist() == [VERDICTS[holds(rule, attributes)] for rule in some]
    lacking = [
        frozenset(name for place, name in enumerate(compiled.names) if bits >> place & 1)
        for bits in decided.lacking.tolist()
    ]
    assert lacking == [missing(rule, attributes) for rule in some]
