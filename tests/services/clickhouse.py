"""The ClickHouse server that the tester names, if any."""

import os
from urllib.parse import unquote, urlsplit

from civicrec.settings import WarehouseSettings

_URL = "CIVICREC_TEST_CLICKHOUSE_URL"
_FORM = "http://user:password@host:8123"
#: Address of the server; empty where none is named.
ADDRESS = os.environ.get(_URL, "")  # noqa: TID251  # of the tests, not of civicrec
WHY_NOT = f"no ClickHouse server is named in {_URL} ({_FORM}); the embedded gateway alone was tested"


def server_settings(database: str) -> WarehouseSettings:
    """Settings for that server."""
    url = urlsplit(ADDRESS)
    assert url.scheme == "http", f"{_URL} begins with {url.scheme!r}; expected {_FORM}"
    assert url.hostname, f"{_URL} names no host; expected {_FORM}"
    return WarehouseSettings(
        host=url.hostname,
        port=url.port or 8123,
        user=unquote(url.username or "default"),
        password=unquote(url.password or ""),
        database=database,
    )
