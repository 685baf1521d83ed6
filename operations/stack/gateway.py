"""The one process that owns the chDB data folder and answers ClickHouse's HTTP interface on loopback.

One thread per connection blocks in the engine, which releases the interpreter; clients keep their connections, so
threads are few and live long. Who may ask for what: `callers`, `statements` and `rights`. An insert is acknowledged
after its part is written and synced, so a process that is killed loses nothing it acknowledged. Not here, unlike a
server: sessions with temporary tables, external data, compressed or streamed answers (an answer is held in memory, at
most `rights.BOUNDS` ``max_result_bytes``).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from urllib.parse import parse_qsl

from civicrec.clock import monotonic_s, utc_now
from civicrec.errors import ConfigError, Unavailable
from civicrec.home import home_id
from civicrec.logs import get_logger, place_of
from civicrec.process.heartbeat import Heart
from civicrec.process.locks import owned
from civicrec.process.ports import host_to_call
from civicrec.process.whose import HOME_HEADER, MISDIRECTED, REFUSAL
from civicrec.security.passwords import ANALYST, READER, ensure_warehouse_passwords
from civicrec.settings import Settings, WarehouseSettings
from civicrec.warehouse.analysts import DATABASE, LIMITS, make_views
from civicrec.warehouse.migrate import migrate
from civicrec.web.origins import parts_of
from civicrec.web.query import whole_number
from civicrec.web.threads import BoundedHandler, BoundedServer
from operations.stack.analyst_statements import check_tree, id_to_cancel, with_id, without_format
from operations.stack.callers import GatewayCaller, GatewayGuard, credentials, is_own_account
from operations.stack.clickhouse_http import MAX_BODY_BYTES, BadRequest, answer_format, parse, status_of
from operations.stack.engine import (
    MAX_SQL_BYTES,
    Engine,
    EngineError,
    EngineWarehouse,
    Result,
    Statement,
    memory_exceeded,
)  # fmt: skip
from operations.stack.parts import Parts, set_aside_unreadable
from operations.stack.rights import ANALYST_ROLE
from operations.stack.statements import RefusedError, UnknownError, check_reader, reads_only
from profiles.tags import load_vocabulary

log = get_logger("gateway")

#: Statements that run at once; more wait. Two cores gain nothing beyond a few, and each connection costs about 1 MB.
CONNECTIONS = 8
#: Of them for those who only read, besides.
READER_CONNECTIONS = 2
#: And for analysts.
ANALYST_CONNECTIONS = 2
#: What holds for a reader, whatever is asked: seconds, memory and rows of one statement; and text as Arrow's text.
READER_SETTINGS = {
    "max_execution_time": "60", "max_memory_usage": str(1 << 30), "max_result_rows": "5000000",
    "output_format_arrow_string_as_string": "1",
}  # fmt: skip
#: What a reader asks is SQL and its parameters.
READER_BODY_BYTES = 4 << 20
#: The same for an analyst, whose role sees no identity.
ANALYST_SETTINGS = {**{name: str(most) for name, most in LIMITS.items()}, "output_format_arrow_string_as_string": "1"}
_MOST = {
    GatewayCaller.FULL: MAX_BODY_BYTES,
    GatewayCaller.READER: READER_BODY_BYTES,
    GatewayCaller.ANALYST: READER_BODY_BYTES,
}
AUTHENTICATION_FAILED, READONLY = 516, 164
#: Table functions by name; those that are ordinary functions too are kept from everybody, or harm nobody.
_TABLE_FUNCTIONS = (
    "SELECT lower(name) AS name FROM system.table_functions WHERE name NOT IN (SELECT name FROM system.functions)"
)
#: How long a stop waits for statements that are running.
DRAIN_S = 20.0
#: Between two looks at what the engine merged.
LOOK_S = 0.25
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class GatewayServer(BoundedServer):
    """The listening socket, the engine behind it, and the count of requests under way."""

    def __init__(
        self, where: WarehouseSettings, engines: Mapping[GatewayCaller, Engine], parts: Parts, guard: GatewayGuard,
        home: str = "",
    ) -> None:  # fmt: skip
        host, port = where.host, where.port
        self.home = home
        self.bounds = where
        self.guard = guard
        self.table_functions: frozenset[str] = frozenset()
        self.parts = parts
        self._engines = engines
        self._is_closing = False
        self.is_ready = False
        self.allowed_hosts = _LOOPBACK | {host_to_call(host).lower(), where.endpoint.host}
        self._busy = 0
        self._changed = threading.Condition()
        self._heart = Heart()
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ConfigError(
                f"the warehouse cannot listen on {host}:{port}: {error.strerror}; "
                "stop what uses the port or set CIVICREC_WAREHOUSE__PORT"
            ) from error

    def server_bind(self) -> None:
        """Bind without looking up the machine's name, which can block where there is no DNS."""
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def service_actions(self) -> None:
        """Beat: the loop that takes connections turns. Statements run in threads and may take as long as they do."""
        self._heart.beat()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say what went wrong in a thread of a connection; a client that hangs up is not news."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            log.error("request_failed", error=type(error).__name__, exception=place_of(error))

    def run(self, statement: Statement, caller: GatewayCaller) -> Result:
        """Run a statement, unless the warehouse is stopping."""
        if self._is_closing:
            raise EngineError(210, "Code: 210. DB::Exception: the warehouse is stopping; try again. (NETWORK_ERROR)")
        return self._engines[caller].run(statement)

    def cancel(self, query_id: str) -> None:
        """End the analyst's statement that runs under this id, if one does."""
        kill = "KILL QUERY WHERE startsWith(query, {mark:String}) ASYNC"
        self.run(Statement(kill, "Null", None, {"mark": with_id("", query_id)}), GatewayCaller.FULL)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count a request until its answer has left, so that a stop can wait for it."""
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Take no further statement and wait until all are answered; tell whether that came true."""
        with self._changed:
            self._is_closing = True
            return self._changed.wait_for(lambda: self._busy == 0, timeout_s)


class _Handler(BoundedHandler):
    protocol_version = "HTTP/1.1"
    server: GatewayServer
    # Head and body leave in one packet; without this the small answers wait 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1
    #: Whether the other end is this account's; the kernel is asked once a connection, when no password comes.
    _is_own: bool | None = None

    def parse_request(self) -> bool:
        """Read the head; end here what is meant for another home's warehouse."""
        if not super().parse_request():
            return False
        if self.headers.get(HOME_HEADER, self.server.home) == self.server.home:
            return True
        self.close_connection = True  # the body was not read
        self._fail(MISDIRECTED, 0, f"this warehouse {REFUSAL}")
        self.wfile.flush()
        return False

    def do_GET(self) -> None:
        """Answer a probe, or a statement that only reads."""
        address = parts_of(self.path)
        if address.path in ("/ping", "/replicas_status"):
            ready = self.server.is_ready
            self._answer(200 if ready else 503, b"Ok.\n" if ready else b"The warehouse is starting.\n")
        else:
            self._statement(address.query, may_write=False)

    def do_POST(self) -> None:
        """Answer any statement."""
        self._statement(parts_of(self.path).query, may_write=True)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the standard library's remarks on malformed requests out of the log of a normal run."""
        log.debug("http_remark", remark=format % args)

    def _statement(self, query_string: str, *, may_write: bool) -> None:
        began = monotonic_s()
        try:
            caller = self._caller(query_string)
            body = self._body(_MOST[caller]) if may_write else b""
        except TimeoutError as error:
            self.close_connection = True
            self._fail(408, 0, str(error))
            return
        except BadRequest as error:  # the body was not read to its end
            self.close_connection = True
            self._fail(error.status, error.code, error.message)
            return
        except MemoryError:
            self.close_connection = True
            self._fail_for_memory()
            return
        with self.server.at_work():
            self._run(query_string, body, caller, began, may_write=may_write)
            self.wfile.flush()

    def _run(self, query_string: str, body: bytes, caller: GatewayCaller, began: float, *, may_write: bool) -> None:
        try:
            statement = parse(query_string, dict(self.headers.items()), body, _MOST[caller])
            if len(statement.sql) > MAX_SQL_BYTES:
                raise BadRequest(413, f"the SQL has {len(statement.sql)} characters; at most {MAX_SQL_BYTES} are taken")
            if caller is GatewayCaller.ANALYST and (query_id := id_to_cancel(statement.sql)):
                self.server.cancel(query_id)
                self._answer(200, b"")
                return
            reads = self._is_allowed(statement, caller, may_write=may_write)
            if caller is GatewayCaller.ANALYST:
                statement = self._of_analyst(statement)
            with nullcontext() if reads else self.server.parts.stored():
                result = self.server.run(statement, caller)
        except BadRequest as error:
            self._fail(error.status, error.code, error.message)
        except UnicodeDecodeError as error:
            self._fail(400, 0, f"the SQL is not UTF-8: {error}")
        except EngineError as error:
            self._fail(status_of(error), error.code, error.message)
        except MemoryError:
            self._fail_for_memory()
        else:
            headers = {"X-ClickHouse-Summary": json.dumps(
                {
                    "read_rows": str(result.read_rows), "written_rows": str(result.written_rows),
                    "elapsed_ns": str(int((monotonic_s() - began) * 1e9)),
                }
            )}  # fmt: skip
            if statement.body is None and (result.data or reads):
                headers["X-ClickHouse-Format"] = answer_format(statement)
            self._answer(200, result.data, headers)

    def _caller(self, query_string: str) -> GatewayCaller:
        self._refuse_browsers()
        user, password = credentials(
            {name.title(): value for name, value in self.headers.items()}, dict(parse_qsl(query_string))
        )
        if not password and self._is_own is None:
            self._is_own = is_own_account(self.client_address, self.connection.getsockname())
        caller = self.server.guard.who(user, password, is_same_account=bool(self._is_own))
        if caller is None:
            raise BadRequest(
                403 if password else 401,
                f"Code: {AUTHENTICATION_FAILED}. DB::Exception: {user}: Authentication failed: password is incorrect, "
                "or there is no user with such name; see docs/operations.md, Secrets. (AUTHENTICATION_FAILED)",
                AUTHENTICATION_FAILED,
            )
        return caller

    def _is_allowed(self, statement: Statement, caller: GatewayCaller, *, may_write: bool) -> bool:
        """Refuse what this caller may not do; tell whether the statement only reads."""
        try:
            reads = reads_only(statement.sql, statement.parameters)
            if caller is GatewayCaller.READER:
                check_reader(statement.sql, self.server.table_functions)
        except RefusedError as error:
            raise _denied(error) from None
        if not reads and (caller is not GatewayCaller.FULL or statement.readonly):
            raise BadRequest(403, f"Code: {READONLY}. DB::Exception: this caller may only read. (READONLY)", READONLY)
        if not reads and not may_write:
            raise BadRequest(400, "a GET may only read; send this statement as a POST")
        return reads

    def _of_analyst(self, statement: Statement) -> Statement:
        """Refuse what the analysts' role does not cover, by the tree the engine itself reads the statement as."""
        if statement.database not in ("default", DATABASE):
            raise _denied(RefusedError(f"analysts work in the database {DATABASE}, not in {statement.database!r}"))
        statement = replace(statement, database=DATABASE)
        tree = Statement(
            f"EXPLAIN AST {without_format(statement.sql)}", "TabSeparatedRaw", None, statement.parameters,
            database=DATABASE,
        )  # fmt: skip
        found = self.server.run(tree, GatewayCaller.ANALYST).data.decode()
        try:
            check_tree(found, self.server.table_functions)
        except RefusedError as error:
            raise _denied(error) from None
        return replace(statement, sql=with_id(statement.sql, statement.query_id))

    def _refuse_browsers(self) -> None:
        """Keep web pages out: a browser of our own account needs no password, and its pages must not reach the data.

        A page's request carries Origin, Sec-Fetch-Site or, in old browsers, Referer alone; one through a rebound DNS
        name carries that name as Host.
        """
        host = parts_of("//" + self.headers.get("Host", "")).hostname or ""
        is_page = any(name in self.headers for name in ("Origin", "Sec-Fetch-Site", "Referer"))
        if is_page or host not in self.server.allowed_hosts:
            raise BadRequest(403, f"requests from web pages, or to host {host!r}, are refused")

    def _body(self, most: int) -> bytes:
        coding = self.headers.get("Transfer-Encoding", "").lower()
        if coding == "chunked":
            return self._chunks(most)
        if coding:
            raise BadRequest(400, f"got Transfer-Encoding {coding[:50]!r}; expected chunked or none")
        written = self.headers.get("Content-Length", "0").strip()
        length = whole_number(written, 0, most)
        if length is None:
            raise BadRequest(
                413 if written.isdigit() else 400,
                f"the body has {written[:50]} bytes; at most {most} are taken in one request",
            )
        body = self.rfile.read(length)
        if len(body) != length:
            raise BadRequest(400, f"the body ended after {len(body)} of {length} bytes")
        return body

    def _chunks(self, most: int) -> bytes:
        body = bytearray()
        while True:
            size = _size_of_chunk(self.rfile.readline(100))
            if len(body) + size > most:
                raise BadRequest(413, f"the body has more than {most} bytes; send it in several inserts")
            chunk = self.rfile.read(size)
            if len(chunk) != size or self.rfile.readline(100) not in (b"\r\n", b"\n"):
                # Never insert a part of what was sent: the client died in the middle.
                raise BadRequest(400, "the chunked body ended early")
            if size == 0:
                return bytes(body)
            body += chunk

    def _fail_for_memory(self) -> None:
        error = memory_exceeded("this process gets no more memory for a request")
        self._fail(status_of(error), error.code, error.message)

    def _fail(self, status: int, code: int, message: str) -> None:
        headers = {"X-ClickHouse-Exception-Code": str(code)} if code else {}
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="civicrec warehouse"'
        self._answer(status, f"{message}\n".encode(), headers)

    def _answer(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/octet-stream" if status == 200 else "text/plain; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-ClickHouse-Timezone", "UTC")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _denied(error: RefusedError) -> BadRequest:
    status = 400 if isinstance(error, UnknownError) else 403
    return BadRequest(status, f"Code: {error.code}. DB::Exception: {error}. ({error.fault})", error.code)


def _size_of_chunk(line: bytes) -> int:
    digits = line.split(b";")[0].strip()
    if not digits or len(digits) > 16 or digits.strip(b"0123456789abcdefABCDEF"):
        raise BadRequest(400, "the chunked body is broken")
    return int(digits, 16)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; statements under way are finished first, if they take no longer than `DRAIN_S`.

    Raises
    ------
    ConfigError
        If another process owns the data folder, or the port is taken.
    Unavailable
        If a part is damaged that the next start gives back.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    where = settings.warehouse
    with owned(settings.warehouse_path / "civicrec.lock", "the warehouse"):
        guard = _guard(settings)
        data = settings.warehouse_path / "data"
        # Half of what the collector leaves free: what it has taken must find its place, and merges an end.
        spare_mb = settings.min_free_disk_mb // 2
        set_aside_unreadable(data)
        with (
            closing(Engine(data, CONNECTIONS, spare_mb=spare_mb)) as engine,
            closing(Engine(data, READER_CONNECTIONS, READER_SETTINGS, spare_mb)) as reading,
            closing(Engine(data, ANALYST_CONNECTIONS, ANALYST_SETTINGS, spare_mb, ANALYST_ROLE)) as analysing,
            closing(Engine(data, 1, spare_mb=spare_mb)) as looking,  # where all the others are busy, too
            GatewayServer(
                where,
                {
                    GatewayCaller.FULL: engine,
                    GatewayCaller.READER: reading,
                    GatewayCaller.ANALYST: analysing,
                },
                parts := Parts(looking.run, data),
                guard,
                home_id(settings.home),
            ) as server,
        ):
            thread = threading.Thread(target=server.serve_forever, name="accept", kwargs={"poll_interval": 0.25})
            thread.start()
            try:
                own = EngineWarehouse(engine, where.database)
                parts.clear()
                migrate(own)
                make_views(
                    own,
                    {tag.name for tag in load_vocabulary().tags.values() if tag.sensitivity == "sensitive"},
                    utc_now(),
                )
                server.table_functions = frozenset(row["name"] for row in own.rows(_TABLE_FUNCTIONS))
                server.is_ready = True
                log.info("warehouse_started", address=where.endpoint.url)
                while not (stop.wait(LOOK_S) or parts.damaged):
                    _look(parts)
            finally:
                server.is_ready = False
                server.shutdown()
                thread.join()
                drained = server.drain(DRAIN_S)
                log.info("warehouse_stopped", drained=drained)
                if not drained:  # closing the engine would wait for the statement; what was answered is stored
                    sys.stderr.flush()
                    parts.set_aside()
                    os._exit(1 if parts.damaged else 0)
        parts.set_aside()
        if parts.damaged:
            raise Unavailable("the disk did not take what was merged; the next start goes on with what it was before")


def _look(parts: Parts) -> None:
    try:
        parts.look()
    except EngineError as error:
        log.warning("parts_not_looked_at", reason=error.message)


def _guard(settings: Settings) -> GatewayGuard:
    if (user := settings.warehouse.user) in (READER, ANALYST):
        raise ConfigError(
            f"CIVICREC_WAREHOUSE__USER is {user!r}, who may only read; it is for analysts' programs, not for the "
            "warehouse itself: leave it out of the stack's settings"
        )
    return GatewayGuard(settings.warehouse.user, *ensure_warehouse_passwords(settings))
