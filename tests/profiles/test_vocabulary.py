from __future__ import annotations

import pytest

from civicrec.errors import ConfigError, InvalidInput
from civicrec.items import Item
from civicrec.tags import DIMENSIONS, split_tag
from profiles.governed import MAX_HALF_LIFE_DAYS
from profiles.tags import learned_tags, load_vocabulary, read_vocabulary

PAGE = """version = "1"
dimension = "theme"
owner = "o"
rule = "r"
sentence = "s{{word}}"
half_life_days = 14
min_evidence = 1
{more}
tags = [{rows}]"""


def test_every_tag_says_who_owns_it_by_which_rule_and_how_sensitive_it_is() -> None:
    for name, tag in load_vocabulary().tags.items():
        assert split_tag(name) == (tag.dimension, tag.word)
        assert tag.owner
        assert tag.rule
        assert tag.word in tag.sentence
        assert tag.version
        assert tag.sensitivity in ("general", "sensitive")
        assert tag.kind in ("declared", "behavioural", "contextual")
        assert 0 < tag.half_life_days <= MAX_HALF_LIFE_DAYS
        assert tag.min_evidence >= 1


def test_no_sensitive_tag_is_ever_inferable() -> None:
    vocabulary = load_vocabulary()
    sensitive = {name for name, tag in vocabulary.tags.items() if tag.sensitivity == "sensitive"}
    assert {"group:残疾人", "theme:民族宗教", "theme:民族、宗教", "theme:优抚安置", "theme:优待抚恤"} <= sensitive
    assert not sensitive & vocabulary.inferable
    assert {vocabulary.tags[name].kind for name in sensitive} == {"declared"}


def test_who_somebody_is_and_words_that_say_nothing_are_no_interests() -> None:
    vocabulary = load_vocabulary()
    assert vocabulary.tag("group:妇女").kind == "declared"
    assert vocabulary.tag("theme:其他").kind == vocabulary.tag("audience:行政机关").kind == "contextual"
    assert not {"group:妇女", "theme:其他", "audience:行政机关"} & vocabulary.inferable


def test_every_dimension_has_words() -> None:
    assert {tag.dimension for tag in load_vocabulary().tags.values()} == set(DIMENSIONS)


def test_the_lists_of_the_domain_are_whole() -> None:
    tags = load_vocabulary().tags.values()
    state = [tag for tag in tags if "state" in tag.codes]
    assert len([tag for tag in state if not tag.parent]) == 22
    assert len([tag for tag in state if tag.parent]) >= 55
    assert len([tag for tag in tags if "person" in tag.codes]) == 32
    assert len([tag for tag in tags if "legal" in tag.codes]) == 35
    assert "".join(sorted(tag.codes["gbt4754"] for tag in tags if "gbt4754" in tag.codes)) == "ABCDEFGHIJKLMNOPQRST"


def test_a_code_names_one_word_of_its_scheme() -> None:
    codes = [(scheme, code) for tag in load_vocabulary().tags.values() for scheme, code in tag.codes.items()]
    assert len(codes) == len(set(codes))


def test_a_word_is_found_by_its_spellings_in_every_dimension_that_has_it() -> None:
    vocabulary = load_vocabulary()
    assert [tag.name for tag in vocabulary.find("社会保障（社会保险、社会救助）")] == ["theme:社会保障"]
    assert [tag.name for tag in vocabulary.find("I", "industry")] == ["industry:信息传输、软件和信息技术服务业"]
    assert vocabulary.find("彩票") == ()


def test_an_unknown_tag_is_rejected_in_words() -> None:
    with pytest.raises(InvalidInput, match="'退休' is a word of life_event"):
        load_vocabulary().tag("theme:退休")
    with pytest.raises(InvalidInput, match="expected <dimension>:<word>"):
        load_vocabulary().tag("free text")


def test_a_blocked_word_never_becomes_a_tag() -> None:
    for name in ("group:上访人员", "theme:上 访", "theme:重点人员管理"):
        with pytest.raises(InvalidInput, match="never becomes one: '(上访|重点人员)' is blocked"):
            load_vocabulary().tag(name)
    page = PAGE.format(rows='{ word = "a", aliases = ["ＸＹ户"] }', more="")
    with pytest.raises(ConfigError, match=r"theme\.toml: 'ＸＹ户' contains 'xy', which is blocked"):
        read_vocabulary([("theme.toml", page)], ["xy"])


def test_a_page_says_what_holds_for_its_words_unless_one_says_otherwise() -> None:
    own = 'half_life_days = 2.5, min_evidence = 3, kind = "declared", sentence = "只{word}"'
    rows = f'{{ word = "a" }}, {{ word = "b", {own} }}'
    tags = read_vocabulary([("theme.toml", PAGE.format(rows=rows, more=""))]).tags
    one, other = tags["theme:a"], tags["theme:b"]
    assert (one.half_life_days, one.min_evidence, one.kind, one.sentence) == (14.0, 1, "behavioural", "sa")
    assert (other.half_life_days, other.min_evidence, other.kind, other.sentence) == (2.5, 3, "declared", "只b")


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("half_live_days = 3", "the page says half_live_days; expected some of"),
        ('version = "2"', "is no TOML"),
        ('kind = "guessed"', "kind is 'guessed', expected one of declared, behavioural, contextual"),
    ],
)
def test_a_broken_page_is_refused(more: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read_vocabulary([("theme.toml", PAGE.format(rows='{ word = "a" }', more=more))])


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ('{ word = "a" }, { word = "a" }', "stands twice"),
        ('{ word = "a" }, { word = "b", aliases = ["a"] }', "stands twice"),
        ('{ word = "a", parent = "b" }', "no word of theme"),
        ('{ word = "a", owner = "" }', "has no owner"),
        ('{ word = "a", sensitivity = "secret" }', "expected one of general, sensitive"),
        ('{ word = "a", sensitivity = "sensitive", kind = "behavioural" }', "so its kind is declared, not behavioural"),
        ('{ word = "a", sensitivity = "sensitive", kind = "contextual" }', "so its kind is declared, not contextual"),
        ('{ word = "a", inferable = true }', "'a' says inferable; expected some of"),
        ('{ word = "a", half_life_days = 0 }', "half_life_days is 0, expected a number above 0, at most 365"),
        ('{ word = "a", half_life_days = "14" }', "expected a number above 0"),
        ('{ word = "a", half_life_days = nan }', "half_life_days is nan"),
        ('{ word = "a", min_evidence = 1.5 }', "min_evidence is 1.5, expected a whole number"),
        ('{ word = "a", min_evidence = true }', "min_evidence is True"),
        ('{ word = "a", sentence = "你好" }', "expected one with {word} in it"),
    ],
)
def test_a_broken_vocabulary_is_refused(rows: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read_vocabulary([("theme.toml", PAGE.format(rows=rows, more=""))])


@pytest.mark.parametrize(
    ("words", "learned"),
    [
        (["高校毕业生"], ["group:高校毕业生"]),
        (["大学生", "高校毕业生"], ["group:高校毕业生"]),  # an alias counts as its word
        (["  大学生\u3000"], ["group:高校毕业生"]),
        (["高校 毕业生"], ["group:高校毕业生"]),
        (["残疾人"], []),  # sensitive
        (["上访人员", ""], []),  # no word of the vocabulary
        (["就业创业"], []),  # a word of another dimension
    ],
)
def test_an_item_teaches_only_governed_words_that_are_not_sensitive(words: list[str], learned: list[str]) -> None:
    item = Item(item_id="i", item_type="guide", title="指南", person_groups=tuple(words))
    assert list(learned_tags(item)) == learned


def test_nothing_sensitive_is_ever_learned() -> None:
    for tag in load_vocabulary().tags.values():
        field = {"life_event": "life_events", "audience": "audiences", "group": "person_groups",
                 "industry": "industries", "scale": "enterprise_scales"}.get(tag.dimension, "theme")  # fmt: skip
        for spelling in (tag.word, *tag.aliases):
            item = Item(item_id="i", item_type="guide", title="指南", **{field: (spelling,)})
            assert learned_tags(item) == ((tag.name,) if tag.inferable else ())
