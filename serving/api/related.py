"""``GET /v1/items/{id}/related``: what belongs to an item, one list per type."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.errors import NotFound
from recommender.eligibility import is_public
from recommender.related import related_to
from recommender.request import RankedItem
from recommender.signals import Signals
from serving.answers import item_json, json_answer
from serving.live import Live
from serving.schemas import is_true, number_of
from serving.snapshot import Snapshot

router = APIRouter(tags=["lists"])
DEFAULT_N, MAX_RELATED = 5, 20


@router.get("/v1/items/{item_id:path}/related")
async def get_related(request: Request, item_id: str) -> Response:
    """Return related policies, interpretations, services and questions; the same for everybody."""
    live: Live = request.app.state.live
    n = number_of(request.query_params.get("n", ""), MAX_RELATED) or DEFAULT_N
    item = live.catalogue.items.get(item_id)
    if item is None or not is_public(item, live.clock()):
        raise NotFound(f"no item {item_id[:128]!r} in the catalogue")
    co_clicks = await live.budget.read(lambda: live.reader.co_clicks([item_id]))
    snapshot = live.snapshot
    signals = Signals(snapshot.models, snapshot.trends, co_clicks or {})
    lists = related_to(item_id, snapshot.catalogue, signals, live.clock(), n)
    explain = is_true(request.query_params.get("explain", ""))
    told = [_list_json(name, made, snapshot, explain) for name, made in lists.items()]
    head = msgspec.json.encode({
        "item_id": item_id, "title": item.title, "model": signals.model, "degraded": co_clicks is None
    })  # fmt: skip
    return json_answer(head[:-1] + b',"lists":[' + b",".join(told) + b"]}")


def _list_json(item_type: str, made: Sequence[RankedItem], snapshot: Snapshot, explain: bool) -> bytes:
    items = (item_json(one, snapshot.catalogue.fragments, f"related-{item_type}", explain) for one in made)
    return b'{"item_type":"%s","items":[%s]}' % (item_type.encode(), b",".join(items))
