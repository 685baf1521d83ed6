"""``/c.js``, and what balancers and monitors ask with HEAD."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest

import collectors
from tests.builders import raw_event
from tests.collectors.conftest import Collector

SCRIPT = Path(collectors.__path__[0]) / "static/c.js"


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [
        ("gzip, br", "gzip"), ("br;q=1.0, gzip;q=0.5", "gzip"), ("GZIP", "gzip"), ("x-gzip", "gzip"),
        ("identity", None), ("br", None), ("gzip;q=0", None), ("gzip; q=0.0, br", None), ("", None),
    ],
)  # fmt: skip
def test_script_is_packed_for_who_takes_it(collector: Collector, accepts: str, encoding: str | None) -> None:
    answer = collector.request("GET", "/c.js", headers={"accept-encoding": accepts})
    assert (answer.status_code, answer.headers.get("content-encoding")) == (200, encoding)
    assert answer.content == SCRIPT.read_bytes()
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) < (6_000 if encoding else 20_000)


def test_script_may_be_loaded_by_any_page_with_crossorigin_and_integrity(collector: Collector) -> None:
    answer = collector.request("GET", "/c.js", headers={"origin": "https://anybody.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"].startswith("text/javascript")


def test_script_that_is_known_is_not_sent_again(collector: Collector) -> None:
    tag = collector.get("/c.js").headers["etag"]
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        answer = collector.request("GET", "/c.js", headers={"if-none-match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert collector.request("GET", "/c.js", headers={"if-none-match": '"other"'}).status_code == 200


OLD = "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"


@pytest.mark.parametrize("agent", [OLD, "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; 360SE)"])
def test_a_browser_that_cannot_read_the_script_gets_none_of_it(collector: Collector, agent: str) -> None:
    for more in ({}, {"if-none-match": "*"}, {"accept-encoding": "gzip"}):
        answer = collector.request("GET", "/c.js", headers={"user-agent": agent, **more})
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/c.js", "/metrics", "/v1/accounting", "/nowhere"])
def test_head_is_answered_as_get_without_the_body(collector: Collector, path: str) -> None:
    get, head = collector.get(path), collector.request("HEAD", path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("prefix", ["/collect", "/a/b"])
def test_path_that_a_proxy_leaves_before_ours_is_passed_over(collector: Collector, prefix: str) -> None:
    assert collector.get(f"{prefix}/c.js").content == SCRIPT.read_bytes()
    assert collector.request("POST", f"{prefix}/v1/events", json={"events": [raw_event()]}).json()["accepted"] == 1
    assert collector.get(f"{prefix}/metrics").status_code == 404


def test_a_cookie_in_quotes_holds_nobody_up(collector: Collector) -> None:
    cookie = {"cookie": 'a=1; b="' + "\\" * 50_000 + '"'}
    began = process_time()
    for path in ("/c.js", "/healthz"):
        assert collector.request("GET", path, headers=cookie).status_code == 200
    assert process_time() - began < 1  # it took half a minute
