"""Builders of catalogue items: `an_item` for one with chosen fields, `any_item` for hypothesis."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

from hypothesis import strategies as st

from civicrec.catalogue.importers.fields import is_placeholder
from civicrec.items import ITEM_TYPES, Item, Rel, Status, Validity, item_from
from civicrec.markup import lost_characters, plain

PUBLISHED = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def an_item(item_id: str = "policy-1", **fields: Any) -> Item:
    return item_from({
        "item_id": item_id, "item_type": "policy", "title": f"关于{item_id}的通知", "published_at": PUBLISHED, **fields,
    })  # fmt: skip


_urls = st.sampled_from(["", "/a", "a?b=c:d", "http://x.gov.cn/公告", "https://x.gov.cn:8443/a#b"])
# hypothesis takes the limits without an offset and adds one of `_offsets`
_EARLIEST, _LATEST = datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2200-01-01")


def _is_id(text: str) -> bool:
    return plain(text) == text and not {".", ".."} & set(text.split("/")) and not is_placeholder(text)


_words = st.lists(st.text(min_size=1, max_size=64), max_size=3)
_ids = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=","), min_size=1, max_size=128).filter(
    _is_id
)
_offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_times = st.none() | st.datetimes(_EARLIEST, _LATEST, timezones=_offsets)

#: Rows that are valid items, with times in any offset.
item_rows = st.fixed_dictionaries(
    {
        "item_id": _ids,
        "item_type": st.sampled_from(ITEM_TYPES),
        "title": st.text(min_size=1, max_size=500).filter(
            lambda title: plain(title) and not lost_characters(title)
        ),
    },
    optional={
        "summary": st.text(max_size=2000), "url": _urls, "body_text": st.text(),
        "issuer": st.text(max_size=200), "document_no": st.text(max_size=200), "index_no": st.text(max_size=200),
        "theme": _words, "life_events": _words, "audiences": _words, "person_groups": _words, "industries": _words,
        "enterprise_scales": _words, "tags": _words, "region_code": st.text(max_size=64), "published_at": _times,
        "updated_at": _times, "valid_until": _times, "apply_until": _times,
        "validity": st.sampled_from(get_args(Validity)), "status": st.sampled_from(get_args(Status)),
        "source": st.text(max_size=200), "source_permitted": st.booleans(), "version": st.integers(0, 2**31),
        "links": st.lists(st.fixed_dictionaries({"rel": st.sampled_from(get_args(Rel)), "item_id": _ids}), max_size=3),
    },
)  # fmt: skip
any_item = item_rows.map(item_from)
