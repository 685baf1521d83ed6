"""Whose address counts: the connection's, or what a trusted proxy says of it, and never what a client makes up."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.web.client import KEY_LIFE_S, AddressHash, Networks, client_address, packed

PROXIES = Networks(["10.0.0.0/8", "fd00::/8"])


def forwarded(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), *((b"x-forwarded-for", value.encode()) for value in values)]


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("203.0.113.9", forwarded(), "203.0.113.9"),
        ("203.0.113.9", forwarded("1.1.1.1"), "203.0.113.9"),
        ("10.0.0.1", forwarded(), "10.0.0.1"),
        ("10.0.0.1", forwarded("203.0.113.9"), "203.0.113.9"),
        ("10.0.0.1", forwarded("1.1.1.1, 203.0.113.9"), "203.0.113.9"),
        ("10.0.0.1", forwarded("1.1.1.1", "203.0.113.9"), "203.0.113.9"),
        ("10.0.0.1", forwarded("1.1.1.1, 203.0.113.9, 10.2.2.2"), "203.0.113.9"),
        ("10.0.0.1", forwarded("203.0.113.9:4711"), "203.0.113.9"),
        ("10.0.0.1", forwarded("[2001:db8::7]:4711"), "2001:db8::7"),
        ("10.0.0.1", forwarded("2001:db8::7"), "2001:db8::7"),
        ("::ffff:10.0.0.1", forwarded("203.0.113.9"), "203.0.113.9"),
        ("fd00::1", forwarded("203.0.113.9"), "203.0.113.9"),
        ("10.0.0.1", forwarded("1.1.1.1, unknown"), "10.0.0.1"),
        ("10.0.0.1", forwarded(""), "10.0.0.1"),
        ("10.0.0.1", forwarded("10.0.0.3, 10.0.0.2"), "10.0.0.3"),
    ],
)  # fmt: skip
def test_client_is_the_last_hop_that_no_trusted_proxy_is(
    peer: str, headers: list[tuple[bytes, bytes]], client: str
) -> None:
    assert client_address(peer, headers, PROXIES) == packed(client) != b""


def test_without_trusted_proxies_the_header_says_nothing() -> None:
    assert client_address("127.0.0.1", forwarded("203.0.113.9"), Networks([])) == packed("127.0.0.1")


@given(st.ip_addresses())
def test_any_address_is_packed_as_the_standard_library_packs_it(address: object) -> None:
    known = ip_address(str(address))
    mapped = getattr(known, "ipv4_mapped", None)
    assert packed(str(known)) == (mapped or known).packed


@given(st.text(max_size=40))
def test_any_other_text_is_no_address_and_no_fault(text: str) -> None:
    address = client_address("10.0.0.1", [(b"x-forwarded-for", text.encode())], PROXIES)
    assert len(address) in (4, 16)


@given(st.ip_addresses(), st.ip_addresses(v=4), st.integers(0, 32))
def test_networks_agree_with_the_standard_library(address: object, network: object, length: int) -> None:
    from ipaddress import ip_network

    net = ip_network(f"{network}/{length}", strict=False)
    known = ip_address(str(address))
    known = getattr(known, "ipv4_mapped", None) or known
    assert (packed(str(known)) in Networks([str(net)])) == (known.version == 4 and known in net)


def test_class_is_an_ipv4_address_or_an_ipv6_network_of_64_bits() -> None:
    of = AddressHash()
    assert of(packed("2001:db8::1"), 0) == of(packed("2001:db8::ffff:1"), 0) != of(packed("2001:db8:0:1::1"), 0)
    assert of(packed("192.0.2.1"), 0) != of(packed("192.0.2.2"), 0)


def test_class_holds_nothing_of_the_address_and_its_key_is_thrown_away() -> None:
    of, other, address = AddressHash(), AddressHash(), packed("192.0.2.1")
    first = of(address, 100.0)
    assert address not in first
    assert first != other(address, 100.0)
    assert of(address, 100.0 + KEY_LIFE_S - 1) == first
    assert of(address, 100.0 + KEY_LIFE_S) != first
