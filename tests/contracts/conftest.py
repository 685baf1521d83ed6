"""The real servers that the contract suites of the online store run on."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from redis import Redis

from civicrec.clients import redis_client
from civicrec.settings import RedisSettings
from profiles.online.bounds import Bounds
from profiles.online.memory import MemoryOnlineStore
from profiles.online.redis_store import RedisOnlineStore
from tests.online_stores import OnlineStore
from tests.services.redis_server import SERVERS, running_redis

OnlineServer = tuple[RedisSettings, Redis]


def _running(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnlineServer]:
    with (
        running_redis(server, tmp_path_factory.mktemp(server)) as settings,
        closing(redis_client(settings)) as client,
    ):
        yield settings, client


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnlineServer]:
    yield from _running("valkey", tmp_path_factory)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnlineServer]:
    yield from _running("redis", tmp_path_factory)


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> OnlineServer:
    """Return where a server is, and a client of it; each test runs once on each kind."""
    found: OnlineServer = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture(params=["memory", *SERVERS])
def store(request: pytest.FixtureRequest) -> Iterator[OnlineStore]:
    """Give an empty store in which one actor makes a crowd: in memory, then on each kind of server."""
    if request.param == "memory":
        yield MemoryOnlineStore(min_actors=1)
        return
    _, client = request.getfixturevalue(f"{request.param}_server")
    client.flushdb()
    yield RedisOnlineStore(client, Bounds(min_actors=1))
