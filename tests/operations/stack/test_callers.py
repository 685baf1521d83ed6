import base64
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from operations.stack.callers import GatewayCaller, GatewayGuard, credentials, is_own_account

GUARD = GatewayGuard("default", "full-password-of-2026", "reader-password-of-2026", "analyst-password-of-2026")


@pytest.mark.parametrize(
    ("user", "password", "is_same_account", "caller"),
    [
        ("default", "full-password-of-2026", False, GatewayCaller.FULL),
        ("reader", "reader-password-of-2026", False, GatewayCaller.READER),
        ("default", "", True, GatewayCaller.FULL),
        ("anybody", "", True, GatewayCaller.FULL),
        ("reader", "", True, GatewayCaller.READER),
        ("default", "", False, None),
        ("reader", "", False, None),
        ("", "", False, None),
        ("default", "wrong", True, None),
        ("default", "wrong", False, None),
        ("default", "reader-password-of-2026", False, None),
        ("reader", "full-password-of-2026", False, None),
        ("nobody", "full-password-of-2026", True, None),
        ("default", "full-password-of-2026\n", False, None),
        ("default", "密码\udcff", False, None),
    ],
)
def test_a_caller_is_who_the_password_or_the_kernel_says(
    user: str, password: str, is_same_account: bool, caller: GatewayCaller | None
) -> None:
    assert GUARD.who(user, password, is_same_account=is_same_account) is caller


def test_an_empty_password_opens_nothing_even_where_none_is_set() -> None:
    assert GatewayGuard("default", "", "", "").who("default", "", is_same_account=False) is None


def test_user_and_password_come_as_clickhouse_takes_them() -> None:
    def basic(text: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    assert credentials(basic("u:p:q"), {}) == ("u", "p:q")
    assert credentials(basic("u:密"), {"user": "other"}) == ("u", "密")
    assert credentials({"X-Clickhouse-User": "u", "X-Clickhouse-Key": "p"}, {}) == ("u", "p")
    assert credentials({"X-Clickhouse-Key": "p"}, {}) == ("default", "p")
    assert credentials({}, {"user": "u", "password": "p"}) == ("u", "p")
    assert credentials({}, {}) == ("default", "")
    for broken in ("Basic ???", "Basic /w==", "Basic \xff\xff", "Basic 中", "Basic"):
        user, password = credentials({"Authorization": broken}, {"password": "full-password-of-2026"})
        assert GUARD.who(user, password, is_same_account=False) is None


@contextmanager
def listening(family: socket.AddressFamily, host: str) -> Iterator[socket.socket]:
    with socket.socket(family) as server:
        if family is socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind((host, 0))
        server.listen()
        server.settimeout(20)
        yield server


@pytest.mark.parametrize(
    ("family", "host", "to"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "127.0.0.1"),
    ],
)
def test_our_own_connection_is_known_as_ours_while_it_is_held(family: socket.AddressFamily, host: str, to: str) -> None:
    with listening(family, host) as server, closing(socket.create_connection((to, server.getsockname()[1]))) as client:
        end, peer = server.accept()
        with end:
            assert is_own_account(peer, end.getsockname())
            assert not is_own_account((peer[0], peer[1] ^ 1, *peer[2:]), end.getsockname())
            client.close()  # what is left of it belongs to nobody, which the kernel says as account 0
            assert not is_own_account(peer, end.getsockname())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process under another account")
def test_a_connection_of_another_account_is_not_ours() -> None:
    with listening(socket.AF_INET, "127.0.0.1") as server:
        connect = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]}; read line"
        other = subprocess.Popen(["bash", "-c", connect], user="nobody", cwd="/", stdin=subprocess.PIPE)
        end, peer = server.accept()
        with end:
            assert not is_own_account(peer, end.getsockname())
        other.communicate()
