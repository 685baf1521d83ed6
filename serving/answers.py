"""Lists as JSON bytes: items were encoded when the catalogue was read, so an answer is mostly joined together.

In: a `RankedList`. Out: bytes, with the fields of docs/contracts.md §3.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime

import msgspec
from fastapi import Response

from civicrec.clock import rfc3339
from recommender.cursor import encode_cursor
from recommender.request import RankedItem, RankedList
from serving.snapshot import Snapshot

#: Reasons shown unless the caller asks for all.
MAX_REASONS = 2
#: Encodings of one kept page: its lists, by the slots they stand in.
_MAX_ENCODED = 16
_encode = msgspec.json.Encoder().encode
#: Lists are a person's, or carry a number that counts as one showing: nobody on the way may keep them.
NO_STORE = {"Cache-Control": "private, no-store"}


def json_answer(body: bytes, status: int = 200) -> Response:
    """Return an answer that no cache may keep."""
    return Response(body, status, NO_STORE, media_type="application/json")


def list_json(
    ranked_list: RankedList, snapshot: Snapshot, request_id: str, now: datetime, *,
    slot: str = "", is_degraded: bool = False, explain: bool = False, cursor_key: bytes,
    encoded: dict[Hashable, bytes] | None = None,
) -> bytes:  # fmt: skip
    """Return a list as JSON.

    Parameters
    ----------
    slot
        Name of the place on the page; the scene's name when empty.
    explain
        Tell all reasons, and each generator's part of the score.
    encoded
        Where items that are answered again are kept as JSON.
    """
    head = _encode({
        "request_id": request_id, "scene": ranked_list.scene, "mode": ranked_list.mode,
        "variant": ranked_list.variant, "model": ranked_list.model,
        "generated_at": rfc3339(now), "degraded": is_degraded,
        "next_cursor": encode_cursor(ranked_list.next_cursor, cursor_key) if ranked_list.next_cursor else None,
    })  # fmt: skip
    items = items_json(ranked_list, snapshot.catalogue.fragments, slot or ranked_list.scene, explain, encoded)
    return head[:-1] + b',"items":[' + items + b"]}"


def items_json(
    ranked_list: RankedList, fragments: tuple[bytes, ...], slot: str, explain: bool,
    encoded: dict[Hashable, bytes] | None = None,
) -> bytes:  # fmt: skip
    """Return the items of a list as JSON, from `encoded` where they are kept."""
    key = (id(ranked_list), slot, explain)
    if encoded is not None and (items := encoded.get(key)) is not None:
        return items
    items = b",".join(item_json(ranked, fragments, slot, explain) for ranked in ranked_list.items)
    if encoded is not None and len(encoded) < _MAX_ENCODED:
        encoded[key] = items
    return items


def item_json(ranked: RankedItem, fragments: tuple[bytes, ...], slot: str, explain: bool) -> bytes:
    """Return an item of a list as JSON."""
    reasons = ranked.reasons if explain else ranked.reasons[:MAX_REASONS]
    fields: dict[str, object] = {
        "position": ranked.position,
        "slot": slot,
        "score": round(ranked.score, 6),
        "source": ranked.source,
        "reasons": reasons,
    }
    if explain:
        fields["parts"] = {source: round(part, 6) for source, part in ranked.parts.items()}
        if ranked.features:
            fields["features"] = {
                name: {"value": round(value, 6), "part": round(part, 6)}
                for name, (value, part) in ranked.features.items()
            }
    return b"{" + fragments[ranked.row] + b"," + _encode(fields)[1:]
