"""``/v1/feed.atom``: what is new of a theme, a group or a region, for feed readers; nobody is known to it.

In: which items. Out: an Atom feed (RFC 4287), the same for everybody, so that caches may keep it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated
from urllib.parse import quote
from xml.etree import ElementTree as xml

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.clock import rfc3339
from civicrec.items import ITEM_TYPES, TYPE_NAMES, Item, ItemType
from civicrec.web.calls import Answer, Call, describes, refused
from profiles.rules.attributes import region_prefix
from recommender.eligibility import eligible
from serving.live import Live
from serving.query import TOO_MANY, query_of
from serving.schemas import SiteName, origins_of, site_of

router = APIRouter(tags=["lists"])
ATOM = "application/atom+xml"
_NAMESPACE = "http://www.w3.org/2005/Atom"
_KEPT = "public, max-age=300"
#: What no document of XML 1.0 may hold, in whatever form.
_NOT_OF_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_Word = Annotated[str, msgspec.Meta(max_length=64)]


class FeedQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of ``GET /v1/feed.atom``; what is given must hold of an item."""

    site: SiteName = ""
    theme: Annotated[_Word, msgspec.Meta(examples=["就业创业"])] = ""
    group: Annotated[_Word, msgspec.Meta(description="适用人群", examples=["高校毕业生"])] = ""
    audience: Annotated[_Word, msgspec.Meta(description="服务对象", examples=["企业法人"])] = ""
    industry: Annotated[_Word, msgspec.Meta(description="适用行业")] = ""
    region: Annotated[str, msgspec.Meta(pattern="^([1-9][0-9]{5})?$", description="of it or of a part of it")] = ""
    type: ItemType | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50


@router.get("/v1/feed.atom")
@describes(
    Call(
        {
            200: Answer("the feed, the newest first", media=ATOM, headers={"ETag": "entity tag of the feed"}),
            304: Answer("it is as you know it", media="", headers={"ETag": "entity tag of the feed"}),
            **refused(s422="a parameter, named", s429=TOO_MANY),
        },
        query=FeedQuery,
        headers={"If-None-Match": "entity tag of what is known"},
    )
)
async def get_feed(request: Request) -> Response:
    """Return what may be recommended of a theme, group, audience, industry, region or type, newest first."""
    live: Live = request.app.state.live
    query = query_of(request, FeedQuery)
    site = site_of(query.site, live.settings)
    items = list(_wanted(live, query))
    origin = min(origins_of(live.settings, site), default="")
    body = _atom(items, query, origin)
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": _KEPT}
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or etag in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=ATOM)


def _wanted(live: Live, query: FeedQuery) -> Iterator[Item]:
    catalogue, now = live.catalogue, live.clock()
    types = (query.type,) if query.type else ITEM_TYPES
    may_be = eligible(catalogue, types, now)
    n = 0
    for row in catalogue.newest[may_be[catalogue.newest]].tolist():
        item = catalogue.items[catalogue.item_ids[row]]
        if _matches(item, query):
            yield item
            n += 1
            if n == query.n:
                return


def _matches(item: Item, query: FeedQuery) -> bool:
    named = (
        (query.theme, item.theme), (query.group, item.person_groups), (query.audience, item.audiences),
        (query.industry, item.industries),
    )  # fmt: skip
    region = region_prefix(query.region)
    return all(not word or word in words for word, words in named) and item.region_code.startswith(region)


def _atom(items: list[Item], query: FeedQuery, origin: str) -> bytes:
    of_type = TYPE_NAMES[query.type] if query.type else ""
    words = (query.theme, query.group, query.audience, query.industry, query.region, of_type)
    name = "·".join(filter(None, words)) or "全部"
    feed = xml.Element("feed", {"xmlns": _NAMESPACE, "xml:lang": "zh-CN"} | ({"xml:base": origin} if origin else {}))
    _text(feed, "title", f"最新发布：{name}")
    _text(feed, "id", "urn:civicrec:feed:" + quote("/".join(words), safe="/"))
    _text(feed, "updated", rfc3339(max((_updated(item) for item in items), default=_LONGEST_AGO)))
    _text(xml.SubElement(feed, "author"), "name", min((item.issuer for item in items if item.issuer), default="本网站"))
    for item in items:
        entry = xml.SubElement(feed, "entry")
        _text(entry, "title", item.title)
        _text(entry, "id", "urn:civicrec:item:" + quote(item.item_id, safe=""))
        _text(entry, "updated", rfc3339(_updated(item)))
        if item.url:
            xml.SubElement(entry, "link", {"href": item.url})
        if item.issuer:
            _text(xml.SubElement(entry, "author"), "name", item.issuer)
        if item.summary:
            _text(entry, "summary", item.summary)
        for theme in item.theme:
            xml.SubElement(entry, "category", {"term": theme})
    return bytes(xml.tostring(feed, encoding="utf-8", xml_declaration=True))


def _updated(item: Item) -> datetime:
    return item.updated_at or item.published_at or _LONGEST_AGO


def _text(parent: xml.Element, name: str, text: str) -> None:
    xml.SubElement(parent, name).text = _NOT_OF_XML.sub("", text)
