import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from civicrec.errors import CivicrecError, Unavailable
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.stack.engine import MAX_SQL_BYTES, MEMORY_LIMIT_EXCEEDED, engine_error
from operations.stack.gateway import CONNECTIONS
from tests.faults.memory import short_of_memory
from tests.running import RunningStack, environment, running_stack, settings_on_free_ports, wait_for

pytestmark = pytest.mark.stack


SLOW_AND_LONG = b"POST /?query=SELECT+sleep(0.3),repeat('x',9000000) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("gateway"), only=("warehouse",)) as running:
        yield running


def ask(
    gateway: RunningStack, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.settings.warehouse.port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data, dict(answer.getheaders())


def test_plain_http_works_as_with_clickhouse(gateway: RunningStack) -> None:
    assert ask(gateway, "GET", "/ping")[:2] == (200, b"Ok.\n")
    assert ask(gateway, "GET", "/?query=SELECT+1")[:2] == (200, b"1\n")
    status, data, headers = ask(
        gateway, "POST", "/?default_format=JSONEachRow&max_threads=1", b"SELECT getSetting('max_threads') AS n"
    )
    assert (status, data, headers["X-ClickHouse-Format"]) == (200, b'{"n":1}\n', "JSONEachRow")


def test_a_setting_lasts_for_one_statement(gateway: RunningStack) -> None:
    now = b"SELECT getSetting('max_block_size')"
    usual = ask(gateway, "POST", "/", now)[1]
    assert ask(gateway, "POST", "/?max_block_size=7", now)[1] == b"7\n" != usual
    assert {ask(gateway, "POST", "/", now)[1] for _ in range(20)} == {usual}


@pytest.mark.parametrize(
    "words",
    ["readonly=1", "readonly=2", "readonly=1&max_threads=2", "allow_ddl=0", "max_query_size=10", "max_memory_usage=1",
     "max_query_size=10&readonly=1", "max_execution_time=1", "no_such_setting=1", "database=nowhere"],
)  # fmt: skip
def test_no_setting_of_one_statement_hinders_the_next(gateway: RunningStack, words: str) -> None:
    ask(gateway, "POST", f"/?{words}", b"SELECT 1")
    for _ in range(CONNECTIONS + 1):
        assert ask(gateway, "POST", "/", b"SELECT 1 + 1")[:2] == (200, b"2\n")
    assert ask(gateway, "POST", "/", b"CREATE TABLE IF NOT EXISTS after (a Int8) ENGINE = Memory")[0] == 200


@pytest.mark.parametrize(
    "sql",
    [b"SET readonly = 1", b"SELECT 1; SET readonly = 1", b"/* a */ set allow_ddl=0", b"SET max_query_size = 5",
     b"USE system", b"CREATE TEMPORARY TABLE events (a Int8)"],
)  # fmt: skip
def test_nothing_that_a_statement_sets_stays(gateway: RunningStack, sql: bytes) -> None:
    ask(gateway, "POST", "/", sql)
    for _ in range(CONNECTIONS + 1):
        now = b"SELECT currentDatabase(), getSetting('readonly'), getSetting('allow_ddl')"
        assert ask(gateway, "POST", "/", now)[:2] == (200, b"default\t0\ttrue\n")
        assert ask(gateway, "POST", "/", b"EXISTS TEMPORARY TABLE events")[1] == b"0\n"


def rows_of(first: int, n: int, text: str = "x") -> bytes:
    return "".join(f"{300 * k + first}\t{text}\n" for k in range(n)).encode()


FAULTS = {
    "a constraint": (rows_of(13, 1), "", ""),
    "a constraint in the last row": (rows_of(1, 50_000) + rows_of(13, 1), "", ""),
    "not a number": (b"x\tx\n", "", ""),
    "half a row": (b"1\n", "", ""),
    "too many partitions": (b"".join(rows_of(n, 1) for n in range(20, 60)), "max_partitions_per_insert_block=10", ""),
    "too little memory": (rows_of(2, 60_000, "y" * 500), "max_memory_usage=5000000", ""),
    "too little time": (rows_of(2, 60_000, "y" * 500), "max_execution_time=0.001", ""),
    "only to be read": (rows_of(2, 1), "readonly=1", ""),
    "too many parts": (rows_of(2, 1), "", "parts_to_throw_insert = 1, parts_to_delay_insert = 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("said", ["", " SETTINGS async_insert = 1, wait_for_async_insert = 0"])
def test_an_insert_that_is_not_stored_fails_and_can_be_repeated(gateway: RunningStack, fault: str, said: str) -> None:
    rows, settings, limits = FAULTS[fault]
    run = lambda sql: ask(gateway, "POST", "/", sql.encode())[1]  # noqa: E731
    run("DROP TABLE IF EXISTS faulty SYNC")
    run("CREATE TABLE faulty (a UInt64, b String, CONSTRAINT c CHECK a != 13) ENGINE = MergeTree ORDER BY a"
        " PARTITION BY a % 300 SETTINGS non_replicated_deduplication_window = 100, fsync_after_insert = 1")  # fmt: skip
    run("SYSTEM STOP MERGES faulty")
    into = f"query=INSERT+INTO+faulty{said.replace(' ', '+')}+FORMAT+TabSeparated&insert_deduplication_token=again"
    for n in range(2):
        ask(gateway, "POST", f"/?{into}{n}", rows_of(2, 1))
    if limits:
        run(f"ALTER TABLE faulty MODIFY SETTING {limits}")
    before = int(run("SELECT count() FROM faulty"))
    status, data, headers = ask(gateway, "POST", f"/?{into}&{settings}", rows)
    assert (status, int(run("SELECT count() FROM faulty"))) == (status, before)
    assert status != 200
    assert data.startswith(f"Code: {headers['X-ClickHouse-Exception-Code']}. ".encode())
    run("ALTER TABLE faulty MODIFY SETTING parts_to_throw_insert = 3000, parts_to_delay_insert = 1000")
    for _ in range(2):  # the same token: once it is stored it stays so
        status, _, headers = ask(gateway, "POST", f"/?{into}", rows_of(4, 5))
        assert (status, json.loads(headers["X-ClickHouse-Summary"])["written_rows"]) == (200, "5")
        assert int(run("SELECT count() FROM faulty")) == before + 5


def test_a_request_there_is_no_memory_for_fails_and_can_be_repeated(gateway: RunningStack) -> None:
    with closing(ClickHouseWarehouse(gateway.settings.warehouse)) as warehouse:
        warehouse.command("CREATE TABLE large (a String) ENGINE = MergeTree ORDER BY tuple()")
        rows = {"a": ["x" * 1_000] * 50_000}
        with short_of_memory(gateway.pids()["warehouse"], 16):
            with pytest.raises(Unavailable):
                warehouse.insert("large", rows)
            assert warehouse.rows("SELECT count() AS n FROM large") == [{"n": 0}]
        warehouse.insert("large", rows)
        assert warehouse.rows("SELECT count() AS n FROM large") == [{"n": 50_000}]
    assert "request_failed" not in gateway.log


def test_a_fault_of_memory_without_a_code_passes_by_itself() -> None:
    assert engine_error(RuntimeError("std::bad_alloc")).code == MEMORY_LIMIT_EXCEEDED
    assert engine_error(RuntimeError("Code: 60. DB::Exception: bad_alloc")).code == 60


def test_errors_carry_code_and_status(gateway: RunningStack) -> None:
    status, data, headers = ask(gateway, "POST", "/", b"SELECT * FROM nowhere")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (404, "60")
    assert data.startswith(b"Code: 60. DB::Exception: ")
    assert ask(gateway, "POST", "/?not_a_setting=1", b"SELECT 1")[0] == 400
    assert ask(gateway, "POST", "/?database=nowhere", b"SELECT 1")[0] == 404
    assert ask(gateway, "POST", "/", b"\xff")[0] == 400
    assert ask(gateway, "POST", "/", b"SELECT 1", Content_Encoding="br")[0] == 415


def test_sql_beyond_the_limit_is_refused(gateway: RunningStack) -> None:
    assert ask(gateway, "POST", "/", b"SELECT '" + b"x" * MAX_SQL_BYTES + b"'")[0] == 413
    assert ask(gateway, "POST", "/", b"SELECT length('" + b"x" * 300_000 + b"')")[1] == b"300000\n"


def test_a_web_page_gets_nothing(gateway: RunningStack) -> None:
    assert ask(gateway, "POST", "/", b"SELECT 1", Origin="http://evil.example")[0] == 403
    assert ask(gateway, "GET", "/?query=SELECT+1", Sec_Fetch_Site="cross-site")[0] == 403
    assert ask(gateway, "POST", "/", b"SELECT 1", Referer="http://evil.example/")[0] == 403
    assert ask(gateway, "GET", "/?query=SELECT+1", Host="rebound.example")[0] == 403


def test_a_get_cannot_write(gateway: RunningStack) -> None:
    assert ask(gateway, "GET", "/?query=CREATE+DATABASE+oops")[0] == 400
    assert b"oops" not in ask(gateway, "POST", "/", b"SHOW DATABASES")[1]


def test_an_insert_whose_sender_died_stores_nothing(gateway: RunningStack) -> None:
    ask(gateway, "POST", "/", b"CREATE TABLE IF NOT EXISTS cut (a UInt64) ENGINE = MergeTree ORDER BY a")
    head = b"POST /?query=INSERT+INTO+cut+FORMAT+CSV HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for body in (b"Content-Length: 100\r\n\r\n1\n2\n", b"Transfer-Encoding: chunked\r\n\r\n4\r\n1\n2\n\r\n9\r\n3\n"):
        with socket.create_connection(("127.0.0.1", gateway.settings.warehouse.port)) as sender:
            sender.sendall(head + body)
    with socket.create_connection(("127.0.0.1", gateway.settings.warehouse.port)) as sender:
        sender.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n4\r\n1\n2\n\r\n0\r\n\r\n")
        assert sender.recv(100).startswith(b"HTTP/1.1 200")
    time.sleep(0.3)
    assert ask(gateway, "POST", "/", b"SELECT count() FROM cut")[1] == b"2\n"


def test_a_client_that_hangs_up_is_not_news(gateway: RunningStack) -> None:
    for request in (b"nonsense\r\n\r\n", SLOW_AND_LONG):
        with socket.create_connection(("127.0.0.1", gateway.settings.warehouse.port)) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not goodbye
            sender.sendall(request)
            time.sleep(0.1)
    time.sleep(0.8)
    assert ask(gateway, "GET", "/ping")[0] == 200
    assert "Traceback" not in gateway.log


def test_a_second_process_on_the_folder_says_so_in_one_line(gateway: RunningStack) -> None:
    second = settings_on_free_ports(gateway.settings.home)
    done = subprocess.run(
        [sys.executable, "-m", "civicrec", "warehouse"],
        env=environment(second),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"in use as the warehouse by process {gateway.pids()['warehouse']}" in done.stderr


def test_a_foreign_program_on_the_folder_says_so(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path)
    folder = settings.warehouse_path / "data"
    code = f"import chdb, sys; c = chdb.connect({str(folder)!r}); print('open', flush=True); sys.stdin.read()"
    folder.mkdir(parents=True)
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        done = subprocess.run(
            [sys.executable, "-m", "civicrec", "warehouse"],
            env=environment(settings),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        holder.communicate()
    assert done.returncode == 2
    assert "civicrec: the warehouse engine cannot open" in done.stderr.splitlines()[-1]


def test_readers_and_writers_work_at_the_same_time(gateway: RunningStack) -> None:
    warehouse = ClickHouseWarehouse(gateway.settings.warehouse)
    warehouse.command(
        "CREATE TABLE both (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 99"
    )
    warehouse.insert("both", {"a": [0]}, token="0")
    sleep = "SELECT sleepEachRow(1) FROM numbers(8) SETTINGS max_block_size = 1"
    slow = threading.Thread(target=lambda: warehouse.rows(sleep))
    slow.start()
    for i in range(1, 4):
        warehouse.insert("both", {"a": [i]}, token=str(i))
        assert warehouse.rows("SELECT count() AS n FROM both") == [{"n": i + 1}]
    assert slow.is_alive()  # the sleeper held nobody up
    slow.join()
    warehouse.close()


def test_kill_nine_loses_no_acknowledged_insert_and_a_retry_doubles_none(tmp_path: Path) -> None:
    with running_stack(tmp_path, only=("warehouse",)) as stack:
        warehouse = ClickHouseWarehouse(stack.settings.warehouse)
        warehouse.command(
            "CREATE TABLE hits (a UInt64) ENGINE = MergeTree ORDER BY a"
            " SETTINGS non_replicated_deduplication_window = 9999"
        )
        acknowledged: list[int] = []
        unsure: list[int] = []
        stop = threading.Event()

        def write(start: int) -> None:
            i = start
            while not stop.is_set():
                try:
                    warehouse.insert("hits", {"a": [i] * 100}, token=str(i))
                except Unavailable:
                    unsure.append(i)
                    time.sleep(0.05)
                    continue  # the same rows under the same token
                acknowledged.append(i)
                i += 10

        threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            goal = len(acknowledged) + 20
            wait_for(lambda goal=goal: len(acknowledged) >= goal, 60, "inserts")
            stack.wait_restarted("warehouse", stack.kill("warehouse"))
            wait_for(warehouse.ping, 60, "the gateway")
        stop.set()
        for thread in threads:
            thread.join()
        rows = warehouse.rows("SELECT a, count() AS n FROM hits GROUP BY a")
        warehouse.close()
    assert unsure  # the kills did interrupt
    assert {row["a"] for row in rows} >= set(acknowledged)
    assert {row["n"] for row in rows} == {100}


@contextmanager
def alone(folder: Path, *command: str) -> Iterator[tuple[subprocess.Popen[bytes], ClickHouseWarehouse]]:
    """Run the gateway without a supervisor, by `civicrec` or by a program of its own."""
    settings = settings_on_free_ports(folder)
    process = subprocess.Popen(
        [sys.executable, *(command or ("-m", "civicrec", "warehouse"))], env=environment(settings)
    )
    warehouse = ClickHouseWarehouse(settings.warehouse)
    try:
        wait_for(warehouse.ping, 60, "the gateway")
        warehouse.rows("SELECT 1")  # the client's own first questions are over then
        yield process, warehouse
    finally:
        process.kill()
        process.wait()
        warehouse.close()


def test_sigterm_finishes_the_statement_under_way(tmp_path: Path) -> None:
    answers: list[object] = []
    with alone(tmp_path) as (process, warehouse):
        slow = threading.Thread(target=lambda: answers.append(warehouse.rows("SELECT sleep(2.5) AS s")))
        slow.start()
        time.sleep(1)
        os.kill(process.pid, signal.SIGTERM)
        slow.join()
        assert answers == [[{"s": 0}]]
        assert process.wait(20) == 0


IMPATIENT = """
from civicrec.settings import Settings
from operations.stack import gateway
gateway.DRAIN_S = 0.5
gateway.run(Settings())
"""


def test_sigterm_does_not_wait_for_a_statement_without_end(tmp_path: Path) -> None:
    def ask() -> None:
        with suppress(CivicrecError):
            warehouse.rows("SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1")

    with alone(tmp_path, "-c", IMPATIENT) as (process, warehouse):
        slow = threading.Thread(target=ask)
        slow.start()
        time.sleep(1)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(15) == 0
        slow.join()


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux alone has on_exit")
@pytest.mark.parametrize("code", [0, 3])
def test_the_engine_s_process_ends_without_what_its_library_tears_down(tmp_path: Path, code: int) -> None:
    program = f"""
import ctypes, sys
from pathlib import Path
libc = ctypes.CDLL(None)
libc.on_exit(libc.abort, None)  # as a library does that was loaded before
from operations.stack.engine import Engine, Statement
engine = Engine(Path({str(tmp_path / "data")!r}), 1)
print(engine.run(Statement("SELECT 1")).data)
sys.exit({code})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "b'1\\n'\n")
