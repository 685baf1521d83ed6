"""An analyst of the embedded warehouse sees no identity, whatever is asked."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest

from civicrec.home import ANALYST_KEY
from civicrec.security.passwords import ANALYST
from civicrec.security.secrets import read_secret
from civicrec.warehouse.analyst_tables import TABLES
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.running import RunningStack, running_stack

pytestmark = pytest.mark.stack
#: What no answer may hold: an actor, a device, a subject, a session, a list, what was typed, where, and with what.
SECRETS = (
    "actor-of-wang", "device-of-wang", "subject-of-wang", "session-of-wang", "list-of-wang", "wang-typed", "wang-path",
    "wang-title", "wang-props",
)  # fmt: skip


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("analyst"), only=("warehouse",)) as running:
        warehouse = ClickHouseWarehouse(running.settings.warehouse)
        at = datetime(2026, 3, 2, 4, tzinfo=UTC)
        for n in range(3):
            one = {
                "event_id": UUID(int=n), "kind": "click", "occurred_at": at, "received_at": at,
                "local_date": date(2026, 3, 2), "site": "demo", "actor": SECRETS[0] if n < 2 else "other",
                "anonymous_id": SECRETS[1], "subject_id": SECRETS[2], "session_id": SECRETS[3],
                "request_id": SECRETS[4], "query": SECRETS[5], "url_path": SECRETS[6], "title": SECRETS[7],
                "props": SECRETS[8], "item_id": "item-1", "device": "mobile",
            }  # fmt: skip
            warehouse.insert("events", {name: [value] for name, value in one.items()})
        tags = {"theme:就业创业": 1.0, "theme:信访": 2.0}
        warehouse.insert("actor_tags", {
            "day": [date(2026, 3, 2)] * 2, "actor": [SECRETS[0]] * 2, "tag": list(tags), "weight": list(tags.values()),
            "evidence": [3, 3], "last_at": [at] * 2,
        })  # fmt: skip
        warehouse.close()
        yield running


def ask(gateway: RunningStack, sql: str, words: str = "", method: str = "POST") -> tuple[int, str]:
    """Ask as the analyst."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.settings.warehouse.port, timeout=60)
    headers = {"X-ClickHouse-User": ANALYST, "X-ClickHouse-Key": read_secret(ANALYST_KEY.of(gateway.settings.home))}
    if method == "GET":
        connection.request("GET", f"/?query={quote(sql)}{words}", headers=headers)
    else:
        connection.request("POST", f"/?{words.lstrip('&')}", sql.encode(), headers)
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, text


def answered(gateway: RunningStack, sql: str, words: str = "") -> str:
    status, text = ask(gateway, sql, words)
    assert status == 200, text
    return text


REFUSED = {
    "the tables below the views": [
        "SELECT actor FROM civicrec.events", "SELECT count() FROM civicrec.events",
        "SELECT 1 FROM civicrec.events LIMIT 0",
        "SELECT * FROM `civicrec`.`events`", 'SELECT * FROM "civicrec"."events"',
        "SELECT/**/*/**/FROM/**/civicrec.events",
        "SELECT raw FROM civicrec.dead_letters", "SELECT key_0 FROM civicrec.analyst_keys",
        "SELECT * FROM civicrec.served",
        "SELECT tag FROM civicrec.actor_tags", "WITH x AS (SELECT * FROM civicrec.events) SELECT * FROM x",
        "SELECT (SELECT any(actor) FROM civicrec.events)", "SELECT 1 WHERE 'a' IN civicrec.actor_tags",
        "SELECT 1 WHERE 'a' IN (SELECT actor FROM civicrec.events)",
        "SELECT 1 UNION ALL SELECT count() FROM civicrec.events",
        "SELECT * FROM events AS a JOIN civicrec.events AS b USING (item_id)", "DESCRIBE civicrec.events",
        "SELECT count() FROM events WHERE actor GLOBAL IN (SELECT actor FROM civicrec.events)",
        "SELECT e.subject_id FROM civicrec.events AS e", "EXISTS civicrec.events",
    ],
    "columns that the views do not have": [
        "SELECT query FROM events",
        "SELECT url_path FROM events", "SELECT title FROM events", "SELECT props FROM events",
        "SELECT event_id FROM events",
        "SELECT log_offset FROM events", "SELECT raw FROM dropped", "SELECT detail FROM dropped",
    ],
    "what others run, and the engine's own": [
        "SELECT query FROM system.processes", "SELECT query FROM `system`.`processes`", "SHOW PROCESSLIST",
        "SELECT 1 WHERE 'a' IN system.processes", "SELECT * FROM system.query_log", "SELECT * FROM system.users",
        "SELECT * FROM system.grants", "SELECT * FROM system.parts", "SELECT * FROM system.disks",
        "SELECT * FROM information_schema.tables", "SELECT * FROM system.named_collections", "SHOW GRANTS",
        "SHOW USERS",
        "SHOW CREATE VIEW events", "SELECT * FROM system.errors", "SELECT * FROM system.server_settings",
    ],
    "how it is worked out, with the key": [
        "EXPLAIN SELECT actor FROM events", "EXPLAIN PLAN actions = 1 SELECT actor FROM events",
        "EXPLAIN QUERY TREE SELECT actor FROM events", "EXPLAIN PIPELINE SELECT actor FROM events",
        "EXPLAIN SYNTAX SELECT actor FROM events", "SELECT * FROM (EXPLAIN SELECT actor FROM events)",
        "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT actor FROM events))",
    ],
    "rows from functions": [
        "SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT file('/etc/passwd')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM s3('http://127.0.0.1:1/b/x', 'CSV')",
        "SELECT * FROM remote('127.0.0.1', 'civicrec.events')", "SELECT * FROM mysql('h:1', 'a', 'b', 'c', 'd')",
        "SELECT * FROM postgresql('h:1', 'a', 'b', 'c', 'd')", "SELECT * FROM executable('id', 'TSV', 'a String')",
        "SELECT * FROM input('a String')", "SELECT * FROM cluster('default', 'civicrec.events')",
        "SELECT * FROM clusterAllReplicas('default', 'civicrec.events')", "SELECT * FROM merge('civicrec', '.*')",
        "SELECT * FROM merge('system', 'processes')", "SELECT * FROM view(SELECT * FROM civicrec.events)",
        "SELECT * FROM loop('civicrec', 'events')", "SELECT * FROM mergeTreeIndex('civicrec', 'events')",
        "SELECT 1 WHERE 1 IN numbers(3)", "SELECT * FROM numbers(10)",
        "SELECT * FROM generateRandom('a UInt8') LIMIT 1",
        "SELECT * FROM python(x)", "SELECT * FROM format(CSV, '1')", "SELECT * FROM dictionary('d')",
    ],
    "limits": [
        "SELECT 1 SETTINGS max_memory_usage = 0", "SELECT 1 settings/**/readonly=0", "SET readonly = 0",
        "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)", "SET ROLE full", "SET ROLE ALL", "USE civicrec",
        "SELECT 1; SELECT 2", "SELECT 1;\nSET ROLE full", "EXECUTE AS default SELECT 1",
    ],
    "anything but reading": [
        "INSERT INTO events (kind) VALUES ('a')", "INSERT INTO civicrec.events (kind) VALUES ('a')",
        "DROP VIEW events",
        "DROP TABLE civicrec.events", "CREATE TABLE t (a Int8) ENGINE = Memory", "CREATE TEMPORARY TABLE t (a Int8)",
        "CREATE VIEW analyst.v AS SELECT 1", "CREATE OR REPLACE VIEW analyst.events AS SELECT * FROM civicrec.events",
        "ALTER TABLE civicrec.events DELETE WHERE 1", "TRUNCATE TABLE civicrec.events",
        "OPTIMIZE TABLE civicrec.events",
        "KILL QUERY WHERE 1", "SYSTEM STOP MERGES", "GRANT full TO default", "CREATE USER u", "RENAME TABLE a TO b",
        "SELECT 1 INTO OUTFILE '/tmp/x'", "CHECK TABLE civicrec.events",
        "BACKUP TABLE civicrec.events TO File('/tmp/x')",
        "SELECT 1 PARALLEL WITH SELECT 2", "ATTACH TABLE t", "DETACH TABLE events", "EXCHANGE TABLES a AND b",
    ],
}  # fmt: skip


@pytest.mark.parametrize("sql", [sql for several in REFUSED.values() for sql in several])
def test_an_analyst_is_refused(sql: str, gateway: RunningStack) -> None:
    for method in ("POST", "GET"):
        status, text = ask(gateway, sql, method=method)
        assert 400 <= status < 500, text
        assert text.startswith("Code: ") or method == "GET", text
        assert not [one for one in SECRETS if one in text], text
        assert "key_0" not in text.replace(sql, "")


@pytest.mark.parametrize("words", [{"d": "system", "t": "processes"}, {"d": "civicrec", "t": "events"}])
def test_names_that_come_as_parameters_are_looked_at_too(words: dict[str, str], gateway: RunningStack) -> None:
    parameters = "&" + urlencode({f"param_{name}": value for name, value in words.items()})
    assert ask(gateway, "SELECT * FROM {d:Identifier}.{t:Identifier}", parameters)[0] == 403
    joined = "&" + urlencode({"param_t": ".".join(words.values())})
    assert ask(gateway, "SELECT * FROM {t:Identifier}", joined)[0] in (403, 404)
    assert answered(gateway, "SELECT count() FROM {t:Identifier}", "&param_t=events") == "3\n"


@pytest.mark.parametrize("words", ["&database=civicrec", "&database=system", "&database=_files"])
def test_an_analyst_works_in_one_database(words: str, gateway: RunningStack) -> None:
    status, text = ask(gateway, "SELECT 1", words)
    assert status == 403
    assert "analysts work in the database analyst" in text


def test_settings_of_the_address_change_nothing(gateway: RunningStack) -> None:
    limits = (
        "SELECT getSetting('max_execution_time'), getSetting('max_memory_usage'), getSetting('max_rows_to_read'), "
        "getSetting('max_result_rows'), getSetting('readonly'), currentRoles()"
    )
    words = "&" + urlencode({
        "max_execution_time": 3600, "max_rows_to_read": 0, "readonly": 0, "role": "full", "default_format": "TSV",
    })  # fmt: skip
    assert answered(gateway, limits, words) == "60\t1073741824\t200000000\t1000000\t1\t['analyst']\n"


def test_a_statement_beyond_its_limits_is_told_so(gateway: RunningStack) -> None:
    for sql, code in (
        ("SELECT arrayJoin(range(300000000)) FROM events", 241),
        ("SELECT count() FROM system.numbers", 158),
        ("SELECT number FROM system.numbers LIMIT 2000000", 396),
    ):
        status, text = ask(gateway, sql)
        assert status >= 400
        assert text.startswith(f"Code: {code}. "), text
        assert answered(gateway, "SELECT 'next'") == "next\n"


def test_what_is_not_granted_is_not_listed(gateway: RunningStack) -> None:
    for sql in ("SHOW COLUMNS FROM events FROM civicrec", "SHOW TABLES FROM civicrec", "SHOW TABLES FROM default"):
        assert answered(gateway, sql) == ""


def test_people_can_be_counted_and_not_named(gateway: RunningStack) -> None:
    assert answered(gateway, "SELECT count(), uniqExact(actor), uniqExact(session_id) FROM events") == "3\t2\t1\n"
    assert answered(gateway, "SELECT count(), uniqExact(actor) FROM events FINAL WHERE kind = 'click'") == "3\t2\n"
    shown = answered(gateway, "SELECT * FROM events")
    assert not [one for one in SECRETS if one in shown]
    # The same stand-in in every table, so that they join.
    joined = "SELECT count() FROM events AS e INNER JOIN actor_tags AS t ON e.actor = t.actor"
    assert answered(gateway, joined) == "2\n"
    assert answered(gateway, "SELECT count() FROM events WHERE actor = 'actor-of-wang'") == "0\n"


def test_a_sensitive_tag_is_not_seen(gateway: RunningStack) -> None:
    assert answered(gateway, "SELECT tag FROM actor_tags") == "theme:就业创业\n"


def test_every_table_and_column_says_what_it_is(gateway: RunningStack) -> None:
    assert answered(gateway, "SHOW TABLES").split() == sorted(one.name for one in TABLES)
    for table in TABLES:
        lines = [line.split("\t") for line in answered(gateway, f"DESCRIBE {table.name}").splitlines()]
        assert [(line[0], line[4]) for line in lines] == [(one.name, one.comment) for one in table.columns]
        assert all(line[4] for line in lines)
    comments = answered(gateway, "SELECT name, comment FROM system.tables WHERE database = 'analyst' ORDER BY name")
    assert comments.splitlines() == sorted(f"{one.name}\t{one.comment}" for one in TABLES)
    assert answered(gateway, "SELECT DISTINCT database FROM system.columns") == "analyst\n"


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1 FORMAT JSONEachRow", "SELECT 1 FORMAT CSV -- why", "-- why\nSELECT count() FROM events /* how */",
     "WITH 1 AS x SELECT x", "SELECT count() FROM events AS e WHERE e.kind = 'click'",
     "SELECT 'SETTINGS', 'system.processes', 'a\n Set' AS `b\n Set of mine`",
     "EXPLAIN ESTIMATE SELECT count() FROM events", "SELECT a.n FROM (SELECT count() AS n FROM analyst.events) AS a",
     "(SELECT 1) UNION ALL (SELECT 2)"],
)  # fmt: skip
def test_what_an_analyst_asks_every_day_is_answered(sql: str, gateway: RunningStack) -> None:
    answered(gateway, sql)


def test_pseudonyms_change_with_the_start_and_the_stack_keeps_its_rights(gateway: RunningStack) -> None:
    from civicrec.clock import utc_now
    from civicrec.warehouse.analysts import change_key

    before = answered(gateway, "SELECT DISTINCT actor FROM events ORDER BY actor")
    assert before == answered(gateway, "SELECT DISTINCT actor FROM events ORDER BY actor")
    warehouse = ClickHouseWarehouse(gateway.settings.warehouse)
    change_key(warehouse, utc_now())
    warehouse.close()
    after = answered(gateway, "SELECT DISTINCT actor FROM events ORDER BY actor")
    assert len(after.split()) == len(before.split()) == 2
    assert not set(after.split()) & set(before.split())
