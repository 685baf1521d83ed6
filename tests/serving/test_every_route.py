"""What holds for every route of serving: null and blank, HEAD, caches, pages of other origins, tokens in a header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from civicrec.registry.catalogue import upsert_items
from civicrec.settings import Site
from profiles.online.memory import MemoryOnlineStore
from tests.serving.conftest import NOW, Api, items, open_api

LISTS = "/v1/recommendations"
NOT_GIVEN = [None, "", " "]


@pytest.mark.parametrize("nothing", NOT_GIVEN)
@pytest.mark.parametrize("field", ["scene", "n", "item_id", "exclude", "cursor", "slot"])
def test_null_and_blank_in_a_block_are_not_given(api: Api, field: str, nothing: Any) -> None:
    without = api.post(LISTS, {"blocks": [{"scene": "home", "n": 3}], "anonymous_id": "a"}).json()
    asked = {"scene": "home", "n": 3, field: nothing}
    if field == "n":
        without = api.post(LISTS, {"blocks": [{"scene": "home"}], "anonymous_id": "a"}).json()
    answer = api.post(LISTS, {"blocks": [asked], "anonymous_id": "a"})
    assert answer.status_code == 200, answer.text
    assert shown(answer.json()) == shown(without)


@pytest.mark.parametrize("nothing", NOT_GIVEN)
@pytest.mark.parametrize("field", ["site", "subject_token", "anonymous_id", "recent", "mode", "explain"])
def test_null_and_blank_of_a_page_are_not_given(api: Api, field: str, nothing: Any) -> None:
    without = api.post(LISTS, {"blocks": [{}]}).json()
    answer = api.post(LISTS, {"blocks": [{}], field: nothing})
    assert answer.status_code == 200, answer.text
    assert shown(answer.json()) == shown(without)


def test_a_null_among_ids_is_none_of_them(api: Api) -> None:
    answer = api.post(LISTS, {"blocks": [{"exclude": [None, "i0"]}], "recent": [None]})
    assert answer.status_code == 200
    assert "i0" not in shown(answer.json())


@pytest.mark.parametrize("field", ["site", "subject_token", "request_id", "scene"])
def test_null_in_feedback_is_not_given(api: Api, field: str) -> None:
    body = {"kind": "dislike", "item_id": "i0", "anonymous_id": "a", field: None}
    assert api.post("/v1/feedback", body).status_code == 202


@pytest.mark.parametrize("field", ["kind", "item_id"])
def test_what_has_to_be_given_is_not_given_by_null(api: Api, field: str) -> None:
    body = {"kind": "dislike", "item_id": "i0", "anonymous_id": "a", field: None}
    assert api.post("/v1/feedback", body).status_code == 422
    assert api.post(LISTS, {"blocks": [None]}).status_code == 422


@pytest.mark.parametrize("query", ["scene=&n=3&mode=&cursor=", "scene=%20&n=%20&cursor=%20&subject_token=%20", "site="])
def test_blank_in_an_address_is_not_given(api: Api, query: str) -> None:
    answer = api.ask("GET", f"{LISTS}?{query}")
    assert (answer.status_code, answer.json()["scene"]) == (200, "home")
    assert api.ask("GET", "/v1/items/i0/related?n=").status_code == 200


@pytest.mark.parametrize(
    "path", ["/readyz", "/healthz", "/metrics", LISTS, "/v1/transparency", "/portal/", "/docs", "/v1/items/i0/related"]
)
def test_head_answers_where_get_does(api: Api, path: str) -> None:
    api.live.refresh()
    got, head = api.get(path), api.ask("HEAD", path)
    assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_no_list_may_be_kept_on_the_way(api: Api) -> None:
    answers = [
        api.get(LISTS, n=3), api.post(LISTS, {"blocks": [{}]}), api.get("/v1/items/i0/related"),
        api.post("/v1/feedback", {"kind": "dislike", "item_id": "i0", "anonymous_id": "a"}),
    ]  # fmt: skip
    assert {answer.headers["cache-control"] for answer in answers} == {"private, no-store"}


@pytest.mark.parametrize("path", [LISTS, "/v1/feedback"])
def test_a_body_no_page_needs_is_413(api: Api, path: str) -> None:
    answer = api.post(path, b'{"kind":"' + b"a" * (2 << 20) + b'"}')
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


@pytest.fixture
def of_a_site(tmp_path: Path) -> Iterator[Api]:
    site = Site(key=SecretStr("k" * 32), origins=("https://www.example.gov.cn",))
    opened = open_api(tmp_path, MemoryOnlineStore(), sites={"gz": site})
    upsert_items(opened.registry, items())
    opened.live.refresh()
    yield opened
    opened.registry.dispose()


def test_a_portal_page_reads_lists_and_nothing_else_of_this_server(of_a_site: Api) -> None:
    origin = {"Origin": "https://www.example.gov.cn"}
    allowed = "access-control-allow-origin"
    assert allowed in of_a_site.ask("GET", LISTS, headers=origin).headers
    for path in ("/metrics", "/console/", "/readyz", "/docs", "/openapi.json", "/portal/"):
        assert allowed not in of_a_site.ask("GET", path, headers=origin).headers, path
    assert allowed not in of_a_site.ask("GET", LISTS, headers={"Origin": "https://elsewhere.example"}).headers


def test_a_token_in_the_header_is_as_good_as_one_in_the_address(of_a_site: Api) -> None:
    token = of_a_site.live.keys.sign("gz", "user-7", NOW)
    dislike = {"kind": "dislike", "item_id": "i3"}
    header = {"Authorization": f"Bearer {token}"}
    assert of_a_site.ask("POST", "/v1/feedback", json=dislike, headers=header).status_code == 202
    by_header = of_a_site.ask("GET", LISTS, params={"n": 100}, headers=header).json()
    by_post = of_a_site.ask("POST", LISTS, json={"blocks": [{"n": 100}]}, headers=header).json()["blocks"][0]
    assert shown(by_header) == shown(by_post) == shown(of_a_site.get(LISTS, n=100, subject_token=token).json())
    assert "i3" not in shown(by_header)
    assert "i3" in shown(of_a_site.get(LISTS, n=100).json())


def test_a_bad_token_is_refused_and_the_refusal_names_no_other_site(of_a_site: Api) -> None:
    for site, status in (("nowhere", 422), ("gz", 401)):
        answer = of_a_site.ask("GET", LISTS, params={"site": site}, headers={"Authorization": "bearer nonsense"})
        assert answer.status_code == status
        assert site == "gz" or "gz" not in answer.json()["detail"]


def shown(answer: Any) -> list[str]:
    """Return the ids in a list, or in all lists of a page."""
    lists = answer.get("blocks", [answer])
    return [item["item_id"] for made in lists for item in made["items"]]


def test_feedback_reads_no_certificates_for_a_call_on_this_machine(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any, **__: Any) -> Any:
        raise AssertionError("20 ms of the loop that answers lists")

    monkeypatch.setattr("ssl.create_default_context", read)
    answer = api.post("/v1/feedback", {"kind": "dislike", "item_id": "i0", "anonymous_id": "a"})
    assert (answer.status_code, answer.json()["acts"]) == (202, True)
