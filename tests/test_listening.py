from __future__ import annotations

import pytest

from civicrec.process.ports import address_of
from civicrec.settings import Settings
from operations.stack.endpoints import urls


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1:1"), ("::1", "[::1]:1"), ("::", "[::1]:1"), ("0.0.0.0", "127.0.0.1:1"), ("db", "db:1")],
)
def test_address_can_be_called(host: str, address: str) -> None:
    assert address_of(host, 1) == address


def test_addresses_of_a_stack_on_ipv6_can_be_opened() -> None:
    settings = Settings(collector={"host": "::1", "port": 1}, serving={"host": "::", "port": 2})
    assert urls(settings)["events"] == "http://[::1]:1/v1/events"
    assert urls(settings)["portal"] == "http://[::1]:2/portal/"
