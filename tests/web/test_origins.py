"""Origins and hosts: in whatever writing, they are those that browsers send."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.web.origins import host_of, origin_of

PUNYCODE = "xn--9kq598ahjn.xn--zfr164b"


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://www.example.gov.cn", "https://www.example.gov.cn"),
        ("https://WWW.Example.gov.cn/", "https://www.example.gov.cn"),
        ("https://www.example.gov.cn:443", "https://www.example.gov.cn"),
        ("http://www.example.gov.cn:80/", "http://www.example.gov.cn"),
        ("http://www.example.gov.cn:443", "http://www.example.gov.cn:443"),
        ("https://www.example.gov.cn/portal/index.html?a#b", "https://www.example.gov.cn"),
        ("http://云澜市.政务", f"http://{PUNYCODE}"),
        ("http://云澜市。政务:8080/", f"http://{PUNYCODE}:8080"),
        (f"HTTP://{PUNYCODE.upper()}:80", f"http://{PUNYCODE}"),
        ("https://[::1]:8702", "https://[::1]:8702"),
        ("null", "null"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_origin_is_written_as_browsers_write_it(written: str, origin: str) -> None:
    assert origin_of(written) == origin
    assert origin_of(origin) == origin


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://云澜市.政务/a", PUNYCODE),
        (PUNYCODE.upper(), PUNYCODE),
        ("http://[::1]:80/", "::1"),
        ("http://" + "长" * 100 + ".政务", ""),
        ("http://[", ""),
        ("http://[abc]/", ""),
        ("", ""),
    ],
)
def test_host_is_written_as_browsers_write_it(address: str, host: str) -> None:
    assert host_of(address) == host


@pytest.mark.parametrize("name", ["é" * 30_000, "é." * 15_000, "长" * 60 + "é" * 900])
def test_a_name_that_can_be_none_costs_little(name: str) -> None:
    began = process_time()
    for n in range(20):
        host_of(f"http://{n}{name}")
        origin_of(f"http://{n}{name}")
    assert process_time() - began < 0.02  # 20 of them took 2 s


@given(st.text(max_size=100) | st.text(max_size=100).map("https://{}".format))
def test_any_text_has_an_origin_and_a_host_or_none(text: str) -> None:
    origin_of(text).encode("utf-8", "surrogatepass")
    assert host_of(text).isascii()
