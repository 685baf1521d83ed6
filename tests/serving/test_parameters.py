"""Parameters that are unknown, sites that are not configured, and what `debug=1` tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from timeit import timeit
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.datastructures import QueryParams
from starlette.requests import Request

from civicrec.registry.catalogue import upsert_items
from civicrec.settings import Site
from profiles.online.memory import MemoryOnlineStore
from serving.query import query_of
from serving.schemas import ListQueryString
from tests.serving.conftest import Api, items, open_api
from tests.serving.test_budget import Down
from tests.serving.test_recommendations import click

URL, KEY = "/v1/recommendations", {"x-api-key": "gz-events-key-of-2026"}
SITES = {
    "gz": Site(key=SecretStr("g" * 32), api_key=SecretStr(KEY["x-api-key"])), "sz": Site(key=SecretStr("s" * 32))
}  # fmt: skip


@pytest.fixture
def of_sites(tmp_path: Path) -> Iterator[Api]:
    opened = open_api(tmp_path, MemoryOnlineStore(), sites=SITES)
    upsert_items(opened.registry, items())
    opened.live.refresh()
    yield opened
    opened.registry.dispose()


def refused(answer: httpx.Response, *words: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
    assert [word for word in words if word not in answer.json()["detail"]] == []


@pytest.mark.parametrize(
    ("path", "known"),
    [(URL, "scene, n, site"), ("/v1/items/i0/related", "n, site, explain"), ("/v1/transparency", "takes none")],
)
def test_an_unknown_parameter_is_refused_with_the_known_ones(api: Api, path: str, known: str) -> None:
    refused(api.get(path, scenes="home"), "unknown parameter 'scenes'", known)
    refused(api.ask("GET", f"{path}?=1"), "unknown parameter ''", known)


@pytest.mark.parametrize(
    ("path", "body"), [(URL, {"blocks": [{}]}), ("/v1/feedback", {"kind": "dislike", "item_id": "i0"})]
)
def test_a_post_refuses_it_too_in_its_address_and_its_body(api: Api, path: str, body: dict[str, Any]) -> None:
    refused(api.ask("POST", f"{path}?scene=home", json=body), "unknown parameter 'scene'")
    refused(api.post(path, body | {"scenes": "home"}), "scenes")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("n=101", "got n='101'; expected 1 to 100"), ("mode=off", "expected general or personalised"),
        ("explain=maybe", "expected 1 or 0"), ("slot=" + "s" * 65, "at most 64 characters"),
        ("item_id=" + "i" * 129, "at most 128 characters"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_as_in_a_body(api: Api, query: str, words: str) -> None:
    refused(api.ask("GET", f"{URL}?{query}"), words)
    name, value = query.split("=")
    block = {name: int(value) if name == "n" else value} if name in ("n", "slot", "item_id") else {}
    whole = {} if block else {name: value}
    refused(api.post(URL, {"blocks": [block], **whole}), name)


def test_a_site_that_is_not_configured_is_refused_everywhere(of_sites: Api) -> None:
    for site in ("bj", ""):
        refused(of_sites.get(URL, site=site), "site", "expected a configured site id")
        refused(of_sites.post(URL, {"site": site, "blocks": [{}]}), "expected a configured site id")
        body = {"kind": "dislike", "item_id": "i0", "anonymous_id": "a", "site": site}
        refused(of_sites.post("/v1/feedback", body), "expected a configured site id")
    assert of_sites.get(URL, site="gz").status_code == 200
    assert of_sites.get("/portal/").status_code == 200


def test_any_site_is_taken_while_none_is_configured(api: Api) -> None:
    assert api.get(URL, site="anything").status_code == 200


def debug(api: Api, headers: dict[str, str] | None = None, **query: Any) -> dict[str, Any]:
    answer = api.ask("GET", URL, params={"site": "gz", "debug": 1, "n": 3} | query, headers=KEY | (headers or {}))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["debug"]
    return told


def test_debug_is_for_who_has_a_key(of_sites: Api) -> None:
    assert of_sites.get(URL, site="gz", debug=1).status_code == 401
    assert of_sites.ask("POST", f"{URL}?debug=1", json={"site": "gz", "blocks": [{}]}).status_code == 401
    page = of_sites.ask("POST", f"{URL}?debug=1", json={"site": "gz", "blocks": [{}, {}]}, headers=KEY).json()
    assert [block["debug"]["site"] for block in page["blocks"]] == ["gz", "gz"]
    assert "debug" not in of_sites.get(URL, site="gz").json()


def test_debug_tells_why_a_list_is_general(of_sites: Api) -> None:
    assert "mode=general" in debug(of_sites, mode="general", anonymous_id="a")["general_because"]
    assert "DNT" in debug(of_sites, {"dnt": "1"}, anonymous_id="a")["general_because"]
    assert "hot" in debug(of_sites, scene="hot", anonymous_id="a")["general_because"]
    assert "nobody is named" in debug(of_sites)["general_because"]
    assert "nothing is known" in debug(of_sites, anonymous_id="a")["general_because"]
    click(of_sites, "a", "i3")
    personal = debug(of_sites, anonymous_id="a")
    assert (personal["general_because"], personal["actor"], personal["degraded_because"]) == ("", "a", "")


def test_debug_tells_which_ids_were_passed_over(of_sites: Api) -> None:
    told = debug(of_sites, recent="i1,nope,draft", exclude="i2,none", item_id="gone")
    assert told["unknown"] == {"recent": ["nope", "draft"], "exclude": ["none"], "item_id": ["gone"]}
    assert debug(of_sites, recent="i1")["unknown"] == {}


def test_debug_tells_that_the_store_was_away(tmp_path: Path) -> None:
    store = MemoryOnlineStore()
    slow = open_api(tmp_path, store, Down(store), sites=SITES)
    upsert_items(slow.registry, items())
    slow.live.refresh()
    assert "online store" in debug(slow, anonymous_id="a")["degraded_because"]
    slow.registry.dispose()


def test_reading_a_query_costs_no_more_than_the_framework_takes() -> None:
    text = b"scene=home&n=10&anonymous_id=0b6f1c7e-4a51-4f9a-9f52-77d1f6a0c001&recent=a-1,b-2"
    request = Request({"type": "http", "query_string": text, "headers": []})
    ours = min(timeit(lambda: query_of(request, ListQueryString), number=500) for _ in range(9))
    theirs = min(timeit(lambda: QueryParams(text), number=500) for _ in range(9))
    assert ours < 1.5 * theirs
