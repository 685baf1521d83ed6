"""Which addresses a feed may make us ask, by their words and by what their names stand for."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from civicrec.polling.reach import NotAsked, Reach, allowed_of, is_local

OUTSIDE, LOCAL = Reach(), Reach(is_local=True)
#: IANA's registers of special-purpose addresses: what is not reachable from everywhere, or is nobody's.
SPECIAL = [
    ip_network(one)
    for one in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
        "240.0.0.0/4",
    )
]  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        "http://www.example.gov.cn/rss.xml", "ftp://www.example.gov.cn/a", "file:///etc/passwd", "gopher://x/", "//x/a",
        "/rss.xml", "", "https://", "https:///rss.xml", "https://user:secret@www.example.gov.cn/", "data:text/xml,<a/>",
        "http://127.0.0.1/", "http://localhost/", "http://2130706433/", "https://[::1", "https://x:99999999/",
        "https://www.example.gov.cn:port/", "https://\x00/", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_an_address_of_another_kind_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(NotAsked) as refused:
        OUTSIDE.checked(address)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8080/a", "http://localhost/a", "http://[::1]:80/a", "https://x/"]
)
def test_a_feed_of_this_machine_may_be_without_tls(address: str) -> None:
    assert str(LOCAL.checked(address)) == address.replace(":80/", "/")


@pytest.mark.parametrize(
    "address", ["http://10.0.0.1/", "http://2130706433/", "http://127.1/", "http://127.0.0.1.x.cn/"]
)
def test_what_only_leads_to_this_machine_is_not_it_by_its_words(address: str) -> None:
    assert not is_local(address)
    with pytest.raises(NotAsked):
        LOCAL.checked(address)


def test_a_chinese_path_and_name_are_written_as_servers_take_them() -> None:
    url = OUTSIDE.checked("https://例子.中国/政务公开/a b.html?q=通知&p=%B9%AB")
    assert url.raw_host == b"xn--fsqu00a.xn--fiqs8s"
    assert url.raw_path.isascii()
    assert url.raw_path == b"/%E6%94%BF%E5%8A%A1%E5%85%AC%E5%BC%80/a%20b.html?q=%E9%80%9A%E7%9F%A5&p=%B9%AB"


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.1.1", "172.16.0.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "::7f00:1",
        "2001:0:a9fe:a9fe:0:0:f5ff:fffe", "192.0.2.1", "2001:db8::1",
    ],
)  # fmt: skip
def test_a_name_that_stands_for_an_inner_address_is_refused(ip: str) -> None:
    for reach in (OUTSIDE, LOCAL):
        assert reach.refusal("www.example.gov.cn", ip_address(ip)) != ""


@given(st.ip_addresses(v=4), st.sampled_from(["", "::ffff:", "64:ff9b::"]))
def test_of_ipv4_all_but_special_addresses_are_asked_however_they_are_written(ip: IPv4Address, within: str) -> None:
    is_special = any(ip in network for network in SPECIAL)
    written = ip_address(f"{within}{ip}")
    if str(ip).startswith("192.0.0."):
        return  # of these a few are reachable
    assert bool(OUTSIDE.refusal("www.example.gov.cn", written)) is is_special


@given(st.ip_addresses(v=6))
@example(IPv6Address("fec0::"))
def test_of_ipv6_only_global_unicast_is_asked(ip: IPv6Address) -> None:
    if not any(ip in ip_network(one) for one in ("2000::/3", "64:ff9b::/96", "::ffff:0:0/96")):
        assert OUTSIDE.refusal("www.example.gov.cn", ip) != ""


def test_a_named_network_may_be_asked_and_no_other() -> None:
    reach = Reach(networks=("10.1.2.0/24", "fd00::/8"))
    assert reach.refusal("nei.example.gov.cn", ip_address("10.1.2.9")) == ""
    assert reach.refusal("nei.example.gov.cn", ip_address("::ffff:10.1.2.9")) == ""
    assert reach.refusal("nei.example.gov.cn", ip_address("fd12::1")) == ""
    assert "CIVICREC_POLLING__NETWORKS" in reach.refusal("nei.example.gov.cn", ip_address("10.1.3.9"))
    assert reach.refusal("nei.example.gov.cn", ip_address("127.0.0.1")) != ""


def test_this_machine_is_asked_only_under_its_own_name() -> None:
    loopback = ip_address("127.0.0.1")
    assert LOCAL.refusal("localhost", loopback) == ""
    assert "this machine" in LOCAL.refusal("www.example.gov.cn", loopback)
    assert "this machine" in OUTSIDE.refusal("localhost", loopback)
    assert "not this machine" in LOCAL.refusal("localhost", ip_address("93.184.216.34"))


def test_of_several_addresses_only_those_that_may_be_asked_are() -> None:
    inner, outer = ip_address("10.0.0.1"), ip_address("93.184.216.34")
    assert allowed_of(OUTSIDE, "x.cn", [inner, outer]) == [outer]
    with pytest.raises(NotAsked, match="a private address"):
        allowed_of(OUTSIDE, "x.cn", [inner, inner])
    with pytest.raises(NotAsked, match="no address"):
        allowed_of(OUTSIDE, "x.cn", [])
