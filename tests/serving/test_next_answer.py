"""What editors and visitors decide is known to the very next answer of every serving process, whichever took it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import psutil
import pytest
from pydantic import SecretStr

from civicrec.accounting.progress import Commit
from civicrec.clients import redis_client
from civicrec.clock import to_ms, utc_now
from civicrec.editorial import Rule
from civicrec.events import anonymous_actor
from civicrec.items import Item
from civicrec.registry.catalogue import set_status, upsert_items
from civicrec.registry.editorial import add_rule, remove_rule
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from operations.harness.stack import settings_on_free_ports
from profiles.online.ports import OnlineUpdate, RecentItem
from profiles.online.redis_store import RedisOnlineStore
from tests.running import RunningStack, running_stack, wait_for
from tests.services.postgresql import PostgreSQL

pytestmark = pytest.mark.stack
N_WORKERS, N_ITEMS, ROUNDS = 3, 300, 5
#: PostgreSQL calls out to those who listen, and does not wait for them.
SOON_S = 0.05


class Workers:
    """One open connection to each serving process."""

    def __init__(self, stack: RunningStack) -> None:
        self.port = stack.settings.serving.port
        self._serve = psutil.Process(stack.pids()["serve"])
        self.of: dict[int, HTTPConnection] = {}
        wait_for(self._has_all, 30, "a connection to each worker")

    def _has_all(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        ours = connection.sock.getsockname()[1]
        for worker in self._serve.children():
            if any(peer.raddr and peer.raddr.port == ours for peer in worker.net_connections("tcp")):
                if self.of.setdefault(worker.pid, connection) is not connection:
                    connection.close()
                return len(self.of) == N_WORKERS
        raise AssertionError("no worker has the connection")

    def lists(self, **query: object) -> list[dict[str, Any]]:
        """Ask every worker at once and return what each answers."""
        asked = list(self.of.values())
        for connection in asked:
            connection.request("GET", f"/v1/recommendations?{urlencode(query)}")
        return [msgspec.json.decode(connection.getresponse().read()) for connection in asked]

    def post(self, path: str, body: object, nth: int) -> None:
        """Tell one worker."""
        connection = list(self.of.values())[nth % N_WORKERS]
        connection.request("POST", path, msgspec.json.encode(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 202, answer.read()
        assert msgspec.json.decode(answer.read())["acts"]

    def close(self) -> None:
        for connection in self.of.values():
            connection.close()


class Portal(msgspec.Struct):
    stack: RunningStack
    workers: Workers
    store: RedisOnlineStore
    is_sqlite: bool

    def known_after_s(self, knows: Callable[[dict[str, Any]], bool], **query: object) -> float:
        """Return when, from now, the last list was asked for that did not know, 0 for none."""
        began_s, late_s = time.monotonic(), 0.0
        while time.monotonic() < began_s + late_s + 0.2:
            sent_s = time.monotonic()
            if not all(map(knows, self.workers.lists(n=10, **query))):
                late_s = sent_s - began_s + 0.001
            assert late_s < 20, "it does not act"
        return late_s

    def is_known(self, late_s: list[float]) -> bool:
        return max(late_s) == 0 if self.is_sqlite else min(late_s) < SOON_S


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def portal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    home: Path = tmp_path_factory.mktemp("next-answer")
    settings = settings_on_free_ports(home)
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        settings = settings.model_copy(update={"registry_url": SecretStr(server.database())})
    now = utc_now()
    with registry_at(settings.registry_address) as registry:
        upsert_items(registry, [
            Item(item_id=f"i{n}", item_type="policy", title=f"第{n}号通知", published_at=now - timedelta(minutes=n + 1))
            for n in range(N_ITEMS)
        ])  # fmt: skip
    with ExitStack() as opened:
        # Looks of its own would hide what a request finds by itself.
        env = {"CIVICREC_SERVING__WORKERS": str(N_WORKERS), "CIVICREC_SERVING__CATALOGUE_POLL_S": "60"}
        if request.param == "postgresql":
            env["CIVICREC_REGISTRY_URL"] = settings.registry_address
        stack = opened.enter_context(running_stack(home, only=("valkey", "serve"), settings=settings, env=env))
        workers = Workers(stack)
        opened.callback(workers.close)
        client = redis_client(stack.settings.redis, timeout_s=5)
        opened.callback(client.close)
        yield Portal(stack, workers, RedisOnlineStore(client), request.param == "sqlite")


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def lacks(item: str, answer: dict[str, Any]) -> bool:
    return item not in ids(answer)


def begins_with(item: str, answer: dict[str, Any]) -> bool:
    return ids(answer)[0] == item


def test_a_withdrawal_and_a_return(portal: Portal) -> None:
    gone_s, back_s = [], []
    with registry_at(portal.stack.settings.registry_address) as registry:
        for _ in range(ROUNDS):
            first = ids(portal.workers.lists(n=10, scene="latest")[0])[0]
            set_status(registry, [first], "withdrawn", who="editor", why="test", now=utc_now())
            gone_s.append(portal.known_after_s(partial(lacks, first), scene="latest"))
            set_status(registry, [first], "online", who="editor", why="test", now=utc_now())
            back_s.append(portal.known_after_s(partial(begins_with, first), scene="latest"))
    assert portal.is_known(gone_s), gone_s
    assert portal.is_known(back_s), back_s


def test_a_pin_and_its_end(portal: Portal) -> None:
    on_s, off_s = [], []
    with registry_at(portal.stack.settings.registry_address) as registry:
        for turn in range(ROUNDS):
            item = f"i{N_ITEMS - 1 - turn}"
            rule = add_rule(registry, Rule("pin", item, "home", who="editor", why="test"), utc_now())
            on_s.append(portal.known_after_s(partial(begins_with, item)))
            remove_rule(registry, rule.number, who="editor", why="test", now=utc_now())
            off_s.append(portal.known_after_s(partial(lacks, item)))
    assert portal.is_known(on_s), on_s
    assert portal.is_known(off_s), off_s


def arrive(portal: Portal, name: str) -> None:
    """Make a visitor who clicked something known to the online store."""
    recent = {anonymous_actor(name): [RecentItem("i50", to_ms(utc_now()) - 1000)]}
    portal.store.apply(Commit(f"log-{name}", 0, 1), OnlineUpdate(recent=recent))
    assert {answer["mode"] for answer in portal.workers.lists(n=3, anonymous_id=name)} == {"personalised"}


def test_a_dislike_told_to_one_worker(portal: Portal) -> None:
    arrive(portal, "reader")
    for turn in range(ROUNDS):
        item = ids(portal.workers.lists(n=10, anonymous_id="reader")[0])[0]
        portal.workers.post("/v1/feedback", {"kind": "dislike", "item_id": item, "anonymous_id": "reader"}, turn)
        assert all(item not in ids(answer) for answer in portal.workers.lists(n=10, anonymous_id="reader"))


def test_an_opt_out_told_to_one_worker(portal: Portal) -> None:
    for turn in range(ROUNDS):
        name = f"leaver-of-the-portal-{turn}"
        arrive(portal, name)
        connection = list(portal.workers.of.values())[turn % N_WORKERS]
        cookies = f"civicrec_consent=personalise; civicrec_aid={name}"
        headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/portal/consent", "choice=measure", headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (303, b"")
        assert all(answer["mode"] == "general" for answer in portal.workers.lists(n=3, anonymous_id=name))


def test_the_switch_told_to_one_worker(portal: Portal) -> None:
    keys, now = load_keys(portal.stack.settings), utc_now()
    actor, token = keys.subject_id("demo", "wang"), keys.sign("demo", "wang", now)
    recent = {actor: [RecentItem("i50", to_ms(now) - 1000)]}
    portal.store.apply(Commit("log-of-wang", 0, 1), OnlineUpdate(recent=recent))
    for turn in range(ROUNDS):
        for way, mode in (("off", "general"), ("on", "personalised")):
            connection = list(portal.workers.of.values())[turn % N_WORKERS]
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            connection.request("PUT", "/v1/me/personalisation", msgspec.json.encode({"personalisation": way}), headers)
            answer = connection.getresponse()
            assert (answer.status, msgspec.json.decode(answer.read())["personalisation"]) == (200, way)
            assert {made["mode"] for made in portal.workers.lists(n=3, subject_token=token)} == {mode}
