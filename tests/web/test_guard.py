"""What is let in to an application, what it costs, and what becomes of a body that is too long, too slow or cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from civicrec.web.asgi import Receive, Scope, Send, answer
from civicrec.web.bodies import BodyReader
from civicrec.web.guard import Guard, charge
from civicrec.web.limits import Addresses, Buckets
from tests.web.asgi import Said, ask

FAR, NEAR = "198.51.100.7", "127.0.0.1"


class Behind:
    """A guard with 10 requests a second and bodies of 100 bytes, and what came through it."""

    def __init__(self, *, costs: float = 0, proxies: Sequence[str] = ()) -> None:
        self.now_s = 0.0
        self.refused: list[int] = []
        self.came: list[tuple[str, bytes, bytes]] = []
        self.costs = costs
        clock = lambda: self.now_s  # noqa: E731
        self.guard = Guard(
            self.application, BodyReader(0.05, 100), Addresses(proxies, ("127.0.0.0/8",), "X", clock), Buckets(10, 1),
            self.refused.append, clock,
        )  # fmt: skip

    async def application(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"] if scope["method"] == "POST" else b""
        self.came.append((scope["method"], scope["query_string"], body))
        charge(scope, self.costs)
        await answer(send, 200, b"hello", [(b"content-length", b"5")])

    def ask(self, method: str, *of: Any, **more: Any) -> Said:
        return ask(self.guard, method, "/", *of, **more)


def test_a_body_in_pieces_comes_whole() -> None:
    behind = Behind()
    assert behind.ask("POST", pieces=[b"a" * 60, b"b" * 40]).status == 200
    assert behind.came == [("POST", b"", b"a" * 60 + b"b" * 40)]


@pytest.mark.parametrize("pieces", [[b"a" * 101], [b"a"] * 101, [b"a" * 1_000] * 1_000])
def test_a_body_over_the_limit_is_413_and_reaches_nobody(pieces: list[bytes]) -> None:
    behind = Behind()
    said = behind.ask("POST", pieces=pieces)
    assert (said.status, said.headers["content-type"]) == (413, "application/problem+json")
    assert (behind.refused, behind.came) == ([413], [])


@pytest.mark.parametrize("pieces", [[b""], [b"{"], [b"{", b'"a"'], [b"a" * 200]])
def test_a_body_cut_off_is_counted_and_nothing_else(pieces: list[bytes], capsys: pytest.CaptureFixture[str]) -> None:
    behind = Behind()
    assert behind.ask("POST", pieces=pieces, cut_off=True).status == 400
    assert (behind.refused, behind.came) == ([400], [])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_method_without_a_body_waits_for_none(method: str) -> None:
    behind = Behind()
    assert behind.ask(method, pieces=[b"{"], cut_off=True).status == 200


def test_head_is_get_without_its_body() -> None:
    behind = Behind()
    said = behind.ask("HEAD")
    assert (said.status, said.headers["content-length"], said.body) == (200, "5", b"")
    assert behind.came == [("GET", b"", b"")]


def test_an_address_of_raw_bytes_is_written_as_addresses_are() -> None:
    behind = Behind()
    behind.ask("GET", b"a=\xff%20+&b=\xe4\xb8\x80")
    assert behind.came == [("GET", b"a=%FF%20+&b=%E4%B8%80", b"")]


def test_an_address_has_its_share_of_requests_and_others_have_theirs() -> None:
    behind = Behind()
    assert [behind.ask("GET", peer=FAR).status for _ in range(12)] == [200] * 11 + [429]
    said = behind.ask("POST", pieces=[b"a" * 1_000], peer=FAR)
    assert (said.status, said.headers["retry-after"]) == (429, "1")
    assert behind.ask("GET", peer="198.51.100.8").status == 200
    behind.now_s = 1.0
    assert behind.ask("GET", peer=FAR).status == 200


def test_a_request_pays_for_what_it_costs() -> None:
    behind = Behind(costs=19)
    assert [behind.ask("GET", peer=FAR).status for _ in range(2)] == [200, 429]
    behind.now_s = 1.01
    assert behind.ask("GET", peer=FAR).status == 200


def test_a_body_that_is_not_taken_is_paid_for_by_its_length() -> None:
    behind = Behind()
    behind.guard._bodies = BodyReader(5, 100, max_read=64 << 20)
    assert behind.ask("POST", pieces=[bytes(1 << 20)] * 30, peer=FAR).status == 413
    assert behind.ask("GET", peer=FAR).status == 429
    behind.now_s = 2.2
    assert behind.ask("GET", peer=FAR).status == 200


def test_a_body_that_is_taken_is_paid_for_by_its_length() -> None:
    behind = Behind()
    behind.guard._bodies = BodyReader(5, 1 << 20)
    assert [behind.ask("POST", pieces=[bytes(16 << 10)], peer=FAR).status for _ in range(7)] == [200] * 6 + [429]
    behind.now_s = 5.0
    assert [behind.ask("POST", pieces=[bytes(1 << 20)], peer=FAR).status for _ in range(2)] == [200, 429]


def test_this_machine_has_no_limit_unless_it_speaks_for_another() -> None:
    behind = Behind(costs=100)
    assert {behind.ask("GET", peer=NEAR).status for _ in range(30)} == {200}
    behind = Behind(proxies=[f"{NEAR}/32"])
    headers = [(b"x-forwarded-for", FAR.encode())]
    assert {behind.ask("GET", peer=NEAR, headers=headers).status for _ in range(30)} == {200, 429}
