"""``doctor --site`` against real processes: what is right, and one line for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from pydantic import SecretStr

from civicrec.clock import utc_now
from civicrec.home import SITES
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings, Site, load_settings
from civicrec.settings.site_file import keep_sites
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.demo.catalogue import demo_items
from operations.stack.site_check import examine_site
from tests.collectors.tracker.site import serving
from tests.running import RunningStack, free_ports, running_stack, settings_on_free_ports

ORIGIN = "https://www.example.gov.cn"
NAMES = ["origin", "tracker", "preflight", "event", "widget", "list", "consent", "token"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    home = tmp_path_factory.mktemp("sites")
    settings = settings_on_free_ports(home)
    keep_sites(SITES.of(home), {"gz": Site(key=SecretStr("k" * 32), origins=(ORIGIN,))})
    upsert_items(open_registry(settings.registry_address), demo_items(utc_now()))
    with running_stack(home, settings=settings) as running:
        yield running


def settings_of(stack: RunningStack) -> Settings:
    sites = load_settings(stack.settings.home).sites
    return stack.settings.model_copy(update={"sites": sites})


def found(
    stack: RunningStack, site: str = "gz", origin: str = "", *, settings: Settings | None = None, collect: str = "",
    lists: str = "",
) -> dict[str, tuple[str, str]]:  # fmt: skip
    findings = examine_site(
        settings or settings_of(stack),
        site,
        origin,
        collect or stack.collector_url,
        lists or stack.serving_url,
        utc_now(),
    )
    assert all("\n" not in finding.detail for finding in findings)
    return {finding.name: (finding.state, finding.detail) for finding in findings}


@pytest.mark.stack
def test_a_registered_portal_is_right_in_every_line_and_nothing_is_stored(stack: RunningStack) -> None:
    seen = found(stack)
    assert list(seen) == NAMES
    assert {state for state, _ in seen.values()} == {"ok"}, seen
    assert "20 items" in seen["list"][1]
    assert ClickHouseWarehouse(stack.settings.warehouse).rows("SELECT count() AS n FROM events")[0]["n"] == 0


@pytest.mark.stack
def test_an_unknown_site_says_how_to_register_it(stack: RunningStack) -> None:
    assert found(stack, "sz") == {
        "site": ("missing", "sz is not registered (registered: gz); civicrec site add sz --origin https://…")
    }


@pytest.mark.stack
def test_a_page_of_another_origin_hears_nothing(stack: RunningStack) -> None:
    seen = found(stack, origin="https://m.example.gov.cn")
    assert {name for name, (state, _) in seen.items() if state == "missing"} >= {"origin", "preflight", "event", "list"}
    assert "https://www.example.gov.cn" in seen["origin"][1]
    assert seen["token"][0] == "ok"


@pytest.mark.stack
def test_a_key_made_after_the_start_is_said(stack: RunningStack) -> None:
    later = settings_of(stack).sites["gz"].model_copy(update={"key": SecretStr("l" * 32)})
    settings = stack.settings.model_copy(update={"sites": {"gz": later}})
    seen = found(stack, settings=settings)
    assert seen["token"][0] == "missing"
    assert "started after" in seen["token"][1]
    assert {seen[name][0] for name in NAMES if name != "token"} == {"ok"}


@pytest.mark.stack
def test_somebody_else_who_answers_and_nobody_are_told_apart(stack: RunningStack) -> None:
    def login(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", "5")
        request.end_headers()
        request.wfile.write(b"login")

    port, closed = free_ports(2)
    with serving(port, login):
        seen = found(stack, collect=f"http://127.0.0.1:{port}", lists=f"http://127.0.0.1:{closed}")
    assert {state for name, (state, _) in seen.items() if name != "origin"} == {"missing"}
    assert "is no script: status 200, text/html" in seen["tracker"][1]
    assert "answered by somebody else" in seen["event"][1]
    assert "cannot be reached" in seen["list"][1]


@pytest.mark.stack
def test_the_command_exits_1_where_something_is_wrong(stack: RunningStack) -> None:
    right = stack.civicrec("doctor", "--site", "gz")
    assert [line.split()[1] for line in right.stdout.splitlines()] == NAMES
    wrong = stack.civicrec("doctor", "--site", "gz", "--origin", "https://x.example", check=False)
    assert wrong.returncode == 1
