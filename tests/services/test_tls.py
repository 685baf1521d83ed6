"""The stores behind TLS: reached with the right authority and name, by no other way, and never in clear."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.exceptions import ConnectionError as RedisConnectionError

from civicrec.clients import redis_client
from civicrec.errors import ConfigError, Unavailable
from civicrec.kafka.connection import connection
from civicrec.registry.connection import connect
from civicrec.security.secrets import read_secret
from civicrec.security.tls import tls_context
from civicrec.settings import KafkaSettings, RedisSettings, Settings, WarehouseSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.stack.endpoints import is_ready
from profiles.online.ports import ActorState
from profiles.online.redis_reader import RedisOnlineReader
from tests.certificates import Certificates, made_certificates
from tests.running import RunningStack, free_ports, running_stack, wait_for
from tests.services.postgresql import PostgreSQL

PASSWORD = 'a password of "quotes", \\ and 密'


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of an authority nobody here trusts."""
    return made_certificates(tmp_path_factory.mktemp("stranger"))


@contextmanager
def wrapped(certificates: Certificates, port: int, seen: list[bytes]) -> Iterator[int]:
    """Listen with TLS in front of a port, asking for a client's certificate; `seen` gets what arrives before TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.authority)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.verify_mode = ssl.CERT_OPTIONAL

    def carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve(plain: socket.socket) -> None:
        with plain, suppress(OSError):
            seen.append(plain.recv(3, socket.MSG_PEEK))
            with (
                context.wrap_socket(plain, server_side=True) as near,
                socket.create_connection(("127.0.0.1", port)) as far,
            ):
                back = threading.Thread(target=carry, args=(far, near))
                back.start()
                carry(near, far)
                back.join()

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def redis_with_tls(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisSettings]:
    """A Redis that speaks TLS alone and asks for the client's certificate."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("Redis is not installed; its tests need Debian's package redis-server")
    port, folder = free_ports(1)[0], tmp_path_factory.mktemp("redis")
    settings = RedisSettings(
        port=port, password=SecretStr(PASSWORD), tls=True, ca_file=certificates.authority,
        cert_file=certificates.client, key_file=certificates.client_key,
    )  # fmt: skip
    command = [
        program, "--port", "0", "--tls-port", str(port), "--tls-cert-file", certificates.server, "--tls-key-file",
        certificates.server_key, "--tls-ca-cert-file", certificates.authority, "--requirepass", PASSWORD,
        "--dir", folder,
    ]  # fmt: skip
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_ready("valkey", Settings(home=folder, redis=settings)), 30, "Redis with TLS")
        yield settings
    finally:
        child.terminate()
        child.wait(20)


def test_redis_is_reached_through_tls_alone(redis_with_tls: RedisSettings, stranger: Certificates) -> None:
    with closing(redis_client(redis_with_tls)) as client:
        client.set("key", "值")
        assert client.get("key") == "值".encode()
    for way in (
        {"tls": False},
        {"ca_file": None},
        {"ca_file": stranger.authority},
        {"cert_file": None, "key_file": None},
    ):
        settings = redis_with_tls.model_copy(update=way)
        with closing(redis_client(settings, timeout_s=5)) as client, pytest.raises((RedisConnectionError, OSError)):
            client.ping()


def test_lists_read_redis_through_tls_alone(redis_with_tls: RedisSettings, stranger: Certificates) -> None:
    async def read(settings: RedisSettings) -> ActorState:
        reader = RedisOnlineReader(settings)
        try:
            return await reader.actor("a:nobody")
        finally:
            await reader.close()

    assert asyncio.run(read(redis_with_tls)) == ActorState()
    for way in ({"tls": False}, {"ca_file": None}, {"ca_file": stranger.authority}):
        with pytest.raises(Unavailable):
            asyncio.run(read(redis_with_tls.model_copy(update=way)))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("gateway"), only=("warehouse",)) as running:
        yield running


@pytest.mark.stack
def test_clickhouse_is_reached_through_tls_alone(
    gateway: RunningStack, certificates: Certificates, stranger: Certificates, tmp_path: Path
) -> None:
    seen: list[bytes] = []
    password = SecretStr(read_secret(gateway.settings.home / "warehouse.key"))
    with wrapped(certificates, gateway.settings.warehouse.port, seen) as port:
        good = WarehouseSettings(
            port=port, password=password, tls=True, ca_file=certificates.authority,
            cert_file=certificates.client, key_file=certificates.client_key,
        )  # fmt: skip
        with closing(ClickHouseWarehouse(good)) as warehouse:
            assert warehouse.rows("SELECT 1 AS one") == [{"one": 1}]
        assert is_ready("warehouse", Settings(home=tmp_path, warehouse=good))
        for way in ({"tls": False}, {"ca_file": None}, {"ca_file": stranger.authority}):
            settings = good.model_copy(update=way)
            with closing(ClickHouseWarehouse(settings)) as warehouse, pytest.raises(Unavailable):
                warehouse.rows("SELECT 1 AS one")
    assert sorted({first[:1] for first in seen}) == [b"\x16", b"P"]  # TLS handshakes, and a request when TLS was off


def test_kafka_clients_get_a_context_that_checks_the_broker(certificates: Certificates, stranger: Certificates) -> None:
    with wrapped(certificates, free_ports(1)[0], []) as port:
        for authority in (certificates.authority, stranger.authority, None):
            settings = KafkaSettings(
                bootstrap=f"127.0.0.1:{port}", security_protocol="SASL_SSL", ca_file=authority,
                cert_file=certificates.client, key_file=certificates.client_key,
            )  # fmt: skip
            context = connection(settings)["ssl_context"]
            is_trusted = authority is certificates.authority
            with (
                socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
                nullcontext() if is_trusted else pytest.raises(ssl.SSLCertVerificationError),
                context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
            ):
                assert secure.version() == "TLSv1.3"


@pytest.fixture
def postgresql_with_tls(certificates: Certificates) -> Iterator[PostgreSQL]:
    one = PostgreSQL(certificates)
    try:
        one.start()
        yield one
    finally:
        one.remove()


def test_postgresql_is_reached_through_tls_alone(
    postgresql_with_tls: PostgreSQL, certificates: Certificates, stranger: Certificates
) -> None:
    def encrypted(words: str) -> bool:
        engine = connect(f"{postgresql_with_tls.address()}?{words}")
        try:
            with engine.connect() as found:
                sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
                return bool(found.exec_driver_sql(sql).scalar())
        finally:
            engine.dispose()

    assert encrypted(f"sslmode=verify-full&sslrootcert={certificates.authority}")
    for words in ("sslmode=disable", f"sslmode=verify-full&sslrootcert={stranger.authority}"):
        with pytest.raises((Unavailable, ConfigError)):
            encrypted(words)


def spoilt(certificates: Certificates, folder: Path) -> Path:
    path = folder / "spoilt.pem"
    path.write_text("not a certificate")
    return path


@pytest.mark.parametrize("file", [lambda _, folder: folder / "nowhere.pem", spoilt])
@pytest.mark.parametrize("name", ["ca_file", "cert_file"])
def test_a_certificate_that_cannot_be_used_is_one_clear_error(
    name: str, file: Callable[[Certificates, Path], Path], certificates: Certificates, tmp_path: Path
) -> None:
    for kind in (RedisSettings, WarehouseSettings):
        with pytest.raises(ConfigError, match=r"\.pem cannot be used"):
            tls_context(kind.model_validate({"tls": True, name: file(certificates, tmp_path)}))
    with pytest.raises(ConfigError, match=r"\.pem cannot be used"):
        connection(KafkaSettings.model_validate({"security_protocol": "SSL", name: file(certificates, tmp_path)}))
