import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from civicrec.clients import http_client
from civicrec.errors import CivicrecError
from civicrec.settings import WarehouseSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.stack.doctor import examine
from tests.running import free_ports, settings_on_free_ports

ROOT = Path(__file__).parents[1]
PACKAGES = ("civicrec", "collectors", "streaming", "profiles", "recommender", "serving")


@pytest.fixture(params=["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "https_proxy"])
def proxy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a proxy that the environment names was asked for."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_CONNECT = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(request.param, f"http://127.0.0.1:{server.server_port}")
        yield asked
        server.shutdown()


def test_nothing_goes_through_a_proxy_that_the_environment_names(proxy: list[str]) -> None:
    port = free_ports(1)[0]
    for address in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}", f"http://collector.invalid:{port}"):
        with http_client(base_url=address, timeout=2) as client, pytest.raises(httpx.TransportError):
            client.post("/v1/events", json={})
    for host in ("127.0.0.1", "warehouse.invalid"):
        for tls in (False, True):
            settings = WarehouseSettings(host=host, port=port, timeout_s=2, tls=tls)
            with closing(ClickHouseWarehouse(settings)) as warehouse, pytest.raises(CivicrecError):
                warehouse.rows("SELECT 1")
    assert proxy == []


def test_doctor_says_that_the_environment_names_a_proxy(proxy: list[str], tmp_path: Path) -> None:
    (said,) = [found for found in examine(settings_on_free_ports(tmp_path)) if found.name == "proxy"]
    assert said.state == "ok"
    assert re.search(r"for (http|https|all); nothing of civicrec goes through it", said.detail)
    assert proxy == []


def test_every_http_client_is_made_where_proxies_are_left_out() -> None:
    made = re.compile(
        r"httpx\.(Client|AsyncClient|get|post|put|request|stream)\(|urlopen\(|\brequests\.(get|post|Session)\("
    )
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 100
    found = {str(path.relative_to(ROOT)) for path in files if made.search(path.read_text())}
    assert found == set(), json.dumps(sorted(found))
