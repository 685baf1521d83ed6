"""``GET /v1/me/data``: a copy of what is held of a signed-in person (个人信息保护法 Art. 45), sent as it is read.

In: a subject token in the header ``Authorization``. Out: JSON, or a table for office software.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from civicrec.items import Time
from civicrec.registry.audit import Act, record_alone
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.personal import events_of, held_beside_events
from civicrec.web.calls import JSON, Answer, Call, describes
from civicrec.web.guard import charge
from profiles.rights.export import as_json, held_of
from profiles.rights.pushes import pushes_of
from profiles.rights.table import as_csv
from serving.answers import NO_STORE
from serving.api.attributes import declared_of
from serving.api.me import REFUSED, TOKEN, decisions_of, subject_of
from serving.live import Live

router = APIRouter(tags=["me"])
CSV = "text/csv"
#: What a copy costs of an address's share of lists: it reads every month.
_LISTS_OF_A_COPY = 50


class MyData(msgspec.Struct):
    """What is held of a person; in `events` the fields that are not empty, as docs/contracts.md §1 has them."""

    subject_id: str
    generated_at: Time
    personalisation: str
    off_since: Time | None
    consents: list[dict[str, Any]]
    chosen_tags: list[dict[str, Any]]
    deleted_tags: list[dict[str, Any]]
    attributes: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    subscriptions: list[dict[str, Any]]
    tags: dict[str, float]
    tags_by_night: list[dict[str, Any]]
    segments: list[dict[str, Any]]
    served_lists: list[dict[str, Any]]
    refused_events: list[dict[str, Any]]
    recent: list[dict[str, Any]]
    disliked: list[dict[str, Any]]
    done: list[str]
    events: list[dict[str, Any]]


@router.get("/v1/me/data")
@describes(Call({200: Answer("a copy, as a file", MyData), **REFUSED}, **TOKEN))
async def get_data(request: Request) -> Response:
    """Return all that is held of the signed-in user, the events one by one, as a JSON file."""
    return await copy_of(request, subject_of(request))


@router.get("/v1/me/data.csv")
@describes(Call({200: Answer("a table, UTF-8 with a byte-order mark", media=CSV), **REFUSED}, **TOKEN))
async def get_table(request: Request) -> Response:
    """Return all that is held of the signed-in user, the events one by one, as a table for office software."""
    return await table_of(request, subject_of(request))


async def copy_of(request: Request, actor: str) -> Response:
    """Return all that is held of a person, as a JSON file."""
    return _file(as_json(*await _all_of(request, actor)), "civicrec-data.json", JSON)


async def table_of(request: Request, actor: str) -> Response:
    """Return all that is held of a person, as a table."""
    return _file(as_csv(*await _all_of(request, actor)), "civicrec-data.csv", f"{CSV}; charset=utf-8")


async def _all_of(request: Request, actor: str) -> tuple[dict[str, Any], Iterator[Mapping[str, Any]]]:
    """Return what is held of a person beside events, and the events; that they are given is written down."""
    charge(request.scope, _LISTS_OF_A_COPY)
    decided, state = await decisions_of(request).known(actor)
    warehouse = _warehouse(request)
    stored = await asyncio.to_thread(held_beside_events, warehouse, actor)
    answers = await request.app.state.consents.entries(actor)
    attributes = await declared_of(request).of(actor)
    pushes = await request.app.state.registry.do(lambda engine: pushes_of(engine, actor))
    held = held_of(actor, decided, state, stored, answers, attributes, pushes, request.app.state.live.clock())
    events = await _begun(warehouse, actor)
    await _record(request, actor)
    return held, events


async def _record(request: Request, actor: str) -> None:
    """Write down that a copy is given; one that cannot be written down is not given (503)."""
    live: Live = request.app.state.live
    act = Act(live.clock(), "subject", "data_exported", live.keys.audit_name(actor))
    await request.app.state.registry.do(lambda engine: record_alone(engine, act))


async def _begun(warehouse: ClickHouseWarehouse, actor: str) -> Iterator[Mapping[str, Any]]:
    """Return the events with the first read already, so that a warehouse that is away is told by the status."""
    events = events_of(warehouse, actor)
    first = await asyncio.to_thread(lambda: list(next(([one] for one in events), [])))
    return chain(first, events)


def _file(pieces: Iterator[bytes], name: str, media: str) -> Response:
    headers = NO_STORE | {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, headers=headers, media_type=media)


def _warehouse(request: Request) -> ClickHouseWarehouse:
    warehouse: ClickHouseWarehouse = request.app.state.warehouse
    return warehouse
