"""``GET /v1/items/{id}/related``: what belongs to an item, one list per type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from recommender.request import RankedItem
from serving.answers import item_json, json_answer
from serving.query import query_of
from serving.related import DEFAULT_N, related
from serving.schemas import Explain
from serving.snapshot import Snapshot

router = APIRouter(tags=["lists"])


class RelatedQueryString(msgspec.Struct, forbid_unknown_fields=True):
    """The query of ``GET /v1/items/{id}/related``."""

    n: Annotated[int, msgspec.Meta(ge=1, le=20, description="length of each list")] = DEFAULT_N
    explain: Explain = False


@router.get("/v1/items/{item_id:path}/related")
async def get_related(request: Request, item_id: str) -> Response:
    """Return related policies, interpretations, services and questions; the same for everybody."""
    query = query_of(request, RelatedQueryString)
    of_item = await related(request.app.state.live, item_id, query.n)
    lists = [_list_json(name, ranked, of_item.snapshot, query.explain) for name, ranked in of_item.lists.items()]
    head = msgspec.json.encode({
        "item_id": item_id, "title": of_item.item.title, "model": of_item.model, "degraded": of_item.is_degraded
    })  # fmt: skip
    return json_answer(head[:-1] + b',"lists":[' + b",".join(lists) + b"]}")


def _list_json(item_type: str, ranked: Sequence[RankedItem], snapshot: Snapshot, explain: bool) -> bytes:
    items = (item_json(one, snapshot.catalogue.fragments, f"related-{item_type}", explain) for one in ranked)
    return b'{"item_type":"%s","items":[%s]}' % (item_type.encode(), b",".join(items))
