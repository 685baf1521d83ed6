"""Stores stopped, slow or wiped under a load of lists: each list comes, full and in time, and all is well by itself."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import pytest
from sqlalchemy import make_url

from civicrec.accounting.progress import Commit
from civicrec.clients import redis_client
from civicrec.clock import to_ms, utc_now
from civicrec.items import Item
from civicrec.metrics import quantile
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from operations.harness.load import server_on
from profiles.online.ports import OnlineUpdate, RecentItem
from profiles.online.redis_store import RedisOnlineStore
from tests.faults.slow_proxy import SlowProxy
from tests.running import RunningStack, running_stack
from tests.services.postgresql import PostgreSQL

pytestmark = [pytest.mark.slow, pytest.mark.stack]
N_CONNECTIONS, N_VISITORS, N_ITEMS, N = 4, 50, 200, 10
WELL_S, TROUBLE_S, BACK_S = 3.0, 6.0, 15.0
MOST_MS = 100.0


class Answer(NamedTuple):
    at_s: float
    ms: float
    status: int
    body: dict[str, Any]


@dataclass
class Portal:
    """A serving stage of two processes whose stores can be troubled."""

    stack: RunningStack
    redis: SlowProxy
    registry: SlowProxy
    server: PostgreSQL
    address: str

    @property
    def port(self) -> int:
        return self.stack.settings.serving.port

    def lists(self, until: Callable[[float, list[Answer]], bool]) -> list[Answer]:
        """Ask for personal lists over several connections until this is true of the time and the answers."""
        return asyncio.run(asked(self.port, until))

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        pid = self.stack.pids()[name]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def slow(self, proxy: SlowProxy) -> Iterator[None]:
        proxy.delay_s = 0.2
        yield
        proxy.delay_s = 0.0

    @contextmanager
    def held(self, proxy: SlowProxy) -> Iterator[None]:
        proxy.is_held = True
        yield
        proxy.is_held = False

    @contextmanager
    def wiped(self, name: str) -> Iterator[None]:
        if name == "valkey":
            with closing(redis_client(self.stack.settings.redis)) as redis:
                redis.flushall()
        else:
            self.server.execute("DELETE FROM items; UPDATE counters SET value = 0", self.address)
        yield

    @contextmanager
    def killed(self, name: str) -> Iterator[None]:
        self.stack.kill(name)
        yield


async def asked(port: int, until: Callable[[float, list[Answer]], bool]) -> list[Answer]:
    answers: list[Answer] = []
    began_s = time.monotonic()

    async def ask(nth: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not until(time.monotonic() - began_s, answers):
            sent_s, nth = time.monotonic(), nth + N_CONNECTIONS
            path = f"/v1/recommendations?n={N}&anonymous_id=reader-{nth % N_VISITORS}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
            took_ms = 1000 * (time.monotonic() - sent_s)
            answers.append(Answer(sent_s - began_s, took_ms, int(head.split()[1]), msgspec.json.decode(body)))
        writer.close()

    await asyncio.gather(*map(ask, range(N_CONNECTIONS)))
    return answers


@pytest.fixture(scope="module")
def portal(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    address, now = postgresql.database(), utc_now()
    with registry_at(address) as registry:
        upsert_items(
            registry, [Item(item_id=f"i{n}", item_type="policy", title=f"第{n}号通知") for n in range(N_ITEMS)]
        )
    with ExitStack() as opened:
        stack = opened.enter_context(running_stack(tmp_path_factory.mktemp("trouble"), only=("valkey", "warehouse")))
        client = redis_client(stack.settings.redis, timeout_s=5)
        opened.callback(client.close)
        recent = {f"reader-{n}": [RecentItem(f"i{n}", to_ms(now))] for n in range(N_VISITORS)}
        RedisOnlineStore(client).apply(Commit("readers", 0, 1), OnlineUpdate(recent=recent))
        redis, registry_proxy = SlowProxy(stack.settings.redis.port), SlowProxy(make_url(address).port or 5432)
        opened.callback(redis.close)
        opened.callback(registry_proxy.close)
        through = make_url(address).set(port=registry_proxy.port).render_as_string(hide_password=False)
        env = {
            **stack.env,
            "CIVICREC_REDIS__URL": f"redis://127.0.0.1:{redis.port}", "CIVICREC_REGISTRY_URL": through,
        }  # fmt: skip
        opened.enter_context(server_on(["-m", "civicrec", "serve"], stack.settings.serving.port, env))
        yield Portal(stack, redis, registry_proxy, postgresql, address)


def well(portal: Portal) -> list[Answer]:
    """Wait until lists are not degraded any more; return some seconds of them."""

    def is_well(_: float, answers: list[Answer]) -> bool:
        newest = answers[-20:]
        return len(newest) == 20 and not any(answer.body["degraded"] for answer in newest)

    asked = portal.lists(lambda now_s, answers: now_s > BACK_S or is_well(now_s, answers))
    assert is_well(BACK_S, asked), "the lists are still degraded"
    return portal.lists(lambda now_s, _: now_s > WELL_S)


TROUBLES: dict[str, Callable[[Portal], Any]] = {
    "the online store is slow": lambda portal: portal.slow(portal.redis),
    "the online store is stopped": lambda portal: portal.stopped("valkey"),
    "the online store is killed": lambda portal: portal.killed("valkey"),
    "the registry is slow": lambda portal: portal.slow(portal.registry),
    "the registry is stopped": lambda portal: portal.held(portal.registry),
    "the gateway is stopped": lambda portal: portal.stopped("warehouse"),
    "the online store is wiped": lambda portal: portal.wiped("valkey"),
    "the registry is wiped": lambda portal: portal.wiped("registry"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_lists_come_full_and_in_time_and_recover(portal: Portal, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = well(portal)
    with TROUBLES[name](portal):
        amid = portal.lists(lambda now_s, _: now_s > TROUBLE_S)
    after = well(portal)
    for answer in (*before, *amid, *after):
        assert (answer.status, len(answer.body["items"])) == (200, N), answer
    usual_ms, p99_ms = (quantile([answer.ms for answer in part], 0.99) for part in (before, amid))
    share = sum(answer.body["degraded"] for answer in amid) / len(amid)
    with capsys.disabled():
        print(f"\n{name}: p99 {p99_ms:.0f} ms of {len(amid)} (well: {usual_ms:.0f}), {share:.0%} degraded")  # noqa: T201
    assert p99_ms <= max(MOST_MS, 3 * usual_ms)
    if name in ("the online store is slow", "the online store is stopped"):
        assert share > 0.9
