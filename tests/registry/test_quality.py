"""The data-quality report: each finding found once, and nothing found in a clean catalogue."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from civicrec.catalogue.quality import ThemeWords, check_catalogue
from tests.item_builders import PUBLISHED, an_item

THEMES = ThemeWords(
    known=frozenset({"就业创业", "人力资源", "知识产权", "教育"}),
    person=frozenset({"就业创业", "知识产权"}),
    legal=frozenset({"人力资源", "知识产权"}),
)
NOW = PUBLISHED + timedelta(days=30)
COMPLETE = {"summary": "s", "url": "/a", "issuer": "某局", "document_no": "某〔2026〕1号", "theme": ["教育"]}


def findings(*items: Any) -> dict[str, list[tuple[str, str]]]:
    return {name: found for name, found in check_catalogue(items, THEMES, NOW).findings.items() if found}


def a_service(**fields: Any) -> Any:
    plain = {"summary": "s", "url": "/a", "issuer": "某局", "theme": ["就业创业"], "audiences": ["自然人"]}
    return an_item("service-1", item_type="service", **plain | fields)


def test_a_complete_item_has_no_finding_and_is_counted() -> None:
    report = check_catalogue([an_item(**COMPLETE), a_service(status="draft")], THEMES, NOW)
    assert not any(report.findings.values())
    assert (report.items, report.by_type, report.by_status) == (
        2, {"policy": 1, "service": 1}, {"draft": 1, "online": 1},
    )  # fmt: skip


def test_a_missing_field_is_named_with_its_type() -> None:
    lacking = {name: value for name, value in COMPLETE.items() if name != "document_no"}
    assert findings(an_item(**lacking)) == {"missing_field": [("policy-1", "policy.document_no")]}


def test_a_link_to_nothing_is_broken_and_one_to_an_item_is_not() -> None:
    links = [{"rel": "interprets", "item_id": "policy-1"}, {"rel": "interprets", "item_id": "gone"}]
    found = findings(an_item(**COMPLETE), an_item("interp", **COMPLETE | {"url": "/b"}, links=links))
    assert found == {"broken_link": [("interp", "interprets gone")]}


@pytest.mark.parametrize(
    ("audiences", "theme", "agrees"),
    [
        (["自然人"], ["就业创业"], True),
        (["自然人"], ["知识产权"], True),
        (["自然人"], ["人力资源"], False),
        (["自然人"], ["就业创业", "人力资源"], False),
        (["企业法人"], ["人力资源"], True),
        (["企业法人"], ["就业创业"], False),
        (["自然人", "社会组织法人"], ["就业创业", "人力资源"], True),
        (["自然人", "社会组织法人"], ["知识产权"], True),
        (["自然人", "企业法人"], ["人力资源"], False),
    ],
)
def test_each_audience_has_a_theme_of_its_own_list_and_only_that(
    audiences: list[str], theme: list[str], agrees: bool
) -> None:
    found = findings(a_service(audiences=audiences, theme=theme))
    assert (found == {}) == agrees
    assert set(found) <= {"audience_theme"}


def test_an_unknown_theme_word_is_named() -> None:
    assert findings(an_item(**COMPLETE | {"theme": ["教育", "喝茶"]})) == {"unknown_theme": [("policy-1", "喝茶")]}


@pytest.mark.parametrize("fields", [{"validity": "废止"}, {"validity": "失效"}, {"valid_until": NOW.isoformat()}])
def test_an_item_past_its_validity_is_expired_while_it_is_online(fields: dict[str, Any]) -> None:
    assert set(findings(an_item(**COMPLETE, **fields))) == {"expired"}
    assert findings(an_item(**COMPLETE, **fields, status="withdrawn")) == {}


def test_an_item_valid_for_one_more_second_is_not_expired() -> None:
    assert findings(an_item(**COMPLETE, valid_until=(NOW + timedelta(seconds=1)).isoformat())) == {}


def test_two_items_of_one_title_issuer_and_time_are_named_together() -> None:
    twins = [an_item(name, **COMPLETE | {"url": f"/{name}"}, title="同名") for name in ("a", "b")]
    assert findings(*twins) == {"same_title": [("a", "b")]}


def test_words_that_never_become_a_tag_are_named_in_every_dimension() -> None:
    def governed(dimension: str, word: str) -> Any:
        return {"残疾人": "sensitive", "高校毕业生": "known"}.get(word, "unknown")

    words = {"person_groups": ["上访人员", "残疾人", "高校毕业生"], "life_events": ["闹访"], "industries": ["矿"]}
    report = check_catalogue([an_item(**COMPLETE, **words)], THEMES, NOW, governed)
    assert report.findings["unknown_word"] == [
        ("policy-1", "life_event 闹访"), ("policy-1", "group 上访人员"), ("policy-1", "industry 矿"),
    ]  # fmt: skip
    assert report.findings["sensitive_word"] == [("policy-1", "group 残疾人")]


def test_one_title_at_many_districts_is_named_once() -> None:
    def posted(n: int) -> Any:
        return an_item(f"p{n}", **COMPLETE | {"issuer": f"{n}区", "url": f"/{n}"}, title="关于 放假的通知")

    assert "reposted_title" not in findings(*map(posted, range(2)))
    ((first, detail),) = findings(*map(posted, range(5)))["reposted_title"]
    assert (first, detail[:7]) == ("p0", "5 items")


def test_two_items_of_one_page_are_named() -> None:
    items = [an_item(name, **COMPLETE | {"url": "/same"}, title=name) for name in ("a", "b")]
    assert findings(*items) == {"same_page": [("a", "b")]}


@pytest.mark.parametrize(
    ("finding", "fields", "detail"),
    [
        ("blank_title", {"title": "\u200b"}, "'\\u200b'"),
        ("replaced_characters", {"title": "关于\ufffd的通知", "body_text": "锟斤拷"}, "title, body_text"),
        ("markup_left", {"summary": "<p>总则</p>"}, "summary"),
        ("markup_left", {"title": "关于&nbsp;的通知"}, "title"),
        ("unusable_address", {"url": "javascript:alert(1)"}, "javascript:alert(1)"),
    ],
)
def test_damage_from_before_texts_were_cleaned_is_named(finding: str, fields: dict[str, str], detail: str) -> None:
    item = msgspec.structs.replace(an_item(**COMPLETE), **fields)
    assert findings(item) == {finding: [("policy-1", detail)]}
