import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.stack.statements import RefusedError, check_reader, reads_only, words_of


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT 1", True), ("-- why\n with a AS (SELECT 1) SELECT * FROM a", True), ("/* x */ SHOW TABLES", True),
        ("(SELECT 1) UNION ALL (SELECT 2);", True), ("# a\n SELECT 'it''s; \\' fine' AS `a;b`", True),
        ("explain SELECT 1", True), ("SELECT $x$ ' ` \" $x$", True), ("SELECT 1 -- ; DROP TABLE t", True),
        ("SELECT engine, name FROM system.tables WHERE engine = 'File'", True), ("SELECT x.file_name FROM x", True),
        ("SELECT 'INTO OUTFILE', \"outfile\" FROM t", True), ("SELECT a % 7, -1.5e3, [1], {a:String} FROM t", True),
        ("-- 表", True), (" ; ", True),
        ("DROP TABLE t", False), ("INSERT INTO t SELECT 1", False), ("INSERT INTO t VALUES (1), (2)", False),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", False), ("SYSTEM STOP MERGES t", False),
        ("CREATE TABLE t (a UInt64, CONSTRAINT c CHECK a != 13) ENGINE = MergeTree ORDER BY a PARTITION BY a % 300"
         " SETTINGS fsync_after_insert = 1", False),
        ("CREATE OR REPLACE TABLE t ENGINE ReplacingMergeTree(v) ORDER BY a AS SELECT 1 AS a", False),
        ("CREATE MATERIALIZED VIEW v ENGINE = SummingMergeTree ORDER BY a AS SELECT a FROM t", False),
        ("ALTER TABLE t MODIFY SETTING parts_to_throw_insert = 1", False),
        ("ALTER TABLE t REPLACE PARTITION 20260101 FROM t_staging", False), ("ATTACH TABLE t", False),
        ("CREATE DATABASE IF NOT EXISTS `civic rec`", False), ("CREATE TABLE a AS b", False),
    ],
)  # fmt: skip
def test_an_ordinary_statement_is_run_and_known_for_reading_or_writing(sql: str, reads: bool) -> None:
    assert reads_only(sql, {}) is reads


REFUSED = [
    "selection",
    "(",
    "SET readonly = 1",
    "USE system",
    "BACKUP TABLE t TO File('/x')",
    "RESTORE TABLE t FROM File('/x')",
    "EXECUTE AS default SELECT 1",
    "GRANT ALL ON *.* TO default",
    "COPY t TO '/x'",
    "SELECT 1; SELECT 2",
    "SELECT 1;;DROP TABLE t",
    "SELECT 1 /* ; */ ; SELECT 2",
    "SELECT 1 INTO OUTFILE '/x'",
    "select 1 into/**/outfile '/x'",
    "SELECT 1 InTo\n--\nOuTfIlE '/x'",
    "INSERT INTO t FROM INFILE '/x' FORMAT CSV",
    "SELECT file('/x')",
    "SELECT `file`('/x')",
    "SELECT \"file\" ('/x')",
    "SELECT fi/**/le, file ('/x')",
    "SELECT arrayMap(file, ['/x'])",
    "SELECT * APPLY(file) FROM t",
    "SELECT * FROM file('/x', 'CSV')",
    "DESCRIBE file('/x')",
    "INSERT INTO t SELECT file('/x')",
    "INSERT INTO t VALUES (file('/x'))",
    "ALTER TABLE t ADD COLUMN b String DEFAULT file('/x')",
    "SELECT FILE('/x')",
    "SELECT 'a' 'b', file('/x')",
    "SELECT '\\\\', file('/x')",
    "SELECT '''', file('/x')",
    "SELECT $a$ $b$ $a$, file('/x')",
    "SELECT `a``b`, file('/x')",
    "SELECT /* ' */ file('/x') /* ' */",
    "SELECT 1 # '\n, file('/x')",
    "SELECT -- '\n file('/x')",
    "SELECT `\\x66ile`('/x')",
    "SELECT “file”('/x')",
    "SELECT‘a’, file('/x')",
    "SELECT\u3000file('/x')",
    "SELECT 中",
    "SELECT 'open",
    "SELECT `open",
    "SELECT /* open",
    "SELECT $a$ open",
    "SELECT $",
    "SELECT \0 1",
    "SELECT * FROM Python(x)",
    "SELECT * FROM executable('a', 'TSV', 'b Int8')",
    "INSERT INTO FUNCTION file('/x') SELECT 1",
    "INSERT INTO TABLE FUNCTION url('http://x') SELECT 1",
    "CREATE TABLE t (a Int8) ENGINE = File(CSV, '/x')",
    "CREATE TABLE t (a Int8) ENGINE=`File`(CSV)",
    "CREATE TABLE t (a Int8) engine /**/ URL('http://x')",
    "CREATE TABLE t (a Int8) ENGINE = Executable('a', TSV)",
    "CREATE TABLE t (a Int8) ENGINE = Distributed(a, b, c)",
    "CREATE DATABASE d ENGINE = Filesystem('/etc')",
    "CREATE DATABASE d ENGINE = SQLite('/x')",
    "ATTACH DATABASE d ENGINE = MySQL('h', 'd', 'u', 'p')",
    "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a LIFETIME(0) LAYOUT(FLAT())"
    " SOURCE(EXECUTABLE(command 'id' format 'TSV'))",
    "CREATE OR REPLACE DICTIONARY d (a UInt64) PRIMARY KEY a LIFETIME(0) LAYOUT(FLAT())"
    " SOURCE(FILE(path '/x' format 'TSV'))",
    "CREATE FUNCTION f AS x -> x",
    "CREATE NAMED COLLECTION c AS a = 1",
    "CREATE USER u",
    "ALTER USER default IDENTIFIED BY 'x'",
    "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = web, endpoint = 'http://x')",
    "ATTACH TABLE t FROM '/x' (a Int8) ENGINE = MergeTree ORDER BY a",
    "ALTER TABLE t FREEZE WITH NAME 'x'",
    "ALTER TABLE t FETCH PARTITION 1 FROM '/x'",
    "SYSTEM SHUTDOWN",
    "SYSTEM KILL",
    "SYSTEM RELOAD CONFIG",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_a_statement_that_reaches_beyond_the_warehouse_is_refused(sql: str) -> None:
    with pytest.raises(RefusedError):
        reads_only(sql, {})


def test_a_name_given_as_a_parameter_is_looked_at_too() -> None:
    sql = "SELECT arrayMap({f:Identifier}, ['/x'])"
    assert reads_only(sql, {"f": "lower"})
    for name in ("file", "`file`", "FILE", "a.file"):
        with pytest.raises(RefusedError):
            reads_only(sql, {"f": name})
    assert reads_only("SELECT {kind:String}", {"kind": "file"})


@given(st.text(alphabet="file'`\"\\$#-/*; (x\n中", max_size=40))
def test_whatever_stands_before_it_a_call_of_file_outside_quotes_is_found(text: str) -> None:
    try:
        before = words_of(f"SELECT {text} 1")
    except RefusedError:
        return
    found = words_of(f"SELECT {text} 1, file('/x')")
    assert found == [*before, "FILE", "("] or before == found  # the latter when `text` ends in a comment


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM numbers(3)",
        "SELECT * FROM `numbers`(3)",
        "SELECT * FROM t, Numbers (3)",
        "SELECT 1 IN (SELECT * FROM numbers(3))",
        "SELECT 1 SETTINGS max_threads = 1",
        "SELECT * FROM (SELECT 1 settings max_threads = 1)",
    ],
)
def test_a_reader_has_no_settings_and_no_rows_from_functions(sql: str) -> None:
    assert reads_only(sql, {})
    with pytest.raises(RefusedError):
        check_reader(sql, {"numbers"})


@pytest.mark.parametrize(
    "sql", ["SELECT count() FROM numbers", "SELECT name FROM system.settings", "SHOW SETTINGS LIKE 'a'", "SELECT 1"]
)
def test_a_reader_reads_tables(sql: str) -> None:
    check_reader(sql, {"numbers"})


@pytest.mark.parametrize(
    "piece",
    ["/**/", "/*", "--\n", "# ", "'", "''", "'\\", "`", '"', "$a$", "$", "(", "a ", "1 ", " ", "* ", "/", "\\", "中",
     "file", "$a$ $b$ "],
)  # fmt: skip
def test_the_time_a_statement_takes_grows_with_its_length_alone(piece: str) -> None:
    """Sixteen times the text takes about sixteen times as long; a quadratic reader would take 256 times."""

    def seconds(n: int) -> float:
        sql = "SELECT " + piece * n
        best = 9.9
        for _ in range(3):
            began = time.process_time()
            with suppress(RefusedError):
                reads_only(sql, {})
            best = min(best, time.process_time() - began)
        return best

    assert seconds(64_000) < 60 * max(seconds(4_000), 0.001)
