"""What `/readyz` and `civicrec status` say of portals whose pages, site ids or tokens are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from civicrec.clock import utc_now
from civicrec.security.tokens import Keys
from civicrec.settings import AlarmSettings, Site
from collectors.portal_faults import LEAST_EVENTS, WINDOW, PortalFault, PortalFaults
from operations.stack.state import look
from tests.builders import NOON, raw_event
from tests.collectors.conftest import Collector
from tests.running import running_collector

WWW, MOBILE = "https://www.gz.gov.cn", "https://m.gz.gov.cn"
SITES = {
    "gz": Site(key=SecretStr("g" * 32), api_key=SecretStr("gz-server-key-of-2026"), origins=(WWW,)),
    "sz": Site(key=SecretStr("s" * 32), origins=(WWW,)),
}


def send(collector: Collector, n: int, origin: str = WWW, first: int = 0, **fields: object) -> None:
    events = [raw_event(n=first + k, **{"site": "gz", **fields}) for k in range(n)]
    for at in range(0, n, 500):
        collector.send(*events[at : at + 500], headers={"origin": origin} if origin else None)


def told(collector: Collector) -> list[str]:
    ready = collector.get("/readyz")
    answer = ready.json()
    assert ready.status_code == 200  # a proxy goes on sending: what is refused is the portal's to mend
    assert answer["status"] == ("degraded" if "problems" in answer else "ok")
    return answer.get("problems", [])  # type: ignore[no-any-return]


@pytest.fixture
def collector(collecting: Callable[..., Collector]) -> Collector:
    return collecting(sites=SITES)


def test_a_forgotten_origin_is_told_with_its_share_and_the_command(collector: Collector) -> None:
    send(collector, 60, first=0)
    send(collector, 30, MOBILE, first=100)
    send(collector, 10, "https://translate.example", first=200)
    send(collector, 500, first=1000, site="sz")  # of another site, so not of these
    (said,) = told(collector)
    assert said.startswith("40 of 100 events of site 'gz' since 2026-01-31T12:00:00.000Z (40%) are refused as foreign_")
    assert "30 of them from https://m.gz.gov.cn, which is none of its origins" in said
    assert "`civicrec site add gz --origin https://m.gz.gov.cn` and start civicrec again" in said


@pytest.mark.parametrize(
    ("n_foreign", "n_own", "is_told"), [(19, 0, False), (20, 0, True), (20, 380, True), (20, 381, False)]
)
def test_few_events_or_a_small_share_are_no_problem(
    n_foreign: int, n_own: int, is_told: bool, collector: Collector
) -> None:
    send(collector, n_foreign, MOBILE)
    send(collector, n_own, first=1000)
    assert bool(told(collector)) is is_told


def test_the_share_is_a_setting(collecting: Callable[..., Collector]) -> None:
    collector = collecting(sites=SITES, alarms=AlarmSettings(misdirected_share=0.5))
    send(collector, 49, MOBILE)
    send(collector, 51, first=1000)
    assert told(collector) == []
    send(collector, 3, MOBILE, first=2000)
    assert told(collector)


def test_a_wrong_site_id_is_told_with_the_page_that_sends_it(collector: Collector) -> None:
    send(collector, 70)
    send(collector, 30, first=1000, site="gx")
    (said,) = told(collector)
    assert said.startswith("30 of 100 events since")
    assert f"30 of them name site 'gx' on {WWW}: correct data-site there" in said


def test_a_key_used_for_another_site_is_told(collector: Collector) -> None:
    key = {"x-api-key": "gz-server-key-of-2026"}
    collector.send(*(raw_event(n=n, site="sz") for n in range(25)), headers=key)
    (said,) = told(collector)
    assert "25 of 25 events" in said
    assert "name site 'sz' and come with a key or token of 'gz'" in said


def test_bad_tokens_are_a_share_of_those_that_came_with_one(collector: Collector) -> None:
    send(collector, 400)  # visitors who are not signed in
    send(collector, 75, first=1000, subject_token=Keys(b"", {"gz": "g" * 32}).sign("gz", "a", NOON))
    send(collector, 25, first=2000, subject_token=Keys(b"", {"gz": "x" * 32}).sign("gz", "a", NOON))
    (said,) = told(collector)
    assert said.startswith("25 of 100 events of site 'gz' that came with a subject token since")
    assert "(25%) count as anonymous (bad_token)" in said
    assert collector.counts()["accepted"] == 500


@pytest.mark.parametrize("origin", ["https://x;rm -rf ~", "https://`id`", "null", "https://$(id)", "https://x y"])
def test_what_is_copied_into_a_shell_is_an_origin_and_nothing_else(origin: str, collector: Collector) -> None:
    send(collector, 30, origin)
    (said,) = told(collector)
    assert origin not in said
    assert "`civicrec site add gz --origin https://…`" in said


def test_without_sites_the_setting_is_named(collecting: Callable[..., Collector]) -> None:
    collector = collecting()
    send(collector, 30, MOBILE, site="demo; reboot")
    (said,) = told(collector)
    assert "30 of them from https://m.gz.gov.cn" in said
    assert "`civicrec site add` and" in said


def test_what_is_older_than_the_window_is_forgotten_piece_by_piece() -> None:
    faults, fault = PortalFaults(0.05), PortalFault("foreign_origin", "gz", MOBILE)
    faults.note({}, {}, {fault: LEAST_EVENTS}, NOON)
    faults.note({"gz": 1}, {}, {fault: LEAST_EVENTS}, NOON + timedelta(hours=1))
    at_most = NOON + WINDOW - timedelta(seconds=1)
    assert [said.split(" are ")[0] for said in faults.sentences(at_most)] == [
        "40 of 41 events of site 'gz' since 2026-01-31T12:00:00.000Z (98%)"
    ]
    assert [said.split(" are ")[0] for said in faults.sentences(NOON + WINDOW)] == [
        "20 of 21 events of site 'gz' since 2026-01-31T13:00:00.000Z (95%)"
    ]
    assert faults.sentences(NOON + WINDOW + timedelta(hours=1)) == []


def test_made_up_names_take_no_more_memory_and_still_count() -> None:
    faults = PortalFaults(0.05)
    made_up = {PortalFault("unknown_site", f"s{n}", f"https://{n}.example"): 1 for n in range(5_000)}
    faults.note({f"s{n}": 1 for n in range(5_000)}, {}, made_up, NOON)
    (piece,) = faults._pieces
    assert max(len(piece.faults), len(piece.events)) <= 201
    assert faults.sentences(NOON)[0].startswith("5000 of 10000 events since")


def test_status_tells_what_a_running_collector_refuses(tmp_path: Path) -> None:
    sites = json.dumps({"gz": {"key": "g" * 32, "origins": [WWW]}})
    with running_collector(tmp_path, {"CIVICREC_SITES": sites}) as process:
        events = [raw_event(n=n, at=utc_now(), site="gz") for n in range(40)]
        for origin, some in ((WWW, events[:10]), (MOBILE, events[10:])):
            answer = httpx.post(f"{process.url}/v1/events", json={"events": some}, headers={"Origin": origin})
            assert answer.status_code == 200
        found = look(process.settings, utc_now())
        said = [problem for problem in found.problems if "foreign_origin" in problem]
        assert [one.split(" since ")[0] for one in said] == ["30 of 40 events of site 'gz'"]
        assert MOBILE in said[0]
        assert found.books
        assert found.books.rejected_at_door == {"foreign_origin": 30}
