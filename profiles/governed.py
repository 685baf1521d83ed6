"""One page of the governed vocabulary: its words, and what governs each.

In: the name and text of a file of `profiles/vocabulary`. Out: `Tag`s, or one line that says what is wrong. What a page
says holds for each of its words that says nothing else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

from civicrec.errors import ConfigError
from civicrec.tags import DIMENSIONS, Dimension, tag_name

Sensitivity = Literal["general", "sensitive"]
Kind = Literal["declared", "behavioural", "contextual"]
MAX_HALF_LIFE_DAYS = 365
MAX_EVIDENCE = 100
_FACTS = ("version", "dimension", "owner", "rule", "sentence", "half_life_days", "min_evidence")
#: What a page may say, and a word of it.
_OF_A_PAGE = frozenset({*_FACTS, "kind", "sensitivity", "tags"})
_OF_A_WORD = frozenset({*_FACTS, "kind", "sensitivity", "word", "codes", "parent", "aliases"}) - {"dimension"}


@dataclass(frozen=True, slots=True)
class Tag:
    """One governed word.

    Attributes
    ----------
    owner
        The department that answers for the word.
    rule
        When an item, and so an interest, carries it.
    kind
        How somebody comes by the tag: `behavioural`, from what they read or by choosing it; `declared`, by their own
        word only; `contextual`, never: it says what an item is (其他), and nothing of a person.
    sensitivity
        A `sensitive` word is always `declared`.
    half_life_days
        Days after which evidence of it counts half.
    min_evidence
        How many different items must have been used before behaviour gives the tag.
    version
        Version of the file the word stands in.
    sentence
        What the tag says of a person, as the person is told.
    codes
        Scheme → code, for example ``{"person": "030"}`` for 面向自然人事项主题.
    parent
        Word of the level above, in the same dimension; empty at the top.
    aliases
        Other spellings met in source data.
    """

    name: str
    dimension: Dimension
    word: str
    owner: str
    rule: str
    kind: Kind
    sensitivity: Sensitivity
    half_life_days: float
    min_evidence: int
    version: str
    sentence: str
    codes: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def inferable(self) -> bool:
        """May behaviour give this tag to an actor."""
        return self.kind == "behavioural"


def read_tags(file_name: str, text: str) -> list[Tag]:
    """Return the words of a page.

    Raises
    ------
    ConfigError
        If it is no TOML, says something unknown, or a word lacks what governs it or has it of no allowed kind.
    """
    try:
        page = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file_name} is no TOML: {error}") from error
    _check_names(file_name, page, _OF_A_PAGE, "the page")
    return [_tag(file_name, page, row) for row in page.get("tags", ())]


def _tag(file_name: str, page: Mapping[str, Any], row: Mapping[str, Any]) -> Tag:
    where = f"{file_name}: {row.get('word', row)!r}"
    _check_names(file_name, row, _OF_A_WORD, repr(row.get("word", row)))
    facts = {key: page.get(key, "") for key in _FACTS} | {"sensitivity": page.get("sensitivity", "general"), **row}
    if missing := [key for key in ("word", *_FACTS) if facts.get(key, "") == ""]:
        raise ConfigError(f"{where} has no {', '.join(missing)}")
    # A page's kind is that of its general words: one that is sensitive is declared without saying so.
    by_default = "declared" if facts["sensitivity"] == "sensitive" else page.get("kind", "behavioural")
    kind = row.get("kind", by_default)
    _check_one_of(f"{where}: dimension", facts["dimension"], DIMENSIONS)
    _check_one_of(f"{where}: sensitivity", facts["sensitivity"], get_args(Sensitivity))
    _check_one_of(f"{where}: kind", kind, get_args(Kind))
    if facts["sensitivity"] == "sensitive" and kind != "declared":
        raise ConfigError(
            f"{where} is sensitive, so its kind is declared, not {kind}: it is never inferred (PIPL 28-30)"
        )
    _check_number(f"{where}: half_life_days", facts["half_life_days"], MAX_HALF_LIFE_DAYS, (int, float))
    _check_number(f"{where}: min_evidence", facts["min_evidence"], MAX_EVIDENCE, (int,))
    if "{word}" not in facts["sentence"]:
        raise ConfigError(f"{where}: got the sentence {facts['sentence']!r}; expected one with {{word}} in it")
    dimension = cast("Dimension", facts["dimension"])
    return Tag(
        name=tag_name(dimension, facts["word"]),
        dimension=dimension,
        word=facts["word"],
        owner=facts["owner"],
        rule=facts["rule"],
        kind=cast("Kind", kind),
        sensitivity=facts["sensitivity"],
        half_life_days=float(facts["half_life_days"]),
        min_evidence=facts["min_evidence"],
        version=facts["version"],
        sentence=facts["sentence"].replace("{word}", facts["word"]),
        codes=MappingProxyType(dict(facts.get("codes", {}))),
        parent=facts.get("parent", ""),
        aliases=tuple(facts.get("aliases", ())),
    )


def _check_names(file_name: str, got: Mapping[str, Any], known: frozenset[str], whose: str) -> None:
    if unknown := sorted(got.keys() - known):
        raise ConfigError(
            f"{file_name}: {whose} says {', '.join(unknown)}; expected some of {', '.join(sorted(known))}"
        )


def _check_one_of(what: str, got: Any, expected: tuple[str, ...]) -> None:
    if got not in expected:
        raise ConfigError(f"{what} is {got!r}, expected one of {', '.join(expected)}")


def _check_number(what: str, got: Any, most: int, kinds: tuple[type, ...]) -> None:
    is_number = isinstance(got, kinds) and not isinstance(got, bool)
    if not is_number or not 0 < got <= most:
        whole = "a number" if float in kinds else "a whole number"
        raise ConfigError(f"{what} is {got!r}, expected {whole} above 0, at most {most}")
