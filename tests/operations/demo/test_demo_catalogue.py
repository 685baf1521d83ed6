"""The demo catalogue: enough of everything, in governed words, and as fresh on any day."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.catalogue.quality import ThemeWords, check_catalogue
from civicrec.tags import item_tags
from operations.demo.catalogue import demo_items
from profiles.tags import load_vocabulary

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
days = st.datetimes(datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2035-12-31"), timezones=st.just(UTC))


def test_there_are_at_least_150_items_of_all_types_and_about_fifty_news() -> None:
    types = Counter(item.item_type for item in demo_items(NOW))
    assert types.total() >= 150
    assert types["news"] >= 50
    assert all(types[name] >= 10 for name in ("policy", "interpretation", "service", "guide", "faq"))
    assert types["topic"] >= 5


def test_every_word_is_governed_and_the_check_finds_only_what_is_there_on_purpose() -> None:
    vocabulary, items = load_vocabulary(), demo_items(NOW)
    assert {tag for item in items for tag in item_tags(item) if not vocabulary.is_known(tag)} == set()
    themes = [tag for tag in vocabulary.tags.values() if tag.dimension == "theme"]
    words = ThemeWords(
        known=frozenset(tag.word for tag in themes),
        person=frozenset(tag.word for tag in themes if "person" in tag.codes),
        legal=frozenset(tag.word for tag in themes if "legal" in tag.codes),
    )
    found = {name: len(places) for name, places in check_catalogue(items, words, NOW).findings.items() if places}
    assert found == {"expired": 4, "source_not_permitted": 1}


@settings(max_examples=50)
@given(days)
def test_on_any_day_some_items_are_expired_some_not_yet_open_and_some_close_soon(now: datetime) -> None:
    items = demo_items(now)
    assert sum(item.valid_until is not None and item.valid_until <= now for item in items) >= 3
    assert sum(item.apply_from is not None and item.apply_from > now for item in items) >= 3
    soon = now + timedelta(days=7)
    assert sum(item.apply_until is not None and now < item.apply_until <= soon for item in items) >= 5


@settings(max_examples=50)
@given(days)
def test_on_any_day_news_comes_out_through_the_fortnight_and_nothing_after_now(now: datetime) -> None:
    published = sorted(item.published_at for item in demo_items(now) if item.item_type == "news" and item.published_at)
    assert now - timedelta(days=18) < published[0]
    assert now - timedelta(hours=24) < published[-1] <= now
    gaps = [later - earlier for earlier, later in zip(published, published[1:], strict=False)]
    assert max(gaps) < timedelta(hours=26)


@given(days)
@settings(max_examples=20)
def test_no_day_offset_or_placeholder_is_left_in_a_text(now: datetime) -> None:
    for item in demo_items(now):
        assert "{" not in item.title + item.summary + item.document_no + item.index_no


def test_every_theme_has_policies_with_something_that_goes_with_them() -> None:
    items = demo_items(NOW)
    linked = Counter(link.item_id for item in items for link in item.links if link.rel != "part_of")
    accompanied = [item for item in items if item.item_type == "policy" and linked[item.item_id] >= 2]
    assert len(accompanied) >= 20
    for theme in ("就业创业", "社会保障", "教育科研", "住房保障", "科技创新"):
        assert any(theme in item.theme for item in accompanied), theme
