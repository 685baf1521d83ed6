"""Whatever a request holds: an answer below 500, and nothing of it costs more than a look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from time import process_time
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.registry.catalogue import upsert_items
from profiles.online.memory import MemoryOnlineStore
from tests.serving.conftest import Api, items, open_api
from tests.web.asgi import Said, ask

NAMES = (
    "scene", "n", "site", "subject_token", "anonymous_id", "recent", "item_id", "exclude", "mode", "cursor", "slot",
    "explain", "page", "first", "last", "sort", "order", "kind", "request_id", "receipt", "done", "next", "act", "text",
)  # fmt: skip
PATHS = (
    "/v1/recommendations", "/v1/items/i0/related", "/v1/items/{}/related", "/v1/transparency", "/docs", "/{}",
    "/healthz", "/readyz", "/openapi.json", "/", "/portal/", "/portal/items/i0", "/portal/items/{}",
    "/portal/lists/policy", "/portal/lists/{}", "/portal/about", "/portal/apply/{}", "/portal/static/{}", "/console/",
    "/console/items.csv", "/console/static/{}", "/metrics", "/portal/settings", "/portal/settings/complaints",
    "/portal/settings/data.json", "/portal/settings/erase", "/portal/sign-in",
)  # fmt: skip
POSTS = (
    "/v1/recommendations", "/v1/feedback", "/portal/consent", "/portal/mode", "/portal/elder", "/console/sign-in",
    "/console/sign-out", "/portal/sign-in", "/portal/sign-out", "/portal/settings/tags", "/portal/settings/attributes",
    "/portal/settings/complaints", "/portal/settings/erase",
)  # fmt: skip
#: What breaks a reader that believes: digits without end, other scripts' digits, signs, nothing, halves of letters.
HARD = [
    b"", b" ", b"\x00", b"null", b"None", b"NaN", b"-1", b"+1", b"0", b"1e3", b"1_0", b"0x1", b"5" * 5_000,
    b"0" * 5_000 + b"5", b"000000005" + b"9" * 30, "²".encode(), "٣".encode(), "１".encode(), b"\xed\xa0\x80", b"\xff",
    b"99999", b"9999-12-31", b"0001-01-01", b"2026-13-01", "：".encode(), b"<script>", b"\r\nX: y", b"../..", b"%",
    b"i0,i1", b"home", b"item", b"A" * 5_999, b"A" * 20_000, b"a.b.c", b"dislike", b"i0",
]  # fmt: skip
texts = st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass"))
values = st.one_of(st.sampled_from(HARD), st.binary(max_size=30), texts)
queries = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=5)


@pytest.fixture(scope="module")
def one_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    opened = open_api(tmp_path_factory.mktemp("home"), MemoryOnlineStore())
    upsert_items(opened.registry, items())
    opened.live.refresh()
    yield opened
    opened.registry.dispose()


def answered(said: Said, *asked: Any) -> None:
    assert 200 <= said.status < 500, (said.status, *asked, said.body[:200])


def quoted(query: list[tuple[str, bytes]]) -> bytes:
    return "&".join(f"{name}={quote_from_bytes(value)}" for name, value in query).encode()


@settings(max_examples=300)
@given(
    path=st.sampled_from(PATHS),
    inside=values,
    query=queries,
    is_raw=st.booleans(),
    method=st.sampled_from(["GET", "HEAD"]),
)
def test_no_address_brings_a_route_down(
    one_api: Api, path: str, inside: bytes, query: list[tuple[str, bytes]], is_raw: bool, method: str
) -> None:
    raw = b"&".join(name.encode() + b"=" + value for name, value in query)
    where = path.replace("{}", quote_from_bytes(inside, safe=""))
    answered(ask(one_api.app, method, where, raw if is_raw else quoted(query)), where, query)


@pytest.mark.parametrize("path", PATHS)
def test_every_hard_value_of_every_parameter_is_answered(one_api: Api, path: str) -> None:
    for value in HARD:
        where = path.replace("{}", quote_from_bytes(value, safe=""))
        answered(ask(one_api.app, "GET", where, quoted([(name, value) for name in NAMES])), where[:99])
        if "{}" not in path:
            for name in NAMES:
                answered(ask(one_api.app, "GET", path, quoted([(name, value)] * 2)), name, value[:20])


documents = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**400), 10**400), st.floats(), st.text(max_size=9),
        st.sampled_from(["i0", "home", "item", "dislike", "demo", " "]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "blocks"]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
RAW = [
    b"", b"null", b"[]", b"{}", b'"', b"\xff\xfe", b"[" * 100_000, b'{"blocks":' + b"[" * 100_000,
    b'{"n":' + b"1" * 5_000 + b"}", b'{"blocks":[{"scene":"home","n":' + b"1" * 4_000 + b"}]}",
    b'{"blocks":[{"n":1e400}]}', b'{"blocks":[{"item_id":"\\ud800"}]}', b'{"blocks":[{"scene":"\xff"}]}',
    b'{"blocks":[{}],"subject_token":"\\ud800.a.b"}', b'{"blocks":[{"scene":"a\\u0000"}]}',
    b'{"kind":"dislike","item_id":"i0","x":' + b"1" * 5_000 + b"}", b"choice=" + b"%ff" * 100, b"password=%ed%a0%80",
    *(b"choice=none&mode=general&next=" + where for where in (b"//[", b"http://[abc]", "//a℀b".encode())),
]  # fmt: skip


@settings(max_examples=300)
@given(path=st.sampled_from(POSTS), document=documents)
def test_no_document_brings_a_route_down(one_api: Api, path: str, document: Any) -> None:
    raw = json.dumps(document).encode()
    answered(ask(one_api.app, "POST", path, pieces=[raw]), raw)
    page = json.dumps({"blocks": [document], "site": document}).encode()
    answered(ask(one_api.app, "POST", path, pieces=[page]), page)


@pytest.mark.parametrize("path", POSTS)
def test_no_bytes_bring_a_route_down(one_api: Api, path: str) -> None:
    for raw in RAW:
        answered(ask(one_api.app, "POST", path, pieces=[raw]), path, raw[:50])


HEADERS = (
    b"host", b"cookie", b"authorization", b"content-type", b"origin", b"referer", b"sec-fetch-site", b"x-forwarded-for",
    b"x-forwarded-proto", b"accept", b"user-agent", b"content-length", b"sec-gpc", b"dnt",
)  # fmt: skip
OF_HEADERS = [
    *HARD, b"[", b"[::1", b"http://[", b"//[abc]",
    "http://a℀b".encode(), b"a]b:99999999", b"bearer " + b"a" * 9_000, b"Basic \xff", b"Bearer a.b.c",
    b"civicrec_consent=personalise; civicrec_aid=" + b"x" * 20, b"civicrec_console=" + b"9" * 12 + b".\xe9",
    b"multipart/form-data; boundary=", b"application/x-www-form-urlencoded; charset=no-such",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_header_brings_a_route_down(one_api: Api, method: str) -> None:
    for path in ("/v1/recommendations", "/portal/", "/portal/lists/policy", "/console/") if method == "GET" else POSTS:
        for name in HEADERS:
            for value in OF_HEADERS:
                headers = [(name, value), (name, value)]
                said = ask(one_api.app, method, path.replace("{}", "i0"), pieces=[b"{}"], headers=headers)
                answered(said, path, name, value[:30])


def test_a_cookie_in_quotes_holds_nobody_up(one_api: Api) -> None:
    cookie = (b"cookie", b'civicrec_consent="' + b"\\" * 50_000 + b'"')
    began = process_time()
    for path in ("/portal/", "/console/", "/console/items.csv", "/v1/recommendations"):
        answered(ask(one_api.app, "GET", path, headers=[cookie]), path)
    answered(ask(one_api.app, "POST", "/portal/consent", pieces=[b"choice=none"], headers=[cookie]))
    assert process_time() - began < 2
