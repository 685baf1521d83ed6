"""What a browser says by itself, however it or a proxy writes it."""

from __future__ import annotations

import pytest

from civicrec.web.signals import is_from, refuses


@pytest.mark.parametrize("value", [b"1", b" 1 ", b"1, 1", b"0, 1", b"?1", b'"1"', b"1a", b"true", b"Yes"])
@pytest.mark.parametrize("name", [b"sec-gpc", b"dnt"])
def test_a_signal_is_heard_however_it_is_written(name: bytes, value: bytes) -> None:
    assert refuses([(b"accept", b"*/*"), (name, value)])
    assert refuses([(name, b"0"), (name, value)])
    assert refuses([(name, value), (name, b"0")])


@pytest.mark.parametrize("value", [b"", b"0", b"?0", b"null", b"unspecified", b"false", b"01", b"no"])
def test_no_signal_is_no_refusal(value: bytes) -> None:
    assert not refuses([(b"dnt", value), (b"sec-gpc", value), (b"x-dnt", b"1")])


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({}, True),
        ({"origin": "https://a.gov.cn"}, True),
        ({"origin": "https://www.b.gov.cn"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"referer": "https://a.gov.cn/portal/?x=1"}, True),
        ({"referer": "https://www.b.gov.cn/index.html"}, True),
        ({"referer": "http://evil.example/a.gov.cn"}, False),
        ({"origin": "https://a.gov.cn", "referer": "http://evil.example/"}, True),
    ],
)
def test_a_request_is_told_from_that_of_a_foreign_page(headers: dict[str, str], is_ours: bool) -> None:
    assert is_from({"host": "a.gov.cn", **headers}, {"https://www.b.gov.cn"}) is is_ours
