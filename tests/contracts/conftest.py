"""The real servers that the contract suites of the online store run on."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from redis import Redis

from civicrec.clients import redis_client
from civicrec.settings import RedisSettings
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
