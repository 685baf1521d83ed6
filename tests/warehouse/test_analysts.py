"""The statements that give analysts their views: read by the engine, and run on a server where one is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from civicrec.errors import CivicrecError, InvalidInput
from civicrec.settings import WarehouseSettings
from civicrec.warehouse.analyst_tables import TABLES
from civicrec.warehouse.analysts import DATABASE, NEW_KEY, grant_statements, make_views, view_statements
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from operations.stack.engine import Engine, EngineError, EngineWarehouse, Statement
from tests.services.clickhouse import ADDRESS, WHY_NOT, server_settings

pytestmark = pytest.mark.stack
#: There is no such role, user or profile, and no place for one: the embedded engine has read the statement, and cannot.
UNDERSTOOD = {511, 514}
IDS = {"actor", "anonymous_id", "subject_id", "session_id", "request_id"}
PASSWORD = "a-password-of-2026"
NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with closing(Engine(tmp_path / "data", 1)) as opened:
        yield opened


@pytest.mark.parametrize("user", ["wang", "Wang_2", "a" * 64])
def test_a_server_can_read_the_grants(user: str, engine: Engine) -> None:
    for sql in grant_statements(user, PASSWORD):
        with pytest.raises(EngineError) as caught:
            engine.run(Statement(sql))
        assert caught.value.code in UNDERSTOOD, caught.value.message
        assert PASSWORD not in sql


@pytest.mark.parametrize("user", ["", "o'wang", "a`b", "a b", "a" * 65, "a;DROP"])
def test_a_user_has_a_plain_name(user: str) -> None:
    with pytest.raises(InvalidInput, match="expected 1 to 64 letters"):
        grant_statements(user, PASSWORD)


def test_views_are_made_as_often_as_one_likes_and_on_what_is_printed(engine: Engine) -> None:
    warehouse = EngineWarehouse(engine, "civicrec")
    migrate(warehouse)
    for sql in [NEW_KEY.format(database="civicrec"), *view_statements("civicrec", {"theme:信访", "it's"})] * 2:
        warehouse.command(sql)
    make_views(warehouse, set(), NOW)
    made = warehouse.rows("SELECT name FROM system.tables WHERE database = 'analyst' ORDER BY name")
    assert [row["name"] for row in made] == sorted(one.name for one in TABLES)
    for one in TABLES:
        rows = warehouse.rows(f"SELECT * FROM analyst.{one.name}")
        assert len(rows) == (1 if one.name == "running" else 0)  # this very question runs


def test_no_view_has_a_column_that_names_somebody() -> None:
    named = {"event_id", "query", "url_path", "title", "props", "raw", "detail"}
    for one in (table for table in TABLES if table.name != "catalogue"):  # which is public
        assert not named & {column.name for column in one.columns}
        for column in one.columns:
            assert column.name not in IDS or "sipHash64Keyed" in column.expression


def test_the_two_databases_have_two_names() -> None:
    with pytest.raises(InvalidInput, match="name another one"):
        view_statements(DATABASE, set())


HOSTILE = (
    "SELECT actor FROM {database}.events", "SELECT key_0 FROM {database}.analyst_keys", "SELECT event_id FROM events",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", "SELECT * FROM file('x', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1', '{database}.events')", "SELECT * FROM merge('{database}', 'events')",
    "SELECT * FROM executable('id', 'TSV', 'a String')", "SELECT * FROM s3('http://127.0.0.1:1/b/x', 'CSV')",
    "SELECT 1 SETTINGS max_memory_usage = 0", "SET readonly = 0", "INSERT INTO events (kind) VALUES ('a')",
    "DROP VIEW events", "CREATE TABLE {database}.t (a Int8) ENGINE = Memory",
    "ALTER TABLE {database}.events DELETE WHERE 1",
    "GRANT SELECT ON *.* TO CURRENT_USER", "SELECT * FROM system.users", "SELECT * FROM system.query_log",
    "SYSTEM FLUSH LOGS", "SET ROLE ALL EXCEPT civicrec_analyst, civicrec_analyst",
)  # fmt: skip


@pytest.mark.skipif(not ADDRESS, reason=WHY_NOT)
def test_a_server_refuses_an_analyst_too() -> None:
    own = server_settings(f"civicrec_test_{uuid4().hex[:8]}")
    user = f"analyst_{uuid4().hex[:8]}"
    with closing(ClickHouseWarehouse(own)) as full:
        migrate(full)
        make_views(full, set(), NOW)
        try:
            for sql in grant_statements(user, PASSWORD):
                full.command(sql)
            theirs = {"user": user, "password": SecretStr(PASSWORD), "database": DATABASE}
            _refused(own.model_copy(update=theirs), own.database)
        finally:
            full.command(f"DROP USER IF EXISTS {user}")
            full.command(f"DROP DATABASE {own.database}")
            full.command(f"DROP DATABASE {DATABASE}")


def _refused(theirs: WarehouseSettings, database: str) -> None:
    with closing(ClickHouseWarehouse(theirs)) as analyst:
        assert analyst.rows("SELECT count() AS n, uniqExact(actor) AS people FROM events") == [{"n": 0, "people": 0}]
        for sql in HOSTILE:
            with pytest.raises(CivicrecError):
                analyst.command(sql.format(database=database))
