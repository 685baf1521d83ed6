from __future__ import annotations

from typing import cast

import pytest
from pydantic import ValidationError

from civicrec.process.ports import Endpoint, address_of
from civicrec.security.tls import tls_context
from civicrec.settings import CollectorSettings, RedisSettings, Settings, WarehouseSettings
from operations.stack.callers import GatewayGuard
from operations.stack.endpoints import urls
from operations.stack.gateway import GatewayServer
from operations.stack.parts import Parts
from tests.running import free_ports


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1:1"), ("::1", "[::1]:1"), ("::", "[::1]:1"), ("0.0.0.0", "127.0.0.1:1"), ("db", "db:1")],
)
def test_address_can_be_called(host: str, address: str) -> None:
    assert address_of(host, 1) == address
    assert CollectorSettings(host=host, port=1).endpoint.url == f"http://{address}"


def test_addresses_of_a_stack_on_ipv6_can_be_opened() -> None:
    settings = Settings(collector={"host": "::1", "port": 1}, serving={"host": "::", "port": 2})
    assert urls(settings)["events"] == "http://[::1]:1/v1/events"
    assert urls(settings)["start"] == "http://[::1]:2/"


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://collect:8701", Endpoint("collect", 8701)),
        ("http://collect/", Endpoint("collect", 80)),
        ("https://[2001:db8::1]", Endpoint("2001:db8::1", 443, tls=True)),
    ],
)
def test_a_process_is_called_where_its_url_says_wherever_it_listens(url: str, endpoint: Endpoint) -> None:
    assert CollectorSettings(host="0.0.0.0", url=url).endpoint == endpoint


@pytest.mark.parametrize(
    "url",
    ["collect:8701", "ftp://collect", "http://", "http://c/v1", "http://c?a", "http://me:secret@c", "http://c:99999",
     "http://c:0", "http://c:x", "http://[::1", "http://c\n", "redis://c"],
)  # fmt: skip
def test_what_is_no_address_alone_is_refused_and_an_example_named(url: str) -> None:
    with pytest.raises(ValidationError, match="http://host:port"):
        CollectorSettings(url=url)


def test_a_store_is_called_with_tls_if_its_setting_or_its_url_says_so() -> None:
    assert RedisSettings(host="r", port=1, tls=True).endpoint == Endpoint("r", 1, tls=True)
    assert RedisSettings(url="rediss://r").endpoint == Endpoint("r", 6379, tls=True)
    assert tls_context(WarehouseSettings(url="https://c:8443")) is not None
    assert tls_context(WarehouseSettings(url="http://c:8123")) is None
    with pytest.raises(ValidationError, match="http:// without it"):
        WarehouseSettings(url="http://c:8123", tls=True)


def test_the_gateway_answers_to_the_name_it_is_called_by_and_to_loopback_alone() -> None:
    (port,) = free_ports(1)
    where = WarehouseSettings(host="0.0.0.0", port=port, url="http://Warehouse.internal:8703")
    with GatewayServer(where, {}, cast(Parts, None), cast(GatewayGuard, None)) as server:
        assert server.allowed_hosts == {"127.0.0.1", "::1", "localhost", "warehouse.internal"}
