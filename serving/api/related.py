"""``GET /v1/items/{id}/related``: what belongs to an item, one list per type."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.items import ItemId
from civicrec.web.calls import Answer, Call, describes, refused
from serving.answers import items_json, json_answer
from serving.query import TOO_MANY, query_of
from serving.related import DEFAULT_N, Related, RelatedList
from serving.schemas import Explain, SiteName, own_site, site_of
from serving.shapes import RelatedAnswer

router = APIRouter(tags=["lists"])


class RelatedQueryString(msgspec.Struct, forbid_unknown_fields=True):
    """The query of ``GET /v1/items/{id}/related``."""

    n: Annotated[int, msgspec.Meta(ge=1, le=20, description="length of each list")] = DEFAULT_N
    site: SiteName = ""
    explain: Explain = False


@router.get("/v1/items/{item_id:path}/related")
@describes(
    Call(
        {
            200: Answer("one list per type", RelatedAnswer),
            **refused(s404="unknown, or not public", s422="an unknown parameter, or n", s429=TOO_MANY),
        },
        query=RelatedQueryString,
        path={"item_id": ItemId},
    )
)
async def get_related(request: Request, item_id: str) -> Response:
    """Return related policies, interpretations, services and questions; the same for everybody."""
    query, state = query_of(request, RelatedQueryString), request.app.state
    settings = state.live.settings
    site = site_of(query.site, settings) if query.site else own_site(settings)
    of_item = await state.related.of(item_id, query.n, site)
    lists = [_list_json(one, of_item, query.explain) for one in of_item.lists]
    head = msgspec.json.encode({
        "item_id": item_id, "title": of_item.item.title, "model": of_item.model, "degraded": of_item.is_degraded
    })  # fmt: skip
    return json_answer(head[:-1] + b',"lists":[' + b",".join(lists) + b"]}")


def _list_json(one: RelatedList, of_item: Related, explain: bool) -> bytes:
    items = items_json(one.ranked_list, of_item.snapshot.catalogue.fragments, one.slot, explain, of_item.encoded)
    head = msgspec.json.encode({"item_type": one.item_type, "request_id": one.request_id})
    return head[:-1] + b',"items":[' + items + b"]}"
