"""The gateway on a real engine: whoever asks, and whatever is asked, nothing outside the warehouse is reached."""

import gzip
import http.client
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

import civicrec
from civicrec.errors import ConfigError
from civicrec.security.passwords import ANALYST, READER, as_analyst, with_passwords
from civicrec.security.secrets import read_secret
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.running import RunningStack, running_stack, settings_on_free_ports

pytestmark = pytest.mark.stack
CANARY = "canary-of-the-service-account"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("access"), only=("warehouse",)) as running:
        (running.settings.home / "canary").write_text(CANARY)
        run(running, "CREATE TABLE default.kept (a UInt64) ENGINE = MergeTree ORDER BY a")
        run(running, "INSERT INTO default.kept VALUES (7)")
        yield running


def ask(
    gateway: RunningStack, sql: str, *, method: str = "POST", user: str = "", words: str = "", path: str = "/"
) -> tuple[int, bytes, str]:
    """Ask as this account, or as `user` with the password the home holds."""
    port = gateway.settings.warehouse.port
    headers = {}
    if user:
        name = "reader.key" if user == READER else "warehouse.key"
        headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": read_secret(gateway.settings.home / name)}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    if method == "GET":
        connection.request("GET", f"{path}?query={quote(sql)}{words}", headers=headers)
    else:
        connection.request("POST", f"{path}?{words.lstrip('&')}", sql.encode(), headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data, answer.getheader("X-ClickHouse-Exception-Code", "")


def run(gateway: RunningStack, sql: str) -> bytes:
    status, data, _ = ask(gateway, sql)
    assert status == 200, data
    return data


def as_nobody(gateway: RunningStack, *arguments: str) -> tuple[int, str]:
    """Ask with curl under another account."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a process under another account")
    done = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", *arguments],
        user="nobody",
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


def test_another_account_of_the_machine_needs_a_password(gateway: RunningStack) -> None:
    url = gateway.warehouse_url
    password = read_secret(gateway.settings.home / "reader.key")
    assert as_nobody(gateway, f"{url}/ping") == (200, "Ok.\n")
    for arguments in (("-d", "SELECT 1", url), (f"{url}/?query=SELECT+1",), (f"{url}/?query=SELECT+1&user=default",)):
        status, text = as_nobody(gateway, *arguments)
        assert (status, text[:10]) == (401, "Code: 516.")
    status, text = as_nobody(gateway, "-u", "default:wrong", "-d", "SELECT 1", url)
    assert (status, text[:10]) == (403, "Code: 516.")
    assert as_nobody(gateway, "-u", f"reader:{password}", "-d", "SELECT a FROM default.kept", url) == (200, "7\n")


def test_a_wrong_password_is_wrong_for_this_account_too(gateway: RunningStack) -> None:
    for words in ("&user=default&password=wrong", f"&user={READER}&password=x", "&user=nobody&password=x"):
        assert ask(gateway, "SELECT 1", words=words)[::2] == (403, "516")
    assert ask(gateway, "SELECT currentUser()", user="default")[:2] == (200, b"default\n")


def test_a_client_with_a_wrong_password_is_told_what_to_do(gateway: RunningStack) -> None:
    settings = gateway.settings.warehouse.model_copy(update={"user": READER})  # with the full user's password
    with pytest.raises(ConfigError, match=r"password.*docs/operations\.md"):
        ClickHouseWarehouse(settings).rows("SELECT 1")


REACHING = [
    "SELECT * FROM file('{canary}', 'LineAsString')",
    "SELECT file('{canary}')",
    "SELECT `file`('{canary}')",
    "SELECT arrayMap(file, ['{canary}'])",
    "SELECT * FROM `{canary}`",
    "SELECT * FROM _files.`{canary}`",
    "SELECT * FROM default.`{canary}`",
    "DESCRIBE file('{canary}')",
    "SELECT * FROM fileCluster('default', '{canary}')",
    "SELECT * FROM url('http://127.0.0.1:{port}/?query=SELECT+1', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1', 'system.one')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'CSV', 'a String')",
    "SELECT * FROM icebergLocal('{home}')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM sqlite('{home}/x', 'y')",
    "SELECT * FROM executable('id', 'LineAsString', 'a String')",
    "SELECT 1 INTO OUTFILE '{home}/written'",
    "SELECT 1 /**/ into\noutfile '{home}/written'",
    "SELECT 1;\nSELECT 2",
]
WRITING = [
    "INSERT INTO FUNCTION file('{home}/written') SELECT 1",
    "INSERT INTO default.kept FROM INFILE '{canary}' FORMAT LineAsString",
    "CREATE TABLE f (a String) ENGINE = File(LineAsString, '{canary}')",
    "CREATE DATABASE f ENGINE = Filesystem('{home}')",
    "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(command 'touch {home}/written' format 'TSV'))"
    " LIFETIME(0) LAYOUT(FLAT())",
    "CREATE TABLE t AS file('{canary}', 'LineAsString')",
    "CREATE VIEW v AS SELECT * FROM file('{canary}', 'LineAsString')",
    "BACKUP TABLE default.kept TO File('{home}/written')",
    "ATTACH TABLE z FROM '{home}/moved' (a Int8) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a"
    " SETTINGS disk = disk(type = local, path = '{home}/written/')",
    "SET max_memory_usage = 0",
    "CREATE NAMED COLLECTION n AS a = 1",
    "SYSTEM SHUTDOWN",
]


@pytest.mark.parametrize("sql", REACHING + WRITING)
def test_nobody_reaches_beyond_the_warehouse(sql: str, gateway: RunningStack) -> None:
    home = gateway.settings.home
    (home / "moved").mkdir(exist_ok=True)
    sql = sql.format(home=home, canary=home / "canary", port=gateway.settings.warehouse.port)
    for user in ("", "default", READER):
        for method in ("GET", "POST"):
            status, data, _ = ask(gateway, sql, method=method, user=user)
            assert status >= 400
            assert CANARY.encode() not in data
    assert not (home / "written").exists()
    assert (home / "moved").is_dir()
    assert run(gateway, "SELECT a FROM default.kept") == b"7\n"


@pytest.mark.parametrize(
    "words",
    ["max_memory_usage=8589934592", "max_memory_usage=0", "max_execution_time=0", "max_execution_time=99999",
     "max_result_bytes=0", "max_query_size=999999999", "format_schema=/etc/passwd:X",
     "format_avro_schema_registry_url=http://127.0.0.1:1", "interactive_delay=0", "ast_fuzzer_runs=9999999999"],
)  # fmt: skip
def test_nobody_raises_a_limit(words: str, gateway: RunningStack) -> None:
    name, value = words.split("=")
    assert ask(gateway, "SELECT 1", words=f"&{words}")[0] >= 400
    assert ask(gateway, f"SELECT 1 SETTINGS {name} = '{value}'")[0] >= 400
    assert run(gateway, "SELECT getSetting('max_memory_usage')") == b"4294967296\n"
    assert ask(gateway, "SELECT getSetting('max_memory_usage')", words="&max_memory_usage=99999999")[1] == b"99999999\n"


@pytest.mark.parametrize(
    "words", ["readonly=1", "readonly=2", "allow_ddl=0", "max_query_size=10", "max_memory_usage=1"]
)
def test_what_one_caller_asks_for_does_not_last(words: str, gateway: RunningStack) -> None:
    for _ in range(10):
        ask(gateway, "SELECT 1", words=f"&{words}")
    assert {ask(gateway, "SELECT 1 + 1")[1] for _ in range(10)} == {b"2\n"}
    run(gateway, "CREATE TABLE still (a UInt64) ENGINE = MergeTree ORDER BY a")
    run(gateway, "DROP TABLE still SYNC")


def test_readonly_is_kept_as_a_promise(gateway: RunningStack) -> None:
    assert ask(gateway, "SELECT 1", words="&readonly=1")[:2] == (200, b"1\n")
    assert ask(gateway, "INSERT INTO default.kept VALUES (8)", words="&readonly=1")[::2] == (403, "164")


def test_a_reader_reads_tables_and_nothing_else(gateway: RunningStack) -> None:
    assert ask(gateway, "SELECT a FROM default.kept", user=READER)[:2] == (200, b"7\n")
    assert ask(gateway, "SHOW TABLES FROM default", user=READER)[1] == b"kept\n"
    assert ask(gateway, "SELECT name FROM system.settings LIMIT 1", user=READER)[0] == 200
    for sql in ("INSERT INTO default.kept VALUES (8)", "DROP TABLE default.kept", "CREATE TABLE r AS default.kept",
                "CREATE TEMPORARY TABLE r (a Int8)", "ALTER TABLE default.kept DELETE WHERE 1", "SYSTEM STOP MERGES",
                "SELECT * FROM numbers(3)", "SELECT 1 SETTINGS max_threads = 1", "KILL QUERY WHERE 1"):  # fmt: skip
        assert ask(gateway, sql, user=READER)[0] == 403
    limits = "SELECT getSetting('max_execution_time'), getSetting('max_memory_usage'), getSetting('max_result_rows')"
    words = "&" + urlencode(
        {"max_execution_time": 3600, "max_memory_usage": 4 << 30, "max_result_rows": 0, "readonly": 0}
    )
    assert ask(gateway, limits, user=READER, words=words)[1] == b"60\t1073741824\t5000000\n"


def test_readers_do_not_keep_the_stack_waiting(gateway: RunningStack) -> None:
    slow = [
        subprocess.Popen(
            ["curl", "-s", "-u", f"reader:{read_secret(gateway.settings.home / 'reader.key')}", gateway.warehouse_url,
             "-d", "SELECT sleepEachRow(1) FROM system.numbers LIMIT 15 SETTINGS max_block_size = 1"],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(12)
    ]  # fmt: skip
    try:
        for _ in range(8):
            assert run(gateway, "SELECT 1") == b"1\n"
    finally:
        for one in slow:
            one.kill()
            one.wait()


def test_an_analyst_reads_as_the_reading_user(gateway: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in gateway.env.items():
        if name.startswith("CIVICREC_"):
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("CIVICREC_WAREHOUSE__PASSWORD", raising=False)
    with civicrec.connect() as session:
        assert session.query("SELECT count() AS n, 'é' AS t FROM events").to_pylist() == [{"n": 0, "t": "é"}]


def test_comments_and_packed_bodies_cost_what_they_hold(gateway: RunningStack) -> None:
    assert ask(gateway, "/**/" * 40 + "SELECT 1", method="GET")[:2] == (200, b"1\n")
    assert ask(gateway, "/**/" * 200_000 + "x")[0] == 400
    port = gateway.settings.warehouse.port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/", gzip.compress(bytes(300 << 20), 1), {"Content-Encoding": "gzip"})
    assert connection.getresponse().status == 413
    connection.close()
    reader = {"X-ClickHouse-User": READER, "X-ClickHouse-Key": read_secret(gateway.settings.home / "reader.key")}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(
        "POST", "/", gzip.compress(b"SELECT 1" + b" " * (5 << 20)), {"Content-Encoding": "gzip", **reader}
    )
    assert connection.getresponse().status == 413  # 4 MiB at most, packed or not
    connection.close()


def test_the_passwords_are_files_of_this_account_alone(gateway: RunningStack) -> None:
    for name in ("warehouse.key", "reader.key", "analyst.key"):
        assert stat.S_IMODE((gateway.settings.home / name).stat().st_mode) == 0o600


def test_tables_made_before_there_were_rights_are_still_there(tmp_path: Path) -> None:
    code = (
        "import chdb, sys; c = chdb.connect(sys.argv[1]);"
        "c.query('CREATE TABLE old (a UInt64) ENGINE = MergeTree ORDER BY a'); c.query('INSERT INTO old VALUES (5)')"
    )
    folder = tmp_path / "warehouse/data"
    folder.mkdir(parents=True)
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
    settings = settings_on_free_ports(tmp_path)
    for n in (1, 2):  # the second start finds what the first one changed
        with running_stack(tmp_path, only=("warehouse",), settings=settings) as stack:
            assert run(stack, "SELECT count(), max(a) FROM default.old") == f"{n}\t5\n".encode()
            run(stack, "INSERT INTO old VALUES (1)")


def test_passwords_of_the_settings_win_over_those_of_the_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert with_passwords(settings) == settings  # no embedded store was started here: stores of one's own
    assert as_analyst(settings) == settings
    for name in ("warehouse.key", "analyst.key", "valkey.key"):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text(f"secret-of-{name}")
    found = with_passwords(settings)
    assert found.warehouse.password.get_secret_value() == "secret-of-warehouse.key"
    assert found.redis.password.get_secret_value() == "secret-of-valkey.key"
    reading = as_analyst(found).warehouse
    assert (reading.user, reading.password.get_secret_value()) == (ANALYST, "secret-of-analyst.key")
    own = settings.model_validate({
        "home": tmp_path, "warehouse": {"user": "civic", "password": "mine"}, "redis": {"password": "theirs"}
    })  # fmt: skip
    assert as_analyst(with_passwords(own)) == own
