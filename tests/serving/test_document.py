"""The OpenAPI document holds every call, and what it says is what is taken and answered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fastapi.routing import APIRoute

from civicrec.web.calls import Call, call_of
from serving.shapes import BlocksAnswer, FeedbackAnswer, Health, ListAnswer, Readiness, RelatedAnswer, Transparency
from tests.serving.conftest import Api
from tests.serving.test_recommendations import click

URL = "/v1/recommendations"


def described(api: Api) -> list[tuple[str, str, Call]]:
    return [
        (method, route.path_format, call)
        for route in api.app.state.routes
        if isinstance(route, APIRoute) and (call := call_of(route.endpoint))
        for method in route.methods
    ]


def test_every_route_for_programs_is_in_the_document(api: Api) -> None:
    routes = [route for route in api.app.state.routes if route.include_in_schema]
    assert [route.path for route in routes if call_of(route.endpoint) is None] == []
    document = api.get("/openapi.json").json()
    told = {(method.upper(), path) for path, calls in document["paths"].items() for method in calls}
    assert told == {(method, path) for method, path, _ in described(api)}
    assert {("PUT", "/v1/items/{item_id}"), ("POST", URL)} < told


def test_every_example_is_read_by_the_struct_it_is_of(api: Api) -> None:
    n_examples = 0
    for _, _, call in described(api):
        for example in (call.body.examples if call.body else {}).values():
            msgspec.convert(example, next(iter(call.body.types.values())))  # type: ignore[union-attr]
            n_examples += 1
    assert n_examples >= 8


def test_what_is_answered_has_exactly_the_fields_of_the_document(api: Api) -> None:
    click(api, "a", "i3")
    got: list[tuple[Any, Any]] = [
        (api.get(URL, n=5, explain=1, anonymous_id="a"), ListAnswer), (api.get(URL, n=2), ListAnswer),
        (api.post(URL, {"blocks": [{}, {"scene": "hot"}]}), BlocksAnswer),
        (api.get("/v1/items/i0/related", explain=1), RelatedAnswer), (api.get("/v1/transparency"), Transparency),
        (api.post("/v1/feedback", {"kind": "dislike", "item_id": "i0", "anonymous_id": "a"}), FeedbackAnswer),
        (api.get("/healthz"), Health), (api.get("/readyz"), Readiness),
    ]  # fmt: skip
    for answer, kind in got:
        decoded = msgspec.convert(msgspec.json.decode(answer.content), kind)
        assert fields_of(msgspec.to_builtins(decoded)) >= fields_of(answer.json()), kind
    assert got[0][0].json()["items"][0]["parts"]


def fields_of(value: Any, path: str = "") -> set[str]:
    """Every path of names in a JSON value; what is only in an answer, no struct knows."""
    if isinstance(value, list):
        return {one for element in value for one in fields_of(element, f"{path}[]")}
    if not isinstance(value, dict):
        return {path}
    return {path} | {one for name, inner in value.items() for one in fields_of(inner, f"{path}.{name}")}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", URL, "GET, POST"), ("PATCH", "/v1/items", "GET, POST"), ("PUT", "/v1/items/a/related", "GET"),
     ("POST", "/v1/items/a/b", "DELETE, GET, PATCH, PUT")],
)  # fmt: skip
def test_another_method_is_told_all_that_are_allowed(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api.ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_the_page_for_people_shows_every_call_and_fetches_nothing(api: Api) -> None:
    page = api.get("/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert [path for _, path, _ in described(api) if path not in page.text] == []
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http://www.w3.org", "")
