"""Calls about a person: by a token of another site, of another time or of nobody refused, of a stranger answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from civicrec.settings import Site
from tests.serving.conftest import NOW, Api, stocked_api

SITES = {"gz": Site(key="g" * 16 + "0123456789abcdef"), "sz": Site(key="s" * 16 + "fedcba9876543210")}
#: What a path of the description holds in braces; anything else is a number.
FILLED = {"tag": "theme:医疗卫生", "purpose": "personalise", "attribute": "age"}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with stocked_api(Path(tmp_path_factory.mktemp("two")), sites=SITES) as api:
        yield api


def calls(api: Api) -> list[tuple[str, str]]:
    """Return method and path of every call about the person of a token, as the API describes itself."""
    described: dict[str, Any] = api.ask("GET", "/openapi.json").json()["paths"]
    return [
        (method.upper(), re.sub(r"\{(\w+)\}", lambda name: FILLED.get(name[1], "1"), path))
        for path, by_method in described.items()
        if path.startswith("/v1/me")
        for method in by_method
    ]


def asked(api: Api, method: str, path: str, token: str, site: str = "gz") -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = {} if method in ("PUT", "POST", "PATCH") else None
    return api.ask(method, path, params={"site": site}, headers=headers, json=body)


def test_no_call_about_a_person_takes_anybody_elses_token(two: Api) -> None:
    keys = two.live.keys
    tokens = {
        "another site": keys.sign("sz", "user-7", NOW),
        "another time": keys.sign("gz", "user-7", NOW - timedelta(hours=1)),
        "a clock far ahead": keys.sign("gz", "user-7", NOW + timedelta(days=2)),
        "nobody": "",
    }
    found = calls(two)
    assert len(found) >= 12
    for method, path in found:
        for whose, token in tokens.items():
            answer = asked(two, method, path, token)
            assert answer.status_code == 401, f"{method} {path} by a token of {whose}: {answer.status_code}"
            assert "user-7" not in answer.text
        assert asked(two, method, path, tokens["another site"], "sz").status_code != 401


def test_of_a_person_nobody_knows_every_question_is_answered(two: Api) -> None:
    token = two.live.keys.sign("gz", "nobody-knows-me", NOW)
    answers = {path: asked(two, "GET", path, token) for method, path in calls(two) if method == "GET"}
    codes = {path: answer.status_code for path, answer in answers.items()}
    # No warehouse stands behind this API, so what needs one says that; what there is not is not there.
    assert set(codes.values()) <= {200, 404, 503}, codes
    assert answers["/v1/me/tags"].json()["tags"] == []
    assert asked(two, "GET", "/v1/match", token).status_code == 200
