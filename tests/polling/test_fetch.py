"""One answer over real connections: where redirects may lead, how long it may take, how much it may hold."""

from __future__ import annotations

import gzip
import ssl
import time
import tracemalloc
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from civicrec.clock import monotonic_s
from civicrec.errors import InvalidInput, Unavailable
from civicrec.polling.fetch import Fetcher, Known
from civicrec.polling.reach import IP, NotAsked, Reach
from tests.certificates import made_certificates
from tests.polling.servers import Portal, Said, running_portal

LOCAL = Reach(is_local=True)
KB = 1 << 10


def test_an_answer_comes_with_what_spares_the_next(portal: Portal) -> None:
    portal.says["/a"] = Said(b"<a/>", headers={"ETag": 'W/"1"', "Content-Type": "text/xml; charset=GBK"})
    with Fetcher(LOCAL, 5) as fetcher:
        first = fetcher.get(f"{portal.url}/a", KB)
        assert (first.status, first.body, first.charset, first.known) == (200, b"<a/>", "GBK", Known('W/"1"'))
        again = fetcher.get(f"{portal.url}/a", KB, first.known)
        assert (again.status, again.body) == (304, b"")
        portal.says["/b"] = Said(b"b", headers={"Last-Modified": "Sat, 31 Jan 2026 00:00:00 GMT"})
        known = fetcher.get(f"{portal.url}/b", KB).known
        assert fetcher.get(f"{portal.url}/b", KB, known).status == 304
        assert fetcher.get(f"{portal.url}/nothing", KB).status == 404


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/", "https://169.254.169.254/", "https://10.0.0.1/a", "file:///etc/passwd",
        "http://10.0.0.1/a", "https://[::ffff:10.0.0.1]/", "https://2852039166/", "https://0xa9fea9fe/", "http://0/",
        "https://[64:ff9b::a9fe:a9fe]/", "ftp://127.0.0.1/", "//169.254.169.254/", "https://user:word@127.0.0.1/", "http://2130706433:{port}/inner",
        "http://127.1:{port}/inner", "http://[::ffff:127.0.0.1]:{port}/inner",
    ],
)  # fmt: skip
def test_a_redirect_leads_to_no_address_within(portal: Portal, location: str) -> None:
    portal.says["/inner"] = Said(b"secret")
    portal.says["/a"] = Said(status=302, headers={"Location": location.format(port=portal.port)})
    with Fetcher(LOCAL, 5) as fetcher, pytest.raises(NotAsked):
        fetcher.get(f"{portal.url}/a", KB)
    assert portal.paths() == ["/a"]


def test_redirects_are_followed_a_few_times_and_as_they_are_written(portal: Portal) -> None:
    portal.says["/a"] = Said(status=301, headers={"Location": "b/c?x=1#f"})
    portal.says["/b/c?x=1"] = Said(status=307, headers={"Location": "/政务".encode().decode("latin-1")})
    portal.says["/%E6%94%BF%E5%8A%A1"] = Said(b"here")
    portal.says["/round"] = Said(status=302, headers={"Location": "/round"})
    portal.says["/nowhere"] = Said(status=302)
    with Fetcher(LOCAL, 5) as fetcher:
        found = fetcher.get(f"{portal.url}/a", KB)
        assert (found.body, found.url) == (b"here", f"{portal.url}/%E6%94%BF%E5%8A%A1")
        with pytest.raises(InvalidInput, match="redirects more than 5 times"):
            fetcher.get(f"{portal.url}/round", KB)
        assert fetcher.get(f"{portal.url}/nowhere", KB).status == 302


def test_a_name_is_looked_at_where_it_is_connected_and_asked_for_once(portal: Portal) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[IP]:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "10.0.0.1")]

    reach = Reach(networks=("127.0.0.0/8",))
    with Fetcher(reach, 5, rebinding) as fetcher:
        with pytest.raises(Unavailable):  # it speaks no TLS: what was looked at first is what was connected to
            fetcher.get(f"https://portal.example.gov.cn:{portal.port}/", KB)
        assert asked == ["portal.example.gov.cn"]
        with pytest.raises(NotAsked, match="stands for 10.0.0.1, a private address"):
            fetcher.get(f"https://portal.example.gov.cn:{portal.port}/", KB)
    assert asked == ["portal.example.gov.cn"] * 2
    with Fetcher(reach, 5, lambda *_: [ip_address("10.0.0.1")]) as fetcher, pytest.raises(NotAsked, match="a private"):
        fetcher.get("https://portal.example.gov.cn/", KB)
    assert portal.paths() == []


def test_a_redirect_from_outside_never_reaches_this_machine(tmp_path: Path) -> None:
    made = made_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server, made.server_key)
    with running_portal(context) as portal:
        portal.says["/a"] = Said(b"a")
        # By the name of another host: the connection is allowed by the named network, the certificate is not its.
        reach = Reach(networks=("127.0.0.0/8",))
        fetcher = Fetcher(reach, 5, lambda *_: [ip_address("127.0.0.1")])
        with fetcher, pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            fetcher.get(f"https://portal.example.gov.cn:{portal.port}/a", KB)
        # Outside feeds do not reach loopback, under no name of it.
        with Fetcher(Reach(), 5) as fetcher, pytest.raises(NotAsked):
            fetcher.get(f"https://127.0.0.1:{portal.port}/a", KB)


def test_a_server_is_believed_that_shows_a_certificate_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = made_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server, made.server_key)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    with running_portal(context) as portal, Fetcher(LOCAL, 5) as fetcher:
        portal.says["/a"] = Said(b"a")
        assert fetcher.get(f"{portal.url}/a", KB).body == b"a"


def endless(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"<item/>" * 1_000)


def dripping(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(1_000):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def dripping_head(handler: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(1_000):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def silent(handler: Any) -> None:
    time.sleep(3)


def cut_off(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"<rss>")


def no_http(handler: Any) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")


@pytest.mark.parametrize("how", [dripping, dripping_head, silent])
def test_a_slow_answer_ends_when_its_time_is_over(portal: Portal, how: Any) -> None:
    portal.says["/a"] = Said(how)
    began_s = monotonic_s()
    with Fetcher(LOCAL, 1) as fetcher, pytest.raises(Unavailable, match="no answer"):
        fetcher.get(f"{portal.url}/a", 1 << 20)
    assert 0.9 < monotonic_s() - began_s < 2.5


def test_slow_redirects_share_one_time(portal: Portal) -> None:
    def slowly(handler: Any) -> None:
        time.sleep(0.4)
        handler.send_response(302)
        handler.send_header("Location", "/a")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    portal.says["/a"] = Said(slowly)
    with Fetcher(LOCAL, 1) as fetcher, pytest.raises(Unavailable):
        fetcher.get(f"{portal.url}/a", KB)


@pytest.mark.parametrize("how", [cut_off, no_http])
def test_half_an_answer_is_none(portal: Portal, how: Any) -> None:
    portal.says["/a"] = Said(how)
    with Fetcher(LOCAL, 5) as fetcher, pytest.raises(Unavailable, match="no answer"):
        fetcher.get(f"{portal.url}/a", KB)


def test_a_body_without_end_is_given_up_at_the_limit(portal: Portal) -> None:
    portal.says["/a"] = Said(endless)
    with Fetcher(LOCAL, 20) as fetcher, pytest.raises(InvalidInput, match="more than 1048576 bytes"):
        fetcher.get(f"{portal.url}/a", 1 << 20)
    portal.says["/b"] = Said(b"x" * KB)
    with Fetcher(LOCAL, 5) as fetcher:
        assert len(fetcher.get(f"{portal.url}/b", KB).body) == KB


def test_what_unpacks_to_more_is_given_up_before_it_is_held(portal: Portal) -> None:
    bomb = gzip.compress(b"0" * (200 << 20))
    assert len(bomb) < 1 << 20
    portal.says["/a"] = Said(bomb, headers={"Content-Encoding": "gzip"})
    portal.says["/b.gz"] = Said(bomb)
    with Fetcher(LOCAL, 20) as fetcher:
        tracemalloc.start()
        for path in ("/a", "/b.gz"):
            with pytest.raises(InvalidInput, match="more than"):
                fetcher.get(f"{portal.url}{path}", 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "packed", "says"),
    [
        (gzip.compress(b"<a/>", mtime=0), "gzip", ""),
        (gzip.compress(b"<a/>", mtime=0), "", ""),
        (b"<a/>", "gzip", ""),
        (gzip.compress(b"<a/>", mtime=0)[:-4], "gzip", "cut off"),
        (gzip.compress(b"<a/>", mtime=0) * 2, "gzip", "in several parts"),
        (b"\x1f\x8bnonsense", "gzip", "damaged"),
        (b"<a/>", "br", "packed by br"),
    ],
)
def test_a_packed_answer_is_unpacked_whole_or_refused(portal: Portal, body: bytes, packed: str, says: str) -> None:
    portal.says["/a"] = Said(body, headers={"Content-Encoding": packed} if packed else {})
    with Fetcher(LOCAL, 5) as fetcher:
        if says:
            with pytest.raises(InvalidInput, match=says):
                fetcher.get(f"{portal.url}/a", KB)
        else:
            assert fetcher.get(f"{portal.url}/a", KB).body == b"<a/>"


def test_nobody_there_is_told_in_one_line() -> None:
    with Fetcher(LOCAL, 5) as fetcher, pytest.raises(Unavailable, match="no answer") as told:
        fetcher.get("http://127.0.0.1:9/rss.xml", KB)
    assert "\n" not in str(told.value)

    def unknown(host: str, port: int) -> list[IP]:
        raise OSError("Name or service not known")

    with Fetcher(Reach(), 5, unknown) as fetcher, pytest.raises(Unavailable, match="nobody knows the name"):
        fetcher.get("https://www.example.gov.cn/rss.xml", KB)
