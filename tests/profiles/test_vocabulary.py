from __future__ import annotations

import pytest

from civicrec.errors import ConfigError, InvalidInput
from civicrec.items import Item
from civicrec.tags import DIMENSIONS, split_tag
from profiles.tags import learned_tags, load_vocabulary, read_vocabulary

PAGE = 'version = "1"\ndimension = "theme"\nowner = "o"\nrule = "r"\nsentence = "s{{word}}"\ntags = [{rows}]'


def test_every_tag_says_who_owns_it_by_which_rule_and_how_sensitive_it_is() -> None:
    for name, tag in load_vocabulary().tags.items():
        assert split_tag(name) == (tag.dimension, tag.word)
        assert tag.owner
        assert tag.rule
        assert tag.word in tag.sentence
        assert tag.version
        assert tag.sensitivity in ("general", "sensitive")


def test_no_sensitive_tag_is_ever_inferable() -> None:
    vocabulary = load_vocabulary()
    sensitive = {name for name, tag in vocabulary.tags.items() if tag.sensitivity == "sensitive"}
    assert {"group:残疾人", "theme:民族宗教", "theme:民族、宗教", "theme:优抚安置", "theme:优待抚恤"} <= sensitive
    assert not sensitive & vocabulary.inferable


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


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ('{ word = "a" }, { word = "a" }', "stands twice"),
        ('{ word = "a" }, { word = "b", aliases = ["a"] }', "stands twice"),
        ('{ word = "a", parent = "b" }', "no word of theme"),
        ('{ word = "a", owner = "" }', "has no owner"),
        ('{ word = "a", sensitivity = "secret" }', "expected one of general, sensitive"),
        ('{ word = "a", sensitivity = "sensitive", inferable = true }', "must not be inferable"),
    ],
)
def test_a_broken_vocabulary_is_refused(rows: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read_vocabulary([("theme.toml", PAGE.format(rows=rows))])


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
