"""How soon what editors and visitors decide acts in the lists of every serving process.

In: a running serving stage with several processes. Out: milliseconds from the decision to the last list without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
from sqlalchemy import Engine

from civicrec.accounting.progress import Commit
from civicrec.clients import http_client, redis_client
from civicrec.clock import monotonic_s, to_ms, utc_now
from civicrec.editorial import Rule
from civicrec.errors import Unavailable
from civicrec.metrics import quantile
from civicrec.registry.catalogue import set_status
from civicrec.registry.editorial import add_rule, remove_rule
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings
from profiles.online.ports import OnlineUpdate, RecentItem
from profiles.online.redis_store import RedisOnlineStore

#: Connections at once, each made anew for each list, so that every process answers.
_CONNECTIONS = 8
_BEFORE_S = 0.1
#: So long all answers must know of a decision before it counts as known, and so long that is waited for.
_QUIET_S, _LONGEST_S = 0.4, 30.0
_WHO, _WHY = "bench", "how soon it acts"

Answer = Mapping[str, Any]


class _Case(NamedTuple):
    """One decision: whose lists are asked for, what decides, whether a list does not know of it yet, what undoes it."""

    query: Mapping[str, object]
    act: Callable[[], None]
    is_before: Callable[[Answer], bool]
    undo: Callable[[], None] = lambda: None


def bench_acts(settings: Settings, rounds: int = 10) -> dict[str, Any]:
    """Measure how old the newest answer is that does not know of a decision.

    Parameters
    ----------
    settings
        Of stores with a catalogue, and of a serving stage on them.

    Returns
    -------
    dict
        Of a withdrawal, a pin, a refusal, an opt-out and the third click of a new visitor: ``p50_ms`` and ``max_ms``
        from the return of the call that decides until the last request was sent whose answer did not know of it.
    """
    store = RedisOnlineStore(redis_client(settings.redis, timeout_s=5))
    figures = {}
    with registry_at(settings.registry_address) as registry:
        for name, make in _CASES.items():
            late_ms = [_late_ms(settings, make(settings, registry, store)) for _ in range(rounds)]
            figures[name] = {"p50_ms": round(quantile(late_ms, 0.5), 1), "max_ms": round(max(late_ms), 1)}
    return {"rounds": rounds, **figures}


def _late_ms(settings: Settings, case: _Case) -> float:
    try:
        return asyncio.run(_watched(settings, case))
    finally:
        case.undo()


async def _watched(settings: Settings, case: _Case) -> float:
    head = f"GET /v1/recommendations?{urlencode(case.query)} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
    asked: list[tuple[float, Answer]] = []
    is_over = asyncio.Event()

    async def ask() -> None:
        while not is_over.is_set():
            sent_s = monotonic_s()
            reader, writer = await asyncio.open_connection("127.0.0.1", settings.serving.port)
            writer.write(head.encode())
            status, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            if not status.startswith(b"HTTP/1.1 200"):
                raise Unavailable(f"the server answered {status.splitlines()[0].decode()}; expected 200")
            asked.append((sent_s, msgspec.json.decode(body)))

    def late_s() -> float:
        return max((sent_s - acted_s for sent_s, answer in asked if case.is_before(answer)), default=0.0)

    asking = [asyncio.create_task(ask()) for _ in range(_CONNECTIONS)]
    await asyncio.sleep(_BEFORE_S)
    await asyncio.to_thread(case.act)
    acted_s = monotonic_s()
    while monotonic_s() - acted_s < max(0.0, late_s()) + _QUIET_S:
        if late_s() > _LONGEST_S:
            raise Unavailable(f"a decision did not act within {_LONGEST_S:.0f} s; is serving well?")
        await asyncio.sleep(_QUIET_S / 4)
    is_over.set()
    await asyncio.gather(*asking)
    return 1000 * max(0.0, late_s())


def _withdrawal(settings: Settings, registry: Engine, _: RedisOnlineStore) -> _Case:
    query = {"n": 10, "mode": "general"}
    item = _ids(_list(settings, query))[0]
    return _Case(
        query,
        lambda: _discard(set_status(registry, [item], "withdrawn", now=utc_now(), who=_WHO, why=_WHY)),
        lambda answer: item in _ids(answer),
        lambda: _discard(set_status(registry, [item], "online", now=utc_now(), who=_WHO, why=_WHY)),
    )


def _pin(settings: Settings, registry: Engine, _: RedisOnlineStore) -> _Case:
    query = {"n": 10, "mode": "general"}
    item = _ids(_list(settings, {"n": 30, "mode": "general"}))[-1]
    made: list[Rule] = []
    return _Case(
        query,
        lambda: made.append(add_rule(registry, Rule("pin", item, "home", who=_WHO, why=_WHY), utc_now())),
        lambda answer: _ids(answer)[0] != item,
        lambda: _discard(remove_rule(registry, made[0].number, now=utc_now(), who=_WHO, why=_WHY)),
    )


def _refusal(settings: Settings, _: Engine, store: RedisOnlineStore) -> _Case:
    query = _visitor(settings, store, 2)
    item = _ids(_list(settings, query))[0]
    actor = str(query["anonymous_id"])
    return _Case(query, lambda: store.dislike(actor, item, to_ms(utc_now())), lambda answer: item in _ids(answer))


def _opt_out(settings: Settings, _: Engine, store: RedisOnlineStore) -> _Case:
    query = _visitor(settings, store, 2)
    actor = str(query["anonymous_id"])
    return _Case(query, lambda: _discard(store.forget(actor)), lambda answer: answer["mode"] == "personalised")


def _third_click(settings: Settings, _: Engine, store: RedisOnlineStore) -> _Case:
    query = _visitor(settings, store, 2)
    before = _ids(_list(settings, query))
    return _Case(query, lambda: _click(store, str(query["anonymous_id"]), before[0]), lambda a: before[0] in _ids(a))


_CASES: Mapping[str, Callable[[Settings, Engine, RedisOnlineStore], _Case]] = {
    "withdrawal": _withdrawal,
    "pin": _pin,
    "refusal": _refusal,
    "opt_out": _opt_out,
    "third_click": _third_click,
}


def _visitor(settings: Settings, store: RedisOnlineStore, clicks: int) -> dict[str, object]:
    """Return the query of a visitor who clicked some items of their own lists."""
    actor = f"bench-{uuid4().hex}"
    query: dict[str, object] = {"n": 10, "anonymous_id": actor}
    for _ in range(clicks):
        _click(store, actor, _ids(_list(settings, query))[0])
    return query


def _click(store: RedisOnlineStore, actor: str, item: str) -> None:
    recent = {actor: [RecentItem(item, to_ms(utc_now()))]}
    store.apply(Commit(f"bench-{uuid4().hex}", 0, 1), OnlineUpdate(recent=recent))


def _list(settings: Settings, query: Mapping[str, object]) -> Answer:
    url = f"http://127.0.0.1:{settings.serving.port}/v1/recommendations?{urlencode(query)}"
    with http_client(timeout=30) as client:
        return dict(client.get(url).raise_for_status().json())


def _ids(answer: Answer) -> Sequence[str]:
    return [item["item_id"] for item in answer["items"]]


def _discard(_: object) -> None:
    """Make a call a statement."""
