"""``GET /v1/items/{id}/related``: what belongs to an item, one list per type."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from fastapi import APIRouter, Request, Response

from recommender.request import RankedItem
from serving.answers import item_json, json_answer
from serving.related import DEFAULT_N, related
from serving.schemas import is_true, number_of
from serving.snapshot import Snapshot

router = APIRouter(tags=["lists"])
MAX_RELATED = 20


@router.get("/v1/items/{item_id:path}/related")
async def get_related(request: Request, item_id: str) -> Response:
    """Return related policies, interpretations, services and questions; the same for everybody."""
    n = number_of(request.query_params.get("n", ""), MAX_RELATED) or DEFAULT_N
    explain = is_true(request.query_params.get("explain", ""))
    of_item = await related(request.app.state.live, item_id, n)
    lists = [_list_json(name, ranked, of_item.snapshot, explain) for name, ranked in of_item.lists.items()]
    head = msgspec.json.encode({
        "item_id": item_id, "title": of_item.item.title, "model": of_item.model, "degraded": of_item.is_degraded
    })  # fmt: skip
    return json_answer(head[:-1] + b',"lists":[' + b",".join(lists) + b"]}")


def _list_json(item_type: str, ranked: Sequence[RankedItem], snapshot: Snapshot, explain: bool) -> bytes:
    items = (item_json(one, snapshot.catalogue.fragments, f"related-{item_type}", explain) for one in ranked)
    return b'{"item_type":"%s","items":[%s]}' % (item_type.encode(), b",".join(items))
